//! What must have one reading: what a rule compares, and nothing else.

use mcp_core::{Compared, Endpoint, Flaw, Target};

use super::*;

const TOOLS: Compared = Compared { tools: true, ..Compared::NOTHING };
const PROMPTS: Compared = Compared { prompts: true, ..Compared::NOTHING };
const RESOURCES: Compared = Compared { resources: true, ..Compared::NOTHING };

fn flaw(compared: Compared, method: &str, params: &Value) -> Option<Flaw> {
    let endpoint = Endpoint { compared, ..Endpoint::default() };
    post(Some("2025-11-25")).json(&call(method, params.clone())).read_by(&endpoint).err().map(|fault| fault.flaw())
}

#[test]
fn a_uri_has_one_reading_where_a_rule_compares_resources_and_is_the_servers_elsewhere() {
    for uri in [
        "users/me",
        "/article/Berlin",
        "docs://guide#install",
        "file:///a/My File.md",
        "http://example.com",
        "FILE:///a",
        "file:///a/../b",
        "note://caf\u{e9}",
        "weather://{city}/now",
        "https://h/a?",
        "x",
        "",
        " a\n",
    ] {
        for method in ["resources/read", "resources/subscribe", "resources/unsubscribe"] {
            let params = json!({"uri": uri});
            for compared in [Compared::NOTHING, TOOLS, PROMPTS] {
                assert_eq!(flaw(compared, method, &params), None, "{method} {uri:?}");
            }
            for compared in [RESOURCES, Compared::ALL] {
                let found = flaw(compared, method, &params);
                assert!(matches!(found, Some(Flaw::ResourceAmbiguous | Flaw::ParamsMalformed)), "{method} {uri:?}");
            }
        }
        let listen = |compared| {
            let sent = stateless("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": [uri]}}));
            sent.read_by(&Endpoint { compared, ..Endpoint::default() }).map(|exchange| exchange.operations)
        };
        assert_eq!(listen(TOOLS).unwrap()[0].target, Some(Target::Resource(uri.into())));
        assert!(listen(RESOURCES).is_err(), "{uri:?}");
    }
}

#[test]
fn a_name_has_one_reading_where_a_rule_compares_its_kind() {
    for name in [" a", "a\n", "a\u{0}b", "\u{feff}a", ""] {
        for (method, own, other) in [("tools/call", TOOLS, PROMPTS), ("prompts/get", PROMPTS, TOOLS)] {
            let params = json!({"name": name});
            assert_eq!(flaw(own, method, &params), Some(Flaw::ParamsMalformed), "{method} {name:?}");
            assert_eq!(flaw(other, method, &params), None, "{method} {name:?}");
        }
        // No rule can be about a task.
        assert_eq!(flaw(Compared::ALL, "tasks/get", &json!({"taskId": name})), None, "{name:?}");
    }
    // That there is a name is of the protocol, whoever compares it.
    for name in [json!(null), json!(1), json!(["a"]), json!("a".repeat(8193))] {
        assert_eq!(flaw(Compared::NOTHING, "tools/call", &json!({"name": name})), Some(Flaw::ParamsMalformed));
    }
}

#[test]
fn parameters_have_members_of_any_name_unless_a_rule_compares_what_they_say() {
    for params in [
        json!({"Name": "x"}),
        json!({"gr\u{f6}\u{df}e": 1}),
        json!({"task_id": "x", "URI": 1, "meta": {}, "Arguments": []}),
        json!({"a b": 1, "\u{1f600}": 2}),
        json!({"_meta": {"gr\u{f6}\u{df}e": 1, "Name": 2}}),
    ] {
        for method in ["custom/method", "tools/list", "completion/complete", "logging/setLevel"] {
            assert_eq!(flaw(Compared::ALL, method, &params), None, "{method} {params}");
        }
        let mut named = params.clone();
        named["name"] = json!("a");
        named["uri"] = json!("a:b");
        let is_plain = params.get("_meta").is_some();
        for (method, own, other) in [
            ("tools/call", TOOLS, RESOURCES),
            ("prompts/get", PROMPTS, RESOURCES),
            ("resources/read", RESOURCES, TOOLS),
        ] {
            assert_eq!(flaw(own, method, &named), (!is_plain).then_some(Flaw::MemberSpelling), "{method} {named}");
            assert_eq!(flaw(other, method, &named), None, "{method} {named}");
        }
    }
}

/// A header is compared with the argument of one tool, so which tool is called must be certain.
#[test]
fn headers_that_repeat_arguments_compare_tools() {
    let param = mcp_core::ParamHeader { tool: "a".into(), name: "X".into(), path: vec!["x".into()] };
    let endpoint = Endpoint { compared: Compared::NOTHING, params: vec![param], ..Endpoint::default() };
    let sent = post(None).json(&call("tools/call", json!({"name": "b", "Name": "a", "arguments": {"x": "y"}})));
    assert_eq!(sent.read_by(&endpoint).err().map(|fault| fault.flaw()), Some(Flaw::MemberSpelling));
}

/// The message itself is what every rule compares.
#[test]
fn the_members_of_a_message_are_always_compared() {
    let endpoint = Endpoint { compared: Compared::NOTHING, ..Endpoint::default() };
    for member in ["Method", "PARAMS", "i_d", "m\u{e9}thod"] {
        let mut message = call("ping", json!({}));
        message[member] = json!("tools/call");
        let fault = post(None).json(&message).read_by(&endpoint).unwrap_err();
        assert_eq!(fault.flaw(), Flaw::MemberSpelling, "{member}");
    }
}
