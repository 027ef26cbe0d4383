//! The token endpoint (RFC 6749, section 3.2): who asks, by which grant.

mod authorization_code;
mod client_credentials;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    State, client_authentication::authenticate, endpoints::json_response, received::Received, refusal::Refusal,
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
struct Issued {
    token: Token,
    scope: String,
}

fn issue(state: &State, request: &Received) -> Result<Value, Refusal> {
    let client = authenticate(state, request)?;
    let parameters = &request.parameters;
    let Issued { token, scope } = match parameters.only("grant_type")? {
        Some("authorization_code") => authorization_code::issue(state, client, parameters)?,
        Some("client_credentials") => client_credentials::issue(state, client, parameters)?,
        Some(_) => return Err(Refusal::bad("unsupported_grant_type")),
        None => return Err(Refusal::bad("invalid_request")),
    };
    let token = state.issue(token);
    Ok(json!({"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": scope}))
}
