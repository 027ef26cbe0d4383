//! Finding the keys of an issuer through its metadata (PRM-11, PRM-12, JWT-28).

use std::time::Duration;

use fourleg_harness::{Gateway, Reply, Response, Running, get, plugin};
use fourleg_lab::mint::{Algorithm, Mint, jwks, key};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::{
    endpoint::{Endpoint, keys, metadata},
    fixture::{I, R, public_keys},
};

/// Where RFC 8414 and OpenID Connect put the metadata of an issuer with the path `/t1`, in the order in which to ask.
const CANDIDATES: [&str; 3] = [
    "/.well-known/oauth-authorization-server/t1",
    "/.well-known/openid-configuration/t1",
    "/t1/.well-known/openid-configuration",
];

const HOST: &str = "as.example.com";

/// An issuer on the same host.
fn issuer(path: &str) -> String {
    format!("https://{HOST}/{path}")
}

/// audience-validation with one issuer for each block of settings, all of the host of `endpoint`.
fn discovering(endpoint: &Endpoint, issuers: &[(String, Value)]) -> Gateway {
    let issuers: Vec<Value> = issuers
        .iter()
        .map(|(issuer, settings)| {
            let mut discovery = json!({"cluster": "idp", "cooldown_seconds": 60, "timeout_ms": 1000});
            discovery.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
            json!({"issuer": issuer, "jwks": {"discovery": discovery}})
        })
        .collect();
    let config = json!({"issuers": issuers, "resources": [{"resource": R}]});
    Gateway::chain([plugin("audience_validation", config)]).cluster("idp", endpoint.handler())
}

fn token(gateway: &dyn Running, issuer: &str) -> String {
    Mint::new(issuer, R).at(gateway.now()).access_token().sign_with(key(Algorithm::Es256))
}

fn says(gateway: &dyn Running, parts: &[&str]) -> bool {
    gateway.logs().iter().any(|line| parts.iter().all(|part| line.contains(part)))
}

