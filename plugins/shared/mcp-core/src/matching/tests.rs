use serde_json::{Value, json};

use super::*;
use crate::revision::Revision;

fn read(block: &Value) -> (Option<McpMatch>, Problems) {
    let mut problems = Problems::default();
    let made = serde_json::from_value::<RawMcpMatch>(block.clone()).unwrap().settings("match.mcp", &mut problems);
    (made, problems)
}

fn made(block: Value) -> McpMatch {
    let (made, problems) = read(&block);
    assert!(problems.is_empty(), "{block}: {problems}");
    made.unwrap()
}

fn operation(kind: Kind, method: Option<&str>, target: Option<Target>) -> Operation {
    let method = method.map(Into::into);
    Operation { kind, revision: Revision::V2025_11_25, method, target, arguments: None, id: None }
}

fn request(method: &str) -> Operation {
    operation(Kind::Request, Some(method), None)
}

fn tool(name: &str) -> Operation {
    operation(Kind::Request, Some("tools/call"), Some(Target::Tool(name.into())))
}

fn resource(method: &str, uri: &str) -> Operation {
    operation(Kind::Request, Some(method), Some(Target::Resource(uri.into())))
}

#[test]
fn every_given_member_must_hold_and_a_list_is_any_of() {
    let block = made(json!({"kinds": ["request"], "methods": ["tools/call", "ping"]}));
    assert!(block.holds(&tool("a")) && block.holds(&request("ping")));
    assert!(!block.holds(&request("tools/list")));
    assert!(!block.holds(&operation(Kind::Notification, Some("notifications/x"), None)));
    assert!(!block.holds(&operation(Kind::Stream, None, None)));
}

#[test]
fn a_star_is_any_run_of_characters_and_case_matters() {
    let block = made(json!({"tools": ["delete_*", "*secret*", "exact"]}));
    for name in ["delete_", "delete_file", "my_secret_tool", "secret", "exact"] {
        assert!(block.holds(&tool(name)), "{name}");
    }
    for name in ["Delete_file", "delete", "exactly", "inexact", "sec_ret", "EXACT"] {
        assert!(!block.holds(&tool(name)), "{name}");
    }
}

#[test]
fn a_resource_is_matched_whichever_of_its_characters_are_escaped() {
    let block = made(json!({"resources": ["file:///private/a(1)*", "file:///other%20files/a%28%40%29"]}));
    for uri in
        ["file:///private/a(1)", "file:///private/a%281%29", "file:///private/a(1%29.pdf", "file:///other%20files/a(@)"]
    {
        assert!(block.holds(&resource("resources/read", uri)), "{uri}");
    }
    let star = made(json!({"resources": ["file:///a%2Ab"]}));
    assert!(
        star.holds(&resource("resources/read", "file:///a*b"))
            && star.holds(&resource("resources/read", "file:///a%2Ab"))
    );
    assert!(!star.holds(&resource("resources/read", "file:///acb")));
    for pattern in ["file:///a#*", "note://{a}/*", "file:///a?b"] {
        let (_, problems) = read(&json!({"resources": [pattern]}));
        assert!(problems.to_string().contains("can match nothing"), "{pattern}");
    }
}

#[test]
fn names_are_of_tools_prompts_or_resources_alone() {
    let prompt = operation(Kind::Request, Some("prompts/get"), Some(Target::Prompt("a".into())));
    let task = operation(Kind::Request, Some("tasks/get"), Some(Target::Task("a".into())));
    let tools = made(json!({"tools": ["*"]}));
    let prompts = made(json!({"prompts": ["*"]}));
    let resources = made(json!({"resources": ["file:///private/*"]}));
    assert!(
        tools.holds(&tool("a")) && !tools.holds(&prompt) && !tools.holds(&request("tools/list")) && !tools.holds(&task)
    );
    assert!(prompts.holds(&prompt) && !prompts.holds(&tool("a")));
    for method in ["resources/read", "resources/subscribe", "resources/unsubscribe", "subscriptions/listen"] {
        assert!(resources.holds(&resource(method, "file:///private/a")), "{method}");
        assert!(!resources.holds(&resource(method, "file:///public/a")), "{method}");
    }
    assert!(!resources.holds(&request("subscriptions/listen")));
    let reads = made(json!({"methods": ["resources/read"], "resources": ["*"]}));
    assert!(reads.holds(&resource("resources/read", "a:b")) && !reads.holds(&resource("resources/subscribe", "a:b")));
}

