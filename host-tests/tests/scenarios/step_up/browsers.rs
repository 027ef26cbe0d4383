//! What scripts of other origins may read (COR-16).

use fourleg_harness::{get, request};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{rule, serve, with, with_rules};

const SPA: &str = "https://spa.example";

scenarios! {
    /// COR-16
    fn the_scripts_of_a_listed_origin_may_read_the_challenge(runner) {
        let mut config = with_rules(json!([rule("/mcp/a", json!({"acr_values": ["mfa"]}))]));
        config["cors"] = json!({"allow_origins": [SPA]});
        // One user comes with many tokens.
        config["loop_guard"] = json!({"attempts": 100});
        let gateway = serve(runner, config);
        let outcome = gateway.send(with(get("/mcp/a"), &*gateway, json!({})).header("origin", SPA));
        outcome.denied_with(401).challenge().param("acr_values", "mfa");
        assert_eq!(outcome.header("access-control-allow-origin"), SPA);
        assert_eq!(outcome.header("access-control-expose-headers"), "WWW-Authenticate");
        assert_eq!(outcome.header("vary"), "Origin");
        for origin in ["https://evil.example", "null", "https://spa.example.evil.example"] {
            let outcome = gateway.send(with(get("/mcp/a"), &*gateway, json!({})).header("origin", origin));
            outcome.denied_with(401).no_header("access-control-allow-origin").no_header("access-control-expose-headers");
        }
    }

    /// COR-16
    fn a_preflight_is_answered_where_no_filter_before_does_it(runner) {
        let ours = json!({
            "token": {"source": "jwt_authn", "payload_key": "payload", "payload_header": "x-payload"},
            "rules": [rule("/mcp/a", json!({"acr_values": ["mfa"]}))], "unmatched": "allow", "cors": {"allow_origins": [SPA]},
        });
        let gateway = runner.start(fourleg_harness::Gateway::chain([super::claim_challenge(ours)])).unwrap();
        let preflight = request("OPTIONS", "/mcp/a").header("access-control-request-method", "POST");
        let outcome = gateway.send(preflight.clone().header("origin", SPA));
        assert_eq!(outcome.denied_with(204).header("access-control-allow-methods"), "POST");
        gateway.send(preflight.header("origin", "https://evil.example")).denied_with(401).has_code("credential_missing");
    }
}
