//! What is said of a token decides as if the token said it.

use std::sync::Arc;

use fourleg_harness::get;
use fourleg_lab::identity_provider::{Client, Endpoint, IdentityProvider, TokenForm};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{ISSUER, SECRET, identity_provider, issue, questions, serve, source, token};
use crate::fixture::R;

const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

scenarios! {
    /// STP-09, REV-01, TEX-24
    fn acr_and_auth_time_of_the_answer_decide_for_opaque_tokens_and_for_jwts(runner) {
        for form in [TokenForm::Opaque, TokenForm::Jwt, TokenForm::jwt_without(["acr", "auth_time"])] {
            let idp = identity_provider(form);
            let gateway = serve(runner, &idp, json!({}));
            let now = gateway.now();
            let strong = issue(&idp, json!({"acr": "mfa", "auth_time": now}));
            assert_eq!(gateway.send(get("/mcp/a").bearer(&strong)).allowed().header_text("authorization"), Some(format!("Bearer {strong}")));
            for (claims, asked_for) in [
                (json!({"acr": "pwd", "auth_time": now}), ["acr_values", "mfa"]),
                (json!({"acr": "mfa", "auth_time": now - 120}), ["max_age", "60"]),
                (json!({"acr": "mfa"}), ["max_age", "60"]),
                (json!({"auth_time": now}), ["acr_values", "mfa"]),
            ] {
                let weak = issue(&idp, claims);
                let outcome = gateway.send(get("/mcp/a").bearer(&weak));
                let challenge = outcome.denied_with(401).has_code("insufficient_user_authentication").challenge();
                challenge.param(asked_for[0], asked_for[1]).param("realm", R).param("resource_metadata", METADATA);
                gateway.send(get("/mcp/b").bearer(&weak)).allowed();
            }
            let asked = idp.received(Endpoint::Introspection);
            assert_eq!((asked[0].parameter("token"), asked[0].parameter("token_type_hint")), (vec![strong], vec!["access_token".to_owned()]));
            assert!(asked[0].header("authorization")[0].starts_with("Basic "));
            assert_eq!(asked.len(), 5, "once for each token");
        }
    }

    /// REV-01
    fn a_client_may_show_its_secret_in_the_form(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let auth = json!({"method": "client_secret_post", "client_id": "tools:1", "client_secret": SECRET});
        let gateway = serve(runner, &idp, json!({"client_auth": auth}));
        gateway.send(get("/mcp/b").bearer(&issue(&idp, json!({})))).allowed();
        let asked = idp.received(Endpoint::Introspection);
        assert_eq!((asked[0].parameter("client_secret"), asked[0].header("authorization")), (vec![SECRET.to_owned()], vec![]));
    }

    /// REV-02, REV-03, COR-17
    fn a_token_that_is_not_active_or_not_for_here_is_a_401_and_of_the_rules_the_scopes_alone_are_told(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let gateway = serve(runner, &idp, json!({}));
        let now = gateway.now();
        let revoked = issue(&idp, json!({"acr": "mfa", "auth_time": now}));
        idp.revoke(&revoked);
        for (token, code) in [
            ("never-issued".to_owned(), "token_inactive"),
            (revoked, "token_inactive"),
            (issue(&idp, json!({"exp": now - 100})), "token_inactive"),
            (issue(&idp, json!({"aud": "https://mcp.example.com/other"})), "audience_mismatch"),
            (issue(&idp, json!({"cnf": {"jkt": "x"}})), "binding_unchecked"),
            (issue(&idp, json!({"iss": "https://other.example"})), "unknown_issuer"),
            (issue(&idp, json!({"iat": now + 1000})), "issued_in_future"),
            (issue(&idp, json!({"scope": ["a", 1]})), "claim_invalid"),
        ] {
            for (path, scope) in [("/mcp/a", None), ("/mcp/b", None), ("/mcp/s", Some("a b"))] {
                let outcome = gateway.send(get(path).bearer(&token));
                let challenge = outcome.denied_with(401).has_code(code).challenge();
                challenge.param("error", "invalid_token").param("resource_metadata", METADATA).no_param("acr_values");
                assert_eq!(challenge.get("scope"), scope);
            }
        }
        let other = issue(&idp, json!({"aud": "https://mcp.example.com/other"}));
        gateway.send(get("/other").bearer(&other)).allowed();
        gateway.send(get("/mcp/s").bearer(&issue(&idp, json!({"scope": "a"})))).denied_with(403).challenge().param("scope", "a b");
    }

    /// SMG-01, SMG-03, COR-02, COR-03, COR-10
    fn nobody_is_asked_about_what_is_no_credential(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let gateway = serve(runner, &idp, json!({}));
        let token = issue(&idp, json!({}));
        for (request, status, code) in [
            (get("/mcp/b"), 401, "credential_missing"),
            (get(format!("/mcp/b?access_token={token}")), 401, "credential_missing"),
            (get("/mcp/b").header("authorization", "Basic YTpi"), 401, "credential_missing"),
            (get("/mcp/b").bearer(&token).bearer(&token), 400, "duplicate_credential"),
            (get("/mcp/b").header("authorization", format!("Bearer {token},Bearer {token}")), 400, "duplicate_credential"),
            (get("/mcp/b").header("authorization", format!("Bearer {token} x")), 400, "credential_malformed"),
            (get("/mcp/b").bearer(&"x".repeat(17 * 1024)), 400, "credential_too_large"),
            (get("/elsewhere").bearer(&token), 403, "resource_unknown"),
        ] {
            gateway.send(request).denied_with(status).has_code(code);
        }
        assert_eq!(questions(&idp), 0);
    }

    /// REV-05: a token of somebody else is not shown to this server.
    fn a_jwt_of_another_issuer_or_kind_is_refused_unasked(runner) {
        let idp = identity_provider(TokenForm::Jwt);
        let gateway = serve(runner, &idp, json!({}));
        let foreign = token(&idp, json!({"iss": "https://other.example"})).sign();
        gateway.send(get("/mcp/b").bearer(&foreign)).denied_with(401).has_code("unknown_issuer");
        for typ in ["token-introspection+jwt", "logout+jwt", "dpop+jwt"] {
            let other = token(&idp, json!({})).typ(typ).sign();
            gateway.send(get("/mcp/b").bearer(&other)).denied_with(401).has_code("type_not_allowed");
        }
        assert_eq!(questions(&idp), 0);
    }

    fn rar_enforcement_takes_the_details_of_an_opaque_token(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let ours = json!({
            "token": source(json!({})),
            "types": {"payment": {"fields": {"amount": "ceiling"}}},
            "rules": [{"name": "pay", "match": {"path": {"template": "/mcp/{amount}"}}, "require": {"type": "payment", "amount": "{path.amount}"}}],
        });
        let chain = fourleg_harness::Gateway::chain([fourleg_harness::plugin("rar_enforcement", ours)]).canary(SECRET);
        let gateway = runner.start(chain.cluster("idp", super::asking(&idp))).unwrap();
        idp.set_clock(gateway.now());
        // RAR-12; more than a double can hold.
        let exact = issue(&idp, json!({"authorization_details": [{"type": "payment", "locations": [R], "amount": "9007199254740993"}]}));
        gateway.send(get("/mcp/9007199254740993").bearer(&exact)).allowed();
        gateway.send(get("/mcp/9007199254740994").bearer(&exact)).denied_with(401).has_code("insufficient_authorization");
        gateway.send(get("/mcp/1").bearer(&issue(&idp, json!({})))).denied_with(401).has_code("insufficient_authorization");
        assert_eq!(questions(&idp), 2);
    }

    /// TEX-14
    fn token_exchange_swaps_an_opaque_token_that_is_active_and_no_other(runner) {
        let next = "https://tool-b.example/mcp";
        let gateway_client = Client::confidential("tools:1", SECRET).serves([R]).may_exchange_for(next, ["b:read"]);
        let idp = Arc::new(IdentityProvider::builder().issuer(ISSUER).token_form(TokenForm::Opaque).register(gateway_client).start().unwrap());
        let auth = json!({"method": "client_secret_basic", "client_id": "tools:1", "client_secret": SECRET});
        let ours = json!({
            "token": source(json!({})),
            "authorization_servers": [{"name": "idp", "cluster": "idp", "token_endpoint": idp.token_endpoint(), "issuer": ISSUER, "client_auth": auth}],
            "targets": [{
                "name": "b", "match": {"path": {"prefix": "/mcp"}}, "authorization_server": "idp", "audience": [next], "scope": ["b:read"],
                "opaque_result": "allow",
            }],
        });
        let chain = fourleg_harness::Gateway::chain([fourleg_harness::plugin("token_exchange", ours)]).canary(SECRET);
        let gateway = runner.start(chain.cluster("idp", super::asking(&idp))).unwrap();
        idp.set_clock(gateway.now());
        let token = issue(&idp, json!({"scope": "b:read"}));
        let forwarded = gateway.send(get("/mcp/b").bearer(&token)).allowed().header_text("authorization").unwrap();
        assert!(forwarded.starts_with("Bearer ") && !forwarded.contains(&token), "another token");
        gateway.send(get("/mcp/b").bearer("invented")).denied_with(401).has_code("token_inactive");
        assert_eq!((questions(&idp), idp.requests_to(Endpoint::Token)), (2, 1));
    }
}
