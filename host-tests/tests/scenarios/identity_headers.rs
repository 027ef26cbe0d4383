//! Who a request seems to come from: what the filter strips, what it sets, and what it leaves to the operator (SMG-06,
//! SMG-13).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_harness::{Outcome, Protocol, Request, get, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{R, gateway, good};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// The standard fixture with a claims header, and GET /public for everyone.
fn config() -> Value {
    let mut config = crate::fixture::config();
    config["forward"] = json!({"claims_header": "x-fourleg-claims"});
    config["public"] = json!([{"path": {"prefix": "/public"}}]);
    config
}

/// What a client may write to seem someone else: names of ours in every spelling.
const SPOOFED: [&str; 13] = [
    "x-fourleg-claims",
    "X-Fourleg-Claims",
    "x_fourleg_claims",
    "X_FOURLEG-CLAIMS",
    "x-fourleg_claims",
    "x-fourleg-",
    "x_fourleg_",
    "x-fourleg-subject",
    "x-fourleg--claims",
    "x-fourleg-claims-",
    "x-fourleg-claims_",
    "x-fourleg-~",
    "x.fourleg!claims",
];

fn spoofed(request: Request) -> Request {
    SPOOFED.iter().fold(request, |request, name| request.header(name, "mallory"))
}

/// The fields of ours that reached the upstream, by headers and by trailers.
fn ours(outcome: &Outcome) -> Vec<(String, String)> {
    let upstream = outcome.allowed();
    let fields = upstream.headers.iter().chain(upstream.trailers.iter().flatten());
    fields
        .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned()))
        .filter(|(name, _)| name.to_ascii_lowercase().replace(['_', '.', '!'], "-").starts_with("x-fourleg-"))
        .collect()
}

/// Asserts that exactly one field of ours is there, and decodes it.
fn claims(outcome: &Outcome) -> Value {
    let ours = ours(outcome);
    let [(name, value)] = ours.as_slice() else { panic!("{ours:?}\n{}", outcome.picture()) };
    assert_eq!(name, "x-fourleg-claims");
    assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{value}");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(value).unwrap()).unwrap()
}

