//! What a head alone tells.

use mcp_core::{Endpoint, Flaw, Kind, Opening, Origins, Reads, Revision, Target};
use oauth_core::config::Problems;
use serde_json::json;

use super::*;

fn get(revision: Option<&str>) -> Sent {
    let sent = Sent::new("GET").with("accept", "application/json, text/event-stream;q=0.5");
    match revision {
        Some(revision) => sent.with("mcp-protocol-version", revision),
        None => sent,
    }
}

/// MCP-11, X10
#[test]
fn the_revision_is_that_of_the_header_and_the_first_without_one() {
    for (name, revision) in [
        (None, Revision::V2025_03_26),
        (Some("2025-03-26"), Revision::V2025_03_26),
        (Some("2025-06-18"), Revision::V2025_06_18),
        (Some("2025-11-25"), Revision::V2025_11_25),
    ] {
        let exchange = post(name).json(&tool_call("a")).read().unwrap();
        assert_eq!((exchange.revision, exchange.operations[0].revision), (revision, revision), "{name:?}");
    }
    assert_eq!(stateless("ping", json!({})).read().unwrap().revision, Revision::V2026_07_28);
}

/// What clients negotiate with older servers, and then say in every request.
#[test]
fn a_revision_from_before_this_transport_is_read_as_the_first_of_it() {
    for (name, revision) in [("2024-10-07", Revision::V2024_10_07), ("2024-11-05", Revision::V2024_11_05)] {
        let exchange = post(Some(name)).json(&tool_call("a")).read().unwrap();
        assert_eq!((exchange.revision, exchange.revision.as_str()), (revision, name));
        let batch = post(Some(name)).json(&json!([tool_call("a"), tool_call("b")])).read().unwrap();
        assert_eq!((batch.is_batch, batch.operations.len()), (true, 2));
        let session = |sent: Sent| sent.with("mcp-session-id", "s").read().unwrap().operations.remove(0).kind;
        assert_eq!(session(get(Some(name))), Kind::Stream);
        assert_eq!(session(Sent::new("DELETE").with("mcp-protocol-version", name)), Kind::EndSession);
        let head_only = Endpoint { reads: Reads::HeadOnly, ..Endpoint::default() };
        let fault = post(Some(name)).json(&tool_call("a")).read_by(&head_only).unwrap_err();
        assert_eq!(fault.flaw(), Flaw::VersionUnsupported, "such servers compare no headers");
    }
}

/// MCP-05, MCP-11
#[test]
fn an_unknown_version_is_refused_with_those_that_are_known() {
    for version in ["banana", "", "2024-06-01", "2025-06-18 x", "2026-07-29", "DRAFT-2026-v1", "2025-06-18;q=1"] {
        for sent in [post(Some(version)).json(&tool_call("a")), get(Some(version))] {
            let fault = sent.read().unwrap_err();
            assert_eq!((fault.flaw(), fault.status()), (Flaw::VersionUnsupported, 400), "{version}");
            let body: Value = serde_json::from_str(&fault.body()).unwrap();
            assert_eq!(body["error"]["code"], -32022);
            assert_eq!(
                body["error"]["data"]["supported"],
                json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"])
            );
            assert!(body["error"]["data"]["requested"].is_string());
        }
    }
}

/// MCP-03, MCP-12
#[test]
fn two_values_of_any_mcp_header_are_refused() {
    let good = stateless("tools/call", json!({"name": "a"}));
    for (name, value) in [("MCP-Protocol-Version", STATELESS), ("Mcp-Method", "tools/call"), ("Mcp-Name", "a")] {
        assert_eq!(good.clone().with(name, value).flaw(), Some(Flaw::HeaderDuplicate), "{name}");
        let joined = format!("{value},{value}");
        assert!(good.clone().instead(name, joined).flaw().is_some(), "{name}");
    }
    let doubled = good.clone().with("Mcp-Param-Region", "a").with("mcp-param-region", "b");
    assert_eq!(doubled.flaw(), Some(Flaw::HeaderDuplicate));
    assert!(good.with("mcp-param-region", "a").with("mcp-param-zone", "b").read().is_ok());
    for revision in OLDER {
        let sent = post(revision).json(&tool_call("a")).with("mcp-session-id", "one");
        assert_eq!(sent.read().unwrap().session.as_deref(), Some("one"));
        assert_eq!(sent.clone().with("Mcp-Session-Id", "two").flaw(), Some(Flaw::SessionMalformed));
        assert_eq!(sent.instead("mcp-session-id", "one,two").flaw(), Some(Flaw::SessionMalformed));
        let twice = post(revision).json(&tool_call("a")).with("mcp-protocol-version", "2025-06-18");
        if revision.is_some() {
            assert_eq!(twice.flaw(), Some(Flaw::HeaderDuplicate), "{revision:?}");
        }
    }
}

