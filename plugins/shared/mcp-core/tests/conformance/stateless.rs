//! 2026-07-28: headers and body say the same.

use mcp_core::{Endpoint, Flaw, ParamHeader, RequestId, Target};

use super::*;

/// MCP-02
#[test]
fn every_required_header_must_be_there() {
    for (method, params) in [
        ("tools/call", json!({"name": "a"})),
        ("prompts/get", json!({"name": "a"})),
        ("resources/read", json!({"uri": "file:///a"})),
        ("tasks/get", json!({"taskId": "a"})),
        ("tasks/update", json!({"taskId": "a"})),
        ("tasks/cancel", json!({"taskId": "a"})),
    ] {
        let good = stateless(method, params);
        assert!(good.read().is_ok(), "{method}");
        for header in ["mcp-method", "mcp-name", "mcp-protocol-version"] {
            let fault = good.clone().without(header).read().unwrap_err();
            assert!(matches!(fault.flaw(), Flaw::HeaderMissing | Flaw::HeaderMismatch), "{method} {header} {fault:?}");
            assert_eq!((fault.status(), fault.flaw().rpc_code()), (400, -32020), "{method} {header}");
            assert_eq!(fault.id(), Some(&RequestId::Number(7)));
        }
    }
    assert!(stateless("tools/list", json!({})).read().is_ok());
    assert_eq!(stateless("tools/list", json!({})).without("mcp-method").flaw(), Some(Flaw::HeaderMissing));
}

/// MCP-03
#[test]
fn a_header_that_differs_from_the_body_is_refused_in_every_revision() {
    let good = stateless("tools/call", json!({"name": "get_weather", "uri": "x:y", "taskId": "t"}));
    let older = OLDER.map(|revision| {
        let body = call("tools/call", json!({"name": "get_weather", "uri": "x:y", "taskId": "t"}));
        post(revision).with("mcp-method", "tools/call").with("mcp-name", "get_weather").json(&body)
    });
    for good in older.into_iter().chain([good]) {
        assert!(good.read().is_ok());
        for (header, value) in [
            ("Mcp-Name", "Get_Weather"),
            ("Mcp-Name", "get_weather2"),
            ("Mcp-Name", ""),
            ("Mcp-Name", "x:y"),
            ("Mcp-Name", "t"),
            ("Mcp-Name", "get_weather,get_weather"),
            ("Mcp-Method", "Tools/Call"),
            ("Mcp-Method", "tools/list"),
            ("Mcp-Method", "=?base64?dG9vbHMvY2FsbA==?="),
        ] {
            let fault = good.clone().instead(header, value).read().unwrap_err();
            assert_eq!((fault.status(), fault.flaw().rpc_code()), (400, -32020), "{header} {value}");
        }
        assert!(good.clone().instead("MCP-NAME", " get_weather\t").read().is_ok());
    }
    let listed = stateless("tools/list", json!({})).with("mcp-name", "a");
    assert_eq!(listed.flaw(), Some(Flaw::HeaderMismatch));
    let custom = stateless("custom/method", json!({"uri": "a b"}));
    assert!(custom.read().is_ok());
    assert_eq!(custom.instead("mcp-name", "b").flaw(), Some(Flaw::HeaderMismatch));
}

