//! RFC 9470, parameter by parameter, and `insufficient_scope`.

use fourleg_harness::{Outcome, Runner, Running, get, post};
use fourleg_lab::mint::{Algorithm, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{METADATA, rule, serve, token, with, with_rules};
use crate::fixture::{R, good};

fn gateway(runner: &dyn Runner) -> Box<dyn Running> {
    let mut config = with_rules(json!([
        rule("/mcp/mfa", json!({"acr_values": ["phr", "mfa"]})),
        rule("/mcp/fresh", json!({"max_age_seconds": 300})),
        rule("/mcp/now", json!({"max_age_seconds": 0})),
        rule(
            "/mcp/all",
            json!({"acr_values": ["mfa"], "max_age_seconds": 60, "scopes": ["tools:read", "tools:delete"]})
        ),
        rule("/mcp/level", json!({"acr_values": ["2"]})),
        rule("/mcp/methods", json!({"amr": ["pwd", "otp"], "acr_values": ["mfa"]})),
        rule("/mcp/scopes", json!({"scopes": ["tools:read", "tools:delete"]})),
    ]));
    config["acr_levels"] = json!({"3": ["2"]});
    config["scope_hierarchy"] = json!({"tools:admin": ["tools:delete"]});
    config["clock_skew_seconds"] = json!(5);
    // One user comes with many tokens.
    config["loop_guard"] = json!({"attempts": 100});
    serve(runner, config)
}

fn send(gateway: &dyn Running, path: &str, claims: Value) -> Outcome {
    gateway.send(with(post(path).body("x"), gateway, claims))
}

/// What the good token holds.
const HELD: (&str, &str) = ("scope", "tools:read");

/// 401 of RFC 9470 with exactly these parameters besides error, description, realm and metadata.
#[track_caller]
fn asks_for(outcome: &Outcome, expected: &[(&str, &str)]) {
    let challenge = outcome.denied_with(401).challenge();
    challenge.scheme("Bearer").param("error", "insufficient_user_authentication").param("realm", R);
    challenge.param("resource_metadata", METADATA).no_param("claims");
    for name in ["acr_values", "max_age", "scope"] {
        let value = expected.iter().find(|(expected, _)| *expected == name).map(|(_, value)| *value);
        assert_eq!(challenge.get(name), value, "{name}\n{}", outcome.picture());
    }
    let body = outcome.body_json();
    assert_eq!(body["error"], "insufficient_user_authentication");
    assert!(body["error_description"].is_string() && outcome.header("content-type") == "application/json");
    assert_eq!(outcome.header("cache-control"), "no-store");
}

scenarios! {
    /// STP-01, STP-02, STP-06, STP-12
    fn a_weaker_authentication_is_asked_for_one_of_the_values(runner) {
        let gateway = gateway(runner);
        for claims in [json!({"acr": "pwd"}), json!({}), json!({"acr": "PHR"}), json!({"acr": ["mfa"]}), json!({"acr": "phr mfa"})] {
            let outcome = send(&*gateway, "/mcp/mfa", claims);
            asks_for(&outcome, &[("acr_values", "phr mfa"), HELD]);
            assert!(outcome.header("www-authenticate").contains("acr_values=\"phr mfa\""));
        }
        for acr in ["phr", "mfa"] {
            send(&*gateway, "/mcp/mfa", json!({"acr": acr})).allowed();
        }
        // What no rule is about passes as it came.
        let request = send(&*gateway, "/mcp/other", json!({})).allowed().clone();
        assert_eq!(request.whole_body(), b"x");
    }

    /// STP-03, STP-05, STP-06, STP-08
    fn an_old_authentication_is_asked_to_be_renewed(runner) {
        let gateway = gateway(runner);
        let now = gateway.now();
        for auth_time in [json!(now), json!(now - 290), json!(now as f64 - 290.5), json!(now + 3)] {
            send(&*gateway, "/mcp/fresh", json!({"auth_time": auth_time})).allowed();
        }
        for auth_time in [json!(now - 400), json!(now + 3600), json!(now.to_string()), json!(null), json!([now]), json!(now as f64 - 400.5)] {
            asks_for(&send(&*gateway, "/mcp/fresh", json!({"auth_time": auth_time})), &[("max_age", "300"), HELD]);
        }
        asks_for(&send(&*gateway, "/mcp/fresh", json!({})), &[("max_age", "300"), HELD]);
        // A refreshed token is new, and the user is not there any sooner.
        asks_for(&send(&*gateway, "/mcp/fresh", json!({"auth_time": now - 3600, "iat": now})), &[("max_age", "300"), HELD]);
        let outcome = send(&*gateway, "/mcp/now", json!({"auth_time": now - 60}));
        asks_for(&outcome, &[("max_age", "0"), HELD]);
        assert!(outcome.header("www-authenticate").contains("max_age=\"0\""));
    }

    /// STP-04
    fn all_that_a_rule_needs_rides_in_one_challenge_whatever_of_it_is_lacking(runner) {
        let gateway = gateway(runner);
        let now = gateway.now();
        let all = [("acr_values", "mfa"), ("max_age", "60"), ("scope", "tools:read tools:delete")];
        let scopes = "tools:read tools:delete";
        for lacking in [
            json!({"acr": "pwd", "auth_time": now - 3600}),
            json!({"acr": "mfa", "auth_time": now - 3600}),
            json!({"acr": "pwd", "auth_time": now, "scope": scopes}),
            json!({"acr": "mfa", "auth_time": now - 3600, "scope": scopes}),
        ] {
            asks_for(&send(&*gateway, "/mcp/all", lacking), &all);
        }
        let and_more = [all[0], all[1], ("scope", "tools:read tools:delete openid x")];
        let scope = "x tools:read offline_access openid";
        asks_for(&send(&*gateway, "/mcp/all", json!({"acr": "pwd", "scope": scope})), &and_more);
        send(&*gateway, "/mcp/all", json!({"acr": "mfa", "auth_time": now, "scope": scopes})).allowed();
    }

    /// STP-07
    fn there_is_no_order_among_acr_values_but_the_configured_one(runner) {
        let gateway = gateway(runner);
        for acr in ["1", "4", "20", "2 "] {
            asks_for(&send(&*gateway, "/mcp/level", json!({"acr": acr})), &[("acr_values", "2"), HELD]);
        }
        send(&*gateway, "/mcp/level", json!({"acr": "2"})).allowed();
        send(&*gateway, "/mcp/level", json!({"acr": "3"})).allowed();
    }

    fn every_method_is_needed(runner) {
        let gateway = gateway(runner);
        send(&*gateway, "/mcp/methods", json!({"acr": "mfa", "amr": ["otp", "pwd"]})).allowed();
        for amr in [json!(["pwd"]), json!("pwd otp"), json!([])] {
            asks_for(&send(&*gateway, "/mcp/methods", json!({"acr": "mfa", "amr": amr})), &[("acr_values", "mfa"), HELD]);
        }
    }

    /// COR-12, COR-13, STP-12, X1
    fn missing_scope_alone_is_told_with_all_that_the_operation_needs(runner) {
        let gateway = gateway(runner);
        for (path, acr_values, max_age) in [("/mcp/scopes", None, None), ("/mcp/all", Some("mfa"), Some("60"))] {
            let strong = json!({"acr": "mfa", "auth_time": gateway.now()});
            let outcome = send(&*gateway, path, strong);
            let challenge = outcome.denied_with(403).challenge();
            challenge.param("error", "insufficient_scope").param("scope", "tools:read tools:delete").param("resource_metadata", METADATA);
            assert_eq!((challenge.get("acr_values"), challenge.get("max_age")), (acr_values, max_age));
            assert_eq!(outcome.body_json()["error"], "insufficient_scope");
        }
        send(&*gateway, "/mcp/scopes", json!({"scope": "tools:read tools:delete"})).allowed();
        send(&*gateway, "/mcp/scopes", json!({"scope": "tools:read tools:admin"})).allowed();
        send(&*gateway, "/mcp/scopes", json!({"scope": "tools:read TOOLS:DELETE"})).denied_with(403);
    }

    /// STP-10, COR-17
    fn who_has_no_valid_token_is_told_nothing_of_the_authentication_that_it_would_need(runner) {
        let gateway = gateway(runner);
        let now = gateway.now();
        for token in [
            good(&*gateway).sign_with(stranger(Algorithm::Rs256)), good(&*gateway).audience("https://other.example").sign(),
            good(&*gateway).expires_at(now - 1000).sign(), good(&*gateway).unsigned(),
            token(&*gateway, json!({"acr": "mfa", "cnf": {"jkt": "x"}})).sign(),
        ] {
            let outcome = gateway.send(post("/mcp/all").bearer(&token));
            let challenge = outcome.denied_with(401).challenge();
            challenge.param("error", "invalid_token").param("scope", "tools:read");
            for name in ["acr_values", "max_age", "claims"] {
                challenge.no_param(name);
            }
        }
        gateway.send(get("/mcp/all")).denied_with(401).challenge().no_param("error").no_param("acr_values");
    }

    fn a_client_that_follows_no_403_can_be_told_with_401(runner) {
        let mut config = with_rules(json!([rule("/mcp/scopes", json!({"scopes": ["a", "b"]}))]));
        config["insufficient_scope_status"] = json!(401);
        let gateway = serve(runner, config);
        let outcome = send(&*gateway, "/mcp/scopes", json!({}));
        outcome.denied_with(401).challenge().param("error", "insufficient_scope").param("scope", "a b tools:read");
    }
}