/// SMG-06
#[test]
fn a_field_that_some_servers_read_as_one_of_mcp_is_refused() {
    let good = stateless("tools/call", json!({"name": "a"}));
    for name in ["mcp_name", "MCP_METHOD", "mcp-protocol_version", "mcp_param-x", "Mcp_Session_Id"] {
        let flaw = good.clone().with(name, "b").flaw();
        let expected = (!name.contains("Session")).then_some(Flaw::HeaderMalformed);
        assert_eq!(flaw, expected, "{name}");
    }
    let older = post(None).json(&tool_call("a")).with("mcp_session_id", "b");
    assert_eq!(older.flaw(), Some(Flaw::SessionMalformed));
}

/// MCP-12
#[test]
fn a_session_id_is_visible_ascii() {
    for session in [&b"a b"[..], b"", b"caf\xc3\xa9", b"a\x7f", b"a\0", b"a\tb"] {
        let sent = post(Some("2025-11-25")).json(&tool_call("a")).with("mcp-session-id", session);
        assert_eq!(sent.flaw(), Some(Flaw::SessionMalformed), "{session:?}");
    }
    let sent = post(None).json(&tool_call("a")).with("mcp-session-id", " 1868a90c-~!{} ");
    assert_eq!(sent.read().unwrap().session.as_deref(), Some("1868a90c-~!{}"));
}

/// MCP-13, X10
#[test]
fn the_stateless_revision_ignores_sessions_and_has_no_get_or_delete() {
    for session in ["one", "one,two", "caf\u{e9}"] {
        let sent = stateless("ping", json!({})).with("mcp-session-id", session).with("mcp-session-id", "x");
        let exchange = sent.with("last-event-id", "9").read().unwrap();
        assert_eq!(exchange.session, None);
    }
    for method in ["GET", "DELETE"] {
        let sent = Sent::new(method).with("mcp-protocol-version", STATELESS).with("accept", "text/event-stream");
        let fault = sent.with("mcp-session-id", "x").read().unwrap_err();
        assert_eq!((fault.flaw(), fault.status()), (Flaw::MethodNotAllowed, 405), "{method}");
        assert!(fault.headers().contains(&("allow", "POST".to_owned())));
    }
}

/// MCP-01
#[test]
fn get_is_a_stream_and_delete_the_end_of_a_session() {
    for revision in OLDER {
        let stream = get(revision).with("mcp-session-id", "s").read().unwrap();
        let operation = &stream.operations[0];
        assert_eq!((operation.kind, &operation.method, stream.session.as_deref()), (Kind::Stream, &None, Some("s")));
        let mut end = get(revision).with("mcp-session-id", "s");
        end.method = "DELETE".into();
        assert_eq!(end.read().unwrap().operations[0].kind, Kind::EndSession);
        assert_eq!(end.without("mcp-session-id").flaw(), Some(Flaw::SessionMissing));
        for accept in ["", "*/*", "text/*", "application/json", "text/event-streams"] {
            assert_eq!(get(revision).instead("accept", accept).flaw(), Some(Flaw::StreamNotAccepted), "{accept}");
        }
        assert_eq!(get(revision).body("{}").flaw(), Some(Flaw::BodyUnexpected));
        assert!(get(revision).instead("accept", "text/html").with("Accept", "TEXT/Event-Stream").read().is_ok());
    }
}

