//! Header fields: second credentials, identities of ours, and secrets that must not show.

use std::time::Duration;

use fourleg_harness::{Protocol, Reply, Response, get, post, request};
use fourleg_lab::mint::{Algorithm, stranger};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{BOTH, fetching, no_identity, only_with};
use crate::fixture::{config, gateway, good, public_keys, serve};

scenarios! {
    fn no_second_credential_rides_along_in_an_empty_a_blank_or_a_nominated_field(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        let bearer = format!("Bearer {token}");
        for protocol in BOTH {
            let get = || get("/mcp").over(protocol);
            for empty in ["", " ", "\t", "  \t "] {
                only_with(&token, &gateway.send(get().header("authorization", empty).header("authorization", &bearer)));
                only_with(&token, &gateway.send(get().header("authorization", &bearer).header("authorization", empty)));
                gateway.send(get().header("authorization", empty)).never_reached_upstream();
            }
            for name in ["AUTHORIZATION", "aUTHORIZATION"] {
                gateway.send(get().header(name, "Bearer x.y.z").header("authorization", &bearer)).denied_with(400);
            }
            gateway.send(get().header("authorization", &bearer).header("proxy-authorization", "Bearer x").header("cookie", "authorization=x")).allowed();
        }
        for connection in ["authorization", "close, authorization", "Authorization, keep-alive"] {
            only_with(&token, &gateway.send(get("/mcp").header("connection", connection).header("authorization", &bearer)));
            gateway.send(get("/mcp").header("connection", connection).header("authorization", "Bearer x.y.z")).never_reached_upstream();
        }
    }

    fn no_field_of_ours_goes_upstream_however_it_is_spelt_and_wherever_it_stands(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for protocol in BOTH {
            let mut many = post("/mcp").over(protocol).bearer(&token);
            for name in ["x-fourleg-claims", "x_fourleg_claims", "x-fourleg_claims", "x-fourleg-", "x_fourleg_", "x-fourleg--", "x-fourleg-\u{7e}"] {
                many = many.header(name, "mallory").header(name, "twice");
            }
            no_identity(&gateway.send(many.clone()));
            no_identity(&gateway.send(many.clone().body("x").trailers([("x-fourleg-claims", "mallory"), ("x_fourleg_claims", "mallory"), ("x-fourleg-claims", "twice")])));
            no_identity(&gateway.send(get("/healthz").over(protocol).header("x_fourleg-claims", "mallory")));
        }
        // The same after a wait, when another context is at work.
        let (waiting, _) = fetching(Reply::After(Duration::from_millis(300), Response::json(200, &public_keys())), json!({}));
        let gateway = runner.start(waiting).unwrap();
        let requests = (0..6).map(|number| {
            let trailers = [("x-fourleg-claims", "mallory"), ("x-end", "1")];
            let request = post("/mcp").over(BOTH[number % 2]).bearer(&good(&*gateway).sign()).header("x_fourleg-claims", "mallory").header("x-number", number.to_string());
            if number < 3 { request.body("x").trailers(trailers) } else { request }
        });
        for (number, outcome) in gateway.send_all(requests.collect()).iter().enumerate() {
            no_identity(outcome);
            assert_eq!(outcome.allowed().header_text("x-number"), Some(number.to_string()));
        }
    }

    fn nothing_that_a_client_hides_in_its_request_shows_anywhere(runner) {
        let secret = "s3cr3t-canary-value";
        let gateway = runner.start(gateway(config()).canary(secret)).unwrap();
        let token = || good(&*gateway);
        for token in [
            token().kid(secret).sign(), token().typ(secret).sign(), token().alg(secret).unsigned(), token().issuer(secret).sign(), token().audience(secret).sign(),
            // The scopes of a token that was verified are in its challenge, those of others are not.
            token().scope(secret).audience("https://other.example").sign(), token().scope(secret).sign_with(stranger(Algorithm::Es256)), token().scope("none").claim("note", secret).sign(), token().scope(&format!("{secret}\"")).sign(), token().claim("exp", secret).sign(), token().header("crit", json!([secret])).sign(),
            token().header("jwk", json!({"k": secret})).sign(), token().claim("cnf", json!({"jkt": secret})).sign(), token().claim("act", json!({"sub": 5, "x": secret})).sign(),
            token().header_text(format!("{{\"alg\":\"{secret}")).sign(), token().payload_text(format!("{{\"{secret}\":1,\"{secret}\":2}}")).sign(),
            token().subject(secret).claim("exp", 1).sign(), token().client(secret).sign_with(stranger(Algorithm::Es256)), format!("{secret}.{secret}.{secret}"), secret.to_owned(),
        ] {
            for outcome in gateway.send_all(vec![get("/mcp").bearer(&token), post("/mcp/admin").over(Protocol::Http2).bearer(&token)]) {
                outcome.never_reached_upstream();
            }
        }
        for request in [
            get("/mcp").header("authorization", format!("{secret} x")), get("/mcp").header("authorization", format!("Basic {secret}")), get("/mcp").header("authorization", format!("Bearer {secret},{secret}")),
            get(format!("/mcp/{secret}/..")), get(format!("/{secret}")), get(format!("/mcp?access_token={secret}")), get("/mcp").header("x-http-method", secret), request(&format!("X-{secret}"), "/mcp"),
            get("/mcp").header(format!("x-fourleg-{secret}"), secret), get("/mcp").host(secret),
        ] {
            gateway.send(request).never_reached_upstream();
        }
    }
}
