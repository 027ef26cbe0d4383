//! What a server issues that was not wanted.

use std::time::Duration;

use fourleg_harness::{Gateway, Response, get, plugin};
use fourleg_lab::mint::{Algorithm, Token, key, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{Provider, chain, credential, exchange, of_user, provider::issued, serve, set, to_b, to_b_with};
use crate::fixture::{I, config, public_keys};

type Change = fn(Token) -> Token;

scenarios! {
    /// TEX-05, TEX-06, TEX-07, TEX-13
    fn an_answer_that_is_none_sends_nothing_on(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b());
        let changes: [(&str, Value); 12] = [
            ("access_token", json!(null)), ("access_token", json!("")), ("access_token", json!("a b")), ("access_token", json!("a\r\nx: y")),
            ("token_type", json!(null)), ("token_type", json!("N_A")), ("token_type", json!("mac")), ("token_type", json!("DPoP")),
            ("issued_token_type", json!(null)), ("issued_token_type", json!("urn:ietf:params:oauth:token-type:id_token")),
            ("issued_token_type", json!("urn:ietf:params:oauth:token-type:refresh_token")), ("scope", json!(["b:read", 1])),
        ];
        for (name, value) in changes {
            for is_absent in [false, true] {
                let value = value.clone();
                provider.answers(move |answer| {
                    answer[name] = value.clone();
                    if is_absent {
                        answer.as_object_mut().unwrap().remove(name);
                    }
                });
                let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
                if is_absent && name == "scope" {
                    outcome.allowed();
                } else {
                    outcome.denied_with(502).has_code("exchange_failed");
                }
            }
        }
        for name in ["bearer", "BEARER"] {
            provider.answers(move |answer| answer["token_type"] = json!(name));
            gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
        }
    }

    /// TEX-07, TEX-13
    fn a_token_of_another_user_issuer_audience_or_scope_sends_nothing_on(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b());
        let changes: [Change; 13] = [
            |token| token.subject("mallory"), |token| token.without("sub"), |token| token.issuer("https://evil.example"),
            |token| token.audience("tool-c"), |token| token.audience(json!(["tool-b", "tool-c"])), |token| token.without("aud"),
            |token| token.scope("b:read b:write"), |token| token.expires_at(1), |token| token.claim("cnf", json!({"jkt": "x"})),
            |token| token.typ("dpop+jwt"),
            // TEX-29: not begun yet, or of a life that the subject token does not give.
            |token| token.claim("nbf", u32::MAX), |token| token.claim("iat", u32::MAX), |token| token.expires_at(u32::MAX.into()),
        ];
        for change in changes {
            provider.issues(change);
            let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
            outcome.denied_with(502).has_code("issued_token_unfit");
        }
    }

    /// TEX-09
    fn a_scope_too_few_is_denied_whoever_says_so(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b_with("/targets/0/scope", json!(["a", "b"])));
        let send = || gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
        provider.issues(|token| token.scope("a"));
        send().denied_with(403).has_code("issued_scope_too_narrow");
        provider.answers(|answer| answer["scope"] = json!("a"));
        send().denied_with(403).has_code("issued_scope_too_narrow");
        for nothing in ["", " "] {
            provider.issues(move |token| token.scope(nothing));
            send().denied_with(403).has_code("issued_scope_too_narrow");
        }
        provider.answers(|answer| answer["scope"] = json!("b a"));
        send().allowed();
        // JWT-27: as a list, in the answer and in the token.
        provider.does(|asked| {
            let mut answer = issued(&asked.wanted().claim("scope", json!(["a", "b"])).claim("nbf", json!(null)).claim("jti", json!(null)).sign());
            (answer["scope"], answer["refresh_token"]) = (json!(["b", "a"]), json!(null));
            Response::json(200, &answer)
        });
        send().allowed();
    }

    /// TEX-29
    fn a_token_that_outlives_the_users_passes_only_where_that_was_said(runner) {
        let provider = Provider::default();
        provider.issues(|token| token.expires_at(u32::MAX.into()));
        let gateway = serve(runner, &provider, to_b());
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).denied_with(502).has_code("issued_token_unfit");
        let gateway = serve(runner, &provider, to_b_with("/targets/0/accept", json!({"longer_lived": true})));
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
    }

    /// TEX-15
    fn the_actor_that_was_configured_is_the_outermost(runner) {
        let provider = Provider::default();
        let actors = json!({"required": true, "allowed": ["gateway"], "max_depth": 2});
        let gateway = serve(runner, &provider, to_b_with("/targets/0/actors", actors));
        let send = || gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
        provider.issues(|token| token.claim("act", json!({"sub": "gateway", "act": {"sub": "agent-1"}})));
        send().allowed();
        let changes: [(Change, &str); 3] = [
            (|token| token.claim("act", json!({"sub": "other", "act": {"sub": "gateway"}})), "actor_not_allowed"),
            (|token| token.without("act"), "actor_required"),
            (|token| token.claim("act", json!({"sub": "gateway", "act": {"sub": "a", "act": {"sub": "b"}}})), "actor_chain_too_deep"),
        ];
        for (change, code) in changes {
            provider.issues(change);
            send().denied_with(403).has_code(code);
        }
    }

    /// TEX-10
    fn a_refresh_token_is_neither_kept_nor_logged_nor_sent_on(runner) {
        let provider = Provider::default();
        provider.answers(|answer| answer["refresh_token"] = json!("the-refresh-token-of-alice"));
        let gateway = runner.start(chain(&provider, to_b()).workers(2).canary("the-refresh-token-of-alice")).unwrap();
        let token = of_user(&*gateway, "alice").sign();
        for outcome in gateway.send_all(vec![get("/mcp").bearer(&token); 10]) {
            let upstream = format!("{:?}", outcome.allowed());
            assert!(!upstream.contains("the-refresh-token"), "{upstream}");
        }
    }

    fn a_token_that_cannot_be_read_passes_only_where_that_was_allowed(runner) {
        let provider = Provider::default();
        provider.does(|_| Response::json(200, &issued("the-opaque-token-for-b")));
        let gateway = runner.start(chain(&provider, to_b()).canary("the-opaque-token-for-b")).unwrap();
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).denied_with(502).has_code("issued_token_unfit");
        let ours = to_b_with("/targets/0/opaque_result", json!("allow"));
        let gateway = runner.start(chain(&provider, ours).canary("the-opaque-token-for-b")).unwrap();
        let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
        assert_eq!(credential(&outcome), "the-opaque-token-for-b");
    }

    fn a_result_is_verified_with_its_issuers_keys_where_that_is_asked_for(runner) {
        let provider = Provider::default();
        let ours = to_b_with("/targets/0/verify_result", json!(true));
        let ours = set(ours, "/issuers", json!([{"issuer": I, "jwks": {"remote": {"cluster": "keys", "uri": "https://idp.example/keys"}}}]));
        let ours = set(ours, "/cache", json!({"negative_ttl_seconds": 1}));
        let first = set(config(), "/forward", json!({"authorization": "exchange"}));
        let gateway = Gateway::chain([plugin("audience_validation", first), exchange(ours)])
            .cluster("idp", provider.handler())
            .cluster("keys", |_: &fourleg_harness::Request| Response::json(200, &public_keys()));
        let gateway = runner.start(gateway).unwrap();
        let send = || gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
        let with = |key: &'static fourleg_lab::mint::SigningKey, header: Change| {
            provider.does(move |asked| Response::json(200, &issued(&header(asked.wanted()).sign_with(key))));
        };
        with(key(Algorithm::Es256), |token| token);
        send().allowed();
        with(stranger(Algorithm::Es256), |token| token);
        send().denied_with(502).has_code("issued_token_unfit");
        with(key(Algorithm::Es256), |token| token.subject("mallory"));
        send().denied_with(502).has_code("issued_token_unfit");
        with(stranger(Algorithm::Es256), |token| token.kid("k9"));
        send().denied_with(502).has_code("issued_token_unfit");
        // What cannot be verified is given up, and asked for again once the refusal is over.
        let token = of_user(&*gateway, "alice").sign();
        with(stranger(Algorithm::Es256), |token| token);
        let before = provider.count();
        for _ in 0..2 {
            gateway.send(get("/mcp").bearer(&token)).denied_with(502).has_code("issued_token_unfit");
        }
        assert_eq!(provider.count(), before + 1);
        with(key(Algorithm::Es256), |token| token);
        gateway.pass(Duration::from_millis(1100));
        gateway.send(get("/mcp").bearer(&token)).allowed();
        // The same token is as good for whoever brings it again.
        let token = of_user(&*gateway, "alice").sign();
        let before = provider.count();
        for _ in 0..3 {
            gateway.send(get("/mcp").bearer(&token)).allowed();
        }
        assert_eq!(provider.count(), before + 1);
    }
}