#[test]
fn kinds_without_method_are_matched_by_kind() {
    for (name, kind) in [("response", Kind::Response), ("stream", Kind::Stream), ("end_session", Kind::EndSession)] {
        let block = made(json!({"kinds": [name]}));
        assert!(block.holds(&operation(kind, None, None)), "{name}");
        assert!(!block.holds(&request("ping")), "{name}");
        assert!(!made(json!({"methods": ["*"]})).holds(&operation(kind, None, None)), "{name}");
    }
}

#[test]
fn tells_by_which_http_methods_it_can_come() {
    assert!(made(json!({"tools": ["a"]})).can_come_by("POST") && !made(json!({"tools": ["a"]})).can_come_by("GET"));
    assert!(made(json!({"kinds": ["stream", "end_session"]})).can_come_by("DELETE"));
}

#[test]
fn refuses_a_block_that_is_empty_or_cannot_be_meant() {
    for (block, expected) in [
        (json!({}), "match.mcp is empty"),
        (json!({"kinds": []}), "match.mcp.kinds is empty"),
        (json!({"methods": []}), "match.mcp.methods is empty"),
        (json!({"tools": []}), "match.mcp.tools is empty"),
        (json!({"prompts": []}), "match.mcp.prompts is empty"),
        (json!({"resources": []}), "match.mcp.resources is empty"),
        (json!({"tools": ["a", ""]}), "match.mcp.tools[1] can match nothing"),
        (json!({"tools": [" a"]}), "match.mcp.tools[0] can match nothing"),
        (json!({"tools": ["^delete_.*$"]}), "match.mcp.tools[0] can match nothing"),
        (json!({"tools": ["delete_(file|dir)"]}), "match.mcp.tools[0] can match nothing"),
        (json!({"prompts": ["[a-z]"]}), "match.mcp.prompts[0] can match nothing"),
        (json!({"tools": ["a\u{0}"]}), "match.mcp.tools[0] can match nothing"),
        (json!({"methods": ["tools call"]}), "match.mcp.methods[0] can match nothing"),
        (json!({"resources": ["/private/a"]}), "match.mcp.resources[0] can match nothing"),
        (json!({"resources": ["file:///a/../b"]}), "match.mcp.resources[0] can match nothing"),
        (json!({"tools": ["a"], "prompts": ["a"]}), "match.mcp names tools, prompts and resources at once"),
        (json!({"tools": ["a"], "methods": ["tools/list"]}), "match.mcp holds for no operation"),
        (json!({"tools": ["a"], "kinds": ["notification", "stream"]}), "match.mcp holds for no operation"),
        (json!({"methods": ["tools/call"], "kinds": ["stream"]}), "match.mcp holds for no operation"),
        (json!({"methods": ["tools/call"], "kinds": ["notification"]}), "match.mcp holds for no operation"),
        (json!({"methods": ["notifications/x"], "kinds": ["request"]}), "match.mcp holds for no operation"),
    ] {
        let found = read(&block).1.to_string();
        assert!(found.contains(expected), "{block}: {found}");
    }
}

/// MCP-16
#[test]
fn no_rule_can_rest_on_what_a_client_says_of_itself() {
    for member in ["clientInfo", "client_info", "client", "clients", "capabilities", "user_agent"] {
        let error = serde_json::from_value::<RawMcpMatch>(json!({member: ["x"]})).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{member}: {error}");
    }
}