/// MCP-01
#[test]
fn other_methods_and_upgrades_are_refused() {
    for method in ["PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "post", "get", ""] {
        let fault = Sent { method: method.into(), ..post(None).json(&tool_call("a")) }.read().unwrap_err();
        assert_eq!((fault.flaw(), fault.status()), (Flaw::MethodNotAllowed, 405), "{method}");
        assert!(fault.headers().contains(&("allow", "GET, POST, DELETE".to_owned())), "{method}");
    }
    let upgrade = Sent { is_upgrade: true, ..post(None).json(&tool_call("a")) };
    assert_eq!(upgrade.flaw(), Some(Flaw::UpgradeRefused));
    assert_eq!(Sent { method: "CONNECT".into(), ..get(None) }.flaw(), Some(Flaw::UpgradeRefused));
}

/// SMG-11
#[test]
fn only_plain_json_is_read() {
    let sent = || post(None).json(&tool_call("a"));
    for fit in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\" ",
    ] {
        assert!(sent().instead("content-type", fit).read().is_ok(), "{fit}");
    }
    for unfit in [
        "",
        "text/plain",
        "application/json-rpc",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; x=y",
        "application/json; boundary=x",
        "application/json;",
        "application/json, text/plain",
        "application/json, application/json",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
    ] {
        let fault = sent().instead("content-type", unfit).read().unwrap_err();
        assert_eq!((fault.flaw(), fault.status()), (Flaw::ContentTypeRefused, 415), "{unfit}");
    }
    assert_eq!(sent().without("content-type").flaw(), Some(Flaw::ContentTypeRefused));
    assert_eq!(sent().with("Content-Type", "application/json").flaw(), Some(Flaw::ContentTypeRefused));
    assert!(sent().with("content-encoding", "Identity").read().is_ok());
    for encoding in ["gzip", "", "identity, gzip", "br", "identity,identity"] {
        let fault = sent().with("content-encoding", encoding).read().unwrap_err();
        assert_eq!((fault.flaw(), fault.status()), (Flaw::ContentEncodingRefused, 415), "{encoding}");
    }
}

/// MCP-14
#[test]
fn an_origin_that_is_not_listed_is_forbidden() {
    let mut problems = Problems::default();
    let listed = ["https://app.example".to_owned(), "http://localhost:8080".to_owned(), "null".to_owned()];
    let listing = Endpoint { origins: Origins::settings(&listed, "origins", &mut problems), ..Endpoint::default() };
    assert!(problems.is_empty(), "{problems}");
    let sent = |origin: &str| post(None).json(&tool_call("a")).with("Origin", origin);
    for origin in &listed {
        assert!(sent(origin).read_by(&listing).is_ok(), "{origin}");
        assert_eq!(sent(origin).flaw(), Some(Flaw::OriginNotAllowed), "{origin}");
    }
    for origin in [
        "",
        "https://evil.example",
        "https://app.example.evil.example",
        "https://app.example:8443",
        "https://APP.example",
        "http://app.example",
        "https://app.example/",
        "https://app.example,https://evil.example",
        "Null",
    ] {
        let fault = sent(origin).read_by(&listing).unwrap_err();
        assert_eq!((fault.flaw(), fault.status()), (Flaw::OriginNotAllowed, 403), "{origin}");
    }
    let two = sent("https://app.example").with("origin", "https://evil.example");
    assert!(two.read_by(&listing).is_err());
    assert!(post(None).json(&tool_call("a")).read_by(&listing).is_ok());
    let unlisted =
        Endpoint { origins: Origins::settings(&listed[..2], "origins", &mut problems), ..Endpoint::default() };
    assert!(sent("null").read_by(&unlisted).is_err());
}

/// MCP-14
#[test]
fn a_configured_origin_is_as_a_browser_writes_it() {
    for origin in [
        "",
        "app.example",
        "https://",
        "https://app.example/",
        "https://App.example",
        "https://app.example:443",
        "*",
        "https://*.example",
        "https://a b",
    ] {
        let mut problems = Problems::default();
        let _ = Origins::settings(&["null".to_owned(), origin.to_owned()], "origins", &mut problems);
        assert!(problems.to_string().contains("origins[1] is no origin"), "{origin}");
    }
}

fn head_only() -> Endpoint {
    Endpoint { reads: Reads::HeadOnly, ..Endpoint::default() }
}

