//! What the filter itself says about its resources (RFC 9728), and the way there in every challenge (PRM, AUD-09).

use fourleg_harness::{Outcome, Protocol, Request, Runner, Running, get, post, request};
use fourleg_lab::mint::{Algorithm, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, gateway, good, public_keys};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// A resource: its identifier, a request about it, and where its metadata must be.
struct Known {
    resource: &'static str,
    host: &'static str,
    path: &'static str,
    metadata: &'static str,
}

/// Names of every kind: with a path, the same with a slash at the end, with a query, with nothing but a host, and two
/// on one path of different hosts.
const KNOWN: [Known; 7] = [
    Known {
        resource: "https://tools.example/files",
        host: "tools.example",
        path: "/files/a",
        metadata: "https://tools.example/.well-known/oauth-protected-resource/files",
    },
    Known {
        resource: "https://tools.example/files/",
        host: "tools.example",
        path: "/with-slash",
        metadata: "https://tools.example/.well-known/oauth-protected-resource/files/",
    },
    Known {
        resource: "https://tools.example/files?tenant=a",
        host: "tools.example",
        path: "/with-query",
        metadata: "https://tools.example/.well-known/oauth-protected-resource/files?tenant=a",
    },
    Known {
        resource: "https://tools.example/",
        host: "tools.example",
        path: "/host-alone",
        metadata: "https://tools.example/.well-known/oauth-protected-resource",
    },
    Known {
        resource: "https://tools.example?tenant=b",
        host: "tools.example",
        path: "/host-with-query",
        metadata: "https://tools.example/.well-known/oauth-protected-resource?tenant=b",
    },
    Known {
        resource: "https://a.example/shared",
        host: "a.example",
        path: "/shared",
        metadata: "https://a.example/.well-known/oauth-protected-resource/shared",
    },
    Known {
        resource: "https://b.example:8443/shared",
        host: "b.example:8443",
        path: "/shared",
        metadata: "https://b.example:8443/.well-known/oauth-protected-resource/shared",
    },
];