scenarios! {
    /// PRM-11
    fn metadata_is_sought_by_path_insertion_then_openid_insertion_then_openid_append(runner) {
        let endpoint = Endpoint::default();
        // Of each of these issuers another place has the metadata, and no other.
        let paths = ["t1", "t2", "t3"];
        for (path, place) in paths.into_iter().zip(CANDIDATES) {
            endpoint.says(&place.replace("t1", path), metadata(&issuer(path), &issuer(&format!("{path}/jwks"))));
            endpoint.says(&format!("/{path}/jwks"), keys(&public_keys()));
        }
        let gateway = runner.start(discovering(&endpoint, &paths.map(|path| (issuer(path), json!({}))))).unwrap();
        for (position, path) in paths.into_iter().enumerate() {
            gateway.send(get("/mcp").bearer(&token(&*gateway, &issuer(path)))).allowed();
            let mut expected: Vec<String> =
                CANDIDATES[..=position].iter().map(|place| format!("{HOST}{}", place.replace("t1", path))).collect();
            expected.push(format!("{HOST}/{path}/jwks"));
            let asked: Vec<String> = endpoint.first_asked().into_iter().filter(|url| url.contains(path)).collect();
            assert_eq!(asked, expected);
        }
    }

    /// PRM-11: an issuer without path has two places only, and one with a slash at its end drops it for the place, not in
    /// what the document has to say.
    fn the_slash_at_the_end_of_an_issuer_is_dropped_from_the_place_alone(runner) {
        let endpoint = Endpoint::default();
        let (slashed, root, liar) = (issuer("t1/"), format!("https://{HOST}"), issuer("t2/"));
        endpoint
            .says("/.well-known/oauth-authorization-server/t1", metadata(&slashed, &issuer("jwks")))
            .says("/.well-known/openid-configuration", metadata(&root, &issuer("jwks")))
            .says("/.well-known/oauth-authorization-server/t2", metadata(&issuer("t2"), &issuer("jwks")))
            .says("/jwks", keys(&public_keys()));
        let all = [&slashed, &root, &liar].map(|issuer| (issuer.clone(), json!({})));
        let gateway = runner.start(discovering(&endpoint, &all)).unwrap();
        gateway.send(get("/mcp").bearer(&token(&*gateway, &slashed))).allowed();
        gateway.send(get("/mcp").bearer(&token(&*gateway, &root))).allowed();
        gateway.send(get("/mcp").bearer(&token(&*gateway, &liar))).denied_with(503).has_code("keys_unavailable");
        gateway.send(get("/mcp").bearer(&token(&*gateway, I))).denied_with(401).has_code("unknown_issuer");
        assert!(!endpoint.asked().iter().any(|url| url.contains("//")), "{:?}", endpoint.asked());
    }

    /// PRM-11
    fn a_document_whose_issuer_is_another_one_is_not_used_however_alike(runner) {
        let endpoint = Endpoint::default();
        let mut all = Vec::new();
        for (number, lie) in
            ["https://as.example.com/w0/", "https://AS.example.com/w1", "https://as.example.com", "https://as.example.com:443/w3", "http://as.example.com/w4", "https://evil.example/w5", ""]
                .into_iter()
                .enumerate()
        {
            // Its first place lies, the second is right: that one is used.
            let (path, other) = (format!("w{number}"), format!("x{number}"));
            endpoint
                .says(&format!("/.well-known/oauth-authorization-server/{path}"), metadata(lie, &issuer("stolen")))
                .says(&format!("/.well-known/openid-configuration/{path}"), metadata(&issuer(&path), &issuer("jwks")));
            // Nothing but lies: there are no keys.
            let lie = lie.replace(&path, &other);
            endpoint
                .says(&format!("/.well-known/oauth-authorization-server/{other}"), metadata(&lie, &issuer("stolen")))
                .says(&format!("/{other}/.well-known/openid-configuration"), metadata(&lie, &issuer("stolen")));
            all.extend([(issuer(&path), json!({})), (issuer(&other), json!({}))]);
        }
        endpoint.says("/jwks", keys(&public_keys())).says("/stolen", keys(&public_keys()));
        let gateway = runner.start(discovering(&endpoint, &all)).unwrap();
        for pair in all.chunks(2) {
            gateway.send(get("/mcp").bearer(&token(&*gateway, &pair[0].0))).allowed();
            let outcome = gateway.send(get("/mcp").bearer(&token(&*gateway, &pair[1].0)));
            outcome.denied_with(503).has_code("keys_unavailable").no_header("www-authenticate");
            assert!(says(&*gateway, &[&pair[1].0, "another issuer"]), "{}", pair[1].0);
        }
        assert_eq!(endpoint.count(&format!("{HOST}/stolen")), 0);
    }

    /// PRM-11: with `metadata_uri` no other place is asked, and the issuer in it must still be the configured one.
    fn the_metadata_uri_takes_the_place_of_all_others(runner) {
        let endpoint = Endpoint::default();
        endpoint
            .says("/custom/metadata?v=2", metadata(I, &issuer("t1/jwks")))
            .says("/custom/other", metadata(&issuer("t9"), &issuer("t1/jwks")))
            .says("/.well-known/oauth-authorization-server/t2", metadata(&issuer("t2"), &issuer("t1/jwks")))
            .says("/t1/jwks", keys(&public_keys()));
        let all = [
            (I.to_owned(), json!({"metadata_uri": issuer("custom/metadata?v=2")})),
            (issuer("t2"), json!({"metadata_uri": issuer("custom/other")})),
            (issuer("t3"), json!({"metadata_uri": issuer("custom/absent")})),
        ];
        let gateway = runner.start(discovering(&endpoint, &all)).unwrap();
        gateway.send(get("/mcp").bearer(&token(&*gateway, I))).allowed();
        gateway.send(get("/mcp").bearer(&token(&*gateway, &issuer("t2")))).denied_with(503).has_code("keys_unavailable");
        gateway.send(get("/mcp").bearer(&token(&*gateway, &issuer("t3")))).denied_with(503).has_code("keys_unavailable");
        assert!(!endpoint.asked().iter().any(|url| url.contains("well-known")), "{:?}", endpoint.asked());
    }

    /// PRM-12
    fn keys_on_another_host_come_by_the_cluster_that_is_configured_for_it(runner) {
        let (endpoint, elsewhere) = (Endpoint::default(), Endpoint::default());
        endpoint
            .says(CANDIDATES[0], metadata(I, "https://Keys.Example/t1/jwks"))
            .says("/.well-known/oauth-authorization-server/t2", metadata(&issuer("t2"), "https://keys.example:8443/t2/jwks"))
            .says("/.well-known/oauth-authorization-server/t3", metadata(&issuer("t3"), "https://keys.example:8443/t2/jwks"));
        elsewhere.says("/t1/jwks", keys(&public_keys())).says("/t2/jwks", keys(&public_keys()));
        let all = [
            (I.to_owned(), json!({"hosts": {"keys.example": "keys"}})),
            (issuer("t2"), json!({"hosts": {"keys.example:8443": "keys"}})),
            // The same name at another port is another host.
            (issuer("t3"), json!({"hosts": {"keys.example": "keys"}})),
        ];
        let gateway = runner.start(discovering(&endpoint, &all).cluster("keys", elsewhere.handler())).unwrap();
        gateway.send(get("/mcp").bearer(&token(&*gateway, I))).allowed();
        gateway.send(get("/mcp").bearer(&token(&*gateway, &issuer("t2")))).allowed();
        gateway.send(get("/mcp").bearer(&token(&*gateway, &issuer("t3")))).denied_with(503).has_code("keys_unavailable");
        let mut asked = elsewhere.first_asked();
        asked.sort();
        assert_eq!(asked, ["keys.example/t1/jwks", "keys.example:8443/t2/jwks"]);
        assert!(!endpoint.asked().iter().any(|url| url.contains("jwks")));
    }

    /// PRM-12: the metadata comes over the network and may not send the gateway anywhere.
    fn a_jwks_uri_on_a_host_that_is_not_configured_is_refused_and_never_asked(runner) {
        let (endpoint, elsewhere) = (Endpoint::default(), Endpoint::default());
        let uris = [
            ("https://169.254.169.254/latest/meta-data", "169.254.169.254"),
            ("https://other.example/jwks", "other.example"),
            ("https://as.example.com.evil.example/jwks", "as.example.com.evil.example"),
            ("https://as.example.com:8443/jwks", "as.example.com:8443"),
            ("https://[::1]/jwks", "jwks_uri"),
            ("http://as.example.com/jwks", "https"),
            ("https://as.example.com@evil.example/jwks", "https"),
            ("//evil.example/jwks", "https"),
            ("/jwks", "https"),
            ("file:///etc/passwd", "https"),
            ("https://as.example.com\\@evil.example/jwks", "https"),
        ];
        let mut all = Vec::new();
        for (number, (uri, _)) in uris.iter().enumerate() {
            let path = format!("u{number}");
            endpoint.says(&format!("/.well-known/oauth-authorization-server/{path}"), metadata(&issuer(&path), uri));
            all.push((issuer(&path), json!({"hosts": {"keys.example": "keys"}})));
        }
        endpoint.says("/jwks", keys(&public_keys()));
        elsewhere.says("/jwks", keys(&public_keys()));
        let gateway = runner.start(discovering(&endpoint, &all).cluster("keys", elsewhere.handler())).unwrap();
        for ((issuer, _), (_, why)) in all.iter().zip(uris) {
            gateway.send(get("/mcp").bearer(&token(&*gateway, issuer))).denied_with(503).has_code("keys_unavailable");
            assert!(says(&*gateway, &[&format!("{issuer} "), "jwks_uri", why]), "{issuer}: {why} is not in the log");
        }
        assert!(elsewhere.asked().is_empty(), "{:?}", elsewhere.asked());
        assert!(endpoint.asked().iter().all(|url| url.contains("/.well-known/")), "{:?}", endpoint.asked());
    }

    /// PRM-12
    fn redirects_are_not_followed(runner) {
        let endpoint = Endpoint::default();
        let to = |url: &str, body: &Response| {
            let mut moved = Response { status: 302, ..body.clone() };
            moved.headers.push((b"location".to_vec(), url.as_bytes().to_vec()));
            moved
        };
        // Of the metadata, with the document itself as a body.
        for (path, status) in [("m301", 301), ("m307", 307)] {
            let document = metadata(&issuer(path), &issuer("jwks"));
            let moved = Response { status, ..to(&issuer("moved"), &document) };
            for place in CANDIDATES {
                endpoint.says(&place.replace("t1", path), moved.clone());
            }
            endpoint.says("/moved", document);
        }
        // Of the keys.
        endpoint
            .says("/.well-known/oauth-authorization-server/k302", metadata(&issuer("k302"), &issuer("k302/jwks")))
            .says("/k302/jwks", to(&issuer("jwks"), &keys(&public_keys())))
            .says("/jwks", keys(&public_keys()));
        let all = ["m301", "m307", "k302"].map(|path| (issuer(path), json!({})));
        let gateway = runner.start(discovering(&endpoint, &all)).unwrap();
        for (issuer, _) in &all {
            gateway.send(get("/mcp").bearer(&token(&*gateway, issuer))).denied_with(503).has_code("keys_unavailable");
        }
        assert_eq!((endpoint.count(&format!("{HOST}/moved")), endpoint.count(&format!("{HOST}/jwks"))), (0, 0));
    }

    /// JWT-28, PRM-12: whatever an endpoint answers, nothing passes; and soon after it is well again tokens pass.
    fn metadata_that_is_garbage_huge_or_late_denies_until_it_is_well_again(runner) {
        let endpoint = Endpoint::default();
        let good = |path: &str| metadata(&issuer(path), &issuer("jwks"));
        let text = |path: &str| String::from_utf8(good(path).body).unwrap();
        let faults: Vec<Reply> = vec![
            Response::text(500, "down").into(),
            Reply::Reset,
            Reply::Garbage,
            Reply::Truncated(good("f3")),
            Reply::Hang,
            Reply::After(Duration::from_secs(5), good("f5")),
            Response::text(200, "<html>").into(),
            Response::text(200, "").into(),
            Response::text(200, format!("[{}]", text("f8"))).into(),
            // Duplicate members: two readers could see two issuers.
            Response::text(200, text("f9").replacen('{', "{\"issuer\":\"https://evil.example\",", 1)).into(),
            Response::text(200, format!("{}{}", text("f10"), " ".repeat(300_000))).into(),
            Response::text(200, format!("{{\"x\":{}1{}}}", "[".repeat(500), "]".repeat(500))).into(),
            Response { status: 203, ..good("f12") }.into(),
            Response::json(200, &json!({"issuer": issuer("f13")})).into(),
            Response::json(200, &json!({"issuer": issuer("f14"), "jwks_uri": [issuer("jwks")]})).into(),
        ];
        let mut all = Vec::new();
        for (number, fault) in faults.into_iter().enumerate() {
            let path = format!("f{number}");
            for place in CANDIDATES {
                endpoint.says(&place.replace("t1", &path), fault.clone());
            }
            all.push((issuer(&path), json!({"cooldown_seconds": 1, "timeout_ms": 200})));
        }
        endpoint.says("/jwks", keys(&public_keys()));
        let gateway = runner.start(discovering(&endpoint, &all)).unwrap();
        let tokens: Vec<String> = all.iter().map(|(issuer, _)| token(&*gateway, issuer)).collect();
        for outcome in gateway.send_all(tokens.iter().map(|token| get("/mcp").bearer(token)).collect()) {
            outcome.denied_with(503).has_code("keys_unavailable");
            assert_eq!(outcome.header("retry-after"), "1");
        }
        for number in 0..all.len() {
            let path = format!("f{number}");
            endpoint.says(&CANDIDATES[2].replace("t1", &path), good(&path));
        }
        // Those that hang need their timeouts too.
        gateway.pass(Duration::from_millis(2500));
        for outcome in gateway.send_all(tokens.iter().map(|token| get("/mcp").bearer(token)).collect()) {
            outcome.allowed();
        }
    }

    fn requests_wait_while_metadata_and_keys_come_one_after_the_other(runner) {
        let endpoint = Endpoint::default();
        let later = |response| Reply::After(Duration::from_millis(300), response);
        endpoint
            .says(CANDIDATES[0], later(Response::text(404, "not here")))
            .says(CANDIDATES[1], later(metadata(I, &issuer("t1/jwks"))))
            .says("/t1/jwks", later(keys(&public_keys())));
        let gateway = runner.start(discovering(&endpoint, &[(I.into(), json!({}))])).unwrap();
        let token = token(&*gateway, I);
        for outcome in gateway.send_all(vec![get("/mcp").bearer(&token); 20]) {
            outcome.allowed();
        }
        for url in [CANDIDATES[0], CANDIDATES[1], "/t1/jwks"] {
            // One for the worker and one for the main thread.
            assert!(endpoint.count(&format!("{HOST}{url}")) <= 2, "{url}");
        }
    }

    /// JWT-28, JWT-07: the keys may have moved since, so the metadata is asked again, and the request waits for both.
    fn a_token_of_a_new_key_passes_at_once_though_the_keys_have_moved(runner) {
        let endpoint = Endpoint::default();
        endpoint.says(CANDIDATES[0], metadata(I, &issuer("t1/jwks"))).says("/t1/jwks", keys(&jwks([key(Algorithm::Rs256)])));
        let gateway = runner.start(discovering(&endpoint, &[(I.into(), json!({"cooldown_seconds": 1}))])).unwrap();
        let old = Mint::new(I, R).at(gateway.now()).access_token().sign_with(key(Algorithm::Rs256));
        gateway.send(get("/mcp").bearer(&old)).allowed();
        endpoint
            .says(CANDIDATES[0], Reply::After(Duration::from_millis(200), metadata(I, &issuer("t1/keys"))))
            .says("/t1/keys", Reply::After(Duration::from_millis(200), keys(&public_keys())));
        gateway.pass(Duration::from_millis(1300));
        let new = token(&*gateway, I);
        for outcome in gateway.send_all(vec![get("/mcp").bearer(&new); 5]) {
            outcome.allowed();
        }
        gateway.send(get("/mcp").bearer(&old)).allowed();
        assert_eq!(endpoint.count(&format!("{HOST}/t1/keys")), 1);
    }

    /// PRM-11, PRM-12: what is refused is not used, and the last good keys go on.
    fn metadata_that_goes_bad_leaves_the_last_good_keys(runner) {
        let endpoint = Endpoint::default();
        endpoint.says(CANDIDATES[0], metadata(I, &issuer("t1/jwks"))).says("/t1/jwks", keys(&jwks([key(Algorithm::Rs256)])));
        let gateway = runner.start(discovering(&endpoint, &[(I.into(), json!({"cooldown_seconds": 1}))])).unwrap();
        let old = Mint::new(I, R).at(gateway.now()).access_token().sign_with(key(Algorithm::Rs256));
        gateway.send(get("/mcp").bearer(&old)).allowed();
        endpoint.says("/stolen", keys(&public_keys()));
        for bad in [
            metadata("https://evil.example", &issuer("stolen")),
            metadata(I, "https://169.254.169.254/stolen"),
            Response::text(500, "down"),
        ] {
            endpoint.says(CANDIDATES[0], bad);
            gateway.pass(Duration::from_millis(1300));
            gateway.send(get("/mcp").bearer(&token(&*gateway, I))).denied_with(401).has_code("unknown_key");
            gateway.send(get("/mcp").bearer(&old)).allowed();
        }
        assert!(!endpoint.asked().iter().any(|url| url.contains("stolen")));
    }
}
