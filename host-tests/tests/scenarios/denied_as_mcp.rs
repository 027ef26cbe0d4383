//! On a path of MCP every denial is a JSON-RPC error, whatever it is about: clients of MCP show nothing else.

use fourleg_harness::{Gateway, Outcome, Request, get, plugin, post};
use fourleg_tests::scenarios;
use serde_json::json;

use crate::fixture::{config, good};

/// What is wrong with a request whoever asks, and the code.
fn unfit(path: &str) -> [(Request, &'static str); 4] {
    [
        (get(path).header("x-http-method-override", "DELETE"), "method_override"),
        (get(path).header("x-original-url", "/other"), "path_override"),
        (post(format!("{path}?_method=DELETE")), "method_override"),
        (get(format!("{path}/a%2e%2e")), "path_refused"),
    ]
}

fn is_told_as_mcp(outcome: &Outcome, status: u16, code: &str) {
    let body = outcome.denied_with(status).has_code(code).body_json();
    assert_eq!(body["jsonrpc"], "2.0", "{body}");
    assert_eq!((&body["error"]["code"], &body["code"]), (&json!(status), &json!(null)), "{body}");
    assert_eq!(outcome.header("content-type"), "application/json");
}

fn is_told_plainly(outcome: &Outcome, status: u16, code: &str) {
    let body = outcome.denied_with(status).has_code(code).body_json();
    assert_eq!((&body["code"], &body["jsonrpc"]), (&json!(code), &json!(null)), "{body}");
}

scenarios! {
    /// MCP-08
    fn audience_validation_answers_the_clients_of_a_resource_of_mcp_as_such(runner) {
        let mut config = config();
        config["resources"][0]["mcp"] = json!(true);
        let other = json!({"resource": "https://mcp.example.com/api", "match": {"path": {"prefix": "/api"}}});
        config["resources"].as_array_mut().unwrap().push(other);
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", config)])).unwrap();
        let weak = good(&*gateway).scope("other").sign();

        let outcome = gateway.send(get("/mcp"));
        is_told_as_mcp(&outcome, 401, "credential_missing");
        outcome.challenge().param("scope", "tools:read");
        let outcome = gateway.send(post("/mcp").body("{}").bearer("x"));
        is_told_as_mcp(&outcome, 401, "token_malformed");
        assert_eq!(outcome.body_json()["error"]["data"]["error"], "invalid_token");
        is_told_as_mcp(&gateway.send(get("/mcp/x").bearer(&weak)), 403, "insufficient_scope");
        for (request, code) in unfit("/mcp") {
            is_told_as_mcp(&gateway.send(request), 400, code);
        }

        is_told_plainly(&gateway.send(get("/api")), 401, "credential_missing");
        is_told_plainly(&gateway.send(get("/elsewhere")), 403, "resource_unknown");
        for (request, code) in unfit("/api").into_iter().filter(|(_, code)| *code != "path_refused") {
            is_told_plainly(&gateway.send(request), 400, code);
        }
        // Of which resource it is cannot be known.
        is_told_as_mcp(&gateway.send(get("/api/%2e%2e/mcp")), 400, "path_refused");
    }

    fn audience_validation_answers_in_plain_json_where_nothing_is_said_of_mcp(runner) {
        let gateway = crate::fixture::serve(runner);
        is_told_plainly(&gateway.send(get("/mcp")), 401, "credential_missing");
        for (request, code) in unfit("/mcp") {
            is_told_plainly(&gateway.send(request), 400, code);
        }
    }

    /// MCP-08
    fn a_filter_with_rules_about_mcp_answers_as_such_on_their_paths_whatever_is_wrong(runner) {
        let rules = json!([
            {"name": "delete", "match": {"path": {"prefix": "/mcp"}, "mcp": {"tools": ["delete_*"]}}, "require": {"acr_values": ["urn:mfa"]}},
            {"name": "api", "match": {"path": {"prefix": "/api"}}, "require": {"acr_values": ["urn:mfa"]}},
        ]);
        let config = json!({"requires": ["audience-validation"], "rules": rules, "unmatched": "allow"});
        let gateway = runner.start(Gateway::chain([plugin("claim_challenge", config)])).unwrap();
        for (request, code) in unfit("/mcp") {
            is_told_as_mcp(&gateway.send(request), 400, code);
        }
        is_told_as_mcp(&gateway.send(get("/mcp/x")), 503, "required_filter_missing");
        for path in ["/api", "/elsewhere"] {
            is_told_plainly(&gateway.send(get(path)), 503, "required_filter_missing");
            is_told_plainly(&gateway.send(get(path).header("x-original-url", "/mcp")), 400, "path_override");
        }
    }
}