/// MCP-04
#[test]
fn a_name_in_base64_is_decoded_before_it_is_compared() {
    for (name, header) in [
        ("Hello, \u{4e16}\u{754c}", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ("us-west1", "us-west1"),
        ("us-west1", "=?base64?dXMtd2VzdDE=?="),
        ("=?BASE64?YQ==?=", "=?BASE64?YQ==?="),
        ("=?base64?YQ==", "=?base64?YQ=="),
    ] {
        let sent = stateless("tools/call", json!({"name": name})).instead("mcp-name", header);
        let target = sent.read().unwrap().operations.remove(0).target;
        assert_eq!(target, Some(Target::Tool(name.into())), "{header}");
    }
    for (name, header, flaw) in [
        ("a", "=?BASE64?YQ==?=", Flaw::HeaderMismatch),
        ("a", "=?base64?YQ?=", Flaw::HeaderMalformed),
        ("a", "=?base64?YR==?=", Flaw::HeaderMalformed),
        ("a", "=?base64?Y Q==?=", Flaw::HeaderMalformed),
        ("a", "=?base64?_-8=?=", Flaw::HeaderMalformed),
        ("a", "=?base64?/w==?=", Flaw::HeaderMalformed),
        ("=?base64?literal?=", "=?base64?literal?=", Flaw::HeaderMalformed),
        ("a", "=?base64??=", Flaw::HeaderMismatch),
    ] {
        let sent = stateless("tools/call", json!({"name": name})).instead("mcp-name", header);
        assert_eq!(sent.flaw(), Some(flaw), "{header}");
    }
    let raw = stateless("tools/call", json!({"name": "caf\u{e9}"}));
    assert_eq!(raw.flaw(), Some(Flaw::HeaderMalformed));
}

/// MCP-05
#[test]
fn the_version_in_meta_is_that_of_the_header() {
    let with_meta = |change: &dyn Fn(&mut Value)| {
        let mut body = call("tools/call", json!({"name": "a", "_meta": meta()}));
        change(&mut body["params"]);
        stateless("tools/call", json!({"name": "a"})).json(&body)
    };
    const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    assert!(with_meta(&|_| ()).read().is_ok());
    type Change = (&'static dyn Fn(&mut Value), Flaw);
    let changes: [Change; 9] = [
        (&|params| params["_meta"][VERSION] = json!("2025-11-25"), Flaw::HeaderMismatch),
        (&|params| params["_meta"][VERSION] = json!("banana"), Flaw::HeaderMismatch),
        (&|params| params["_meta"][VERSION] = json!(20260728), Flaw::MetaMissing),
        (&|params| params["_meta"][VERSION] = json!(null), Flaw::MetaMissing),
        (&|params| drop(params["_meta"].as_object_mut().unwrap().remove(VERSION)), Flaw::MetaMissing),
        (&|params| drop(params["_meta"].as_object_mut().unwrap().remove(CAPABILITIES)), Flaw::MetaMissing),
        (&|params| params["_meta"][CAPABILITIES] = json!([]), Flaw::MetaMissing),
        (&|params| drop(params.as_object_mut().unwrap().remove("_meta")), Flaw::MetaMissing),
        (&|params| params["_meta"] = json!("x"), Flaw::ParamsMalformed),
    ];
    for (position, (change, flaw)) in changes.into_iter().enumerate() {
        let fault = with_meta(change).read().unwrap_err();
        assert_eq!(fault.flaw(), flaw, "{position}");
        let code = if flaw == Flaw::HeaderMismatch { -32020 } else { -32602 };
        assert_eq!((fault.status(), flaw.rpc_code()), (400, code), "{position}");
    }
    // What a client says of itself may be left out.
    let silent: &dyn Fn(&mut Value) =
        &|params| drop(params["_meta"].as_object_mut().unwrap().remove("io.modelcontextprotocol/clientInfo"));
    assert!(with_meta(silent).read().is_ok());
}

/// MCP-05
#[test]
fn a_body_of_another_revision_than_the_header_is_refused_both_ways() {
    for revision in OLDER {
        let newer = call("tools/call", json!({"name": "a", "_meta": meta()}));
        let fault = post(revision).json(&newer).read().unwrap_err();
        assert_eq!((fault.flaw(), fault.id()), (Flaw::HeaderMismatch, Some(&RequestId::Number(7))), "{revision:?}");
        let batch = post(revision).json(&json!([tool_call("b"), newer]));
        assert!(batch.flaw().is_some());
        let older = post(Some(STATELESS)).with("mcp-method", "tools/call").with("mcp-name", "a").json(&tool_call("a"));
        assert_eq!(older.flaw(), Some(Flaw::MetaMissing));
    }
}

#[test]
fn a_notification_needs_no_headers_but_must_not_contradict_them() {
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/x", "params": {}});
    let sent = post(Some(STATELESS)).json(&notification);
    assert!(sent.read().is_ok());
    assert!(sent.clone().with("mcp-method", "notifications/x").read().is_ok());
    assert_eq!(sent.clone().with("mcp-method", "tools/call").flaw(), Some(Flaw::HeaderMismatch));
    assert_eq!(sent.with("mcp-name", "a").flaw(), Some(Flaw::HeaderMismatch));
}

/// MCP-07
#[test]
fn a_known_parameter_header_says_what_the_argument_says() {
    let known = |name: &str, path: &[&str]| ParamHeader {
        tool: "query".into(),
        name: name.into(),
        path: path.iter().map(|member| (*member).to_owned()).collect(),
    };
    let params = vec![known("Region", &["region"]), known("Count", &["page", "count"]), known("Dry", &["dry"])];
    let endpoint = Endpoint { params, ..Endpoint::default() };
    let read = |arguments: Value, headers: &[(&str, &str)]| {
        let sent = stateless("tools/call", json!({"name": "query", "arguments": arguments}));
        let sent = headers.iter().fold(sent, |sent, (name, value)| sent.with(name, value));
        sent.read_by(&endpoint).err().map(|fault| fault.flaw())
    };
    let refused = Some(Flaw::HeaderMismatch);
    for (arguments, headers, expected) in [
        (json!({"region": "us"}), vec![("mcp-param-region", "us")], None),
        (json!({"region": "us"}), vec![("MCP-PARAM-REGION", " =?base64?dXM=?= ")], None),
        (json!({"region": "us"}), vec![("mcp-param-region", "US")], refused),
        (json!({"region": "us"}), vec![], refused),
        (json!({"region": null}), vec![], None),
        (json!({"region": null}), vec![("mcp-param-region", "null")], refused),
        (json!({}), vec![("mcp-param-region", "")], refused),
        (json!({"page": {"count": 42}}), vec![("mcp-param-count", "42.0")], None),
        (json!({"page": {"count": 42}}), vec![("mcp-param-count", "43")], refused),
        (json!({"page": {"count": 42}}), vec![("mcp-param-count", "0x2a")], refused),
        (json!({"page": {"count": 9007199254740993_u64}}), vec![("mcp-param-count", "9007199254740992")], refused),
        (json!({"page": {"count": "42"}}), vec![("mcp-param-count", "42.0")], refused),
        (json!({"page": 42}), vec![("mcp-param-count", "42")], refused),
        (json!({"dry": true}), vec![("mcp-param-dry", "true")], None),
        (json!({"dry": true}), vec![("mcp-param-dry", "True")], refused),
        (json!({"dry": [true]}), vec![("mcp-param-dry", "true")], refused),
        (json!({}), vec![("mcp-param-other", "anything")], None),
        (json!({"region": "us"}), vec![("mcp-param-region", "=?base64?!?=")], Some(Flaw::HeaderMalformed)),
    ] {
        assert_eq!(read(arguments.clone(), &headers), expected, "{arguments} {headers:?}");
    }
    // Of another tool it is not known.
    let other = stateless("tools/call", json!({"name": "other", "arguments": {"region": "us"}}));
    assert!(other.with("mcp-param-region", "eu").read_by(&endpoint).is_ok());
}
