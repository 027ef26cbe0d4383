//! What clients are answered.

use std::collections::BTreeSet;

use mcp_core::{Flaw, RequestId, answer};

use super::*;

/// What JSON-RPC 2.0 §5.1 and MCP 2026-07-28 define, without those that it forbids to emit.
const DEFINED: [i64; 8] = [-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022];

fn parsed(body: &str) -> Value {
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["jsonrpc"], "2.0");
    assert!(body["error"]["code"].is_i64() && body["error"]["message"].is_string(), "{body}");
    assert!(body.get("result").is_none() && body.get("method").is_none());
    body
}

/// MCP-08, MCP-09, X7
#[test]
fn every_refusal_is_an_error_that_clients_know() {
    for flaw in Flaw::ALL {
        let code = flaw.rpc_code();
        assert!(DEFINED.contains(&code) || (flaw.status() == 403 && code == 403), "{flaw:?}");
        assert!([400, 403, 405, 406, 413, 415].contains(&flaw.status()), "{flaw:?}");
        // 400, 404 and 405 are what makes a client look for an older protocol.
        assert!(!matches!(flaw.status(), 400 | 404 | 405) || DEFINED.contains(&code), "{flaw:?}");
        assert!(flaw.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
        assert!(!flaw.message().is_empty());
    }
    let codes: BTreeSet<&str> = Flaw::ALL.iter().map(|flaw| flaw.code()).collect();
    assert_eq!(codes.len(), Flaw::ALL.len());
    for code in [-32001, -32002, -32042] {
        assert!(Flaw::ALL.iter().all(|flaw| flaw.rpc_code() != code));
    }
}

/// MCP-08
#[test]
fn every_400_on_any_request_parses_as_json_rpc_with_its_id() {
    let bad = [
        stateless("tools/call", json!({"name": "a"})).instead("mcp-name", "b"),
        stateless("tools/call", json!({"name": "a"})).with("mcp-name", "a"),
        stateless("tools/call", json!({"name": "a"})).instead("mcp-protocol-version", "2027-01-01"),
        stateless("tools/call", json!({"name": ""})),
        post(Some(STATELESS)).json(&tool_call("a")),
        post(None).json(&call("tools/call", json!({"Name": "a"}))),
    ];
    for sent in bad {
        let fault = sent.read().unwrap_err();
        assert_eq!(fault.status(), 400);
        let body = parsed(&fault.body());
        assert_eq!(body["id"], 7, "{body}");
        assert!(DEFINED.contains(&body["error"]["code"].as_i64().unwrap()));
        assert_eq!(body["error"]["data"]["code"], fault.code());
        assert!(fault.headers().contains(&("content-type", "application/json".to_owned())));
        assert!(fault.headers().contains(&("cache-control", "no-store".to_owned())));
    }
}

#[test]
fn an_id_that_is_not_known_is_left_out() {
    for body in
        ["{", "[]", r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#]
    {
        let body = parsed(&post(None).body(body).read().unwrap_err().body());
        assert!(body.get("id").is_none(), "{body}");
    }
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/x", "params": []});
    assert!(parsed(&post(None).json(&notification).read().unwrap_err().body()).get("id").is_none());
    let batch = json!([tool_call("a"), tool_call("")]);
    assert!(parsed(&post(None).json(&batch).read().unwrap_err().body()).get("id").is_none());
}

#[test]
fn what_a_client_sent_is_repeated_only_if_it_is_harmless() {
    let version = "2027\"><script>\u{7f}".repeat(9);
    let fault = post(Some(&version)).json(&tool_call("a")).read().unwrap_err();
    let body = parsed(&fault.body());
    let requested = body["error"]["data"]["requested"].as_str().unwrap_or_default();
    assert!(requested.len() <= 32 && requested.bytes().all(|byte| byte.is_ascii_graphic()), "{requested}");
    let fault = stateless("tools/call", json!({"name": "a"})).instead("mcp-name", "hunter2").read().unwrap_err();
    assert!(!fault.body().contains("hunter2") && !format!("{:?}", fault.headers()).contains("hunter2"));
}

/// MCP-08, MCP-09
#[test]
fn a_denial_is_an_error_with_the_id_and_the_status_as_its_code() {
    let id = RequestId::String("x\"y".into());
    let body = parsed(&answer::denial(Some(&id), 403, "insufficient_scope", Some("insufficient_scope"), "d"));
    assert_eq!(
        body,
        json!({"jsonrpc": "2.0", "id": "x\"y", "error": {"code": 403, "message": "d",
            "data": {"code": "insufficient_scope", "error": "insufficient_scope"}}})
    );
    let body = parsed(&answer::denial(None, 401, "token_expired", None, "d"));
    assert!(body.get("id").is_none() && body["error"]["data"].get("error").is_none());
    assert_eq!(body["error"]["code"], 401);
    // Outside of what JSON-RPC and MCP reserve.
    for code in [answer::UNAUTHORIZED, answer::FORBIDDEN] {
        assert!(!(-32768..=-32000).contains(&code));
    }
}
