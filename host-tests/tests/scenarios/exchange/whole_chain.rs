//! All four filters, in the order in which they belong together.

use fourleg_harness::{Gateway, Plugin, Protocol, Request, plugin, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{Provider, exchange, forwarded, has_field, of_user, set, to_b_with};
use crate::fixture::{R, config};

fn tool(name: &str) -> Value {
    json!({"path": {"exact": "/mcp"}, "mcp": {"tools": [name]}})
}

fn plugins() -> Vec<Plugin> {
    let first = set(config(), "/forward", json!({"authorization": "exchange"}));
    let second = json!({
        "requires": ["audience-validation"], "unmatched": "allow",
        "rules": [{"name": "pay", "match": tool("pay"), "require": {"acr_values": ["urn:mfa"]}}],
    });
    let third = json!({
        "requires": ["audience-validation", "claim-challenge"], "unmatched": "allow",
        "types": {"payment": {"fields": {"max_amount": "ceiling"}}},
        "rules": [{"name": "pay", "match": tool("pay"), "require": {"type": "payment", "max_amount": "{mcp.arguments/amount}"}}],
    });
    let fourth = to_b_with("/requires", json!(["audience-validation", "claim-challenge", "rar-enforcement"]));
    vec![
        plugin("audience_validation", first),
        plugin("claim_challenge", second),
        plugin("rar_enforcement", third),
        exchange(fourth),
    ]
}

fn pay(amount: u64) -> Request {
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "pay", "arguments": {"amount": amount}}});
    post("/mcp").json(&call).header("accept", "application/json, text/event-stream")
}

scenarios! {
    /// TEX-13, TEX-14: nothing is exchanged before everybody has agreed.
    fn the_four_filters_agree_before_a_token_is_exchanged(runner) {
        let provider = Provider::default();
        let gateway = Gateway::chain(plugins()).cluster("idp", provider.handler()).workers(2);
        let gateway = runner.start(gateway).unwrap();
        let details = || json!([{"type": "payment", "max_amount": 100, "locations": [R]}]);
        let full = of_user(&*gateway, "alice").claim("acr", "urn:mfa").claim("authorization_details", details()).sign();
        let weak = of_user(&*gateway, "alice").claim("acr", "urn:pwd").claim("authorization_details", details()).sign();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let outcome = gateway.send(pay(100).bearer(&full).over(protocol));
            let claims = forwarded(&outcome);
            assert_eq!((&claims["sub"], &claims["aud"]), (&json!("alice"), &json!(["tool-b"])));
            assert!(!has_field(outcome.allowed(), "x-fourleg-claims"));
            let before = provider.count();
            for (request, status, code) in [
                (pay(100), 401, "credential_missing"),
                (pay(100).bearer(&weak), 401, "insufficient_user_authentication"),
                (pay(101).bearer(&full), 401, "insufficient_authorization"),
            ] {
                let outcome = gateway.send(request.over(protocol));
                outcome.denied_with(status);
                assert!(String::from_utf8_lossy(&outcome.response.body).contains(code), "{}", outcome.picture());
            }
            assert_eq!(provider.count(), before);
        }
        assert_eq!(provider.count(), 1);
    }

    /// design §4: a filter that is left out is noticed, whichever it is.
    fn without_any_one_of_them_nothing_is_exchanged(runner) {
        for left_out in 0..3 {
            let provider = Provider::default();
            let mut plugins = plugins();
            plugins.remove(left_out);
            let gateway = runner.start(Gateway::chain(plugins).cluster("idp", provider.handler())).unwrap();
            let details = json!([{"type": "payment", "max_amount": 100, "locations": [R]}]);
            let token = of_user(&*gateway, "alice").claim("acr", "urn:mfa").claim("authorization_details", details).sign();
            gateway.send(pay(100).bearer(&token)).denied_with(503);
            assert_eq!(provider.count(), 0, "{left_out}");
        }
    }
}
