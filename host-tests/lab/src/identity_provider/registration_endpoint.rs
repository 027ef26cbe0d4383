//! Clients that register themselves (RFC 7591): as public ones, for the authorization code grant alone.

use axum::{http::StatusCode, response::Response};
use serde_json::{Value, json};
use url::Url;

use super::{State, clients::Client, endpoints::json_response, refusal::Refusal, unguessable::unguessable};

/// The answer to one registration request: what was registered, which may be less than was asked for (section 3.2.1).
pub(super) fn respond(state: &State, body: &[u8]) -> Response {
    match register(state, body) {
        Ok(registered) => json_response(StatusCode::CREATED, &registered),
        Err(refusal) => refusal.response(),
    }
}

fn register(state: &State, body: &[u8]) -> Result<Value, Refusal> {
    let scopes = state.open_registration.as_ref().ok_or(Refusal::forbidden("access_denied"))?;
    let asked: Value = serde_json::from_slice(body).map_err(|_| Refusal::bad("invalid_client_metadata"))?;
    let uris = redirect_uris(&asked).ok_or(Refusal::bad("invalid_redirect_uri"))?;
    let id = unguessable();
    let client = uris.iter().fold(Client::public(&id).scopes(scopes), |client, uri| client.redirect_uri(uri));
    state.clients().push(client.into());
    Ok(json!({
        "client_id": id,
        "redirect_uris": uris,
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": scopes.join(" "),
    }))
}

/// At least one, each absolute and without a fragment (RFC 6749, section 3.1.2).
fn redirect_uris(asked: &Value) -> Option<Vec<&str>> {
    let uris = asked["redirect_uris"].as_array().filter(|uris| !uris.is_empty())?;
    uris.iter()
        .map(|uri| uri.as_str().filter(|uri| Url::parse(uri).is_ok_and(|url| url.fragment().is_none())))
        .collect()
}
