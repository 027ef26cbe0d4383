//! claim-challenge: who needs a stronger authentication is told so in the form that clients understand (STP).

mod browsers;
mod by_scope;
mod challenges;
mod entra;
mod loops;
mod mcp;
mod records;
mod rules;
mod sources;
mod transport;

use fourleg_harness::{Gateway, Plugin, Request, Runner, Running, plugin};
use fourleg_lab::mint::Token;
use serde_json::{Value, json};

use crate::fixture::{config, good};

/// Where the metadata of the fixture's resource is.
const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

fn claim_challenge(config: Value) -> Plugin {
    plugin("claim_challenge", config)
}

/// A rule about one path.
fn rule(path: &str, require: Value) -> Value {
    json!({"name": path, "match": {"path": {"exact": path}}, "require": require})
}

/// Behind audience-validation, with these rules; everything else passes.
fn with_rules(rules: Value) -> Value {
    json!({"rules": rules, "unmatched": "allow"})
}

/// audience-validation of the fixture, then claim-challenge.
fn chain(config_of_ours: Value) -> Gateway {
    Gateway::chain([plugin("audience_validation", config()), claim_challenge(config_of_ours)])
}

fn serve(runner: &dyn Runner, config: Value) -> Box<dyn Running> {
    runner.start(chain(config)).unwrap()
}

/// A good token with these claims.
fn token(gateway: &dyn Running, claims: Value) -> Token {
    let claims = claims.as_object().unwrap().clone();
    claims.into_iter().fold(good(gateway), |token, (name, value)| token.claim(&name, value))
}

fn with(request: Request, gateway: &dyn Running, claims: Value) -> Request {
    request.bearer(&token(gateway, claims).sign())
}
