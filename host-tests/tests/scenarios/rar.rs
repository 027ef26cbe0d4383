//! rar-enforcement: a token that allows one act on one thing does that and nothing else (RAR).

mod answers;
mod behind;
mod files;
mod introspected;
mod once;
mod tools;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_harness::{Gateway, Outcome, Plugin, Runner, Running, plugin};
use serde_json::{Value, json};

use crate::fixture::{config, good};

/// The resource of the example.
const FINANCE: &str = "https://files.internal.corp/finance";

fn rar(config: Value) -> Plugin {
    plugin("rar_enforcement", config)
}

fn types() -> Value {
    json!({
        "file_access": {"fields": {"actions": "superset", "identifier": "equal"}},
        "payment": {"fields": {"currency": "equal", "max_amount": "ceiling", "creditor": "equal", "note": "ignored"}},
        "tree": {"fields": {"root": "prefix_path", "actions": {"subsumes": {"write": ["read"]}}}},
    })
}

/// Two resources behind audience-validation: the one of the fixture, and FINANCE, which needs no scope.
fn first() -> Value {
    let mut first = config();
    let finance = json!({"resource": FINANCE, "match": {"path": {"prefix": "/finance"}}});
    first["resources"].as_array_mut().unwrap().push(finance);
    first
}

fn chain(ours: Value) -> Gateway {
    Gateway::chain([plugin("audience_validation", first()), rar(ours)])
}

fn serve(runner: &dyn Runner, ours: Value) -> Box<dyn Running> {
    runner.start(chain(ours)).unwrap()
}

/// A good token for a resource with these details.
fn token(gateway: &dyn Running, resource: &str, details: Value) -> String {
    good(gateway).audience(resource).claim("authorization_details", details).sign()
}

/// What the challenge says to ask for.
#[track_caller]
fn remedy(outcome: &Outcome) -> Value {
    let challenge = outcome.denied_with(401).challenge();
    let encoded = challenge.get("authorization_remediation").unwrap();
    let document: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap();
    document["authorization_details"].clone()
}
