//! Rules over tools and their arguments.

use fourleg_harness::{Protocol, Request, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{remedy, serve, token, types};
use crate::fixture::R;

fn config() -> Value {
    let tool = |name: &str| json!({"path": {"exact": "/mcp"}, "mcp": {"tools": [name]}});
    json!({"types": types(), "unmatched": "deny", "rules": [
        {"name": "pay", "match": tool("pay"), "require": {
            "type": "payment", "currency": "EUR", "max_amount": "{mcp.arguments/amount}", "creditor": "{mcp.arguments/to/iban}",
        }},
        {"name": "list", "match": tool("list"), "arguments": "open", "require": {"type": "tree", "actions": ["read"], "root": "{mcp.arguments/path}"}},
        {"name": "any", "match": tool("do_*"), "require": {"type": "file_access", "actions": ["call"], "identifier": "{mcp.tool}"}},
    ]})
}

fn call(tool: &str, arguments: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#)
}

fn message(body: impl Into<Vec<u8>>) -> Request {
    post("/mcp")
        .body(body)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
}

fn payment(most: Value) -> Value {
    json!([{"type": "payment", "currency": "EUR", "max_amount": most, "creditor": "DE02", "note": {"for": "rent"}}])
}

scenarios! {
    /// RAR-09, RAR-13, SMG-07
    fn a_payment_passes_up_to_its_ceiling_and_to_its_creditor_alone(runner) {
        let gateway = serve(runner, config());
        let token = token(&*gateway, R, payment(json!(100)));
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for arguments in [r#"{"amount":100,"to":{"iban":"DE02"}}"#, r#"{"to":{"iban":"DE02"},"amount":99.999999}"#, r#"{"amount":0,"to":{"iban":"DE02"}}"#] {
                let body = call("pay", arguments);
                let outcome = gateway.send(message(body.clone()).bearer(&token).over(protocol));
                assert_eq!(outcome.allowed().whole_body(), body.as_bytes());
            }
            for arguments in [r#"{"amount":100.00000000000001,"to":{"iban":"DE02"}}"#, r#"{"amount":101,"to":{"iban":"DE02"}}"#, r#"{"amount":1,"to":{"iban":"DE03"}}"#, r#"{"amount":"1","to":{"iban":"DE02"}}"#] {
                let outcome = gateway.send(message(call("pay", arguments)).bearer(&token).over(protocol));
                outcome.denied_with(401).never_reached_upstream();
                let body = outcome.body_json();
                assert_eq!((&body["id"], &body["error"]["code"]), (&json!(7), &json!(401)), "{body}");
                assert_eq!(body["error"]["data"], json!({"code": "insufficient_authorization", "error": "insufficient_authorization"}));
            }
        }
        // What it is told to ask for is enough.
        let outcome = gateway.send(message(call("pay", r#"{"amount":250,"to":{"iban":"DE03"}}"#)).bearer(&token));
        let remedy = remedy(&outcome);
        assert_eq!(remedy, json!([{"type": "payment", "currency": "EUR", "max_amount": 250, "creditor": "DE03", "locations": [R]}]));
        let upgraded = super::token(&*gateway, R, remedy);
        gateway.send(message(call("pay", r#"{"amount":250,"to":{"iban":"DE03"}}"#)).bearer(&upgraded)).allowed();
    }

    /// The payment of RFC 9396 §2.
    fn an_amount_within_an_object_is_compared_with_its_currency(runner) {
        let rule = json!({"name": "pay", "match": {"path": {"exact": "/mcp"}, "mcp": {"tools": ["pay"]}}, "require": {
            "type": "payment_initiation", "instructedAmount": {"currency": "{mcp.arguments/currency}", "amount": "{mcp.arguments/amount}"},
        }});
        let gateway = serve(runner, json!({"rules": [rule], "types": {
            "payment_initiation": {"fields": {"instructedAmount": {"currency": "equal", "amount": "ceiling"}}},
        }}));
        let granted = |amount: Value| token(&*gateway, R, json!([{"type": "payment_initiation", "instructedAmount": amount}]));
        let pay = |token: &str, amount: &str, currency: &str| {
            gateway.send(message(call("pay", &format!(r#"{{"amount":"{amount}","currency":"{currency}"}}"#))).bearer(token))
        };
        let sound = granted(json!({"currency": "EUR", "amount": "123.50"}));
        pay(&sound, "123.50", "EUR").allowed();
        pay(&sound, "123.51", "EUR").denied_with(401).never_reached_upstream();
        pay(&sound, "1", "USD").denied_with(401).never_reached_upstream();
        let more = granted(json!({"currency": "EUR", "amount": "123.50", "validUntil": "2030"}));
        let outcome = pay(&more, "1", "EUR");
        outcome.denied_with(401).never_reached_upstream();
        assert_eq!(remedy(&outcome)[0]["instructedAmount"], json!({"currency": "EUR", "amount": "1"}));
    }

    fn a_value_that_nothing_could_grant_is_told_so(runner) {
        let gateway = serve(runner, config());
        let token = token(&*gateway, R, payment(json!(100)));
        for arguments in [
            r#"{"amount":-1,"to":{"iban":"DE02"}}"#, r#"{"amount":1e1,"to":{"iban":"DE02"}}"#, r#"{"amount":null,"to":{"iban":"DE02"}}"#,
            r#"{"to":{"iban":"DE02"}}"#, r#"{"amount":[1],"to":{"iban":"DE02"}}"#, r#"{"amount":1,"to":{"iban":""}}"#, r#"{"amount":1,"to":{}}"#,
            r#"{"amount":1234567890123456789,"to":{"iban":"DE02"}}"#, "{}",
        ] {
            let outcome = gateway.send(message(call("pay", arguments)).bearer(&token));
            outcome.denied_with(403).never_reached_upstream();
            assert_eq!(outcome.body_json()["error"]["data"]["code"], "requirement_unfilled", "{arguments}");
        }
    }

    /// SMG-07, SMG-09
    fn an_argument_that_the_rule_does_not_name_is_denied_unless_it_is_open(runner) {
        let gateway = serve(runner, config());
        let both = json!([payment(json!(100))[0], {"type": "tree", "root": "/a", "actions": ["write"]}]);
        let token = token(&*gateway, R, both);
        let code = |tool: &str, arguments: &str| {
            let outcome = gateway.send(message(call(tool, arguments)).bearer(&token));
            outcome.never_reached_upstream();
            outcome.body_json()["error"]["data"]["code"].as_str().unwrap().to_owned()
        };
        for arguments in [
            r#"{"amount":1,"to":{"iban":"DE02"},"urgent":true}"#, r#"{"amount":1,"to":{"iban":"DE02","bic":"x"}}"#,
            r#"{"amount":1,"Amount":1000,"to":{"iban":"DE02"}}"#, r#"{"amount":1,"to":"DE02"}"#,
        ] {
            assert_eq!(code("pay", arguments), "arguments_unnamed", "{arguments}");
        }
        gateway.send(message(call("list", r#"{"path":"/a/b","depth":3}"#)).bearer(&token)).allowed();
        for arguments in [r#"{"path":"/a/b","Path":"/b"}"#, r#"{"path":"/a/b","PATH":"/b"}"#, r#"{"path":"/a/b","pa_th":"/b"}"#] {
            assert_eq!(code("list", arguments), "arguments_unnamed", "{arguments}");
        }
        assert_eq!(code("list", r#"{"path":"/a/../b"}"#), "requirement_unfilled");
        for arguments in [r#"{"path":"/a","path":"/b"}"#, r#"{"path":"/a","p\u0061th":"/b"}"#] {
            assert_eq!(code("list", arguments), "json_member_duplicate", "{arguments}");
        }
    }

    fn a_tool_is_compared_by_its_name_and_each_call_of_a_batch_by_itself(runner) {
        let gateway = serve(runner, config());
        let one = token(&*gateway, R, json!([{"type": "file_access", "actions": ["call"], "identifier": "do_a"}]));
        gateway.send(message(call("do_a", "{}")).bearer(&one)).allowed();
        gateway.send(message(call("do_b", "{}")).bearer(&one)).denied_with(401);
        gateway.send(message(call("other", "{}")).bearer(&one)).denied_with(403);
        let batch = |tools: &[&str]| message(format!("[{}]", tools.iter().map(|tool| call(tool, "{}")).collect::<Vec<_>>().join(",")));
        gateway.send(batch(&["do_a", "do_a"]).bearer(&one)).allowed();
        let outcome = gateway.send(batch(&["do_a", "do_b", "do_c"]).bearer(&one));
        let asked: Vec<Value> = remedy(&outcome).as_array().unwrap().iter().map(|object| object["identifier"].clone()).collect();
        assert_eq!(asked, ["do_b", "do_c"], "everything that is lacking is asked for at once");
        gateway.send(batch(&["do_a", "other"]).bearer(&one)).denied_with(403).never_reached_upstream();
    }

    fn no_byte_of_a_denied_call_goes_up_however_it_arrives(runner) {
        let gateway = serve(runner, config());
        let token = token(&*gateway, R, payment(json!(100)));
        let text = |amount: u64| call("pay", &format!(r#"{{"amount":{amount},"to":{{"iban":"DE02"}}}}"#));
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for amount in [100, 101] {
                let text = text(amount);
                let (one, two) = text.split_at(90);
                let pieces = message("").chunked([one, two]).trailers([("x-end", "1")]).bearer(&token).over(protocol);
                let outcome = gateway.send(pieces);
                if amount == 100 {
                    assert_eq!(outcome.allowed().whole_body(), text.as_bytes());
                } else {
                    outcome.denied_with(401).never_reached_upstream();
                }
            }
        }
    }
}
