//! What a message asks for.

use mcp_core::{Flaw, Kind, RequestId, Target};
use oauth_core::json::InPlace;

use super::*;

#[test]
fn a_call_names_its_target_and_keeps_its_arguments_exact() {
    for revision in OLDER {
        let body = r#"{"jsonrpc":"2.0","id":"x","method":"tools/call",
            "params":{"name":"pay","arguments":{"amount":100.10,"big":12345678901234567890123}}}"#;
        let exchange = post(revision).body(body).read().unwrap();
        let operation = &exchange.operations[0];
        assert_eq!((operation.kind, operation.method.as_deref()), (Kind::Request, Some("tools/call")));
        assert_eq!(operation.target, Some(Target::Tool("pay".into())));
        assert_eq!(exchange.id(), Some(&RequestId::String("x".into())));
        let arguments = operation.arguments.as_ref().unwrap().value();
        let number = |name| arguments.get(name).and_then(InPlace::as_number);
        assert_eq!(number("amount"), Some("100.10"));
        assert_eq!(number("big"), Some("12345678901234567890123"));
    }
}

#[test]
fn each_method_names_its_own_kind_of_target() {
    let uri = "file:///a".to_owned();
    for (method, params, target) in [
        ("prompts/get", json!({"name": "p", "arguments": {"a": "b"}}), Some(Target::Prompt("p".into()))),
        ("resources/read", json!({"uri": uri}), Some(Target::Resource(uri.clone()))),
        ("resources/subscribe", json!({"uri": uri}), Some(Target::Resource(uri.clone()))),
        ("resources/unsubscribe", json!({"uri": uri}), Some(Target::Resource(uri.clone()))),
        ("tasks/get", json!({"taskId": "t"}), Some(Target::Task("t".into()))),
        ("tasks/result", json!({"taskId": "t"}), Some(Target::Task("t".into()))),
        ("tasks/cancel", json!({"taskId": "t"}), Some(Target::Task("t".into()))),
        ("tasks/list", json!({}), None),
        ("tools/list", json!({"name": "x"}), None),
        ("custom/method", json!({"name": "x", "uri": 1, "arguments": 2}), None),
    ] {
        let operation = post(Some("2025-11-25")).json(&call(method, params)).read().unwrap().operations.remove(0);
        assert_eq!(operation.target, target, "{method}");
        assert_eq!(operation.arguments.is_some(), method == "prompts/get", "{method}");
    }
}

#[test]
fn a_listener_asks_for_each_thing_alone() {
    let listen = |wanted: Value| stateless("subscriptions/listen", json!({"notifications": wanted})).read();
    let targets =
        |wanted| listen(wanted).unwrap().operations.into_iter().map(|operation| operation.target).collect::<Vec<_>>();
    let resource = |uri: &str| Some(Target::Resource(uri.into()));
    assert_eq!(targets(json!({"toolsListChanged": true})), [None]);
    assert_eq!(targets(json!({})), [None]);
    assert_eq!(targets(json!({"resourceSubscriptions": ["a:b", "c:d"]})), [resource("a:b"), resource("c:d")]);
    assert_eq!(
        targets(json!({"resourceSubscriptions": ["a:b"], "taskIds": ["t"], "promptsListChanged": true})),
        [resource("a:b"), Some(Target::Task("t".into())), None]
    );
    for (wanted, flaw) in [
        (json!(null), Flaw::ParamsMalformed),
        (json!([]), Flaw::ParamsMalformed),
        (json!({"resourceSubscriptions": "a:b"}), Flaw::ParamsMalformed),
        (json!({"resourceSubscriptions": [1]}), Flaw::ParamsMalformed),
        (json!({"resourceSubscriptions": ["file:///a/../b"]}), Flaw::ResourceAmbiguous),
        (json!({"resource_subscriptions": ["a:b"]}), Flaw::MemberSpelling),
        (json!({"ResourceSubscriptions": ["a:b"]}), Flaw::MemberSpelling),
        (json!({"resourceSubscriptions": vec!["a:b"; 257]}), Flaw::TooManyOperations),
    ] {
        let fault = listen(wanted.clone()).unwrap_err();
        assert_eq!(fault.flaw(), flaw, "{}", wanted.to_string().get(..60).unwrap_or(""));
        assert_eq!(fault.id(), Some(&RequestId::Number(7)));
    }
}

