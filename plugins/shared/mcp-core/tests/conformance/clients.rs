//! What real clients send: the Python package `mcp` 2.3.0 and the npm package `@modelcontextprotocol/client` 2.4.0, each
//! in its newest revision and in 2025-11-25, recorded against a server that takes everything.

use mcp_core::{Endpoint, Kind, Reads};

use super::*;

const RECORDED: &str = include_str!("recorded_clients.jsonl");

fn recorded() -> impl Iterator<Item = (Value, Sent)> {
    RECORDED.lines().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        let mut sent = Sent::new(record["method"].as_str().unwrap()).body(record["body"].as_str().unwrap());
        for field in record["fields"].as_array().unwrap() {
            sent = sent.with(field[0].as_str().unwrap(), field[1].as_str().unwrap());
        }
        (record, sent)
    })
}

/// MCP-02, MCP-03, MCP-11
#[test]
fn every_request_of_real_clients_is_read_as_what_it_is() {
    let mut seen = std::collections::BTreeSet::new();
    for (record, sent) in recorded() {
        let exchange = sent.read();
        assert!(exchange.is_ok(), "{record} {exchange:?}");
        let exchange = exchange.unwrap();
        let operation = &exchange.operations[0];
        seen.insert((exchange.revision, operation.kind));
        match sent.method.as_str() {
            "GET" => assert_eq!(operation.kind, Kind::Stream),
            "DELETE" => assert_eq!(operation.kind, Kind::EndSession),
            _ => {
                let body: Value = serde_json::from_slice(&sent.body).unwrap();
                assert_eq!(operation.method.as_deref(), body["method"].as_str());
                if body["method"] == "tools/call" {
                    assert_eq!(operation.target.as_ref().map(|target| target.name()), body["params"]["name"].as_str());
                }
                assert_eq!(exchange.id().map(Value::from), body.get("id").cloned());
            }
        }
    }
    // Two revisions, and in the older one streams and sessions: initialize comes without the header.
    assert_eq!(seen.len(), 6, "{seen:?}");
}

/// MCP-06
#[test]
fn the_headers_of_real_clients_alone_tell_the_same() {
    let head_only = Endpoint { reads: Reads::HeadOnly, ..Endpoint::default() };
    let mut compared = 0;
    for (record, sent) in recorded() {
        let Ok(by_head) = sent.read_by(&head_only) else { continue };
        let by_body = sent.read().unwrap();
        assert_eq!(by_head.operations[0].method, by_body.operations[0].method, "{record}");
        assert_eq!(by_head.operations[0].target, by_body.operations[0].target, "{record}");
        compared += 1;
    }
    assert_eq!(compared, 20);
}
