//! token-exchange: the next hop gets a token of its own, and never the user's (TEX).

mod cookies_and_queries;
mod crowd;
mod faults;
mod flows;
mod keeping;
mod profiles;
pub(crate) mod provider;
mod proxy_client;
mod refusals;
mod requests;
mod results;
mod signing;
mod smuggled;
mod targets;
mod upstream;
mod whole_chain;
mod workers;

use fourleg_harness::{Gateway, Outcome, Plugin, Request, Runner, Running, plugin};
use fourleg_lab::mint::Token;
use serde_json::{Value, json};

use self::provider::Provider;
use crate::fixture::{I, config, good};

/// Whom the exchanged tokens are for.
const B: &str = "tool-b";

fn exchange(config: Value) -> Plugin {
    plugin("token_exchange", config)
}

/// One server and one target: everything below /mcp goes to tool B.
fn to_b() -> Value {
    json!({
        "authorization_servers": [{
            "name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/t1/token", "issuer": I, "timeout_ms": 2000,
        }],
        "targets": [{
            "name": "b", "match": {"path": {"prefix": "/mcp"}}, "authorization_server": "idp", "audience": [B], "scope": ["b:read"],
        }],
    })
}

/// The same with a member set, by a JSON Pointer whose parent is there.
fn to_b_with(pointer: &str, value: Value) -> Value {
    set(to_b(), pointer, value)
}

fn set(mut config: Value, pointer: &str, value: Value) -> Value {
    if let Some(place) = config.pointer_mut(pointer) {
        *place = value;
    } else {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        config.pointer_mut(parent).unwrap()[member] = value;
    }
    config
}

/// Behind audience-validation, which keeps the credential for the exchange.
fn chain(provider: &Provider, ours: Value) -> Gateway {
    let first = set(config(), "/forward", json!({"authorization": "exchange"}));
    Gateway::chain([plugin("audience_validation", first), exchange(ours)]).cluster("idp", provider.handler())
}

fn serve(runner: &dyn Runner, provider: &Provider, ours: Value) -> Box<dyn Running> {
    runner.start(chain(provider, ours)).unwrap()
}

/// A user's token, from which Entra and others too can tell who it is.
fn of_user(gateway: &dyn Running, name: &str) -> Token {
    good(gateway).subject(name)
}

/// The credential that went upstream; there is exactly one.
#[track_caller]
fn credential(outcome: &Outcome) -> String {
    let request = outcome.allowed();
    let all: Vec<_> = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"authorization")).collect();
    assert_eq!(all.len(), 1, "{}", outcome.picture());
    let value = String::from_utf8(all[0].1.clone()).unwrap();
    value.strip_prefix("Bearer ").unwrap().to_owned()
}

/// The claims of the credential that went upstream.
#[track_caller]
fn forwarded(outcome: &Outcome) -> Value {
    provider::claims(&credential(outcome))
}

fn has_field(request: &Request, name: &str) -> bool {
    request.headers.iter().any(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
}
