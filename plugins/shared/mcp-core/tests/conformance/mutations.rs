//! Hostile requests by the thousand: never a panic, and whatever passes is read alike by every server, however lenient.

use std::fmt;

use mcp_core::{Endpoint, Exchange, Kind, Operation, Origins, Reads, Target};
use plugin_checks::Dice;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::*;

/// A few edits: pieces replaced, inserted, removed or doubled.
fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>, pieces: &[&str]) {
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len() + 1);
        let piece = dice.pick(pieces).as_bytes();
        let end = (at + dice.roll(30)).min(bytes.len());
        match dice.roll(5) {
            0 => drop(bytes.splice(at..at, piece.iter().copied())),
            1 => drop(bytes.splice(at..end, piece.iter().copied())),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let doubled = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, doubled));
            }
            _ => {
                // Where a member may begin, so that the result is often JSON.
                let Some(brace) = bytes.iter().skip(at).position(|byte| *byte == b'{') else { continue };
                let member = format!("{}:{},", dice.pick(NAMES), dice.pick(VALUES));
                drop(bytes.splice(at + brace + 1..at + brace + 1, member.into_bytes()));
            }
        }
    }
}

const NAMES: &[&str] = &[
    r#""method""#,
    r#""Method""#,
    r#""m\u0065thod""#,
    r#""params""#,
    r#""param\u017f""#,
    r#""PARAMS""#,
    r#""name""#,
    r#""Name""#,
    r#""n\u0061me""#,
    r#""uri""#,
    r#""URI""#,
    r#""id""#,
    r#""Id""#,
    r#""_meta""#,
    r#""arguments""#,
    r#""taskId""#,
    r#""x""#,
    r#""jsonrpc""#,
    r#""result""#,
];
const VALUES: &[&str] = &[
    r#""tools/call""#,
    r#""tools/list""#,
    r#""resources/read""#,
    r#""evil""#,
    r#""a""#,
    r#""2.0""#,
    r#"{"name":"evil"}"#,
    r#"{"Name":"evil","uri":"evil:x"}"#,
    r#"{"io.modelcontextprotocol/protocolVersion":"2025-03-26"}"#,
    "null",
    "1",
    "[]",
    "{}",
    r#""file:///evil""#,
];
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\",
    "\\u0000",
    "0",
    "1e9",
    "-",
    "null",
    "true",
    " ",
    "\n",
    "\u{feff}",
    "\0",
    "\u{e9}",
    "evil",
    "\"name\":\"evil\",",
    "\"method\":\"tools/call\",",
    ",\"params\":{\"name\":\"evil\"}",
    "//",
    "/*x*/",
];

/// How a server may read JSON.
#[derive(Clone, Copy, Debug)]
struct Lenient {
    /// The first of several members counts, not the last.
    first_wins: bool,
    /// Case of members does not matter, as in Go, Unicode folding included; nor do `-` and `_`.
    ignores_case: bool,
}

const LENIENT: [Lenient; 4] = [
    Lenient { first_wins: false, ignores_case: false },
    Lenient { first_wins: true, ignores_case: false },
    Lenient { first_wins: false, ignores_case: true },
    Lenient { first_wins: true, ignores_case: true },
];

impl Lenient {
    fn name(self, name: String) -> String {
        if !self.ignores_case {
            return name;
        }
        // Written anew on purpose, not with the folding under test.
        let plain = name.replace(['\u{17f}', 'S'], "s").replace(['\u{212a}', 'K'], "k").replace(['-', '_'], "");
        plain.to_lowercase()
    }

