//! Shadow never opens: a rule in shadow mode decides nothing, and a filter in shadow mode vouches for nobody.

use audience_validation::AudienceValidation;
use plugin_checks::decisions::{Request, Table, get, post, row};
use serde_json::{Value, json};

use crate::{Gate, ask, config_with, good, set, sign, with_good};

pub(crate) fn tables() -> Vec<Table> {
    vec![trials(), whole()]
}

fn with_trials() -> Value {
    let rule = |name: &str, mode: &str, path: &str, scope: &str| {
        json!({
            "name": name, "mode": mode, "match": {"path": {"prefix": path}}, "require": {"scopes": [scope]},
        })
    };
    config_with(
        "/resources/0/rules",
        json!([
            rule("lax", "shadow", "/mcp", "tools:read"),
            rule("strict", "shadow", "/mcp/pay", "never"),
            rule("pay", "enforce", "/mcp/pay", "pay")
        ]),
    )
}

fn trials() -> Table {
    let at = |path: &str, scope: &str| get(path).bearer(sign(good().scope(scope)));
    Table::new(
        with_trials(),
        vec![
            row("the enforcing rule decides", at("/mcp/pay", "tools:read"), "403 insufficient_scope"),
            row("and lets pass", at("/mcp/pay", "tools:read pay"), "allow ok"),
            row("what a trial needs does not help", at("/mcp/pay", "tools:read never"), "403 insufficient_scope"),
            row("with trials alone the resource decides", at("/mcp/x", "tools:read"), "allow ok"),
            row("and denies", at("/mcp/x", "never"), "403 insufficient_scope"),
        ],
    )
}

fn whole() -> Table {
    let answers = Request::new("OPTIONS", "/mcp")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST");
    Table::new(
        set(config_with("/mode", json!("shadow")), "/cors", json!({"allow_origins": ["https://app.example"]})),
        vec![
            row("a good token", ask(good()), "allow ok"),
            row("none", get("/mcp"), "shadow_deny credential_missing"),
            row("a bad one", get("/mcp").bearer("rubbish-of-any-kind"), "shadow_deny token_malformed"),
            row("another audience", ask(good().audience("x")), "shadow_deny audience_mismatch"),
            row("no scope", with_good(post("/mcp/admin")), "shadow_deny insufficient_scope"),
            row("no resource", get("/elsewhere"), "shadow_deny resource_unknown"),
            row("a bad path", get("/mcp/../x"), "shadow_deny path_refused"),
            row("nothing is answered here", answers, "shadow_deny credential_missing"),
        ],
    )
}

#[test]
fn a_rule_in_shadow_mode_decides_nothing() {
    trials().check::<AudienceValidation>();
}

#[test]
fn what_trials_would_have_said_is_recorded_and_counted() {
    let mut gate = Gate::new(&with_trials());
    let decision = gate.decide(&get("/mcp/pay").bearer(sign(good().scope("tools:read pay"))));
    assert_eq!(
        decision.record()["shadow"],
        json!([{"rule": "lax", "code": "ok"}, {"rule": "strict", "code": "insufficient_scope"}])
    );
    assert_eq!(decision.edits().shadow_denials, ["insufficient_scope"]);
}

#[test]
fn a_filter_in_shadow_mode_lets_everything_pass() {
    whole().check::<AudienceValidation>();
}

#[test]
fn a_filter_in_shadow_mode_vouches_for_nobody_and_edits_nothing() {
    let config = set(config_with("/mode", json!("shadow")), "/forward", json!({"claims_header": "x-fourleg-claims"}));
    let mut gate = Gate::new(&config);
    for request in [get("/mcp"), ask(good()), get("/mcp").bearer("rubbish-of-any-kind"), with_good(get("/elsewhere"))] {
        let decision = gate.decide(&request);
        let edits = decision.edits();
        assert!(edits.set.is_empty() && edits.remove.is_empty(), "{request:?}");
        assert_eq!(decision.state_json("fourleg.token").unwrap(), json!({"v": 1, "state": "unverified"}));
        assert_eq!(decision.state("fourleg.subject_token"), None);
        let recorded = decision.record()["decision"].clone();
        assert!(recorded == "shadow_allow" || recorded == "shadow_deny", "{recorded}");
    }
}
