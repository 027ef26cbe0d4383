//! Microsoft Entra's claims challenge, alone and beside that of RFC 9470.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fourleg_harness::{Outcome, Runner, Running, get};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{METADATA, rule, serve, with, with_rules};

const AUTHORIZE: &str = "https://login.example/common/oauth2/v2.0/authorize";

fn gateway(runner: &dyn Runner, style: &str) -> Box<dyn Running> {
    let mut config = with_rules(json!([
        rule("/mcp/c1", json!({"auth_context": "c1"})),
        rule("/mcp/c99", json!({"auth_context": "c99"})),
        rule(
            "/mcp/two",
            json!({"auth_context": "c1", "acr_values": ["mfa"], "max_age_seconds": 60, "scopes": ["a", "b"]})
        ),
    ]));
    config["style"] = json!(style);
    config["authorization_uri"] = json!(AUTHORIZE);
    // One user comes with many tokens.
    config["loop_guard"] = json!({"attempts": 100});
    serve(runner, config)
}

fn send(gateway: &dyn Running, path: &str, claims: Value) -> Outcome {
    gateway.send(with(get(path), gateway, claims))
}

fn asked(claims: &str) -> String {
    let text = String::from_utf8(STANDARD.decode(claims).unwrap()).unwrap();
    assert!(!claims.contains(['-', '_']) && claims.len().is_multiple_of(4), "{claims}");
    text
}

scenarios! {
    /// STP-13, STP-14, X3
    fn a_client_that_understands_it_gets_everything_in_one_claims_challenge(runner) {
        let gateway = gateway(runner, "entra");
        for (path, id) in [("/mcp/c1", "c1"), ("/mcp/c99", "c99")] {
            let outcome = send(&*gateway, path, json!({"xms_cc": ["cp1"]}));
            outcome.denied_with(401);
            assert_eq!(outcome.challenges().len(), 1);
            let challenge = outcome.challenge();
            challenge.scheme("Bearer").param("error", "insufficient_claims").param("authorization_uri", AUTHORIZE);
            challenge.param("resource_metadata", METADATA).param("scope", "tools:read");
            for name in ["acr_values", "max_age", "realm", "required_claims"] {
                challenge.no_param(name);
            }
            let claims = asked(challenge.get("claims").unwrap());
            assert_eq!(claims, format!(r#"{{"access_token":{{"acrs":{{"essential":true,"value":"{id}"}}}}}}"#));
            assert!(!outcome.picture().contains("required_claims"));
            assert_eq!(outcome.body_json()["error"], "insufficient_claims");
        }
    }

    /// STP-15
    fn only_a_client_that_declared_it_is_sent_a_claims_challenge(runner) {
        let gateway = gateway(runner, "entra");
        for capability in [json!("cp1"), json!("CP1"), json!(["foo", "cp1"]), json!(["Cp1"])] {
            send(&*gateway, "/mcp/c1", json!({"xms_cc": capability})).denied_with(401).challenge().has_param("claims");
        }
        for claims in [json!({}), json!({"xms_cc": "cp2"}), json!({"xms_cc": []}), json!({"xms_cc": {"cp1": true}})] {
            let outcome = send(&*gateway, "/mcp/c1", claims);
            outcome.denied_with(403).has_code("step_up_impossible").no_header("www-authenticate");
        }
    }

    /// STP-16
    fn an_auth_context_is_a_member_of_an_array(runner) {
        let gateway = gateway(runner, "entra");
        send(&*gateway, "/mcp/c1", json!({"acrs": ["c2", "c1"]})).allowed();
        send(&*gateway, "/mcp/c99", json!({"acrs": ["c99"]})).allowed();
        for acrs in [json!(["c2"]), json!("c1"), json!(["C1"]), json!([["c1"]]), json!([])] {
            send(&*gateway, "/mcp/c1", json!({"acrs": acrs, "xms_cc": "cp1"})).denied_with(401).has_code("insufficient_claims");
        }
    }

    /// STP-13
    fn both_styles_are_two_challenges_whose_parameters_are_never_mixed(runner) {
        let gateway = gateway(runner, "both");
        let outcome = send(&*gateway, "/mcp/two", json!({"xms_cc": ["cp1"]}));
        outcome.denied_with(401);
        let [entra, rfc9470] = outcome.challenges().try_into().unwrap_or_else(|_| panic!("two: {}", outcome.picture()));
        rfc9470.param("error", "insufficient_user_authentication").param("acr_values", "mfa").param("max_age", "60");
        rfc9470.param("scope", "a b tools:read").no_param("claims").no_param("authorization_uri");
        entra.param("error", "insufficient_claims").has_param("claims").param("authorization_uri", AUTHORIZE);
        entra.no_param("acr_values").no_param("max_age");
        // Who understands one of them gets that one, and each says only what it can.
        let outcome = send(&*gateway, "/mcp/two", json!({}));
        assert_eq!(outcome.denied_with(401).challenges().len(), 1);
        let met = json!({"acr": "mfa", "auth_time": gateway.now(), "xms_cc": "cp1"});
        send(&*gateway, "/mcp/two", met).denied_with(401).challenge().param("error", "insufficient_claims").param("scope", "a b tools:read");
        send(&*gateway, "/mcp/c1", json!({})).denied_with(403).has_code("step_up_impossible");
    }
}
