//! A hostile or slow key endpoint.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fourleg_harness::{Reply, Request, Response, get, post};
use fourleg_lab::mint::{Algorithm, base64url, key, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{BOTH, fetching};
use crate::fixture::{I, R, gateway, good, public_keys};

scenarios! {
    fn a_hostile_key_endpoint_neither_traps_the_filter_nor_opens_it(runner) {
        let keys = public_keys();
        let strange = json!({"keys": [
            {"kty": "RSA", "kid": "rs256", "n": base64url([[0xff; 255].as_slice(), &[0xfe]].concat()), "e": "AQAB"}, {"kty": "RSA", "kid": "rs256", "n": base64url([0xff; 256]), "e": "AQ"},
            {"kty": "RSA", "kid": "rs256", "n": "", "e": ""}, {"kty": "EC", "crv": "P-256", "kid": "es256", "x": base64url([0; 32]), "y": base64url([0; 32])},
            {"kty": "OKP", "crv": "Ed25519", "kid": "eddsa", "x": base64url([0xff; 32])}, {"kty": "OKP", "crv": "Ed25519", "kid": "eddsa", "x": base64url([0; 32])},
            {"kty": "oct", "kid": "rs256", "alg": "RS256", "k": "AAAA"}, {"kty": "RSA", "kid": {}, "n": 5}, null, [], "x", {"keys": []},
        ]});
        let padded = |size: usize| { let text = keys.to_string(); format!("{}{text}", " ".repeat(size - text.len())) };
        let twice = format!("{{\"keys\":[],\"\\u006beys\":{}}}", keys["keys"]);
        let cases = [
            (Response::json(200, &strange), Some("unknown_key")), (Response::json(200, &json!({"keys": []})), Some("unknown_key")),
            (Response::text(200, twice), Some("keys_unavailable")), (Response::text(200, format!("{{\"keys\":{}", "[".repeat(100_000))), Some("keys_unavailable")),
            (Response::text(200, padded(256 * 1024)), None), (Response::text(200, padded(256 * 1024 + 1)), Some("keys_unavailable")),
            (Response::json(206, &keys), Some("keys_unavailable")), (Response::json(203, &keys), Some("keys_unavailable")), (Response::json(200, &keys).header("x", b"\xff\xfe"), None),
            (Response::json(200, &json!({"keys": vec![key(Algorithm::Es256).jwk(); 101]})), Some("keys_unavailable")), (Response::text(200, keys["keys"].to_string()), Some("keys_unavailable")),
        ];
        // One issuer for each answer, in one gateway.
        let issuer = |number: usize| format!("{I}/{number}");
        let issuers: Vec<Value> = (0..cases.len())
            .map(|number| json!({"issuer": issuer(number), "jwks": {"remote": {"cluster": "idp", "uri": format!("https://as.example.com/{number}"), "cooldown_seconds": 60}}}))
            .collect();
        let replies: Vec<Response> = cases.iter().map(|(reply, _)| reply.clone()).collect();
        let config = json!({"issuers": issuers, "resources": [{"resource": R}]});
        let fetches = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&fetches);
        let gateway = gateway(config).cluster("idp", move |request: &Request| {
            counted.fetch_add(1, Ordering::SeqCst);
            replies[String::from_utf8_lossy(&request.path)[1..].parse::<usize>().unwrap()].clone()
        });
        let gateway = runner.start(gateway).unwrap();
        for (number, (_, code)) in cases.iter().enumerate() {
            let token = good(&*gateway).issuer(&issuer(number));
            let outcomes = gateway.send_all(vec![get("/mcp").bearer(&token.clone().sign()), get("/mcp").bearer(&token.sign_with(stranger(Algorithm::Rs256)))]);
            match code {
                None => drop(outcomes[0].allowed()),
                Some(code) => drop(outcomes[0].never_reached_upstream().has_code(code)),
            }
            outcomes[1].never_reached_upstream();
        }
        // The first fetch of the worker and of the main thread, and one more for each token that none of the keys proves.
        assert!(fetches.load(Ordering::SeqCst) <= 4 * cases.len());
    }

    fn a_crowd_that_waits_for_keys_is_judged_one_by_one(runner) {
        let (waiting, fetches) = fetching(Reply::After(Duration::from_millis(400), Response::json(200, &public_keys())), json!({"timeout_ms": 3000}));
        let gateway = runner.start(waiting).unwrap();
        let crowd: Vec<Request> = (0..120).map(|number: usize| {
            let token = match number % 4 {
                0 => good(&*gateway).subject(&format!("user-{number}")).sign_with(key(Algorithm::EdDsa)),
                1 => good(&*gateway).sign_with(stranger(Algorithm::EdDsa)),
                2 => good(&*gateway).audience("https://other.example").sign_with(key(Algorithm::EdDsa)),
                _ => good(&*gateway).kid("nobody").sign_with(key(Algorithm::EdDsa)),
            };
            let request = post("/mcp").over(BOTH[number / 4 % 2]).bearer(&token).header("x-number", number.to_string()).header("x-pad", "p".repeat(2_000));
            if number.is_multiple_of(3) { request.chunked([number.to_string(), "!".to_owned()]) } else { request }
        }).collect();
        for (number, outcome) in gateway.send_all(crowd.clone()).iter().enumerate() {
            match number % 4 {
                0 => {
                    let upstream = outcome.allowed();
                    assert_eq!(upstream.header_text("x-number"), Some(number.to_string()));
                    assert_eq!(upstream.header_text("authorization"), crowd[number].header_text("authorization"));
                    assert_eq!(upstream.whole_body(), crowd[number].whole_body());
                }
                1 => drop(outcome.denied_with(401).has_code("signature_invalid")),
                2 => drop(outcome.denied_with(401).has_code("audience_mismatch")),
                _ => drop(outcome.denied_with(401).has_code("unknown_key")),
            }
        }
        assert!(fetches.load(Ordering::SeqCst) <= 2);
    }
}

/// Keys that come too late: on the emulator, where the test holds the answer back.
#[test]
fn an_answer_after_the_deadline_lets_nobody_in_and_brings_no_keys() {
    let (waiting, _) = fetching(Reply::Hang, json!({}));
    let gateway = waiting.manual().start().unwrap();
    let token = || good(&gateway).sign();
    let fetches: Vec<u64> = gateway.pending_callouts().iter().map(|callout| callout.id).collect();
    assert!(!fetches.is_empty());
    let streams = [gateway.open(get("/mcp").bearer(&token())), gateway.open(post("/mcp").bearer(&token()).body("x"))];
    let gone = gateway.open(get("/mcp").bearer(&token()));
    gateway.reset(gone);
    // The cluster's own timeout never fires; ours does.
    gateway.advance(Duration::from_millis(2_300));
    for stream in streams {
        gateway.outcome(stream).denied_with(503).has_code("keys_unavailable");
    }
    for fetch in fetches {
        gateway.complete(fetch, Response::json(200, &public_keys()));
    }
    for stream in streams {
        gateway.outcome(stream).denied_with(503);
    }
    assert!(gateway.outcome(gone).upstream.is_empty());
    let next = gateway.open(get("/mcp").bearer(&token()));
    gateway.outcome(next).denied_with(503).has_code("keys_unavailable");
}
