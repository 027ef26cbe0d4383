//! Bodies as JSON: one reading or none.

use mcp_core::{Endpoint, Flaw};

use super::*;

fn flaws(body: impl AsRef<[u8]>) -> Vec<Option<Flaw>> {
    OLDER.into_iter().map(|revision| post(revision).body(body.as_ref()).flaw()).collect()
}

fn all_refuse(body: impl AsRef<[u8]>, flaw: Flaw) {
    let shown = String::from_utf8_lossy(body.as_ref()).chars().take(100).collect::<String>();
    assert_eq!(flaws(body), vec![Some(flaw); OLDER.len()], "{shown}");
}

/// SMG-08
#[test]
fn a_member_that_is_there_twice_is_refused_at_any_depth() {
    for body in [
        r#"{"method":"tools/list","method":"tools/call","jsonrpc":"2.0","id":1,"params":{"name":"a"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call","params":{"name":"a"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\u0061me":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1,"x":2}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"y":[{"x":1,"x":1}]}}}"#,
    ] {
        all_refuse(body, Flaw::MemberDuplicate);
    }
}

/// SMG-09
#[test]
fn a_member_spelt_almost_like_a_known_one_is_refused() {
    let message = |members: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list",{members}}}"#);
    for members in [
        r#""Method":"tools/call""#,
        r#""METHOD":"tools/call""#,
        r#""method ":"tools/call""#,
        r#""method\u0000":"tools/call""#,
        r#""param\u017f":{"name":"b"}"#,
        r#""Params":{"name":"b"}"#,
        r#""ID":2"#,
        r#""Jsonrpc":"1.0""#,
        r#""json_rpc":"1.0""#,
        r#""Result":{}"#,
        r#""\u212a":1"#,
        r#""params":{"_meta":{"io.modelcontextprotocol/ProtocolVersion":"x"}}"#,
        r#""params":{"_meta":{"io.modelcontextprotocol/protocol_version":"x"}}"#,
        r#""params":{"_meta":{"io.modelcontextprotocol/protocolVer\u017fion":"x"}}"#,
    ] {
        all_refuse(message(members), Flaw::MemberSpelling);
    }
    let named = |members: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a",{members}}}}}"#)
    };
    for members in [
        r#""Name":"b""#,
        r#""URI":"b""#,
        r#""ur\u0131":"b""#,
        r#""Arguments":{}"#,
        r#""argument\u017f":{}"#,
        r#""task_id":"b""#,
        r#""TaskId":"b""#,
        r#""meta":{}"#,
        r#""_Meta":{}"#,
    ] {
        all_refuse(named(members), Flaw::MemberSpelling);
    }
    // Arguments are the tool's own.
    let own = call("tools/call", json!({"name": "a", "arguments": {"Name": 1, "name": 2, "\u{17f}": 3}, "other": 1}));
    assert!(post(None).json(&own).read().is_ok());
}

/// SMG-10
#[test]
fn only_one_json_value_in_utf8_is_a_body() {
    let whole = tool_call("a").to_string();
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [
        String::new(),
        " ".into(),
        format!("\u{feff}{whole}"),
        format!("{whole}{whole}"),
        format!("{whole}\0"),
        format!("{whole},"),
        format!("// x\n{whole}"),
        whole.replace(":7", ":07"),
        whole.replace('"', "'"),
        whole.replace("\"a\"", "\"\\ud800\""),
        whole.replace("\"a\"", "\"a\nb\""),
        whole.replace(":7", ":NaN"),
        whole[..whole.len() - 1].to_owned(),
        "null".replace("null", "nul"),
    ] {
        all_refuse(body, Flaw::JsonMalformed);
    }
    all_refuse(utf16, Flaw::JsonMalformed);
    all_refuse(
        whole.replace("\"a\"", "\"\u{e9}\"").bytes().filter(|byte| *byte != 0xa9).collect::<Vec<u8>>(),
        Flaw::JsonMalformed,
    );
    assert!(post(None).body(format!(" \r\n\t{whole}\n")).read().is_ok());
}

/// SMG-10
#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| {
        let arguments = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"x":{arguments}}}}}}}"#
        )
    };
    assert_eq!(flaws(nested(61)), vec![None; 4]);
    all_refuse(nested(62), Flaw::TooDeep);
    all_refuse(nested(10_000), Flaw::TooDeep);
    all_refuse("[".repeat(1_000_000), Flaw::TooDeep);
    let endpoint = Endpoint { max_body: 100, ..Endpoint::default() };
    let padded = |length: usize| format!("{:length$}", call("ping", json!({})).to_string());
    assert!(post(None).body(padded(100)).read_by(&endpoint).is_ok());
    let fault = post(None).body(padded(101)).read_by(&endpoint).unwrap_err();
    assert_eq!((fault.flaw(), fault.status()), (Flaw::BodyTooLarge, 413));
}

/// MCP-10
#[test]
fn only_the_first_revision_has_batches() {
    let batch = json!([tool_call("a"), call("ping", json!({})), {"jsonrpc": "2.0", "method": "notifications/x"}]);
    for revision in [Some("2025-06-18"), Some("2025-11-25"), Some(STATELESS)] {
        assert_eq!(post(revision).json(&batch).flaw(), Some(Flaw::BatchRefused), "{revision:?}");
        assert_eq!(post(revision).json(&json!([tool_call("a")])).flaw(), Some(Flaw::BatchRefused), "{revision:?}");
    }
    for revision in [None, Some("2025-03-26")] {
        let exchange = post(revision).json(&batch).read().unwrap();
        assert_eq!((exchange.operations.len(), exchange.is_batch, exchange.id()), (3, true, None));
        assert_eq!(exchange.operations[0].target, Some(mcp_core::Target::Tool("a".into())));
        for (batch, flaw) in [
            (json!([]), Flaw::BatchRefused),
            (json!([tool_call("a"), {"jsonrpc": "2.0", "id": 1, "result": {}}]), Flaw::BatchRefused),
            (json!([call("initialize", json!({"protocolVersion": "2025-03-26"}))]), Flaw::BatchRefused),
            (json!([tool_call("a"), [tool_call("b")]]), Flaw::MessageMalformed),
            (json!([tool_call("a"), 1]), Flaw::MessageMalformed),
            (json!([tool_call("a"), tool_call("")]), Flaw::ParamsMalformed),
            (json!(vec![call("ping", json!({})); 257]), Flaw::TooManyOperations),
        ] {
            assert_eq!(post(revision).json(&batch).flaw(), Some(flaw), "{}", batch.to_string().get(..60).unwrap_or(""));
        }
        assert!(post(revision).json(&json!(vec![call("ping", json!({})); 256])).read().is_ok());
        let answers = json!([{"jsonrpc": "2.0", "id": 1, "result": {}}, {"jsonrpc": "2.0", "id": 2, "error": {}}]);
        assert!(post(revision).json(&answers).read().is_ok());
        // A header is about one message.
        let named = post(revision).json(&json!([tool_call("a"), tool_call("b")])).with("mcp-name", "a");
        assert_eq!(named.flaw(), Some(Flaw::HeaderMismatch));
    }
}
