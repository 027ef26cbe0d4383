//! What the filter decides, in tables: a configuration, what the authorization server says, requests, and what becomes of
//! each. No proxy is needed to say so; what only a proxy can show is in the scenarios of `host-tests`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails by panicking, as the test does"
)]

mod actors;
mod breaker;
mod codes;
mod flows;
mod keeping;
mod refusals;
mod results;
mod subjects;
mod targets;
mod upstream;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use filter_kit::{issuers::credential_sha256, policy::Callout, request::Property};
use fourleg_lab::mint::{Algorithm, Mint, Token, jwks, key};
use plugin_checks::decisions::{self, NOW, Reply, Request};
use serde_json::{Value, json};
use token_exchange::TokenExchange;

type Gate = decisions::Gate<TokenExchange>;
type Decision = decisions::Decision<TokenExchange>;

/// The issuer of the users' tokens, and of those that are issued for them.
const I: &str = "https://as.example.com/t1";
/// The resource that the users' tokens are for.
const R: &str = "https://mcp.example.com/mcp";
/// Whom the exchanged tokens are for.
const B: &str = "tool-b";

/// One server and one target: everything below /mcp goes to tool B.
fn to_b() -> Value {
    json!({
        "authorization_servers": [{
            "name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/t1/token", "issuer": I,
        }],
        "targets": [{
            "name": "b", "match": {"path": {"prefix": "/mcp"}}, "authorization_server": "idp", "audience": [B], "scope": ["b:read"],
        }],
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

fn to_b_with(pointer: &str, value: Value) -> Value {
    set(to_b(), pointer, value)
}

fn own_keys() -> Value {
    json!([{"issuer": I, "algorithms": ["ES256"], "jwks": {"inline": jwks([key(Algorithm::Es256)])}}])
}

/// Alice's token for `R`.
fn user() -> Token {
    Mint::new(I, R).at(NOW.unsigned_abs()).access_token().scope("tools:read").claim("auth_time", NOW)
}

fn sign(token: Token) -> String {
    token.sign_with(key(Algorithm::Es256))
}

/// What audience-validation leaves of a request with this token: its claims, and the token itself where only this filter
/// looks.
fn verified(request: Request, token: Token) -> Request {
    let claims = token.claims();
    handed_over(request, &claims, &sign(token))
}

fn handed_over(request: Request, claims: &Value, credential: &str) -> Request {
    left(request, claims, credential).property_at(&["fourleg.subject_token"], Property::Value(credential.into()))
}

/// The claims alone, said to be those of this credential.
fn left(request: Request, claims: &Value, credential: &str) -> Request {
    let left = json!({
        "v": 1, "state": "verified", "resource": R, "issuer": I, "profile": "generic",
        "credential_sha256": credential_sha256(credential), "claims": claims,
    });
    request.property_at(&["fourleg.token"], Property::Value(left.to_string().into_bytes()))
}

/// `GET /mcp` of alice, with a token of its own.
fn ask() -> Request {
    verified(decisions::get("/mcp"), user())
}

/// The token that was wanted: alice's, one hop further.
fn wanted() -> Token {
    Token::of(json!({
        "iss": I, "sub": "alice", "client_id": "gateway", "aud": [B], "scope": "b:read", "iat": NOW, "exp": NOW + 300,
        "jti": "issued", "act": {"sub": "gateway"},
    }))
}

/// An answer by RFC 8693 with this token.
fn answer(token: &str) -> Value {
    json!({
        "access_token": token, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer", "expires_in": 300,
    })
}

fn issues(token: Token) -> Reply {
    Reply::json(200, &answer(&sign(token)))
}

/// A server that issues what is wanted.
fn good(_: &Callout) -> Reply {
    issues(wanted())
}

fn refuses(error: &str) -> Reply {
    Reply::json(400, &json!({"error": error, "error_description": "the words of the server"}))
}

/// The values of a parameter of what was asked.
fn asked(callout: &Callout, name: &str) -> Vec<String> {
    let form = form_urlencoded::parse(&callout.body);
    form.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
}

/// The claims of the token that was to be exchanged.
fn subject(callout: &Callout) -> Value {
    let token = asked(callout, "subject_token").remove(0);
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The credential that goes upstream; whatever the client sent ends here.
fn credential(decision: &Decision) -> Option<String> {
    let set = &decision.edits().set;
    let value = set.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value);
    value.map(|value| value.strip_prefix("Bearer ").unwrap().to_owned())
}
