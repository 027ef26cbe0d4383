//! Which rule decides: order, shadow, what no rule is about, and what needs no token at all.

use fourleg_harness::{get, plugin, post, request};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{claim_challenge, rule, serve, token, with, with_rules};

scenarios! {
    fn the_first_enforcing_rule_that_matches_decides(runner) {
        let gateway = serve(runner, with_rules(json!([
            {"name": "lax trial", "mode": "shadow", "match": {"path": {"prefix": "/mcp"}}, "require": {}},
            {"name": "strict trial", "mode": "shadow", "match": {"path": {"prefix": "/mcp"}}, "require": {"acr_values": ["never"]}},
            {"name": "read", "match": {"methods": ["GET"], "path": {"prefix": "/mcp"}}, "require": {}},
            {"name": "delete", "match": {"methods": ["DELETE"], "path": {"prefix": "/mcp"}}, "require": {"acr_values": ["phr"]}},
            {"name": "change", "match": {"path": {"prefix": "/mcp"}}, "require": {"acr_values": ["mfa"]}},
        ])));
        let send = |method: &str, acr: &str| gateway.send(with(request(method, "/mcp/a"), &*gateway, json!({"acr": acr})));
        for method in ["GET", "HEAD"] {
            send(method, "pwd").allowed();
        }
        send("DELETE", "phr").allowed();
        send("DELETE", "mfa").denied_with(401).challenge().param("acr_values", "phr");
        for method in ["POST", "PUT", "PATCH", "OPTIONS", "PROPFIND"] {
            send(method, "mfa").allowed();
            send(method, "pwd").denied_with(401).challenge().param("acr_values", "mfa");
        }
    }

    fn what_no_rule_is_about_is_allowed_or_denied_as_it_was_said(runner) {
        let rules = json!([rule("/mcp/a", json!({"acr_values": ["mfa"]}))]);
        let gateway = serve(runner, json!({"rules": rules, "unmatched": "deny"}));
        gateway.send(with(get("/mcp/a"), &*gateway, json!({"acr": "mfa"}))).allowed();
        for path in ["/mcp/b", "/mcp/a/", "/mcp/a/b", "/mcp/A"] {
            gateway.send(with(get(path), &*gateway, json!({"acr": "mfa"}))).denied_with(403).has_code("rule_missing");
        }
        // What audience-validation calls public passes where no rule of ours is about it.
        gateway.send(get("/healthz")).allowed();
        let gateway = serve(runner, json!({"rules": rules, "unmatched": "allow"}));
        gateway.send(with(get("/mcp/b"), &*gateway, json!({}))).allowed();
    }

    fn a_public_request_passes_only_where_no_rule_is_about_it(runner) {
        let gateway = serve(runner, with_rules(json!([
            {"name": "trial", "mode": "shadow", "match": {"path": {"prefix": "/"}}, "require": {"acr_values": ["mfa"]}},
            rule("/mcp/a", json!({"acr_values": ["mfa"]})),
        ])));
        gateway.send(get("/healthz")).allowed();
        for require in [json!({"acr_values": ["mfa"]}), json!({})] {
            let gateway = serve(runner, with_rules(json!([rule("/healthz", require)])));
            gateway.send(get("/healthz")).denied_with(503).has_code("token_not_verified");
            gateway.send(with(get("/healthz"), &*gateway, json!({"acr": "mfa"}))).denied_with(503);
        }
    }

    fn without_a_verified_token_nothing_passes(runner) {
        let ours = || claim_challenge(with_rules(json!([rule("/mcp/a", json!({"acr_values": ["mfa"]}))])));
        let gateway = runner.start(fourleg_harness::Gateway::chain([ours()])).unwrap();
        for path in ["/mcp/a", "/mcp/b"] {
            gateway.send(with(get(path), &*gateway, json!({"acr": "mfa"}))).denied_with(503).has_code("token_not_handed_over");
        }
        let mut shadow = crate::fixture::config();
        shadow["mode"] = json!("shadow");
        let gateway = runner.start(fourleg_harness::Gateway::chain([plugin("audience_validation", shadow), ours()])).unwrap();
        gateway.send(with(get("/mcp/b"), &*gateway, json!({"acr": "mfa"}))).denied_with(503).has_code("token_not_verified");
    }

    fn an_ambiguous_path_is_refused_and_dodges_no_rule(runner) {
        let ours = json!({"rules": [rule("/mcp/a", json!({"acr_values": ["mfa"]}))], "unmatched": "allow", "token": {
            "source": "jwt_authn", "payload_key": "payload", "payload_header": "x-payload",
        }});
        let gateway = runner.start(fourleg_harness::Gateway::chain([claim_challenge(ours)])).unwrap();
        for path in ["/mcp/x/../a", "/mcp%2fa", "/mcp//a", "/mcp/%61%2e/", "/mcp/a;x", "/mcp/a%00", "/mcp\\a"] {
            gateway.send(post(path).body("x")).denied_with(400).has_code("path_refused");
        }
        gateway.send(get("/mcp/b").header("x-http-method-override", "DELETE")).denied_with(400).has_code("method_override");
        gateway.send(get("/mcp/b").header("x-original-url", "/mcp/a")).denied_with(400).has_code("path_override");
        let gateway = serve(runner, with_rules(json!([rule("/mcp/a", json!({"acr_values": ["mfa"]}))])));
        gateway.send(get("/mcp/%61").bearer(&token(&*gateway, json!({})).sign())).denied_with(400).has_code("path_refused");
    }
}
