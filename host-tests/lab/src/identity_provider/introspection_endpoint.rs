//! Token introspection (RFC 7662), as JSON or, where the resource server accepts it, as a signed JWT (RFC 9701).

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    State, client_authentication::authenticate_confidential, clients::Client, endpoints::json_response,
    received::Received, refusal::Refusal,
};
use crate::mint::Token;

/// RFC 9701, section 4; without `application/` it is the `typ` (section 5).
const SIGNED: &str = "application/token-introspection+jwt";

/// The answer to one introspection request.
pub(super) fn respond(state: &State, request: &Received) -> Response {
    let mut response = match introspect(state, request) {
        Ok((client, answer)) if wants_signed(&request.headers) => signed(state, &client, answer),
        Ok((_, answer)) => json_response(StatusCode::OK, &answer),
        Err(refusal) => refusal.response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Who asks, and what it may know. A token that is unknown, revoked, out of its time or none of its business is not active,
/// and nothing else is told of it (RFC 7662, section 2.2).
fn introspect(state: &State, request: &Received) -> Result<(Arc<Client>, Value), Refusal> {
    let client = authenticate_confidential(state, request)?;
    let token = request.parameters.only("token")?.ok_or(Refusal::bad("invalid_request"))?;
    // A hint, which helps nobody here.
    request.parameters.only("token_type_hint")?;
    let tokens = state.tokens();
    let found = tokens.active(token, state.now()).filter(|token| client.may_learn_of(&token.audiences()));
    let answer = match found {
        Some(token) => {
            let mut members = token.claims.clone();
            members.insert("active".to_owned(), json!(true));
            members.insert("token_type".to_owned(), json!("Bearer"));
            Value::Object(members)
        }
        None => json!({"active": false}),
    };
    Ok((client, answer))
}

fn wants_signed(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(SIGNED))
}

/// For this client alone, with no claim at the top by which it could be taken for an access token.
fn signed(state: &State, client: &Client, answer: Value) -> Response {
    let claims = json!({"iss": state.issuer, "aud": client.id, "iat": state.now(), "token_introspection": answer});
    let typ = SIGNED.trim_start_matches("application/");
    let jwt = Token::of(claims).typ(typ).sign_with(state.keys().current());
    let mut response = Response::new(Body::from(jwt));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(SIGNED));
    response
}