#[test]
fn a_notification_has_no_id_and_a_request_has_one() {
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}});
    let exchange = post(None).json(&notification).read().unwrap();
    assert_eq!((exchange.operations[0].kind, exchange.id()), (Kind::Notification, None));
    // Some servers run a call without id, and answer a notification with one.
    for message in [
        json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "a"}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "notifications/cancelled"}),
    ] {
        assert_eq!(post(None).json(&message).flaw(), Some(Flaw::MessageMalformed), "{message}");
    }
}

#[test]
fn a_response_has_an_id_and_either_a_result_or_an_error() {
    for message in [
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        json!({"jsonrpc": "2.0", "id": "a", "error": {"code": 1, "message": "m"}}),
        json!({"jsonrpc": "2.0", "error": {"code": 1, "message": "m"}}),
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": "m"}}),
    ] {
        for revision in OLDER {
            let exchange = post(revision).json(&message).read().unwrap();
            assert_eq!((exchange.operations[0].kind, exchange.id()), (Kind::Response, None), "{message}");
        }
        assert_eq!(post(Some(STATELESS)).json(&message).flaw(), Some(Flaw::MessageMalformed), "{message}");
        assert_eq!(post(None).json(&message).with("mcp-method", "tools/call").flaw(), Some(Flaw::HeaderMismatch));
    }
    for (message, flaw) in [
        (json!({"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}), Flaw::MessageMalformed),
        (json!({"jsonrpc": "2.0", "id": 1, "result": {}, "method": "tools/call"}), Flaw::MessageMalformed),
        (json!({"jsonrpc": "2.0", "id": 1, "result": {}, "params": {"name": "a"}}), Flaw::MessageMalformed),
        (json!({"jsonrpc": "2.0", "id": 1, "result": {}, "method": null}), Flaw::MessageMalformed),
        (json!({"jsonrpc": "2.0", "result": {}}), Flaw::IdMalformed),
        (json!({"jsonrpc": "2.0", "id": null, "result": {}}), Flaw::IdMalformed),
        (json!({"jsonrpc": "2.0", "id": 1}), Flaw::MessageMalformed),
    ] {
        assert_eq!(post(None).json(&message).flaw(), Some(flaw), "{message}");
    }
}

#[test]
fn what_is_no_message_is_refused() {
    let with = |member: &str, value: Value| {
        let mut message = tool_call("a");
        message[member] = value;
        message
    };
    for (message, flaw) in [
        (json!("x"), Flaw::MessageMalformed),
        (json!(null), Flaw::MessageMalformed),
        (json!({}), Flaw::MessageMalformed),
        (with("jsonrpc", json!("1.0")), Flaw::MessageMalformed),
        (with("jsonrpc", json!(2.0)), Flaw::MessageMalformed),
        (json!({"id": 1, "method": "ping"}), Flaw::MessageMalformed),
        (with("method", json!(null)), Flaw::MessageMalformed),
        (with("method", json!(["tools/call"])), Flaw::MessageMalformed),
        (with("method", json!("")), Flaw::MessageMalformed),
        (with("method", json!("tools/call ")), Flaw::MessageMalformed),
        (with("method", json!("tools/call\u{0}")), Flaw::MessageMalformed),
        (with("method", json!("t\u{f6}ols/call")), Flaw::MessageMalformed),
        (with("method", json!("m".repeat(257))), Flaw::MessageMalformed),
        (with("result", json!({})), Flaw::MessageMalformed),
        (with("id", json!(null)), Flaw::IdMalformed),
        (with("id", json!(1.5)), Flaw::IdMalformed),
        (with("id", json!(true)), Flaw::IdMalformed),
        (with("id", json!([1])), Flaw::IdMalformed),
        (with("id", json!({})), Flaw::IdMalformed),
        (with("id", json!("i".repeat(1025))), Flaw::IdMalformed),
        (with("params", json!(null)), Flaw::ParamsMalformed),
        (with("params", json!(["a"])), Flaw::ParamsMalformed),
        (with("params", json!("a")), Flaw::ParamsMalformed),
    ] {
        assert_eq!(post(None).json(&message).flaw(), Some(flaw), "{}", message.to_string().get(..80).unwrap_or(""));
    }
    for id in ["1.0", "1e0", "-0", "9223372036854775808", "01", "1_000"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert!(post(None).body(body).flaw().is_some(), "{id}");
    }
    assert!(post(None).body(r#"{"jsonrpc":"2.0","id":-9223372036854775808,"method":"ping"}"#).read().is_ok());
}

/// A server that dispatches without looking at case would run them.
#[test]
fn a_method_that_names_something_is_in_its_own_case() {
    let params = json!({"name": "a", "uri": "a:b", "taskId": "a", "notifications": {"taskIds": ["a"]}});
    for method in [
        "Tools/call",
        "tools/CALL",
        "Prompts/Get",
        "RESOURCES/READ",
        "tasks/Get",
        "tasks/Result",
        "Subscriptions/listen",
    ] {
        assert_eq!(post(None).json(&call(method, params.clone())).flaw(), Some(Flaw::MessageMalformed), "{method}");
    }
    assert_eq!(post(None).json(&call("logging/setLevel", json!({}))).flaw(), None);
}

#[test]
fn what_is_no_name_is_refused() {
    for name in [
        json!(""),
        json!(null),
        json!(1),
        json!(["a"]),
        json!({}),
        json!(" a"),
        json!("a\n"),
        json!("a\u{a0}"),
        json!("a\u{0}b"),
        json!("a\u{85}b"),
        json!("\u{feff}a"),
        json!("a\u{feff}"),
        json!("a\u{200b}"),
        json!("\u{180e}a"),
        json!("a".repeat(8193)),
    ] {
        for method in ["tools/call", "prompts/get"] {
            let sent = post(None).json(&call(method, json!({"name": name})));
            assert_eq!(
                sent.flaw(),
                Some(Flaw::ParamsMalformed),
                "{method} {}",
                name.to_string().get(..20).unwrap_or("")
            );
        }
    }
    for (method, params, flaw) in [
        ("tools/call", json!({}), Flaw::ParamsMalformed),
        ("tools/call", json!({"uri": "a:b"}), Flaw::ParamsMalformed),
        ("tools/call", json!({"name": "a", "arguments": null}), Flaw::ParamsMalformed),
        ("tools/call", json!({"name": "a", "arguments": [1]}), Flaw::ParamsMalformed),
        ("tools/call", json!({"name": "a", "arguments": "{}"}), Flaw::ParamsMalformed),
        ("tools/call", json!({"name": "a", "_meta": []}), Flaw::ParamsMalformed),
        ("tasks/get", json!({"name": "a"}), Flaw::ParamsMalformed),
        ("resources/read", json!({"name": "a"}), Flaw::ParamsMalformed),
        ("resources/read", json!({"uri": "file:///a/%2e%2e/b"}), Flaw::ResourceAmbiguous),
        ("resources/subscribe", json!({"uri": "FILE:///a"}), Flaw::ResourceAmbiguous),
    ] {
        let sent = post(None).json(&call(method, params.clone()));
        assert_eq!(sent.flaw(), Some(flaw), "{method} {params}");
    }
    let spaced = post(None).json(&tool_call("delete a file \u{1f5d1}")).read().unwrap();
    assert_eq!(spaced.operations[0].target, Some(Target::Tool("delete a file \u{1f5d1}".into())));
}

/// MCP-11
#[test]
fn the_version_that_initialize_proposes_changes_nothing() {
    for revision in OLDER {
        for proposed in ["2024-11-05", "2025-03-26", "2026-07-28", "banana"] {
            let params =
                json!({"protocolVersion": proposed, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
            let exchange = post(revision).json(&call("initialize", params)).read().unwrap();
            assert_eq!(exchange.revision.as_str(), revision.unwrap_or("2025-03-26"), "{proposed}");
            assert_eq!(exchange.operations[0].method.as_deref(), Some("initialize"));
        }
    }
}

/// MCP-15
#[test]
fn a_retried_call_is_the_same_operation_as_the_first() {
    let params = json!({"name": "delete_file", "arguments": {"path": "/a"}});
    let first = stateless("tools/call", params.clone()).read().unwrap().operations.remove(0);
    let mut retried = params;
    retried["requestState"] = json!("eyJhcHByb3ZlZCI6dHJ1ZX0");
    retried["inputResponses"] = json!({"confirm": {"action": "accept", "content": {"name": "read_file"}}});
    let mut retried = stateless("tools/call", retried).read().unwrap().operations.remove(0);
    assert_eq!(retried, first);
    retried.id = Some(RequestId::Number(8));
    assert_ne!(retried, first);
}