/// MCP-06
#[test]
fn headers_alone_are_trusted_only_where_the_server_must_compare_them() {
    for revision in OLDER {
        let sent = post(revision).with("mcp-method", "tools/call").with("mcp-name", "a").json(&tool_call("b"));
        let fault = sent.read_by(&head_only()).unwrap_err();
        assert_eq!(fault.status(), 400, "{revision:?}");
        assert!(matches!(fault.flaw(), Flaw::VersionUnsupported | Flaw::HeaderMissing), "{fault:?}");
        // With the body, it is the body that counts, and the header must not say otherwise.
        let read = post(revision).with("mcp-name", "b").json(&tool_call("b")).read().unwrap();
        assert_eq!(read.operations[0].target, Some(Target::Tool("b".into())));
        assert_eq!(sent.flaw(), Some(Flaw::HeaderMismatch));
        assert!(get(revision).read_by(&head_only()).is_err());
    }
    let sent = stateless("tools/call", json!({"name": "a"}));
    let exchange = sent.read_by(&head_only()).unwrap();
    assert_eq!(exchange.operations[0].target, Some(Target::Tool("a".into())));
    assert_eq!((&exchange.operations[0].arguments, exchange.id()), (&None, None));
    let fault = post(Some("2025-11-25")).read_by(&head_only()).unwrap_err();
    assert!(fault.body().contains(r#""supported":["2026-07-28"]"#), "{}", fault.body());
}

/// MCP-02, MCP-04, MCP-06
#[test]
fn headers_alone_must_tell_everything() {
    let sent = stateless("tools/call", json!({"name": "a"}));
    let flaw = |sent: Sent| sent.read_by(&head_only()).err().map(|fault| fault.flaw());
    for name in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        assert_eq!(flaw(sent.clone().without(name)), Some(Flaw::HeaderMissing), "{name}");
    }
    for name in [
        "=?base64?!?=",
        "=?base64?_w==?=",
        "=?base64?/w==?=",
        "=?base64?YQ?=",
        "=?BASE64?YQ==?=",
        "=?Base64?YQ==?=",
        "=?utf-8?B?YQ==?=",
        "=?base64?YQ==",
    ] {
        assert_eq!(flaw(sent.clone().instead("mcp-name", name)), Some(Flaw::HeaderMalformed), "{name}");
    }
    assert_eq!(flaw(sent.clone().instead("mcp-name", "a, b")), Some(Flaw::HeaderDuplicate));
    assert_eq!(flaw(sent.clone().instead("mcp-name", "a\u{e9}")), Some(Flaw::HeaderMalformed));
    assert_eq!(flaw(sent.clone().instead("mcp-name", "=?base64?AA==?=")), Some(Flaw::ParamsMalformed));
    assert_eq!(flaw(sent.instead("content-type", "text/plain")), Some(Flaw::ContentTypeRefused));
    let decoded = stateless("tools/call", json!({"name": "a"})).instead("mcp-name", "=?base64?YSwgYg==?=");
    let target = decoded.read_by(&head_only()).unwrap().operations.remove(0).target;
    assert_eq!(target, Some(Target::Tool("a, b".into())));
    for method in ["subscriptions/listen", "resources/subscribe"] {
        assert_eq!(flaw(stateless(method, json!({"uri": "a:b"}))), Some(Flaw::BodyNeeded), "{method}");
    }
    let read = stateless("resources/read", json!({"uri": "file:///a/../b"}));
    assert_eq!(flaw(read), Some(Flaw::ResourceAmbiguous));
}

#[test]
fn a_fault_of_the_headers_waits_for_the_id_and_is_told_before() {
    let endpoint = Endpoint::default();
    let fields: [(&[u8], &[u8]); 2] = [(b"content-type", b"application/json"), (b"mcp-protocol-version", b"banana")];
    let head = Head { method: "POST", is_upgrade: false, has_body: true, fields: &fields };
    let Ok(Opening::Body(reader)) = endpoint.open(&head) else { panic!("it has a body") };
    assert_eq!(reader.foregone().map(|fault| fault.flaw()), Some(Flaw::VersionUnsupported));
    let fault = reader.read(tool_call("a").to_string().as_bytes()).unwrap_err();
    assert_eq!(fault.id(), Some(&mcp_core::RequestId::Number(7)));
}
