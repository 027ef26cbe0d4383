//! What the filter decides, in tables: a configuration, requests, and what becomes of each. No proxy is needed to say so;
//! what only a proxy can show is in the scenarios of `host-tests`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails by panicking, as the test does"
)]

mod allowed;
mod codes;
mod credentials;
mod dialects;
mod keys;
mod requirements;
mod resources;
mod shadow;
mod tokens;

use audience_validation::AudienceValidation;
use fourleg_lab::mint::{Algorithm, Mint, Token, jwks, key};
use plugin_checks::decisions::{self, NOW, Request};
use serde_json::{Value, json};

type Gate = decisions::Gate<AudienceValidation>;

/// The resource.
const R: &str = "https://mcp.example.com/mcp";
/// The issuer.
const I: &str = "https://as.example.com/t1";

/// The public keys of the issuer, of one algorithm each.
fn keys() -> Value {
    jwks([key(Algorithm::Es256), key(Algorithm::EdDsa)])
}

/// One resource below /mcp that needs `tools:read`; /mcp/admin by POST needs `tools:admin` too; GET /healthz is public.
fn config() -> Value {
    json!({
        "issuers": [{"issuer": I, "algorithms": ["ES256", "EdDSA"], "jwks": {"inline": keys()}}],
        "resources": [{
            "resource": R, "match": {"path": {"prefix": "/mcp"}}, "require": {"scopes": ["tools:read"]},
            "rules": [{
                "name": "administer", "match": {"methods": ["POST"], "path": {"exact": "/mcp/admin"}},
                "require": {"scopes": ["tools:admin"]},
            }],
        }],
        "public": [{"methods": ["GET"], "path": {"exact": "/healthz"}}],
    })
}

/// A configuration with the member at a JSON Pointer set; its parent must be there.
fn set(mut config: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    match config.pointer_mut(parent).unwrap() {
        Value::Array(elements) => elements[member.parse::<usize>().unwrap()] = value,
        parent => parent[member] = value,
    }
    config
}

fn config_with(pointer: &str, value: Value) -> Value {
    set(config(), pointer, value)
}

/// The configuration with this requirement of the resource, and no rules.
fn requiring(require: Value) -> Value {
    set(config_with("/resources/0/require", require), "/resources/0/rules", json!([]))
}

/// A good token for `R` with the scope `tools:read`.
fn good() -> Token {
    Mint::new(I, R).at(NOW.unsigned_abs()).access_token().scope("tools:read")
}

fn sign(token: Token) -> String {
    token.sign_with(key(Algorithm::Es256))
}

/// The request with a good token.
fn with_good(request: Request) -> Request {
    request.bearer(sign(good()))
}

/// `GET /mcp` with this token.
fn ask(token: Token) -> Request {
    decisions::get("/mcp").bearer(sign(token))
}
