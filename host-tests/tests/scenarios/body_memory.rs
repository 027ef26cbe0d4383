//! What a body takes in memory: a small multiple of its length, whatever is in it. A VM never gives memory back, so what one
//! client can make it take is gone for all.

use fourleg_harness::{Emulated, Gateway, Request, Running, plugin, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{config, good};

const MIB: usize = 1 << 20;

/// Linear memory that a body may take, in multiples of its length.
const MOST: usize = 8;

/// A shape of hostile bodies: its name, and the headers and body of the length that is wanted, or a little less.
type Shape = (&'static str, &'static [(&'static str, &'static str)], fn(usize) -> String);

const STATELESS: &[(&str, &str)] =
    &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "subscriptions/listen"), ("accept", "text/event-stream")];

const SHAPES: &[Shape] = &[
    ("deep lists", &[], |length| call(&list(&nested("[", "]"), length))),
    ("numbers", &[], |length| call(&list("0", length))),
    ("numbers of an object", &[], |length| call(&list(r#"{"":0}"#, length))),
    ("nested objects", &[], |length| call(&list(&nested(r#"{"":"#, "}"), length))),
    ("many names", &[], |length| call(&names(length, ""))),
    ("many names with escapes", &[], |length| call(&names(length, "\\n"))),
    ("empty texts", &[], |length| call(&list(r#""""#, length))),
    ("texts with escapes", &[], |length| call(&list(r#""\n""#, length))),
    ("the same text", &[], |length| call(&list(r#""read""#, length))),
    ("one text", &[], |length| call(&format!("\"{}\"", "x".repeat(length)))),
    ("one text of escapes", &[], |length| call(&format!("\"{}\"", "\\n".repeat(length / 2)))),
    ("one path", &[], |length| call(&format!("\"{}\"", "/a".repeat(length / 2)))),
    ("one number", &[], |length| call(&format!("0.{}", "1".repeat(length)))),
    ("many members of a message", &[], |length| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","x":0,{}"#, &names(length, "")[1..])
    }),
    ("a long name", &[], |length| {
        let name = "\\n".repeat(length / 2);
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#)
    }),
    ("a listener to very much", STATELESS, |length| listen(&list(r#""t""#, length))),
    ("a listener to the most", STATELESS, |_| listen(&list(r#""t""#, 256 * 4))),
    ("a batch of very many", &[], |length| list(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, length)),
    ("a batch of empty objects", &[], |length| list("{}", length)),
    ("a batch of the most", &[], |length| {
        let one = call(&list(r#"{"":0}"#, (length / 256).saturating_sub(150)));
        list(&one, 255 * (one.len() + 1))
    }),
];

/// Those that take most: as a tree, as a set of names, as operations.
const WORST: [&str; 4] = ["nested objects", "many names with escapes", "the same text", "a listener to very much"];

fn list(element: &str, length: usize) -> String {
    format!("[{}]", vec![element; (length / (element.len() + 1)).max(1)].join(","))
}

/// As deep as a body may be.
fn nested(open: &str, close: &str) -> String {
    format!("{}0{}", open.repeat(58), close.repeat(58))
}

/// An object with as many members as there is room for.
fn names(length: usize, suffix: &str) -> String {
    let one = |number: usize| {
        let letters = [number / 6400 % 80, number / 80 % 80, number % 80];
        let name: String = letters.iter().map(|at| char::from(b'#' + u8::try_from(*at).unwrap())).collect();
        format!("\"{}{suffix}\":0", name.replace('\\', "~"))
    };
    let members: Vec<String> = (0..length / one(0).len().saturating_add(1)).map(one).collect();
    format!("{{{}}}", members.join(","))
}

fn call(argument: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pay","arguments":{{"x":{argument}}}}}}}"#
    )
}

fn listen(ids: &str) -> String {
    let (id, version) = ("i".repeat(1024), "io.modelcontextprotocol/protocolVersion");
    format!(
        r#"{{"jsonrpc":"2.0","id":"{id}","method":"subscriptions/listen","params":{{"_meta":{{"{version}":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}},"notifications":{{"taskIds":{ids}}}}}}}"#
    )
}

fn message((_, headers, body): Shape, length: usize) -> Request {
    let message = post("/mcp").header("content-type", "application/json").body(body(length));
    headers.iter().fold(message, |message, (name, value)| message.header(name, value))
}

/// The filters that read bodies, each with rules that look at all there is.
fn filters() -> [(&'static str, Value); 3] {
    let block = |mcp: Value| json!({"path": {"exact": "/mcp"}, "mcp": mcp});
    let tools = block(json!({"tools": ["pay"]}));
    let mcp = json!({"max_body_bytes": 16 * MIB});
    let require = json!({"type": "t", "x": "{mcp.arguments/x}"});
    [
        (
            "claim_challenge",
            json!({"mcp": mcp, "unmatched": "deny", "rules": [
                {"name": "a", "match": tools, "require": {}},
                {"name": "b", "match": block(json!({"resources": ["*"]})), "require": {}},
            ]}),
        ),
        (
            "rar_enforcement",
            json!({"mcp": mcp, "types": {"t": {"fields": {"x": "superset"}}}, "rules": [
                {"name": "a", "match": tools, "require": require},
            ]}),
        ),
        (
            "rar_enforcement",
            json!({"mcp": mcp, "types": {"t": {"fields": {"x": "prefix_path"}}}, "rules": [
                {"name": "a", "match": tools, "require": require, "arguments": "open"},
            ]}),
        ),
    ]
}

fn gateway(filter: &(&'static str, Value)) -> Gateway {
    Gateway::chain([plugin("audience_validation", config()), plugin(filter.0, filter.1.clone())]).buffer_limit(16 * MIB)
}

/// A token with as many granted objects as are compared.
fn token(gateway: &dyn Running) -> String {
    let granted: Vec<Value> =
        (0..50).flat_map(|_| [json!(["read"]), json!("/a")]).map(|x| json!({"type": "t", "x": x})).collect();
    good(gateway).claim("authorization_details", json!(granted)).sign()
}

#[test]
fn a_body_of_any_shape_takes_a_small_multiple_of_its_length() {
    for filter in filters() {
        for shape in SHAPES {
            let gateway: Emulated = gateway(&filter).start().unwrap();
            let token = token(&gateway);
            gateway.send(message(*shape, 2_000).bearer(&token));
            let before = gateway.peak_memory(filter.0);
            let request = message(*shape, MIB - 2_000).bearer(&token);
            let length = request.whole_body().len();
            let outcome = gateway.send(request);
            let taken = gateway.peak_memory(filter.0) - before;
            let (name, status) = (shape.0, outcome.response.status);
            println!("{} {name}: {length} bytes take {taken} ({status})", filter.0);
            // A small body may grow the memory by what the allocator asks for at least.
            assert!(taken <= (MOST * length).max(MIB), "{} {name}: {length} bytes take {taken} ({status})", filter.0);
        }
    }
}

scenarios! {
    fn a_hostile_body_of_four_mebibytes_is_answered_and_the_next_request_is_served(runner) {
        for filter in &filters()[..2] {
            let gateway = runner.start(gateway(filter)).unwrap();
            let token = token(&*gateway);
            for shape in SHAPES.iter().filter(|(name, ..)| WORST.contains(name)) {
                let outcome = gateway.send(message(*shape, 4 * MIB - 2_000).bearer(&token));
                assert!((400..500).contains(&outcome.response.status) || outcome.response.status == 200, "{}: {}", shape.0, outcome.picture());
            }
            let granted = message(("", &[], |_| call(r#"["read"]"#)), 0);
            let outcome = gateway.send(granted.bearer(&token));
            assert!(outcome.response.status != 503, "{}", outcome.picture());
        }
    }
}
