//! What clients and operators are told, and where the token comes from.

use fourleg_harness::{Gateway, get, plugin};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{FINANCE, first, rar, remedy, serve, token, types};
use crate::fixture::{I, R, good, public_keys};

fn rule(mode: &str, path: Value) -> Value {
    json!({"name": mode, "mode": mode, "match": {"methods": ["GET"], "path": path},
           "require": {"type": "file_access", "actions": ["read"], "identifier": "{path.file}"}})
}

fn config(rules: Value) -> Value {
    json!({"types": types(), "rules": rules})
}

fn files() -> Value {
    json!({"template": "/finance/{file}"})
}

/// A filter that copies our record into a field that the upstream sees.
fn telltale(paths: &[&str]) -> fourleg_harness::Plugin {
    let copy = json!({"copy_property": {"path": ["fourleg.audit.rar_enforcement"], "header": "x-saw"}});
    let routes: serde_json::Map<String, Value> =
        paths.iter().map(|path| ((*path).to_owned(), json!([copy, {"allow": {}}]))).collect();
    plugin("driver_probe", json!({"routes": routes}))
}

scenarios! {
    /// RAR-13, X2
    fn the_error_and_the_remediation_are_as_configured(runner) {
        let mut ours = config(json!([rule("enforce", files())]));
        ours["error_code"] = json!("transaction_authorization_required");
        ours["remediation"] = json!(false);
        let gateway = serve(runner, ours);
        let outcome = gateway.send(get("/finance/a").bearer(&token(&*gateway, FINANCE, json!([]))));
        let challenge = outcome.denied_with(401).has_code("insufficient_authorization").challenge();
        challenge.param("error", "transaction_authorization_required").no_param("authorization_remediation");
        assert_eq!(outcome.body_json()["error"], "transaction_authorization_required");
    }

    /// RAR-13, RAR-14
    fn the_remediation_is_the_same_for_equal_requests_and_left_out_if_it_is_too_large(runner) {
        let gateway = serve(runner, config(json!([rule("enforce", files())])));
        let send = |path: &str| gateway.send(get(path).bearer(&token(&*gateway, FINANCE, json!([]))));
        let (one, other) = (send("/finance/a%20b"), send("/finance/a%20b"));
        assert_eq!(remedy(&one), json!([{"type": "file_access", "locations": [FINANCE], "actions": ["read"], "identifier": "a b"}]));
        assert_eq!(one.header("www-authenticate"), other.header("www-authenticate"));
        one.challenge().has_param("resource_metadata");
        let long = send(&format!("/finance/{}", "x".repeat(20_000)));
        long.denied_with(401).has_code("insufficient_authorization").challenge().no_param("authorization_remediation").has_param("resource_metadata");
    }

    fn a_rule_in_shadow_mode_is_recorded_and_never_opens(runner) {
        let rules = json!([rule("shadow", files()), rule("enforce", files())]);
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", first()), rar(config(rules)), telltale(&["/finance/a"])])).unwrap();
        let granted = |name: &str| token(&*gateway, FINANCE, json!([{"type": "file_access", "actions": ["read"], "identifier": name}]));
        gateway.send(get("/finance/a").bearer(&granted("b"))).denied_with(401);
        let outcome = gateway.send(get("/finance/a").bearer(&granted("a")));
        let record: Value = serde_json::from_str(&outcome.allowed().header_text("x-saw").unwrap()).unwrap();
        assert_eq!((&record["plugin"], &record["decision"], &record["rule"]), (&json!("rar_enforcement"), &json!("allow"), &json!("enforce")));
        assert_eq!(record["shadow"], json!([{"rule": "shadow", "code": "ok"}]));
        assert_eq!((&record["details_needed"], &record["resource"]), (&json!(["file_access"]), &json!(FINANCE)));
        // Alone, it lets everything pass that unmatched lets pass, and says what it would have done.
        let mut ours = config(json!([rule("shadow", files())]));
        ours["unmatched"] = json!("allow");
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", first()), rar(ours), telltale(&["/finance/a"])])).unwrap();
        let outcome = gateway.send(get("/finance/a").bearer(&token(&*gateway, FINANCE, json!([]))));
        let record: Value = serde_json::from_str(&outcome.allowed().header_text("x-saw").unwrap()).unwrap();
        assert_eq!(record["shadow"], json!([{"rule": "shadow", "code": "insufficient_authorization"}]));
    }

    fn nothing_passes_without_a_verified_token(runner) {
        let gateway = runner.start(Gateway::chain([rar(config(json!([rule("enforce", files())])))])).unwrap();
        let details = json!([{"type": "file_access", "actions": ["read"], "identifier": "a"}]);
        gateway.send(get("/finance/a").bearer(&token(&*gateway, FINANCE, details))).denied_with(503).has_code("token_not_handed_over");
        let gateway = serve(runner, config(json!([rule("enforce", json!({"template": "/{file}"}))])));
        gateway.send(get("/healthz")).denied_with(503).has_code("token_not_verified");
    }

    /// COR-17
    fn alone_it_verifies_the_token_before_it_tells_anything(runner) {
        let mut ours = config(json!([rule("enforce", json!({"template": "/mcp/{file}"}))]));
        ours["token"] = json!({
            "source": "verify", "issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}], "resources": [{"resource": R}],
        });
        let gateway = runner.start(Gateway::chain([rar(ours)])).unwrap();
        let details = |at: &str| json!([{"type": "file_access", "locations": [at], "actions": ["read"], "identifier": "a"}]);
        gateway.send(get("/mcp/a").bearer(&token(&*gateway, R, details(R)))).allowed();
        gateway.send(get("/mcp/a").bearer(&token(&*gateway, R, details(FINANCE)))).denied_with(401).has_code("insufficient_authorization");
        gateway.send(get("/mcp/a").bearer(&token(&*gateway, FINANCE, details(R)))).denied_with(401).has_code("audience_mismatch");
        gateway.send(get("/mcp/a")).denied_with(401).challenge().no_param("error").no_param("authorization_remediation");
        let expired = good(&*gateway).claim("authorization_details", details(R)).expires_at(gateway.now() - 1000).sign();
        gateway.send(get("/mcp/b").bearer(&expired)).denied_with(401).challenge().param("error", "invalid_token").no_param("authorization_remediation");
    }
}
