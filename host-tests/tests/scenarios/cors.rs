//! Preflights, and what scripts of a browser may read (COR-16).

use fourleg_harness::{Outcome, Protocol, Request, Runner, Running, get, post, request};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{R, gateway, good};

const SPA: &str = "https://spa.example";
const OTHER: &str = "http://localhost:5173";

fn config() -> Value {
    let mut config = crate::fixture::config();
    config["cors"] = json!({"allow_origins": [SPA, OTHER]});
    config["resources"][0]["protected_resource_metadata"] =
        json!({"authorization_servers": ["https://as.example.com/t1"]});
    config
}

fn serve(runner: &dyn Runner) -> Box<dyn Running> {
    runner.start(gateway(config())).unwrap()
}

fn preflight(origin: impl AsRef<[u8]>, path: &str) -> Request {
    request("OPTIONS", path).header("origin", origin).header("access-control-request-method", "POST")
}

/// No field of the CORS protocol is in the response.
fn tells_browsers_nothing(outcome: &Outcome) {
    for (name, _) in &outcome.response.headers {
        assert!(!name.to_ascii_lowercase().starts_with(b"access-control-"), "{}", outcome.picture());
    }
}

scenarios! {
    /// COR-16
    fn a_preflight_from_an_allowed_origin_is_answered_by_the_filter(runner) {
        let gateway = serve(runner);
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for origin in [SPA, OTHER] {
                for path in ["/mcp", "/mcp/admin", "/healthz", "/elsewhere"] {
                    let asked = preflight(origin, path).over(protocol);
                    let outcome = gateway.send(asked.clone());
                    outcome.denied_with(204).no_header("www-authenticate").no_header("access-control-allow-credentials").no_header("access-control-allow-headers");
                    assert!(outcome.response.body.is_empty());
                    assert_eq!(outcome.header("access-control-allow-origin"), origin);
                    assert_eq!(outcome.header("access-control-allow-methods"), "POST");
                    assert_eq!(outcome.header("vary"), "Origin");
                    let outcome = gateway.send(asked.header("access-control-request-headers", "authorization, content-type,mcp-session-id"));
                    assert_eq!(outcome.denied_with(204).header("access-control-allow-headers"), "authorization, content-type,mcp-session-id");
                }
            }
            // A preflight has no body; with one it is answered all the same, and nothing of it goes on.
            gateway.send(preflight(SPA, "/mcp").body("x").over(protocol)).denied_with(204);
            gateway.send(preflight(SPA, "/mcp").chunked(["x", "y"]).trailers([("a", "b")]).over(protocol)).denied_with(204);
            gateway.send(preflight(SPA, "/mcp").bearer(&good(&*gateway).sign()).over(protocol)).denied_with(204);
        }
    }

    /// COR-16
    fn anything_else_by_options_needs_a_token_like_any_method(runner) {
        let gateway = serve(runner);
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let options = || request("OPTIONS", "/mcp").over(protocol);
            let asking = || options().header("access-control-request-method", "POST");
            let origins: [&[u8]; 21] = [
                b"null", b"*", b"", b"https://evil.example", b"https://spa.example.evil.example", b"https://evilspa.example", b"http://spa.example", b"https://SPA.example",
                b"https://spa.example:443", b"https://spa.example/", b"https://spa.example.", b"https://spa.example,https://evil.example", b"https://spa.example https://evil.example",
                b"spa.example", b"//spa.example", b"https://spa.example\t", b"https://spa.example@evil.example", b"https://spa.example%00", b"https://spa.exampl\xe9", b"\xff\xfe", b"file://",
            ];
            let mut requests: Vec<Request> = origins.iter().filter(|origin| !origin.ends_with(b"\t")).map(|origin| asking().header("origin", origin)).collect();
            requests.extend([
                options(), asking(), options().header("origin", SPA), options().header("referer", SPA).header("access-control-request-method", "POST"),
                asking().header("origin", SPA).header("origin", "https://evil.example"), asking().header("origin", "https://evil.example").header("origin", SPA),
                options().header("origin", SPA).header("access-control-request-headers", "authorization"),
                options().header("origin", SPA).header("access-control-request-method", ""),
            ]);
            for outcome in gateway.send_all(requests) {
                let allow = outcome.denied_with(401).response.header_text("access-control-allow-origin");
                assert!(allow.is_none_or(|origin| origin == SPA), "{}", outcome.picture());
                outcome.challenge().scheme("Bearer").no_param("error").param("realm", R).has_param("resource_metadata");
            }
            for method in ["GET", "POST", "HEAD", "DELETE"] {
                let mut request = preflight(SPA, "/mcp").over(protocol);
                method.clone_into(&mut request.method);
                gateway.send(request).denied_with(401);
            }
            gateway.send(options().header("origin", "https://evil.example").bearer(&good(&*gateway).sign())).allowed();
        }
        let silent = runner.start(gateway_without_cors()).unwrap();
        for origin in [SPA, "null", "https://evil.example", "*"] {
            let outcome = silent.send(preflight(origin, "/mcp"));
            outcome.denied_with(401);
            tells_browsers_nothing(&outcome);
        }
        // A public area covers OPTIONS only where it says so.
        silent.send(preflight(SPA, "/healthz")).denied_with(403);
    }

    /// COR-16
    fn a_script_of_an_allowed_origin_can_read_why_it_was_denied_and_no_other_can(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        let denied = || [
            (get("/mcp"), 401), (get("/mcp").bearer("x.y.z"), 401), (post("/mcp/admin").bearer(&token), 403), (get("/mcp").header("authorization", "Bearer a b"), 400),
            (get("/mcp/../x"), 400), (get("/elsewhere"), 403),
        ];
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for origin in [SPA, OTHER] {
                for (request, status) in denied() {
                    let outcome = gateway.send(request.over(protocol).header("origin", origin));
                    outcome.denied_with(status).no_header("access-control-allow-credentials");
                    assert_eq!(outcome.header("access-control-allow-origin"), origin);
                    assert!(outcome.header("access-control-expose-headers").eq_ignore_ascii_case("www-authenticate"));
                    assert_eq!(outcome.header("vary"), "Origin");
                }
            }
            for origin in ["https://evil.example", "null", "*", "https://spa.example.evil.example", "HTTPS://SPA.EXAMPLE", "https://spa.example/"] {
                for (request, status) in denied() {
                    let outcome = gateway.send(request.over(protocol).header("origin", origin));
                    outcome.denied_with(status);
                    tells_browsers_nothing(&outcome);
                }
            }
            for (request, status) in denied() {
                let outcome = gateway.send(request.over(protocol));
                outcome.denied_with(status);
                tells_browsers_nothing(&outcome);
                let outcome = gateway.send(get("/mcp").over(protocol).header("origin", SPA).header("origin", "https://evil.example"));
                outcome.denied_with(401);
                tells_browsers_nothing(&outcome);
            }
        }
        // What is allowed goes up and comes down as it is: its CORS fields are the upstream's business.
        let outcome = gateway.send(get("/mcp").header("origin", SPA).bearer(&token));
        assert_eq!(outcome.allowed().header_text("origin").as_deref(), Some(SPA));
        tells_browsers_nothing(&outcome);
    }

    /// COR-16, COR-07: nothing that a client writes comes back unless it is a list of names.
    fn what_a_preflight_asks_for_is_never_echoed_if_it_is_odd(runner) {
        let gateway = serve(runner);
        let long = vec!["x-name"; 700].join(",");
        let odd: [&[u8]; 16] = [
            b"a;b", b"a\"b", b"\"", b"a\\b", b"<script>", b"a\tb", b"caf\xc3\xa9", b"\xff", b"a=b", b"a:b", b"(x)", b"a/b", b"[x]", b"{x}", b"x@y", long.as_bytes(),
        ];
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let from = || request("OPTIONS", "/mcp").over(protocol).header("origin", SPA);
            for value in odd {
                for request in [
                    from().header("access-control-request-method", value),
                    from().header("access-control-request-method", "POST").header("access-control-request-headers", value),
                    from().header("access-control-request-method", "POST").header("access-control-request-headers", "authorization").header("access-control-request-headers", value),
                    from().header("access-control-request-method", value).header("access-control-request-method", "POST"),
                ] {
                    let outcome = gateway.send(request);
                    outcome.never_reached_upstream();
                    assert!(matches!(outcome.response.status, 400 | 401 | 0), "{}", outcome.picture());
                    let heard = outcome.response.headers.iter().any(|(_, found)| found.windows(value.len()).any(|part| part == value));
                    assert!(value.len() < 4 || !heard, "{}", outcome.picture());
                    outcome.no_header("access-control-allow-methods").no_header("access-control-allow-headers");
                }
            }
            // 5 KB of good names are refused as well, and a list of ordinary size is not.
            gateway.send(from().header("access-control-request-method", "POST").header("access-control-request-headers", vec!["x-a"; 1_300].join(","))).denied_with(401);
            gateway.send(from().header("access-control-request-method", "POST").header("access-control-request-headers", vec!["x-a"; 100].join(","))).denied_with(204);
        }
    }

    fn origins_that_cannot_be_meant_do_not_load(runner) {
        let origins = ["*", "https://spa.example/", "spa.example", "https://*.example", "HTTPS://spa.example", "https://", "https://a@spa.example", "https://spa.example, https://b.example", ""];
        let mut config = config();
        config["cors"] = json!({"allow_origins": origins});
        let Err(rejected) = runner.start(gateway(config)) else { panic!("it loads") };
        for number in 0..origins.len() {
            let place = format!("cors.allow_origins[{number}]");
            assert!(rejected.logs.iter().any(|line| line.contains(&place)), "{place}: {:?}", rejected.logs);
        }
    }
}

fn gateway_without_cors() -> fourleg_harness::Gateway {
    gateway(crate::fixture::config())
}
