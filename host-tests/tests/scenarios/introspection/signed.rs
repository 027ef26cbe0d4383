//! Answers that must be signed (RFC 9701, REV-05).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fourleg_harness::{Reply, Request, Response, get};
use fourleg_lab::{
    identity_provider::{Endpoint, TokenForm},
    mint::{Algorithm, Token, jwks, key, stranger},
};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{ISSUER, asking, gateway, identity_provider, issue, questions, serve, source};
use crate::fixture::R;

fn signed(jwks: Value) -> Value {
    json!({"signed": {"audience": "tools:1", "jwks": jwks}})
}

fn claims(now: u64) -> Value {
    let said = json!({"active": true, "iss": ISSUER, "aud": R, "sub": "alice", "exp": now + 300, "acr": "mfa", "auth_time": now});
    json!({"iss": ISSUER, "aud": "tools:1", "iat": now, "token_introspection": said})
}

fn jwt(claims: Value) -> Token {
    Token::of(claims).typ("token-introspection+jwt")
}

scenarios! {
    /// REV-05
    fn the_signed_answer_of_the_server_decides(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let gateway = serve(runner, &idp, signed(json!({"inline": idp.jwks()})));
        let strong = issue(&idp, json!({"acr": "mfa", "auth_time": gateway.now()}));
        gateway.send(get("/mcp/a").bearer(&strong)).allowed();
        gateway.send(get("/mcp/a").bearer(&issue(&idp, json!({})))).denied_with(401).has_code("insufficient_user_authentication");
        gateway.send(get("/mcp/a").bearer("invented")).denied_with(401).has_code("token_inactive");
        let asked = idp.received(Endpoint::Introspection);
        assert_eq!(asked[0].header("accept"), ["application/token-introspection+jwt"]);
    }

    /// REV-05
    fn keys_of_answers_are_fetched_and_looked_for_again_when_they_were_rotated(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let remote = json!({"remote": {"cluster": "idp", "uri": idp.jwks_uri(), "cooldown_seconds": 1}});
        let gateway = serve(runner, &idp, signed(remote));
        gateway.send(get("/mcp/b").bearer(&issue(&idp, json!({})))).allowed();
        idp.rotate();
        gateway.pass(Duration::from_millis(1300));
        let outcomes = gateway.send_all((0..6).map(|_| get("/mcp/b").bearer(&issue(&idp, json!({})))).collect());
        for outcome in outcomes {
            outcome.allowed();
        }
        assert_eq!(questions(&idp), 7, "no question is put twice because of the keys");
        idp.fail(Endpoint::Jwks, fourleg_lab::identity_provider::Fault::Status(500));
        idp.rotate();
        gateway.pass(Duration::from_millis(1300));
        gateway.send(get("/mcp/b").bearer(&issue(&idp, json!({})))).denied_with(503).has_code("introspection_unavailable");
    }

    /// REV-05
    fn an_answer_that_is_not_signed_for_us_is_none(runner) {
        let says = Arc::new(Mutex::new(String::new()));
        let server = {
            let says = Arc::clone(&says);
            move |_: &Request| Reply::from(Response::text(200, says.lock().unwrap().clone()))
        };
        let mut changes = signed(json!({"inline": jwks([key(Algorithm::Rs256), key(Algorithm::Es256)])}));
        changes["cache"] = json!({"max_entries": 0});
        let gateway = runner.start(gateway(source(changes)).cluster("idp", server)).unwrap();
        let now = gateway.now();
        let with = |name: &str, value: Value| {
            let mut claims = claims(now);
            claims[name] = value;
            jwt(claims)
        };
        let send = |answer: String| {
            *says.lock().unwrap() = answer;
            gateway.send(get("/mcp/a").bearer("opaque"))
        };
        send(jwt(claims(now)).sign()).allowed();
        send(jwt(claims(now)).sign_with(key(Algorithm::Es256))).allowed();
        for answer in [
            claims(now)["token_introspection"].to_string(),
            jwt(claims(now)).unsigned(),
            jwt(claims(now)).sign_with(stranger(Algorithm::Rs256)),
            jwt(claims(now)).kid("k9").sign(),
            jwt(claims(now)).typ("at+jwt").sign(),
            jwt(claims(now)).without_header("typ").sign(),
            with("aud", json!("tools:2")).sign(),
            with("iss", json!("https://other.example")).sign(),
            with("iat", json!(now - 1000)).sign(),
            with("iat", json!(now + 1000)).sign(),
            with("token_introspection", json!(true)).sign(),
            with("token_introspection", json!({"active": "true"})).sign(),
            // Claims beside the member are about the answer, not about the token.
            with("token_introspection", json!({})).claim("active", true).sign(),
        ] {
            let outcome = send(answer.clone());
            assert_eq!(outcome.response.status, 503, "{answer}: {}", outcome.picture());
            outcome.has_code("introspection_unavailable").never_reached_upstream();
        }
        send(with("token_introspection", json!({"active": false})).claim("active", true).sign()).denied_with(401).has_code("token_inactive");
        // The answer itself opens nothing.
        gateway.send(get("/mcp/b").bearer(&jwt(claims(now)).sign())).denied_with(401).has_code("type_not_allowed");
    }

    /// REV-05
    fn without_keys_nothing_is_believed(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let there = asking(&idp);
        let server = move |request: &Request| {
            if request.method == "GET" { Response::text(500, "no keys").into() } else { there(request) }
        };
        let remote = json!({"remote": {"cluster": "idp", "uri": idp.jwks_uri()}});
        let gateway = runner.start(gateway(source(signed(remote))).cluster("idp", server)).unwrap();
        idp.set_clock(gateway.now());
        let outcome = gateway.send(get("/mcp/b").bearer(&issue(&idp, json!({}))));
        outcome.denied_with(503).has_code("introspection_unavailable");
        assert!(!outcome.header("retry-after").is_empty());
    }
}
