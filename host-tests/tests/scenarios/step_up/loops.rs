//! Loops end: a client that comes back again and again without what a rule needs gets a final answer.

use std::time::Duration;

use fourleg_harness::{Outcome, Request, Running, get, plugin};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{claim_challenge, rule, serve, token, with_rules};
use crate::fixture::config;

fn statuses(gateway: &dyn Running, request: &Request, times: usize) -> Vec<u16> {
    (0..times).map(|_| gateway.send(request.clone()).response.status).collect()
}

fn is_final(outcome: &Outcome) {
    outcome.denied_with(403).has_code("challenge_repeated").no_header("www-authenticate");
    let text = outcome.body_json()["error_description"].as_str().unwrap_or_default().to_owned();
    assert!(text.contains("challenged several times"), "{text}");
}

scenarios! {
    fn after_three_challenges_for_the_same_the_answer_is_final_for_every_form(runner) {
        let mut rules = with_rules(json!([
            rule("/mcp/acr", json!({"acr_values": ["mfa"]})),
            rule("/mcp/age", json!({"max_age_seconds": 1})),
            rule("/mcp/scope", json!({"scopes": ["x"]})),
            rule("/mcp/acrs", json!({"auth_context": "c1"})),
        ]));
        rules["style"] = json!("both");
        rules["authorization_uri"] = json!("https://login.example/authorize");
        let gateway = serve(runner, rules);
        let one = token(&*gateway, json!({"acr": "pwd", "xms_cc": "cp1"})).sign();
        for (path, status) in [("/mcp/acr", 401), ("/mcp/age", 401), ("/mcp/scope", 403), ("/mcp/acrs", 401)] {
            let request = get(path).bearer(&one);
            assert_eq!(statuses(&*gateway, &request, 2), [status; 2], "{path}");
            assert_eq!(gateway.send(request.clone()).denied_with(status).challenges().len(), 1, "{path}");
            is_final(&gateway.send(request.clone()));
            is_final(&gateway.send(request));
        }
        // Another user is another matter, and so is another client.
        for (name, value) in [("sub", "mallory"), ("client_id", "agent-2")] {
            let another = token(&*gateway, json!({"acr": "pwd", name: value})).sign();
            gateway.send(get("/mcp/acr").bearer(&another)).denied_with(401);
        }
    }

    /// STP-18
    fn each_round_brings_a_new_token_and_the_loop_ends_all_the_same(runner) {
        let gateway = serve(runner, with_rules(json!([rule("/mcp/acr", json!({"acr_values": ["mfa"], "scopes": ["x"]}))])));
        let send = |round: usize| {
            let lacking = [json!({"acr": "mfa"}), json!({"scope": "x tools:read"})];
            let token = token(&*gateway, lacking[round % 2].clone()).claim("jti", format!("round-{round}"));
            gateway.send(get("/mcp/acr").bearer(&token.sign()))
        };
        let statuses: Vec<u16> = (0..3).map(|round| send(round).response.status).collect();
        assert_eq!(statuses, [403, 401, 403]);
        for round in 3..6 {
            is_final(&send(round));
        }
    }

    fn a_token_that_meets_the_rule_starts_the_count_anew(runner) {
        let gateway = serve(runner, with_rules(json!([rule("/mcp/acr", json!({"acr_values": ["mfa"]}))])));
        let request = |acr: &str| get("/mcp/acr").bearer(&token(&*gateway, json!({"acr": acr})).sign());
        for _ in 0..3 {
            assert_eq!(statuses(&*gateway, &request("pwd"), 2), [401; 2]);
            gateway.send(request("mfa")).allowed();
        }
        assert_eq!(statuses(&*gateway, &request("pwd"), 4), [401, 401, 401, 403]);
    }

    fn the_window_ends(runner) {
        let mut rules = with_rules(json!([rule("/mcp/acr", json!({"acr_values": ["mfa"]}))]));
        rules["loop_guard"] = json!({"attempts": 1, "window_seconds": 2});
        let gateway = runner.start(fourleg_harness::Gateway::chain([plugin("audience_validation", config()), claim_challenge(rules)])).unwrap();
        let request = get("/mcp/acr").bearer(&token(&*gateway, json!({})).sign());
        gateway.send(request.clone()).denied_with(401);
        is_final(&gateway.send(request.clone()));
        gateway.pass(Duration::from_secs(3));
        gateway.send(request).denied_with(401);
    }
}
