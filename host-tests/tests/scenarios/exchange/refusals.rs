//! What the server refuses, and what the client is told.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fourleg_harness::{Response, get};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{Provider, forwarded, of_user, provider::error, serve, set, to_b, to_b_with};
use crate::fixture::R;

scenarios! {
    /// TEX-12, TEX-13
    fn each_refusal_has_its_answer_and_none_of_the_servers_words(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b());
        for (code, status, ours) in [
            ("invalid_request", 401, "subject_token_refused"), ("invalid_grant", 401, "subject_token_refused"),
            ("invalid_target", 403, "exchange_denied"), ("invalid_scope", 403, "exchange_denied"),
            ("unauthorized_client", 403, "exchange_denied"), ("access_denied", 403, "exchange_denied"),
            ("invalid_client", 502, "exchange_client_refused"), ("server_error", 502, "exchange_failed"), ("never_heard_of", 502, "exchange_failed"),
        ] {
            for server_status in [400, 401, 403] {
                provider.says(Response { status: server_status, ..error(code) });
                let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
                outcome.denied_with(status).has_code(ours);
                let seen = outcome.picture();
                assert!(!seen.contains("of the server") && !seen.contains("evil.example"), "{seen}");
                if status == 401 {
                    outcome.challenge().param("error", "invalid_token").param("realm", R);
                } else {
                    outcome.no_header("www-authenticate");
                }
            }
        }
    }

    /// TEX-12
    fn the_same_token_refused_again_for_the_same_target_is_final(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b_with("/cache", json!({"negative_ttl_seconds": 1})));
        provider.says(error("invalid_grant"));
        let token = of_user(&*gateway, "alice").sign();
        // All that asked at once are told the same.
        for outcome in gateway.send_all(vec![get("/mcp").bearer(&token); 5]) {
            outcome.never_reached_upstream();
            assert!([401, 403].contains(&outcome.response.status));
        }
        let asked = provider.count();
        for _ in 0..3 {
            gateway.send(get("/mcp").bearer(&token)).denied_with(403).has_code("subject_token_refused_again");
        }
        assert_eq!(provider.count(), asked, "a refusal is remembered for a moment");
        gateway.pass(std::time::Duration::from_millis(1500));
        gateway.send(get("/mcp").bearer(&token)).denied_with(403).has_code("subject_token_refused_again");
        assert_eq!(provider.count(), asked + 1, "then it is asked again");
        // Another token of the same user starts anew, and what was refused may be accepted later.
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).denied_with(401).has_code("subject_token_refused");
        provider.is_good();
        gateway.pass(std::time::Duration::from_millis(1500));
        gateway.send(get("/mcp").bearer(&token)).allowed();
    }

    /// TEX-16
    fn a_token_that_names_somebody_else_who_may_act_is_not_exchanged(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b_with("/authorization_servers/0/may_act", json!({"sub": "gateway"})));
        let with = |may_act| get("/mcp").bearer(&of_user(&*gateway, "alice").claim("may_act", may_act).sign());
        for may_act in [json!({"sub": "other"}), json!({"sub": "gateway", "iss": "https://evil.example"}), json!("gateway"), json!({})] {
            gateway.send(with(may_act)).denied_with(403).has_code("actor_not_permitted");
        }
        assert_eq!(provider.count(), 0);
        gateway.send(with(json!({"sub": "gateway"}))).allowed();
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
        // Without enforcement it is the server's business.
        let gateway = serve(runner, &provider, to_b());
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").claim("may_act", json!({"sub": "other"})).sign())).allowed();
    }

    /// TEX-19: no proof of the client's key can be passed on.
    fn a_bound_token_is_refused_before_any_server_is_asked(runner) {
        let provider = Provider::default();
        for profile in ["rfc8693", "keycloak"] {
            let gateway = serve(runner, &provider, to_b_with("/authorization_servers/0/profile", json!(profile)));
            let token = of_user(&*gateway, "alice").claim("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})).sign();
            gateway.send(get("/mcp").bearer(&token)).denied_with(401).has_code("binding_unchecked");
        }
        assert_eq!(provider.count(), 0);
    }

    /// TEX-21
    fn an_interaction_that_entra_requires_becomes_the_clients_challenge_and_is_never_kept(runner) {
        let provider = Provider::default();
        let server = json!({
            "name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/t1/token", "issuer": crate::fixture::I, "profile": "entra_obo",
        });
        let ours = set(set(to_b(), "/authorization_servers/0", server), "/targets/0/scope", json!(["api://b/.default"]));
        let gateway = serve(runner, &provider, ours);
        let claims = r#"{"access_token":{"polids":{"essential":true,"values":["9ab03e19-ed42-4168-b6b7-7001fb3e933a"]}}}"#;
        let token = of_user(&*gateway, "alice").sign();
        for (number, code) in ["interaction_required", "invalid_grant"].into_iter().enumerate() {
            let body = json!({"error": code, "error_description": "AADSTS50079: words", "suberror": "basic_action", "claims": claims});
            provider.says(Response::json(400, &body));
            let outcome = gateway.send(get("/mcp").bearer(&token));
            outcome.denied_with(401).has_code("insufficient_claims");
            let challenge = outcome.challenge();
            challenge.param("error", "insufficient_claims");
            assert_eq!(STANDARD.decode(challenge.get("claims").unwrap()).unwrap(), claims.as_bytes());
            assert!(!outcome.picture().contains("AADSTS"));
            assert_eq!(provider.count(), number + 1);
        }
        provider.says(Response::json(400, &json!({"error": "interaction_required", "claims": "no json"})));
        // A challenge with nothing to ask for would send the user round in vain.
        gateway.send(get("/mcp").bearer(&token)).denied_with(403).has_code("exchange_denied").no_header("www-authenticate");
    }

    /// TEX-12: one user's bad token says nothing about the server.
    fn refusals_do_not_cut_off_the_others(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b_with("/authorization_servers/0/breaker", json!({"failures": 2, "open_seconds": 60})));
        provider.does(|asked| {
            if asked.subject()["sub"] == "mallory" {
                return error("invalid_grant");
            }
            Response::json(200, &super::provider::issued(&asked.wanted().sign()))
        });
        for _ in 0..10 {
            gateway.send(get("/mcp").bearer(&of_user(&*gateway, "mallory").sign())).denied_with(401);
        }
        assert_eq!(forwarded(&gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())))["sub"], "alice");
    }
}
