//! Filter and server see the same tool: no way of writing a request shows a harmless call to the one and a dangerous one
//! to the other.

use fourleg_harness::{Gateway, Protocol, Request, Runner, Running, plugin, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{config, good};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// Everything passes but calls of `delete_*`, reads of private files, and tasks, which need what no token here has.
fn start(runner: &dyn Runner) -> Box<dyn Running> {
    let rule = |name: &str, mcp: Value| json!({"name": name, "match": {"path": {"exact": "/mcp"}, "mcp": mcp}, "require": {"acr_values": ["mfa"]}});
    let rules = json!([
        rule("delete", json!({"tools": ["delete_*"]})),
        rule(
            "private",
            json!({"resources": ["file:///private/*", "file:///*.secret", "db://prod/*", "db://prod:5432/*", "file:///board(1)/*"]})
        ),
        rule("tasks", json!({"methods": ["tasks/*"]})),
    ]);
    let ours = plugin("claim_challenge", json!({"rules": rules, "unmatched": "allow"}));
    runner.start(Gateway::chain([plugin("audience_validation", config()), ours])).unwrap()
}

fn raw(body: impl Into<Vec<u8>>) -> Request {
    post("/mcp").body(body).header("content-type", "application/json")
}

fn with_version(revision: &str, body: &Value) -> Request {
    raw(body.to_string()).header("mcp-protocol-version", revision)
}

fn call(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

fn tool(name: &str) -> Value {
    call("tools/call", json!({"name": name}))
}

const STATELESS: &str = "2026-07-28";

fn with_meta(mut message: Value, revision: &str) -> Value {
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": revision, "io.modelcontextprotocol/clientCapabilities": {},
    });
    message
}

/// A request of 2026-07-28 with these headers.
fn stateless(message: Value, method: &str, name: &str) -> Request {
    with_version(STATELESS, &with_meta(message, STATELESS)).header("mcp-method", method).header("mcp-name", name)
}

/// None of these may reach the upstream, and each is told why in JSON-RPC.
#[track_caller]
fn refuses(gateway: &dyn Running, requests: impl IntoIterator<Item = Request>, status: u16) {
    for (position, request) in requests.into_iter().enumerate() {
        for protocol in BOTH {
            // A user of its own for each: the loop guard denies one that is challenged too often.
            let token = good(gateway).subject(&format!("user-{position}-{protocol:?}")).sign();
            let picture = format!("{request:?}");
            let outcome = gateway.send(request.clone().bearer(&token).over(protocol));
            assert_eq!(outcome.response.status, status, "{picture}\n{}", outcome.picture());
            outcome.never_reached_upstream();
            let body = outcome.body_json();
            assert!(body["jsonrpc"] == "2.0" && body["error"]["code"].is_i64(), "{picture}\n{body}");
        }
    }
}

#[track_caller]
fn passes(gateway: &dyn Running, requests: impl IntoIterator<Item = Request>) {
    let token = good(gateway).sign();
    for request in requests {
        for protocol in BOTH {
            let outcome = gateway.send(request.clone().bearer(&token).over(protocol));
            assert_eq!(outcome.allowed().whole_body(), request.whole_body());
        }
    }
}