    fn read(self, text: &[u8]) -> Option<Value> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        self.deserialize(&mut deserializer).ok()
    }

    fn get<'v>(self, value: &'v Value, name: &str) -> Option<&'v Value> {
        value.get(self.name(name.to_owned()))
    }

    /// What a server would do: method, and the name in `params`, for methods that have one.
    fn acts(self, message: &Value) -> (Option<String>, Option<String>) {
        let method = self.get(message, "method").and_then(Value::as_str).map(str::to_owned);
        let member = match method.as_deref() {
            Some("tools/call" | "prompts/get") => "name",
            Some("resources/read" | "resources/subscribe" | "resources/unsubscribe") => "uri",
            // No rule compares tasks.
            _ => return (method, None),
        };
        let params = self.get(message, "params").unwrap_or(&Value::Null);
        (method, self.get(params, member).and_then(Value::as_str).map(str::to_owned))
    }
}

impl<'de> DeserializeSeed<'de> for Lenient {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Lenient {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element_seed(self)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = serde_json::Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let (name, value) = (self.name(name), object.next_value_seed(self)?);
            if !(self.first_wins && members.contains_key(&name)) {
                members.insert(name, value);
            }
        }
        Ok(Value::Object(members))
    }
}

fn seeds() -> Vec<Sent> {
    let older = |revision, body: &Value| post(revision).json(body);
    let mut seeds = vec![
        older(None, &tool_call("a")),
        older(Some("2025-06-18"), &tool_call("a")).with("mcp-session-id", "s"),
        older(Some("2025-11-25"), &call("resources/read", json!({"uri": "file:///a"}))),
        older(None, &json!([tool_call("a"), call("prompts/get", json!({"name": "b"}))])),
        older(None, &json!({"jsonrpc": "2.0", "id": 1, "result": {"x": 1}})),
        older(None, &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})),
        stateless("tools/call", json!({"name": "a", "arguments": {"x": [1, 2.5]}})),
        stateless("resources/read", json!({"uri": "file:///a"})),
        stateless("tasks/get", json!({"taskId": "t"})),
        stateless("tools/list", json!({})),
        stateless("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": ["a:b", "c:d"]}})),
    ];
    seeds.push(seeds[6].clone().instead("mcp-name", "=?base64?YQ==?="));
    seeds
}

fn acts(operation: &Operation) -> (Option<String>, Option<String>) {
    let is_compared = |target: &&Target| {
        operation.method.as_deref() != Some("subscriptions/listen") && !matches!(target, Target::Task(_))
    };
    let name = operation.target.as_ref().filter(is_compared).map(|target| target.name().to_owned());
    (operation.method.as_deref().map(str::to_owned), name)
}

/// Whether every lenient server would do what we saw, by its body.
fn check_body(exchange: &Exchange, sent: &Sent) {
    for lenient in LENIENT {
        let shown = || format!("{lenient:?} {}", String::from_utf8_lossy(&sent.body));
        let parsed = lenient.read(&sent.body);
        assert!(parsed.is_some(), "{}", shown());
        let parsed = parsed.unwrap();
        let messages = if let Value::Array(elements) = &parsed { elements.iter().collect() } else { vec![&parsed] };
        if exchange.operations[0].method.as_deref() == Some("subscriptions/listen") && !exchange.is_batch {
            assert_eq!(lenient.acts(messages[0]).0.as_deref(), Some("subscriptions/listen"), "{}", shown());
            continue;
        }
        assert_eq!(messages.len(), exchange.operations.len(), "{}", shown());
        for (message, operation) in messages.into_iter().zip(&exchange.operations) {
            assert_eq!(lenient.acts(message), acts(operation), "{}", shown());
            let has_id = lenient.get(message, "id").is_some_and(|id| !id.is_null());
            assert_eq!(has_id, operation.id.is_some(), "{}", shown());
        }
    }
}