fn blocks() -> Vec<McpMatch> {
    let kinds = [
        Value::Null,
        json!(["request"]),
        json!(["notification"]),
        json!(["stream", "response"]),
        json!(["request", "notification", "response", "stream", "end_session"]),
    ];
    let methods = [
        Value::Null,
        json!(["*"]),
        json!(["tools/call"]),
        json!(["tools/*", "resources/*"]),
        json!(["resources/read", "resources/subscribe"]),
        json!(["notifications/*"]),
        json!(["*/call", "subscriptions/listen"]),
        json!(["n*"]),
    ];
    let names = [
        Value::Null,
        json!({"tools": ["*"]}),
        json!({"tools": ["a*", "b"]}),
        json!({"tools": ["ab"]}),
        json!({"prompts": ["a*"]}),
        json!({"resources": ["*"]}),
        json!({"resources": ["a:*", "b:*"]}),
    ];
    let mut blocks = Vec::new();
    for kinds in &kinds {
        for methods in &methods {
            for names in &names {
                let mut block = names.as_object().cloned().unwrap_or_default();
                block
                    .extend([("kinds", kinds), ("methods", methods)].map(|(name, value)| (name.into(), value.clone())));
                block.retain(|_, value| !value.is_null());
                let (made, problems) = read(&Value::Object(block));
                assert_eq!(made.is_none(), !problems.is_empty());
                blocks.extend(made);
            }
        }
    }
    blocks
}

/// All kinds, methods and names that the blocks above tell apart, and some that none of them names.
fn operations() -> Vec<Operation> {
    let mut all = vec![
        operation(Kind::Response, None, None),
        operation(Kind::Stream, None, None),
        operation(Kind::EndSession, None, None),
    ];
    all.extend(["ping", "nothing", "tools/list", "x/call", "resources/list", "subscriptions/listen", "z"].map(request));
    all.extend(
        ["x", "tools/call"].map(|name| operation(Kind::Notification, Some(&format!("notifications/{name}")), None)),
    );
    for name in ["a", "ab", "b", "abc", "c", "z"] {
        all.push(tool(name));
        all.push(operation(Kind::Request, Some("prompts/get"), Some(Target::Prompt(name.into()))));
        all.push(operation(Kind::Request, Some("tasks/get"), Some(Target::Task(name.into()))));
        for method in ["resources/read", "resources/subscribe", "resources/unsubscribe", "subscriptions/listen"] {
            all.push(resource(method, &format!("{name}:x")));
        }
    }
    all
}

#[test]
fn covering_and_meeting_are_what_trying_every_operation_says() {
    let (blocks, operations) = (blocks(), operations());
    assert!(blocks.len() > 60, "{}", blocks.len());
    let (mut covered, mut missed, mut apart, mut unsure) = (0, 0, 0, 0);
    for a in &blocks {
        assert!(a.covers(a) && a.meets(a), "{a:?}");
        assert!(operations.iter().any(|operation| a.holds(operation)), "{a:?}");
        for b in &blocks {
            let truly_covers = operations.iter().all(|operation| !b.holds(operation) || a.holds(operation));
            let truly_meets = operations.iter().any(|operation| a.holds(operation) && b.holds(operation));
            assert!(!a.covers(b) || truly_covers, "{a:?} does not cover {b:?}");
            assert!(a.meets(b) || !truly_meets, "{a:?} meets {b:?}");
            assert_eq!(a.meets(b), b.meets(a), "{a:?} {b:?}");
            covered += usize::from(a.covers(b));
            missed += usize::from(!a.covers(b) && truly_covers);
            apart += usize::from(!a.meets(b));
            unsure += usize::from(a.meets(b) && !truly_meets);
        }
    }
    // It may be unsure, but seldom.
    assert!(covered > 10 * missed && apart > 10 * unsure, "{covered} {missed} {apart} {unsure}");
}
