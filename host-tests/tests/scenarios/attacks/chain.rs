//! Several filters in one chain: none opens what another closes, and nothing that is missing counts as done.

use fourleg_harness::{Gateway, Plugin, Request, plugin, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::BOTH;
use crate::fixture::{config, good};

fn about_tools(pattern: &str, require: Value, more: Value) -> Plugin {
    let rule = json!({"name": pattern, "match": {"path": {"prefix": "/mcp"}, "mcp": {"tools": [pattern]}}, "require": require});
    let mut config = json!({"unmatched": "allow", "rules": [rule]});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    plugin("claim_challenge", config)
}

fn call(tool: &str) -> Request {
    post("/mcp").json(&json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool}}))
}

scenarios! {
    fn two_step_ups_in_one_chain_both_decide_however_they_hold(runner) {
        for modes in [["hold_headers", "hold_headers"], ["hold_body", "hold_headers"], ["hold_headers", "hold_body"], ["hold_body", "hold_body"]] {
            let [first, second] = modes.map(|mode| json!({"body_mode": mode}));
            let gateway = runner.start(Gateway::chain([
                plugin("audience_validation", config()),
                about_tools("delete_*", json!({"acr_values": ["mfa"]}), first),
                about_tools("*_all", json!({"scopes": ["everything"]}), second),
            ])).unwrap();
            let no_call_of = |outcome: &fourleg_harness::Outcome| {
                assert!(outcome.upstream.iter().all(|request| request.whole_body().is_empty()), "{modes:?} {}", outcome.picture());
            };
            for protocol in BOTH {
                for (tool, acr, scope, status) in [
                    ("delete_all", "mfa", "tools:read everything", 200), ("delete_all", "pwd", "tools:read everything", 401),
                    ("delete_all", "mfa", "tools:read", 403), ("read_all", "mfa", "tools:read", 403), ("read_one", "pwd", "tools:read", 200),
                ] {
                    // A token of its own for each, since one that is challenged too often is told so.
                    let token = good(&*gateway).claim("acr", json!(acr)).claim("n", json!(format!("{protocol:?}"))).scope(scope).sign();
                    let outcome = gateway.send(call(tool).bearer(&token).over(protocol));
                    assert_eq!(outcome.response.status, status, "{modes:?} {tool} {}", outcome.picture());
                    if status == 200 {
                        assert_eq!(outcome.allowed().whole_body(), call(tool).whole_body());
                    } else {
                        no_call_of(&outcome);
                    }
                }
            }
        }
    }

    fn who_stands_before_the_verifier_or_without_one_lets_nothing_pass(runner) {
        let ours = || about_tools("delete_*", json!({"acr_values": ["mfa"]}), json!({}));
        for chain in [vec![ours()], vec![ours(), plugin("audience_validation", config())]] {
            let gateway = runner.start(Gateway::chain(chain)).unwrap();
            let token = good(&*gateway).claim("acr", json!("mfa")).sign();
            for tool in ["delete_a", "read_a"] {
                let forged = json!({"v": 1, "state": "public"}).to_string();
                for request in [call(tool), call(tool).header("fourleg.token", &forged).header("x-fourleg-token", &forged)] {
                    gateway.send(request.bearer(&token)).denied_with(503).never_reached_upstream();
                }
            }
        }
    }
}
