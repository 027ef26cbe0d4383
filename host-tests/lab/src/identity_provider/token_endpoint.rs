//! The token endpoint (RFC 6749, section 3.2): who asks, by which grant.

mod authorization_code;
mod client_credentials;
pub(super) mod token_exchange;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    Endpoint, Fault, State, client_authentication::authenticate, endpoints::json_response, faults::change,
    received::Received, refusal::Refusal,
};
use crate::mint::Token;

/// The answer to one token request.
pub(super) fn respond(state: &State, request: &Received) -> Response {
    let mut response = match issue(state, request) {
        Ok(token) => json_response(StatusCode::OK, &token),
        Err(refusal) => refusal.response(),
    };
    // RFC 6749, section 5.1.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a grant gives.
struct Granted {
    token: Token,
    /// Of an exchange (RFC 8693, section 2.2.1).
    issued_token_type: Option<&'static str>,
}

impl From<Token> for Granted {
    fn from(token: Token) -> Self {
        Self { token, issued_token_type: None }
    }
}

fn issue(state: &State, request: &Received) -> Result<Value, Refusal> {
    let client = &authenticate(state, request)?;
    let parameters = &request.parameters;
    let Granted { token, issued_token_type } = match parameters.only("grant_type")? {
        Some("authorization_code") => authorization_code::issue(state, client, parameters)?.into(),
        Some("client_credentials") => client_credentials::issue(state, client, parameters)?.into(),
        Some(token_exchange::GRANT_TYPE) => token_exchange::issue(state, client, parameters)?,
        Some(_) => return Err(Refusal::bad("unsupported_grant_type")),
        None => return Err(Refusal::bad("invalid_request")),
    };
    let claims = token.claims();
    let expires_in = claims["exp"].as_u64().unwrap_or_default().saturating_sub(state.now());
    let token = state.issue(lied_about(state, token));
    let mut answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in});
    // As they were granted, which may be less than was asked for (RFC 6749, section 5.1; RFC 9396, section 7).
    for member in ["scope", "authorization_details"] {
        if let Some(granted) = claims.get(member) {
            answer[member] = granted.clone();
        }
    }
    if let Some(issued_token_type) = issued_token_type {
        answer["issued_token_type"] = json!(issued_token_type);
    }
    Ok(answer)
}

/// With the claims that a fault wants.
fn lied_about(state: &State, token: Token) -> Token {
    let Some(Fault::Claims(changes)) = state.faults().of(Endpoint::Token).cloned() else { return token };
    let mut claims = token.claims();
    change(&mut claims, &changes);
    Token::of(claims)
}
