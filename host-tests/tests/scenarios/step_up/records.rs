//! The audit record of each decision.

use fourleg_harness::{Gateway, Outcome, get, plugin};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{claim_challenge, rule, token, with, with_rules};
use crate::fixture::{I, R, config};

/// A filter that copies our record into a field that the upstream sees.
fn telltale() -> fourleg_harness::Plugin {
    let copy = json!({"copy_property": {"path": ["fourleg.audit.claim_challenge"], "header": "x-saw"}});
    let acts = json!([copy, {"allow": {}}]);
    plugin("driver_probe", json!({"routes": {"/mcp/a": acts, "/mcp/b": acts, "/healthz": acts}}))
}

fn record(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.allowed().header_text("x-saw").unwrap()).unwrap()
}

scenarios! {
    fn every_allow_is_recorded_with_who_and_why(runner) {
        let rules = with_rules(json!([
            {"name": "trial", "mode": "shadow", "match": {"path": {"prefix": "/"}}, "require": {"max_age_seconds": 60}},
            rule("/mcp/a", json!({"acr_values": ["mfa"], "scopes": ["tools:read"]})),
        ]));
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", config()), claim_challenge(rules), telltale()])).unwrap();
        let one = token(&*gateway, json!({"acr": "mfa"}));
        let claims = one.claims();
        let found = record(&gateway.send(get("/mcp/a").bearer(&one.sign())));
        assert_eq!(found["plugin"], "claim_challenge");
        assert_eq!((&found["decision"], &found["code"], &found["rule"]), (&json!("allow"), &json!("ok"), &json!("/mcp/a")));
        assert_eq!((&found["subject"], &found["issuer"], &found["resource"]), (&claims["sub"], &json!(I), &json!(R)));
        assert_eq!(found["scopes_needed"], json!(["tools:read"]));
        assert_eq!(found["shadow"], json!([{"rule": "trial", "code": "insufficient_user_authentication"}]));
        let would = "fourleg_claim_challenge_decisions_total.decision.shadow_rule_deny.code.insufficient_user_authentication";
        assert_eq!(gateway.filter_metric(would), Some(1));
        let found = record(&gateway.send(with(get("/mcp/b"), &*gateway, json!({"auth_time": gateway.now()}))));
        assert_eq!((&found["code"], &found["shadow"]), (&json!("unmatched"), &json!([{"rule": "trial", "code": "ok"}])));
        let found = record(&gateway.send(get("/healthz")));
        assert_eq!((&found["code"], &found["shadow"][0]["code"]), (&json!("public"), &json!("token_not_verified")));
    }
}