/// Whether every reading of the headers says what the body says.
fn check_headers(exchange: &Exchange, sent: &Sent) {
    let values = |wanted: &str| {
        let same = |name: &[u8]| String::from_utf8_lossy(name).replace('_', "-").eq_ignore_ascii_case(wanted);
        let found = sent.fields.iter().filter(|(name, _)| same(name));
        found.map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned()).collect::<Vec<_>>()
    };
    let operation = &exchange.operations[0];
    for version in values("mcp-protocol-version") {
        assert_eq!(version, exchange.revision.as_str());
    }
    for method in values("mcp-method") {
        assert_eq!(Some(&*method), operation.method.as_deref());
    }
    for name in values("mcp-name") {
        let name = if name == "=?base64?YQ==?=" { "a".to_owned() } else { name };
        // Methods that name nothing we know are free in what they name themselves by.
        if let Some(target) = &operation.target {
            assert_eq!(name, target.name());
        }
    }
}

/// MCP-02, MCP-03, MCP-10, SMG-08, SMG-09, SMG-10
#[test]
fn whatever_passes_is_read_alike_by_every_server() {
    let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
    let seeds = seeds();
    let head_only = Endpoint { reads: Reads::HeadOnly, ..Endpoint::default() };
    let (mut passed, mut refused) = (0, 0);
    for round in 0..24_000 {
        let mut sent = seeds[round % seeds.len()].clone();
        if dice.roll(4) != 0 {
            mutate(&mut dice, &mut sent.body, PIECES);
        }
        if dice.roll(3) == 0 {
            let names =
                ["mcp-method", "Mcp-Name", "mcp_name", "mcp-protocol-version", "mcp-session-id", "content-type"];
            let values = [
                "tools/call",
                "tools/list",
                "evil",
                "a",
                "a,evil",
                "2025-06-18",
                "2026-07-28",
                "application/json",
                "=?base64?ZXZpbA==?=",
                "",
            ];
            let (name, value) = (dice.pick(&names), dice.pick(&values));
            sent = if dice.roll(2) == 0 { sent.with(name, value) } else { sent.instead(name, value) };
        }
        match sent.read() {
            Ok(exchange) => {
                passed += 1;
                assert!(!exchange.operations.is_empty());
                check_body(&exchange, &sent);
                check_headers(&exchange, &sent);
            }
            Err(fault) => {
                refused += 1;
                let body: Value = serde_json::from_str(&fault.body()).unwrap();
                assert!(body["error"]["code"].is_i64(), "{body}");
            }
        }
        // What the headers alone say is what the body says, wherever the server finds both to agree.
        if let (Ok(by_head), Ok(by_body)) = (sent.read_by(&head_only), sent.read()) {
            assert_eq!(acts(&by_head.operations[0]), acts(&by_body.operations[0]));
        }
    }
    assert!(passed > 2_000 && refused > 8_000, "{passed} {refused}");
}

#[test]
fn random_heads_and_bodies_never_panic() {
    let mut dice = Dice::new(0x2545_f491_4f6c_dd1d);
    let endpoint = Endpoint { origins: Origins::default(), ..Endpoint::default() };
    for _ in 0..20_000 {
        let mut bytes = |most: usize| (0..dice.roll(most)).map(|_| dice.roll(256) as u8).collect::<Vec<u8>>();
        let body = bytes(60);
        let mut sent = post(None).body(body);
        for name in [
            "mcp-protocol-version",
            "mcp-method",
            "mcp-name",
            "mcp-session-id",
            "mcp-param-x",
            "accept",
            "content-type",
        ] {
            let value = bytes(12);
            if value.len() > 6 {
                sent = sent.instead(name, value);
            }
        }
        let field = bytes(20);
        sent.fields.push((field.clone(), field));
        for method in ["POST", "GET", "DELETE"] {
            sent.method = method.into();
            let _ = sent.read_by(&endpoint).map_err(|fault| fault.body());
        }
    }
}

#[test]
fn the_seeds_pass_untouched() {
    for sent in seeds() {
        let exchange = sent.read().unwrap();
        check_body(&exchange, &sent);
        check_headers(&exchange, &sent);
        assert!(exchange.operations.iter().all(|operation| operation.kind != Kind::Stream));
        assert!(!exchange.operations.iter().any(|operation| operation.target == Some(Target::Tool("evil".into()))));
    }
}
