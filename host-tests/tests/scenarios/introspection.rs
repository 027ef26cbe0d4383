//! The authorization server is asked what a token is (RFC 7662): the lab's identity provider where it answers as it should,
//! a host of the scenario where it does not.

mod crowd;
mod faults;
mod keeping;
mod signed;
mod verdicts;

use std::{sync::Arc, time::Duration};

use fourleg_harness::{Gateway, Reply, Request, Response, Runner, Running, plugin};
use fourleg_lab::{
    identity_provider::{Client, Endpoint, IdentityProvider, TokenForm},
    mint::Token,
    raw_client,
    wire::WireRequest,
};
use serde_json::{Value, json};

use crate::fixture::R;

/// The issuer.
pub(crate) const ISSUER: &str = "https://idp.example/agents";

/// What `R` shows of itself when it asks. The slash and the percent sign try the encoding (TEX-24).
pub(crate) const SECRET: &str = "t0%0ls/+ \u{e9}";

/// An identity provider where `R` may ask, with tokens of this form.
pub(crate) fn identity_provider(form: TokenForm) -> Arc<IdentityProvider> {
    let tools = Client::confidential("tools:1", SECRET).serves([R, "https://mcp.example.com/other"]);
    Arc::new(IdentityProvider::builder().issuer(ISSUER).token_form(form).register(tools).start().unwrap())
}

/// The cluster of an identity provider.
pub(crate) fn asking(idp: &Arc<IdentityProvider>) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let idp = Arc::clone(idp);
    move |request| {
        let Request { method, path, authority, headers, chunks, .. } = request.clone();
        let wire = WireRequest { method, path, authority, headers, chunks, ..WireRequest::default() };
        let answer = raw_client::send(idp.address(), &wire, Duration::from_secs(10)).unwrap();
        Response { status: answer.status, headers: Vec::new(), body: answer.body }.into()
    }
}

/// Asks there, as the client of [`identity_provider`].
pub(crate) fn source(more: Value) -> Value {
    let mut source = json!({
        "source": "introspection", "cluster": "idp", "introspection_endpoint": format!("{ISSUER}/introspect"), "issuer": ISSUER,
        "client_auth": {"method": "client_secret_basic", "client_id": "tools:1", "client_secret": SECRET},
        "resources": [
            {"resource": R, "match": {"path": {"prefix": "/mcp"}}},
            {"resource": "https://mcp.example.com/other", "match": {"path": {"prefix": "/other"}}},
        ],
    });
    source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    source
}

/// claim-challenge alone: `/mcp/a` wants `acr` `mfa` at most a minute old, `/mcp/s` two scopes.
fn gateway(source: Value) -> Gateway {
    let rule =
        |path: &str, require: Value| json!({"name": path, "match": {"path": {"exact": path}}, "require": require});
    let config = json!({
        "token": source, "unmatched": "allow", "loop_guard": {"attempts": 100},
        "rules": [rule("/mcp/a", json!({"acr_values": ["mfa"], "max_age_seconds": 60})), rule("/mcp/s", json!({"scopes": ["a", "b"]}))],
    });
    Gateway::chain([plugin("claim_challenge", config)]).canary(SECRET)
}

/// A gateway that asks an identity provider, by the same clock.
fn serve(runner: &dyn Runner, idp: &Arc<IdentityProvider>, more: Value) -> Box<dyn Running> {
    let running = runner.start(gateway(source(more)).cluster("idp", asking(idp))).unwrap();
    idp.set_clock(running.now());
    running
}

/// A token for `R` with these claims besides.
fn issue(idp: &IdentityProvider, claims: Value) -> String {
    idp.issue(token(idp, claims))
}

fn token(idp: &IdentityProvider, claims: Value) -> Token {
    let claims = claims.as_object().unwrap().clone();
    claims.into_iter().fold(idp.mint(R).access_token(), |token, (name, value)| token.claim(&name, value))
}

fn questions(idp: &IdentityProvider) -> usize {
    idp.requests_to(Endpoint::Introspection)
}
