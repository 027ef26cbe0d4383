//! The same verdicts behind `jwt_authn`, and with the token verified by claim-challenge itself.

use fourleg_harness::{Gateway, Request, Response, get, plugin, post};
use fourleg_lab::mint::{Algorithm, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{METADATA, claim_challenge, rule, token, with};
use crate::fixture::{I, R, good, of_jwt_authn, public_keys};

fn ours(token: Value) -> Value {
    json!({
        "token": token, "unmatched": "allow",
        "rules": [rule("/mcp/a", json!({"acr_values": ["mfa"]})), rule("/mcp/s", json!({"scopes": ["a", "b"]}))],
    })
}

fn verify(jwks: Value) -> Value {
    json!({
        "source": "verify",
        "issuers": [{"issuer": I, "jwks": jwks}],
        "resources": [
            {"resource": R, "match": {"path": {"prefix": "/mcp"}}},
            {"resource": "https://mcp.example.com/other", "match": {"path": {"prefix": "/other"}}},
        ],
    })
}

scenarios! {
    /// STP-01, STP-10, STP-12, COR-17
    fn a_token_is_verified_here_before_anything_is_required_of_it(runner) {
        let gateway = runner.start(Gateway::chain([claim_challenge(ours(verify(json!({"inline": public_keys()}))))])).unwrap();
        gateway.send(with(post("/mcp/a").body("x"), &*gateway, json!({"acr": "mfa"}))).allowed();
        gateway.send(with(get("/mcp/b"), &*gateway, json!({}))).allowed();
        let outcome = gateway.send(with(get("/mcp/a"), &*gateway, json!({"acr": "pwd"})));
        outcome.denied_with(401).challenge().param("acr_values", "mfa").param("realm", R).param("resource_metadata", METADATA);
        gateway.send(with(get("/mcp/s"), &*gateway, json!({}))).denied_with(403).challenge().param("scope", "a b tools:read");
        let now = gateway.now();
        for (token, code) in [
            (token(&*gateway, json!({"acr": "mfa"})).sign_with(stranger(Algorithm::Rs256)), "signature_invalid"),
            (token(&*gateway, json!({"acr": "mfa"})).audience("https://mcp.example.com/other").sign(), "audience_mismatch"),
            (token(&*gateway, json!({"acr": "mfa"})).expires_at(now - 1000).sign(), "token_expired"),
            (token(&*gateway, json!({"acr": "mfa"})).issuer("https://evil.example").sign(), "unknown_issuer"),
            (token(&*gateway, json!({"acr": "mfa", "cnf": {"jkt": "x"}})).sign(), "binding_unchecked"),
            (token(&*gateway, json!({"acr": "mfa"})).unsigned(), "algorithm_not_allowed"),
        ] {
            for path in ["/mcp/a", "/mcp/b"] {
                let outcome = gateway.send(get(path).bearer(&token));
                let challenge = outcome.denied_with(401).has_code(code).challenge();
                challenge.param("error", "invalid_token").param("resource_metadata", METADATA).no_param("acr_values");
            }
        }
        gateway.send(get("/mcp/a")).denied_with(401).has_code("credential_missing").challenge().no_param("error").no_param("acr_values");
        gateway.send(get("/mcp/b").bearer("a").bearer("b")).denied_with(400).has_code("duplicate_credential");
        gateway.send(with(get("/nowhere"), &*gateway, json!({"acr": "mfa"}))).denied_with(403).has_code("resource_unknown");
        gateway.send(with(get("/other"), &*gateway, json!({}))).denied_with(401).has_code("audience_mismatch");
    }

    /// JWT-28
    fn keys_are_fetched_for_tokens_that_are_verified_here(runner) {
        let remote = json!({"remote": {"cluster": "idp", "uri": "https://as.example.com/t1/jwks"}});
        let chain = |remote: Value| Gateway::chain([claim_challenge(ours(verify(remote)))]);
        let gateway = runner.start(chain(remote.clone()).cluster("idp", |_: &Request| Response::json(200, &public_keys()))).unwrap();
        gateway.send(with(post("/mcp/a").body("x"), &*gateway, json!({"acr": "mfa"}))).allowed();
        gateway.send(with(get("/mcp/a"), &*gateway, json!({}))).denied_with(401).challenge().param("acr_values", "mfa");
        let gateway = runner.start(chain(remote).cluster("idp", |_: &Request| Response::text(500, "no"))).unwrap();
        for path in ["/mcp/a", "/mcp/b"] {
            let outcome = gateway.send(with(get(path), &*gateway, json!({"acr": "mfa"})));
            outcome.denied_with(503).has_code("keys_unavailable");
            assert!(!outcome.header("retry-after").is_empty());
        }
    }

    /// The metadata is set by hand here; with the native filter see `alone_on_envoy`.
    fn behind_jwt_authn_the_same_is_required(runner) {
        let source = of_jwt_authn();
        let metadata = json!({"payload": {"iss": I}});
        let chain = Gateway::chain([claim_challenge(ours(source))]).filter_metadata("envoy.filters.http.jwt_authn", metadata);
        let gateway = runner.start(chain).unwrap();
        let send = |path: &str, claims: Value| {
            let token = token(&*gateway, claims).sign();
            gateway.send(get(path).bearer(&token).header("x-payload", token.split('.').nth(1).unwrap()))
        };
        send("/mcp/a", json!({"acr": "mfa"})).allowed();
        send("/mcp/b", json!({})).allowed();
        send("/mcp/a", json!({})).denied_with(401).challenge().param("acr_values", "mfa").param("resource_metadata", METADATA);
        send("/mcp/s", json!({})).denied_with(403).challenge().param("scope", "a b tools:read");
        // What jwt_authn says is of another token, or of none.
        let weak = good(&*gateway).sign();
        let strong = token(&*gateway, json!({"acr": "mfa"})).sign();
        let payload = strong.split('.').nth(1).unwrap();
        gateway.send(get("/mcp/a").bearer(&weak).header("x-payload", payload)).denied_with(503).has_code("credential_changed");
        gateway.send(get("/mcp/a").bearer(&weak)).denied_with(503).has_code("token_not_handed_over");
        gateway.send(get("/mcp/b")).denied_with(503).has_code("token_not_handed_over");
    }

    fn a_credential_that_was_taken_out_is_challenged_all_the_same(runner) {
        let mut config = crate::fixture::config();
        config["forward"] = json!({"authorization": "exchange"});
        let chain = [plugin("audience_validation", config), claim_challenge(ours(json!({"source": "verified"})))];
        let gateway = runner.start(Gateway::chain(chain)).unwrap();
        gateway.send(with(get("/mcp/a"), &*gateway, json!({"acr": "mfa"}))).allowed();
        gateway.send(with(get("/mcp/a"), &*gateway, json!({}))).denied_with(401).challenge().param("acr_values", "mfa");
    }
}

/// The native filter, which only a real Envoy has.
mod alone_on_envoy {
    use fourleg_lab::{echo_upstream::EchoUpstream, mint::Mint, unix_now, wire::find};

    use super::*;
    use crate::fixture::{behind_jwt_authn, send};

    #[test]
    fn behind_the_native_jwt_authn_a_weak_token_is_challenged_and_a_strong_one_passes() {
        let upstream = EchoUpstream::start().unwrap();
        let envoy = behind_jwt_authn("claim_challenge", &ours(of_jwt_authn()), upstream.address());
        let send = |path: &str, acr: &str| {
            let token = Mint::new(I, R).at(unix_now()).access_token().claim("acr", acr).sign();
            send(&envoy, get(path).bearer(&token))
        };
        assert_eq!(send("/mcp/a", "mfa").status, 200);
        assert_eq!(send("/mcp/b", "pwd").status, 200);
        let denied = send("/mcp/a", "pwd");
        let challenge =
            String::from_utf8_lossy(find(&denied.headers, "www-authenticate").unwrap_or_default()).into_owned();
        assert_eq!(denied.status, 401, "{challenge}");
        assert!(challenge.contains("acr_values=\"mfa\"") && challenge.contains(METADATA), "{challenge}");
        assert_eq!(upstream.received().len(), 2);
    }
}