scenarios! {
    /// SMG-06, SMG-13
    fn no_identity_of_a_clients_own_making_goes_upstream_on_any_path(runner) {
        let enforcing = runner.start(gateway(config())).unwrap();
        let mut watching = config();
        watching["mode"] = json!("shadow");
        let watching = runner.start(gateway(watching)).unwrap();
        for protocol in BOTH {
            let trailers = [("x-fourleg-claims", "mallory"), ("x_fourleg_claims", "mallory"), ("x.fourleg.claims", "mallory"), ("X-Fourleg-Subject", "mallory"), ("x-fourleg-claims", "twice"), ("x-end", "1")];
            for path in ["/public", "/public/x"] {
                assert_eq!(ours(&enforcing.send(spoofed(get(path).over(protocol)))), []);
                assert_eq!(ours(&enforcing.send(spoofed(post(path).over(protocol).chunked(["a", "b"]).trailers(trailers)))), []);
            }
            for path in ["/mcp", "/public", "/elsewhere", "/mcp/../x"] {
                assert_eq!(ours(&watching.send(spoofed(get(path).over(protocol).bearer("rubbish")))), []);
                let outcome = watching.send(spoofed(post(path).over(protocol).bearer(&good(&*watching).sign()).body("x").trailers(trailers)));
                assert_eq!(ours(&outcome), []);
            }
            enforcing.send(spoofed(get("/mcp").over(protocol))).denied_with(401);
            enforcing.send(spoofed(get("/elsewhere").over(protocol))).denied_with(403);
            // What only resembles ours is someone else's, and stays.
            let kept = ["x-fourleg", "x-fourlegs-claims", "fourleg-claims", "xx-fourleg-claims", "x-fourle-g-claims"];
            let outcome = enforcing.send(kept.iter().fold(get("/public").over(protocol), |request, name| request.header(name, "kept")));
            for name in kept {
                assert_eq!(outcome.allowed().header_text(name).as_deref(), Some("kept"), "{name}");
            }
        }
    }

    /// SMG-13
    fn the_claims_go_upstream_once_and_are_those_of_the_verified_token(runner) {
        let gateway = runner.start(gateway(config())).unwrap();
        for protocol in BOTH {
            let token = good(&*gateway).subject("josé \"o'neil\"\r\nx-fourleg-claims: mallory").claim("large", 9_007_199_254_740_993_u64).claim("nothing", Value::Null)
                .claim("nested", json!({"a": [1, {"b": "ü€😀"}]}));
            let expected = token.claims();
            let token = token.sign();
            let trailers = [("x-fourleg-claims", "mallory"), ("x_fourleg-claims", "mallory")];
            for request in [
                get("/mcp").over(protocol).bearer(&token),
                spoofed(get("/mcp").over(protocol)).bearer(&token),
                spoofed(get("/mcp").over(protocol).bearer(&token)).header("x-fourleg-claims", "again"),
                get("/mcp").over(protocol).bearer(&token).header("x-fourleg-claims", "a,b").header("x-fourleg-claims", ""),
                spoofed(post("/mcp").over(protocol).bearer(&token)).chunked(["a", "b"]).trailers(trailers),
            ] {
                assert_eq!(claims(&gateway.send(request)), expected);
            }
            // A field that the client names as one of the connection's is no way to lose it (RFC 9110 §7.6.1).
            let outcome = gateway.send(get("/mcp").bearer(&token).header("connection", "close, x-fourleg-claims").header("x-fourleg-claims", "mallory"));
            assert_eq!(claims(&outcome), expected);
        }
        // Two users at once: each has their own.
        let requests = (0..20).map(|number| {
            spoofed(get("/mcp").over(BOTH[number % 2])).bearer(&good(&*gateway).subject(&format!("user-{number}")).sign()).header("x-number", number.to_string())
        });
        for (number, outcome) in gateway.send_all(requests.collect()).iter().enumerate() {
            assert_eq!(claims(outcome)["sub"], format!("user-{number}"));
            assert_eq!(outcome.allowed().header_text("x-number"), Some(number.to_string()));
        }
    }

    /// SMG-13
    fn without_a_claims_header_none_is_set_and_a_name_of_no_ours_does_not_load(runner) {
        let plain = runner.start(gateway(crate::fixture::config())).unwrap();
        assert_eq!(ours(&plain.send(spoofed(get("/mcp").bearer(&good(&*plain).sign())))), []);
        // One is enough for Envoy, which takes a second to refuse.
        let names = ["x-user", "authorization", "x-fourleg-", "X-Fourleg-Claims", "x-fourleg_claims", "x-fourleg-claims ", "x-fourleg-claims:", "", "host"];
        for name in &names[..if runner.name() == "envoy" { 1 } else { names.len() }] {
            let mut config = config();
            config["forward"]["claims_header"] = json!(name);
            assert!(runner.start(gateway(config)).is_err(), "{name:?}");
        }
    }

    /// SMG-06, SMG-13: what the README has to say. The filter takes out its own names; those that other software reads
    /// are the operator's to remove, since some proxy before this one may have set them.
    fn other_identity_fields_decide_nothing_here_and_are_left_to_the_operator(runner) {
        let gateway = runner.start(gateway(config())).unwrap();
        let left = [
            "x-user", "x-remote-user", "remote_user", "x-jwt-payload", "x-forwarded-user", "x-forwarded-email", "x-auth-request-user", "x-forwarded-authorization", "authorization_", "x-authorization",
            "mcp_name", "x-amzn-oidc-data", "x-goog-authenticated-user-email", "x-ms-client-principal",
        ];
        let forged = |request: Request| left.iter().fold(request, |request, name| request.header(name, "mallory"));
        for protocol in BOTH {
            let outcome = gateway.send(forged(get("/mcp").over(protocol).bearer(&good(&*gateway).sign())));
            assert_eq!(claims(&outcome)["sub"], "alice");
            for name in left {
                assert_eq!(outcome.allowed().header_text(name).as_deref(), Some("mallory"), "{name}");
            }
            // None of them is a credential.
            gateway.send(forged(get("/mcp").over(protocol))).denied_with(401).has_code("credential_missing");
            let good = good(&*gateway).sign();
            for name in ["x-forwarded-authorization", "authorization_", "x-authorization", "proxy-authorization", "x-jwt-payload", "cookie"] {
                gateway.send(get("/mcp").over(protocol).header(name, format!("Bearer {good}"))).denied_with(401).has_code("credential_missing");
            }
            // This one Envoy itself takes out at the edge (forward_client_cert_details: SANITIZE, its default).
            let outcome = gateway.send(get("/mcp").over(protocol).bearer(&good).header("x-forwarded-client-cert", "By=mallory;Subject=\"CN=mallory\""));
            assert_eq!(outcome.allowed().header_text("x-forwarded-client-cert"), None);
        }
    }

    /// AUD-06
    fn a_credential_goes_no_further_where_the_operator_says_so(runner) {
        let mut config = config();
        config["forward"]["authorization"] = json!("remove");
        let gateway = runner.start(gateway(config)).unwrap();
        for protocol in BOTH {
            let token = good(&*gateway).sign();
            for request in [
                get("/mcp").over(protocol).bearer(&token),
                get("/mcp").over(protocol).header("AUTHORIZATION", format!("bEARER  {token}")),
                post("/mcp").over(protocol).bearer(&token).body("x").trailers([("x-end", "1")]),
            ] {
                let outcome = gateway.send(request);
                assert_eq!(outcome.allowed().header_text("authorization"), None);
                assert_eq!(claims(&outcome)["aud"], R);
                assert!(!outcome.picture().contains(&token));
            }
        }
    }

    /// AUD-06
    fn a_public_path_is_no_way_around_that(runner) {
        for (forward, goes_on) in [("keep", true), ("remove", false), ("exchange", false)] {
            let mut config = crate::fixture::config();
            config["forward"] = json!({"authorization": forward});
            let gateway = runner.start(gateway(config)).unwrap();
            let token = good(&*gateway).sign();
            for protocol in BOTH {
                for credential in [format!("Bearer {token}"), "Basic dTpw".to_owned(), format!("{token}, {token}")] {
                    let outcome = gateway.send(get("/healthz").over(protocol).header("authorization", &credential));
                    assert_eq!(outcome.allowed().header_text("authorization").is_some(), goes_on, "{forward} {credential}");
                }
                gateway.send(get("/healthz").over(protocol)).allowed();
            }
        }
    }
}