scenarios! {
    /// SMG-08, SMG-09
    fn no_second_or_respelt_member_hides_a_call(runner) {
        let gateway = start(runner);
        let params = |members: &str| raw(format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{{members}}}}}"#));
        let message = |members: &str| raw(format!(r#"{{"jsonrpc":"2.0","id":7,{members}}}"#));
        refuses(&*gateway, [
            params(r#""name":"read_a","name":"delete_a""#),
            params(r#""name":"delete_a","name":"read_a""#),
            params(r#""name":"read_a","n\u0061me":"delete_a""#),
            params(r#""name":"read_a","Name":"delete_a""#),
            params(r#""NAME":"delete_a","name":"read_a""#),
            params(r#""name":"read_a","arguments":{"x":1,"x":2}"#),
            message(r#""method":"tools/list","method":"tools/call","params":{"name":"delete_a"}"#),
            message(r#""method":"tools/list","Method":"tools/call","params":{"name":"delete_a"}"#),
            message(r#""method":"tools/call","params":{"name":"read_a"},"Params":{"name":"delete_a"}"#),
            message(r#""method":"tools/call","params":{"name":"read_a"},"param\u017f":{"name":"delete_a"}"#),
            message(r#""method":"tools/call","params":{"name":"read_a"},"params":{"name":"delete_a"}"#),
        ], 400);
        passes(&*gateway, [with_version("2025-11-25", &tool("read_a")), raw(tool("undelete_a").to_string())]);
        refuses(&*gateway, [raw(tool("delete_a").to_string())], 401);
    }

    /// SMG-10, SMG-11
    fn no_other_way_of_writing_json_hides_a_call(runner) {
        let gateway = start(runner);
        let hidden = tool("delete_a").to_string();
        let harmless = tool("read_a").to_string();
        let utf16: Vec<u8> = hidden.encode_utf16().flat_map(u16::to_le_bytes).collect();
        refuses(&*gateway, [
            raw(format!("\u{feff}{hidden}")),
            raw(utf16),
            raw(format!("{harmless}{hidden}")),
            raw(format!("{harmless}\n{hidden}")),
            raw(format!("/*{harmless}*/{hidden}")),
            raw(hidden.replace("delete_a", "delete_\u{0}a").replace('\u{0}', "\\u0000")),
            raw(hidden.replace("delete_a", " delete_a")),
            raw(hidden.replace("delete_a", "\u{feff}delete_a")),
            raw(hidden.replace("delete_a", "delete_a\\ud800")),
            raw(hidden.replace("\"id\":7,", "")),
            raw(hidden.replace("{\"name\":\"delete_a\"}", "[\"delete_a\"]")),
            raw([br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"delete_a"#.as_slice(), b"\xff\"}}"].concat()),
            raw(format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))),
        ], 400);
        refuses(&*gateway, [
            raw(hidden.replace("delete_a", "d\\u0065lete_a")),
            raw(format!(" \r\n\t{hidden} ")),
        ], 401);
    }

    /// MCP-02, MCP-03, MCP-04, SMG-06
    fn no_header_says_another_name_than_the_body(runner) {
        let gateway = start(runner);
        let read = || stateless(tool("read_a"), "tools/call", "read_a");
        let bare = || with_version(STATELESS, &with_meta(tool("read_a"), STATELESS));
        refuses(&*gateway, [
            stateless(tool("delete_a"), "tools/call", "read_a"),
            stateless(tool("read_a"), "tools/call", "delete_a"),
            stateless(tool("read_a"), "tools/list", "read_a"),
            stateless(tool("read_a"), "Tools/Call", "read_a"),
            stateless(call("Tools/Call", json!({"name": "delete_a"})), "Tools/Call", "delete_a"),
            stateless(tool("read_a"), "tools/call", "=?base64?ZGVsZXRlX2E=?="),
            stateless(tool("read_a"), "tools/call", "=?BASE64?cmVhZF9h?="),
            stateless(tool("read_a"), "tools/call", "=?base64?cmVhZF9?="),
            read().header("Mcp-Name", "read_a"),
            read().header("mcp-name", "delete_a"),
            read().header("mcp-method", "tools/call"),
            read().header("mcp-protocol-version", STATELESS),
            read().header("mcp_name", "delete_a"),
            read().header("mcp-param-x", "1").header("Mcp-Param-X", "2"),
            bare(), bare().header("mcp-method", "tools/call"), bare().header("mcp-name", "read_a"),
        ], 400);
        passes(&*gateway, [
            read(), read().header("mcp-param-x", "1"),
            stateless(tool("read_a"), "tools/call", "=?base64?cmVhZF9h?="), stateless(tool("read_a"), "tools/call", "  read_a "),
        ]);
        refuses(&*gateway, [
            stateless(tool("delete_a"), "tools/call", "delete_a"),
            stateless(tool("delete_\u{4e16}"), "tools/call", "=?base64?ZGVsZXRlX+S4lg==?="),
        ], 401);
    }

    /// MCP-05, MCP-10, MCP-11
    fn no_version_changes_how_a_body_is_read(runner) {
        let gateway = start(runner);
        let batch = json!([tool("read_a"), tool("delete_a")]);
        let mut refused = vec![
            with_version(STATELESS, &tool("read_a")).header("mcp-method", "tools/call").header("mcp-name", "read_a"),
            stateless(with_meta(tool("read_a"), "2025-11-25"), "tools/call", "read_a").header("mcp-protocol-version", "2025-11-25"),
            raw(with_meta(tool("read_a"), STATELESS).to_string()),
            with_version("2025-11-25", &with_meta(tool("read_a"), STATELESS)),
            with_version("banana", &tool("read_a")),
            with_version("2025-03-26,2026-07-28", &tool("read_a")),
        ];
        refused.extend(["2025-06-18", "2025-11-25", STATELESS].map(|revision| with_version(revision, &batch)));
        refuses(&*gateway, refused, 400);
        refuses(&*gateway, [raw(batch.to_string()), with_version("2025-03-26", &batch)], 401);
        passes(&*gateway, [
            raw(json!([tool("read_a"), tool("read_b")]).to_string()),
            raw(call("initialize", json!({"protocolVersion": STATELESS, "capabilities": {}})).to_string()),
        ]);
    }

    /// MCP-12, MCP-13
    fn a_session_id_is_one_or_none_and_proves_nothing(runner) {
        let gateway = start(runner);
        let read = || with_version("2025-11-25", &tool("read_a"));
        refuses(&*gateway, [
            read().header("mcp-session-id", "a").header("mcp-session-id", "b"),
            read().header("mcp-session-id", "a,b"),
            read().header("mcp-session-id", "a b"),
            read().header("mcp-session-id", b"caf\xc3\xa9"),
        ], 400);
        refuses(&*gateway, [with_version("2025-11-25", &tool("delete_a")).header("mcp-session-id", "a")], 401);
        passes(&*gateway, [
            read().header("mcp-session-id", "a"),
            stateless(tool("read_a"), "tools/call", "read_a").header("mcp-session-id", "a b").header("last-event-id", "9"),
        ]);
    }

    /// MCP-15
    fn a_retried_call_is_judged_like_the_first(runner) {
        let gateway = start(runner);
        let retried = |name: &str| {
            let params = json!({"name": name, "requestState": "eyJvayI6dHJ1ZX0", "inputResponses": {"confirm": {"action": "accept"}}});
            stateless(call("tools/call", params), "tools/call", name)
        };
        refuses(&*gateway, [retried("delete_a")], 401);
        passes(&*gateway, [retried("read_a")]);
    }

    /// Many a server ignores the case of a path, or a slash at its end.
    fn no_other_spelling_of_the_path_hides_an_endpoint(runner) {
        let rule = |path: Value, mode: &str| json!({"name": format!("{path}{mode}"), "mode": mode, "match": {"path": path, "mcp": {"tools": ["delete_*"]}}, "require": {"acr_values": ["mfa"]}});
        let rules = json!([
            rule(json!({"exact": "/mcp"}), "enforce"), rule(json!({"prefix": "/mcp/team"}), "enforce"),
            rule(json!({"exact": "/mcp/both"}), "enforce"), rule(json!({"exact": "/mcp/both/"}), "enforce"), rule(json!({"exact": "/mcp/trial"}), "shadow"),
        ]);
        let mut first = config();
        first["resources"][0].as_object_mut().unwrap().remove("match");
        let ours = plugin("claim_challenge", json!({"rules": rules, "unmatched": "allow"}));
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", first), ours])).unwrap();
        let at = |path: &str, name: &str| post(path).json(&tool(name)).bearer(&good(&*gateway).claim("n", json!(path)).sign());
        for path in ["/mcp/", "/MCP", "/Mcp/", "/%4dcp", "/mcp?", "/mcp/TEAM", "/MCP/team/a", "/mcp/BOTH", "/mcp/Both/"] {
            for protocol in BOTH {
                let outcome = gateway.send(at(path, "delete_a").over(protocol));
                outcome.never_reached_upstream();
                let expected = if path == "/mcp?" { (401, "insufficient_user_authentication") } else { (400, "path_refused") };
                let code = outcome.body_json()["error"]["data"]["code"].as_str().map(str::to_owned);
                let code = code.or_else(|| outcome.body_json()["code"].as_str().map(str::to_owned)).unwrap();
                assert_eq!((outcome.response.status, &*code), expected, "{path} {}", outcome.picture());
            }
        }
        for path in ["/mcp", "/mcp/team", "/mcp/team/", "/mcp/team/A", "/mcp/both", "/mcp/both/"] {
            gateway.send(at(path, "delete_a")).denied_with(401).never_reached_upstream();
            gateway.send(at(path, "read_a")).allowed();
        }
        for path in ["/mcp/trial", "/mcp/trial/", "/mcp/TRIAL", "/mcp/other", "/mcps", "/"] {
            gateway.send(at(path, "delete_a")).allowed();
        }
    }

    fn a_resource_is_the_same_however_it_is_asked_for(runner) {
        let gateway = start(runner);
        let subscribe = |uri: &str| with_version("2025-11-25", &call("resources/subscribe", json!({"uri": uri})));
        let read = |uri: &str| with_version("2025-11-25", &call("resources/read", json!({"uri": uri})));
        let listen = |uris: Value| {
            let message = call("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": uris}}));
            with_version(STATELESS, &with_meta(message, STATELESS)).header("mcp-method", "subscriptions/listen")
        };
        refuses(&*gateway, [
            read("file:///a.secret"), read("db://prod/a"), read("file:///board%281%29/a"),
            read("file:///private/a"), subscribe("file:///private/a"), listen(json!(["file:///public/a", "file:///private/a"])),
            raw(call("tasks/get", json!({"taskId": "t"})).to_string()),
        ], 401);
        refuses(&*gateway, [
            read("file:///public/../private/a"), read("file:///public/%2e%2e/private/a"), read("file:////private/a"),
            read("file:///%70rivate/a"), read("FILE:///private/a"), read("file://localhost/private/a"), read("file:/private/a"),
            subscribe("file:///private%2Fa"), listen(json!(["file:///public/../private/a"])),
            read("file:///a.secret?x"), read("file:///a.secret#x"), read("file:///a.secret?"), read("db://@prod/a"),
            read("db://prod:/a"), read("db://prod:05432/a"),
        ], 400);
        passes(&*gateway, [read("file:///public/a"), subscribe("note://Alice"), listen(json!(["file:///public/a"]))]);
    }
}