/// All of [`KNOWN`], and `/silent`, which says nothing about itself.
fn config() -> Value {
    let mut resources: Vec<Value> = KNOWN
        .iter()
        .map(|known| {
            let host = known.host.split(':').next().unwrap();
            let prefix = format!("/{}", known.path.split('/').nth(1).unwrap());
            json!({
                "resource": known.resource,
                "match": {"hosts": [host], "path": {"prefix": prefix}},
                "require": {"scopes": ["tools:read"]},
                "protected_resource_metadata": {"authorization_servers": [I]},
            })
        })
        .collect();
    // A forged Host must not make this one another resource.
    resources[0]["match"] = json!({"path": {"prefix": "/files"}});
    resources[0]["protected_resource_metadata"] = json!({
        "authorization_servers": [I, "https://b.example"],
        "scopes_supported": ["files:read", "offline_access", "files:write", "files:read"],
        "resource_name": "Files",
        "resource_documentation": "https://tools.example/docs",
    });
    resources.push(json!({"resource": "https://tools.example/silent", "match": {"path": {"prefix": "/silent"}}}));
    json!({"issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}], "resources": resources})
}

fn serve(runner: &dyn Runner) -> Box<dyn Running> {
    runner.start(gateway(config())).unwrap()
}

/// Path and query of a URL.
fn target(url: &str) -> &str {
    let authority = url.split('/').nth(2).unwrap();
    &url["https://".len() + authority.len()..]
}

/// The document that an answer carries.
fn document(outcome: &Outcome) -> Value {
    outcome.denied_with(200);
    assert_eq!(outcome.header("content-type"), "application/json");
    outcome.body_json()
}

/// Everything that makes a challenge about one resource, with its status and error.
fn challenged(gateway: &dyn Running, known: &Known) -> Vec<(Request, u16, Option<&'static str>)> {
    let about = || get(known.path).host(known.host);
    let token = || good(gateway).audience(known.resource);
    let now = gateway.now();
    vec![
        (about(), 401, None),
        (about().header("authorization", "Basic YTpi"), 401, None),
        (about().bearer("x.y.z"), 401, Some("invalid_token")),
        // AUD-09: never 403 or 404.
        (about().bearer(&token().expires_at(now - 1_000).sign()), 401, Some("invalid_token")),
        (about().bearer(&token().sign_with(stranger(Algorithm::Rs256))), 401, Some("invalid_token")),
        (about().bearer(&token().audience("https://other.example").sign()), 401, Some("invalid_token")),
        (about().bearer(&token().scope("other").sign()), 403, Some("insufficient_scope")),
        (about().header("authorization", "Bearer a b"), 400, Some("invalid_request")),
        (about().bearer("a").bearer("b"), 400, Some("invalid_request")),
    ]
}

scenarios! {
    /// PRM-01, PRM-02, PRM-03, PRM-04, PRM-08, AUD-09
    fn every_challenge_leads_to_the_document_of_its_own_resource(runner) {
        let gateway = serve(runner);
        for known in &KNOWN {
            let document = document(&gateway.send(get(target(known.metadata)).host(known.host)));
            assert_eq!(document["resource"], known.resource, "{}", known.metadata);
            gateway.send(get(known.path).host(known.host).bearer(&good(&*gateway).audience(known.resource).sign())).allowed();
            let (requests, expected): (Vec<_>, Vec<_>) =
                challenged(&*gateway, known).into_iter().map(|(request, status, error)| (request, (status, error))).unzip();
            for (outcome, (status, error)) in gateway.send_all(requests).iter().zip(expected) {
                let challenges = outcome.denied_with(status).challenges();
                assert_eq!(challenges.len(), 1, "{}", outcome.picture());
                challenges[0].scheme("Bearer").param("resource_metadata", known.metadata).param("realm", known.resource);
                match error {
                    Some(error) => challenges[0].param("error", error),
                    None => challenges[0].no_param("error"),
                };
            }
        }
    }

    /// PRM-02, PRM-10
    fn a_document_is_for_everyone_from_any_origin_and_by_get_and_head_alone(runner) {
        let gateway = serve(runner);
        let path = format!("{WELL_KNOWN}/files");
        let plain = gateway.send(get(&path));
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for asked in [
                get(&path), get(format!("{path}?x=1")), get(format!("{path}?")), get(&path).header("accept", "text/html, image/png;q=0"), get(&path).bearer("rubbish"),
                get(&path).bearer("a").bearer("b"), get(&path).header("authorization", "Basic YTpi"), get(&path).header("origin", "https://evil.example"),
                get(&path).header("origin", "null"), get(&path).body("a body"), get(&path).bearer(&good(&*gateway).sign()),
            ] {
                let outcome = gateway.send(asked.over(protocol));
                assert_eq!(document(&outcome), plain.body_json());
                assert_eq!(outcome.header("access-control-allow-origin"), "*");
                assert!(outcome.header("cache-control").contains("max-age="));
                outcome.no_header("www-authenticate").no_header("set-cookie").no_header("access-control-allow-credentials");
            }
            let head = gateway.send(request("HEAD", &path).over(protocol));
            head.denied_with(200);
            assert_eq!(head.header("content-type"), "application/json");
            assert!(head.response.body.is_empty());
            // RFC 9110 §8.6: if it is said at all, it is that of the document.
            let length = head.response.header_text("content-length").unwrap_or_else(|| plain.response.body.len().to_string());
            assert_eq!(length, plain.response.body.len().to_string());
            for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
                let outcome = gateway.send(request(method, &path).over(protocol).bearer(&good(&*gateway).sign()));
                let allow = outcome.denied_with(405).header("allow");
                assert!(allow.contains("GET") && allow.contains("HEAD") && !allow.contains(method), "{allow}");
            }
            gateway.send(post(&path).body("x").over(protocol)).denied_with(405);
            gateway.send(post(&path).chunked(["x", "y"]).trailers([("a", "b")]).over(protocol)).denied_with(405);
            let preflight = request("OPTIONS", &path).header("origin", "https://spa.example").header("access-control-request-method", "GET");
            assert_eq!(gateway.send(preflight.over(protocol)).denied_with(204).header("access-control-allow-origin"), "*");
        }
    }

    /// PRM-03, PRM-06, PRM-07, PRM-09, PRM-10
    fn a_document_says_what_is_enforced_and_nothing_empty(runner) {
        let gateway = serve(runner);
        let full = document(&gateway.send(get(format!("{WELL_KNOWN}/files"))));
        assert_eq!(full, json!({
            "resource": "https://tools.example/files",
            "authorization_servers": [I, "https://b.example"],
            "scopes_supported": ["files:read", "files:write"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Files",
            "resource_documentation": "https://tools.example/docs",
        }));
        let least = document(&gateway.send(get(format!("{WELL_KNOWN}/files/"))));
        assert_eq!(least, json!({
            "resource": "https://tools.example/files/", "authorization_servers": [I], "bearer_methods_supported": ["header"],
            // What it requires, since nothing else was said.
            "scopes_supported": ["tools:read"],
        }));
        assert!(gateway.logs().iter().any(|line| line.contains("scopes_supported[1]") && line.contains("offline_access")));
    }

    /// PRM-05, PRM-03, PRM-07
    fn metadata_that_cannot_be_right_does_not_load(runner) {
        let good = json!({"authorization_servers": [I]});
        let wrong = [
            ("https://h.example/0", json!({})), ("https://h.example/1", json!({"authorization_servers": []})), ("https://h.example/2", json!({"authorization_servers": ["http://idp.example"]})),
            ("https://h.example/3", json!({"authorization_servers": [I, I]})), ("http://h.example/4", good.clone()), ("urn:example:5", good.clone()), ("https://h.example", good.clone()),
            // Nobody could tell these documents apart from others, and the challenge of one would lead to the other.
            ("https://h.example/", good.clone()), ("https://H.example:8443/3", good.clone()),
        ];
        let resources: Vec<Value> = wrong.iter().enumerate()
            .map(|(number, (resource, metadata))| json!({"resource": resource, "match": {"path": {"prefix": format!("/{number}")}}, "protected_resource_metadata": metadata}))
            .collect();
        let refused = |resources: &[Value]| {
            let config = json!({"issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}], "resources": resources});
            let Err(rejected) = runner.start(gateway(config)) else { panic!("{resources:?} load") };
            rejected.logs.join("\n")
        };
        let said = refused(&resources);
        for number in 0..wrong.len() {
            let place = format!("resources[{number}].protected_resource_metadata");
            // The last but one is the one before under another spelling.
            let is_told = said.contains(&place) || (number == 7 && said.contains("resources[7].resource is there twice"));
            assert_eq!(is_told, number != 6, "{place}: {said}");
        }
        for member in ["bearer_methods_supported", "signed_metadata"] {
            let said = refused(&[json!({"resource": "https://h.example/a", "protected_resource_metadata": {"authorization_servers": [I], member: ["query"]}})]);
            assert!(said.contains(member), "{said}");
        }
    }

    /// PRM-08
    fn a_forged_host_changes_neither_the_document_nor_the_challenge(runner) {
        let gateway = serve(runner);
        let honest = document(&gateway.send(get(format!("{WELL_KNOWN}/files"))));
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for host in ["evil.example", "tools.example:1", "TOOLS.EXAMPLE", "tools.example.", "tools.example.evil.example", "a.example", "b.example:8443", "127.0.0.1", "[::1]:80", "localhost"] {
                let forged = |request: Request| {
                    request.over(protocol).host(host).header("x-forwarded-host", "evil.example").header("forwarded", "host=evil.example;proto=http")
                        .header("x-forwarded-proto", "http").header("x-forwarded-port", "1").header("x-original-host", "evil.example")
                };
                assert_eq!(document(&gateway.send(forged(get(format!("{WELL_KNOWN}/files"))))), honest, "{host}");
                let challenge = gateway.send(forged(get("/files/a"))).denied_with(401).challenge();
                challenge.param("resource_metadata", KNOWN[0].metadata).param("realm", KNOWN[0].resource);
            }
        }
    }

    /// PRM-01, PRM-03: the host decides between documents of one path, and no unknown host gets either.
    fn resources_on_one_path_of_different_hosts_have_documents_of_their_own(runner) {
        let gateway = serve(runner);
        let path = format!("{WELL_KNOWN}/shared");
        for (host, resource) in [
            ("a.example", "https://a.example/shared"), ("A.Example:443", "https://a.example/shared"), ("a.example.", "https://a.example/shared"),
            ("b.example", "https://b.example:8443/shared"), ("B.EXAMPLE:8443", "https://b.example:8443/shared"),
        ] {
            assert_eq!(document(&gateway.send(get(&path).host(host)))["resource"], resource, "{host}");
        }
        for host in ["c.example", "a.example.evil", "xa.example", "tools.example", "127.0.0.1"] {
            gateway.send(get(&path).host(host)).denied_with(403).has_code("resource_unknown");
        }
        let of_a = good(&*gateway).audience("https://a.example/shared").sign();
        gateway.send(get("/shared").host("b.example:8443").bearer(&of_a)).denied_with(401).has_code("audience_mismatch")
            .challenge().param("resource_metadata", KNOWN[6].metadata);
        gateway.send(get("/shared").host("c.example").bearer(&of_a)).denied_with(403).has_code("resource_unknown").no_header("www-authenticate");
    }

    /// PRM-01: nothing but the exact place is served, so nothing else is open.
    fn a_place_where_no_metadata_is_configured_is_denied_like_anything_else(runner) {
        let gateway = serve(runner);
        for path in ["/silent", "/other", "/Files", "/files/x", "/files//", "/file", "/files%2f", "/%66iles", "/files;x", "/files/../files", "/", "/shared/"] {
            for method in ["GET", "HEAD", "POST", "OPTIONS"] {
                gateway.send(request(method, format!("{WELL_KNOWN}{path}"))).never_reached_upstream();
            }
            gateway.send(get(format!("{WELL_KNOWN}{path}")).bearer(&good(&*gateway).sign())).never_reached_upstream();
        }
        for path in [
            "/.well-known/oauth-protected-resourc", "/.well-known/oauth-protected-resource2", "/.Well-Known/oauth-protected-resource", "/%2ewell-known/oauth-protected-resource",
            "//.well-known/oauth-protected-resource", "/x/../.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/",
        ] {
            let outcome = gateway.send(get(path));
            outcome.never_reached_upstream();
            assert!(matches!(outcome.response.status, 400 | 403), "{}", outcome.picture());
        }
        let silent = gateway.send(get("/silent")).denied_with(401).challenge();
        silent.no_param("resource_metadata").param("realm", "https://tools.example/silent");
        // Where one resource is everything, a place without metadata needs a token, too.
        let whole = json!({"issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}], "resources": [{"resource": "https://tools.example/silent"}]});
        let gateway = runner.start(crate::fixture::gateway(whole)).unwrap();
        gateway.send(get(format!("{WELL_KNOWN}/silent"))).denied_with(401).has_code("credential_missing");
        gateway.send(get(WELL_KNOWN)).denied_with(401);
    }
}
