//! Style `scope`: a stronger authentication is asked for as one more scope, which is what clients follow today.

use fourleg_harness::{Outcome, Runner, Running, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{METADATA, rule, serve, with, with_rules};
use crate::fixture::R;

fn gateway(runner: &dyn Runner, style: Value, clients: Option<Value>) -> Box<dyn Running> {
    let mut strong =
        rule("/mcp/strong", json!({"acr_values": ["mfa"], "max_age_seconds": 300, "scopes": ["tools:delete"]}));
    strong["step_up_scope"] = json!("step-up:mfa");
    let mut config = with_rules(json!([strong, rule("/mcp/silent", json!({"acr_values": ["mfa"]}))]));
    config["style"] = style;
    // One user comes with many tokens.
    config["loop_guard"] = json!({"attempts": 100});
    if let Some(clients) = clients {
        config["rfc9470_clients"] = clients;
    }
    serve(runner, config)
}

fn send(gateway: &dyn Running, path: &str, claims: Value) -> Outcome {
    gateway.send(with(post(path).body("x"), gateway, claims))
}

scenarios! {
    /// STP-17
    fn an_unmet_authentication_is_one_more_scope_to_ask_for(runner) {
        let gateway = gateway(runner, json!("scope"), None);
        let now = gateway.now();
        for lacking in [
            json!({"acr": "pwd", "auth_time": now, "scope": "tools:read tools:delete"}),
            json!({"acr": "mfa", "auth_time": now - 3600, "scope": "tools:read tools:delete"}),
            json!({"acr": "mfa", "auth_time": now}),
            // To hold the scope is not to have signed in.
            json!({"acr": "pwd", "auth_time": now, "scope": "tools:read step-up:mfa"}),
        ] {
            let outcome = send(&*gateway, "/mcp/strong", lacking);
            let challenge = outcome.denied_with(403).has_code("insufficient_scope").challenge();
            challenge.param("error", "insufficient_scope").param("scope", "tools:delete step-up:mfa tools:read");
            challenge.param("realm", R).param("resource_metadata", METADATA).no_param("acr_values").no_param("max_age");
            assert_eq!(outcome.body_json()["error"], "insufficient_scope");
        }
        send(&*gateway, "/mcp/strong", json!({"acr": "mfa", "auth_time": now, "scope": "tools:read tools:delete"})).allowed();
        // What no scope stands for is denied all the same.
        send(&*gateway, "/mcp/silent", json!({"acr": "pwd"})).denied_with(403).has_code("step_up_impossible").no_header("www-authenticate");
    }

    /// STP-17
    fn a_client_that_follows_rfc_9470_is_asked_so_and_all_others_by_scope(runner) {
        let gateway = gateway(runner, json!(["rfc9470", "scope"]), Some(json!(["agent-9470"])));
        let lacking = |client: &str| json!({"acr": "pwd", "client_id": client});
        let outcome = send(&*gateway, "/mcp/strong", lacking("agent-9470"));
        outcome.denied_with(401).challenge().param("error", "insufficient_user_authentication").param("acr_values", "mfa");
        for other in ["agent-1", "AGENT-9470", "agent-9470 "] {
            let outcome = send(&*gateway, "/mcp/strong", lacking(other));
            outcome.denied_with(403).challenge().param("error", "insufficient_scope").param("scope", "tools:delete step-up:mfa tools:read");
        }
    }
}
