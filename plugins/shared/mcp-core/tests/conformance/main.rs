//! The rows of the catalogue that concern how a request is read as MCP; each test names its ids.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper of a test fails by panicking, as the test does"
)]

mod answers;
mod bodies;
mod clients;
mod compared;
mod heads;
mod messages;
mod mutations;

mod stateless;

use mcp_core::{Endpoint, Exchange, Fault, Flaw, Head, Opening};
use serde_json::{Value, json};

/// A request as it reaches a filter.
#[derive(Clone)]
struct Sent {
    method: String,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    is_upgrade: bool,
}

impl Sent {
    fn new(method: &str) -> Self {
        Self { method: method.into(), fields: Vec::new(), body: Vec::new(), is_upgrade: false }
    }

    fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.as_bytes().to_vec(), value.as_ref().to_vec()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name.as_bytes()));
        self
    }

    fn instead(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).with(name, value)
    }

    fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    fn read(&self) -> Result<Exchange, Fault> {
        self.read_by(&Endpoint::default())
    }

    fn read_by(&self, endpoint: &Endpoint) -> Result<Exchange, Fault> {
        let fields: Vec<(&[u8], &[u8])> =
            self.fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let head = Head {
            method: &self.method,
            is_upgrade: self.is_upgrade,
            has_body: !self.body.is_empty(),
            fields: &fields,
        };
        match endpoint.open(&head)? {
            Opening::Whole(exchange) => Ok(exchange),
            Opening::Body(reader) => reader.read(&self.body),
        }
    }

    fn flaw(&self) -> Option<Flaw> {
        self.read().err().map(|fault| fault.flaw())
    }
}

/// A POST of a revision with sessions; `None` for no version header.
fn post(revision: Option<&str>) -> Sent {
    let sent = Sent::new("POST").with("content-type", "application/json");
    match revision {
        Some(revision) => sent.with("mcp-protocol-version", revision),
        None => sent,
    }
}

const OLDER: [Option<&str>; 4] = [None, Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25")];
const STATELESS: &str = "2026-07-28";

fn call(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

fn tool_call(name: &str) -> Value {
    call("tools/call", json!({"name": name, "arguments": {"path": "/a", "amount": 1}}))
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    })
}

/// A POST of 2026-07-28 that says the same in headers and body.
fn stateless(method: &str, mut params: Value) -> Sent {
    params["_meta"] = meta();
    let name = ["name", "uri", "taskId"].iter().find_map(|member| params[member].as_str().map(str::to_owned));
    let sent = post(Some(STATELESS)).with("mcp-method", method).json(&call(method, params));
    match name {
        Some(name) => sent.with("mcp-name", name),
        None => sent,
    }
}
