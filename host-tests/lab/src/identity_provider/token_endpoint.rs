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

fn issue(state: &State, request: &Received) -> Result<Value, Refusal> {
    let client = authenticate(state, request)?;
    let parameters = &request.parameters;
    let token = match parameters.only("grant_type")? {
        Some("authorization_code") => authorization_code::issue(state, client, parameters)?,
        Some("client_credentials") => client_credentials::issue(state, client, parameters)?,
        Some(_) => return Err(Refusal::bad("unsupported_grant_type")),
        None => return Err(Refusal::bad("invalid_request")),
    };
    let claims = token.claims();
    let expires_in = claims["exp"].as_u64().unwrap_or_default().saturating_sub(state.now());
    let mut answer = json!({"access_token": state.issue(token), "token_type": "Bearer", "expires_in": expires_in});
    // As they were granted, which may be less than was asked for (RFC 6749, section 5.1; RFC 9396, section 7).
    for member in ["scope", "authorization_details"] {
        if let Some(granted) = claims.get(member) {
            answer[member] = granted.clone();
        }
    }
    Ok(answer)
}
