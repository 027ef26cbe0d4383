//! `requires`: a filter that does nothing unless others have let the request through.

use fourleg_harness::{Gateway, Plugin, get, plugin, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{config, good};

fn audience_validation(mode: &str) -> Plugin {
    let mut config = config();
    config["mode"] = json!(mode);
    plugin("audience_validation", config)
}

/// Allows whatever has a verified token.
fn claim_challenge(body_mode: &str) -> Plugin {
    let rule = json!({"name": "delete", "match": {"path": {"prefix": "/mcp"}, "mcp": {"tools": ["delete_*"]}}, "require": {"acr_values": ["urn:mfa"]}});
    plugin("claim_challenge", json!({"rules": [rule], "unmatched": "allow", "body_mode": body_mode}))
}

fn requiring(filters: Value) -> Plugin {
    let rule =
        json!({"name": "admin", "match": {"path": {"prefix": "/admin"}}, "require": {"acr_values": ["urn:mfa"]}});
    plugin("claim_challenge", json!({"requires": filters, "rules": [rule], "unmatched": "allow"}))
}

/// The same by the filter that compares details, so that both kinds stand in one chain.
fn rar_requiring(filters: Value) -> Plugin {
    plugin(
        "rar_enforcement",
        json!({"requires": filters, "types": {"t": {"fields": {"actions": "superset"}}}, "rules": [{"name": "admin", "match": {"path": {"prefix": "/admin"}}, "require": {"type": "t", "actions": ["read"]}}], "unmatched": "allow"}),
    )
}

fn call() -> fourleg_harness::Request {
    post("/mcp")
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read_file"}}))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18")
}

scenarios! {
    fn a_filter_goes_on_where_those_that_it_requires_have_let_the_request_through(runner) {
        let chains = [
            vec![audience_validation("enforce"), requiring(json!(["audience-validation"]))],
            vec![audience_validation("enforce"), claim_challenge("hold_headers"), rar_requiring(json!(["claim-challenge", "audience-validation"]))],
        ];
        for chain in chains {
            let gateway = runner.start(Gateway::chain(chain)).unwrap();
            let token = good(&*gateway).sign();
            gateway.send(call().bearer(&token)).allowed();
            gateway.send(get("/mcp/x").header("accept", "text/event-stream").bearer(&token)).allowed();
        }
    }

    fn a_filter_that_is_required_and_missing_or_late_or_watching_denies(runner) {
        let chains = [
            vec![audience_validation("enforce"), rar_requiring(json!(["audience-validation", "claim-challenge"]))],
            vec![audience_validation("enforce"), rar_requiring(json!(["claim-challenge"])), claim_challenge("hold_headers")],
            vec![audience_validation("shadow"), requiring(json!(["audience-validation"]))],
            vec![requiring(json!(["audience-validation"]))],
        ];
        for chain in chains {
            let gateway = runner.start(Gateway::chain(chain)).unwrap();
            let token = good(&*gateway).sign();
            for request in [get("/mcp"), call()] {
                let outcome = gateway.send(request.bearer(&token));
                outcome.denied_with(503).has_code("required_filter_missing");
            }
        }
    }

    /// With `hold_body` the head goes on before the verdict, so what comes after must not trust it.
    fn a_filter_that_has_yet_to_decide_has_let_nothing_through(runner) {
        let chain = [audience_validation("enforce"), claim_challenge("hold_body"), rar_requiring(json!(["claim-challenge"]))];
        let gateway = runner.start(Gateway::chain(chain)).unwrap();
        let token = good(&*gateway).sign();
        gateway.send(get("/mcp/x").header("accept", "text/event-stream").bearer(&token)).allowed();
        gateway.send(call().bearer(&token)).denied_with(503).has_code("required_filter_missing");
    }

    fn a_filter_that_does_not_exist_cannot_be_required(runner) {
        let rejected = runner.start(Gateway::chain([requiring(json!(["audience_validation", "jwt-authn"]))])).err().unwrap();
        let log = rejected.logs.join("\n");
        assert!(log.contains("requires[0]") && log.contains("requires[1]") && log.contains("audience-validation"), "{log}");
    }
}
