//! Pushed authorization requests (RFC 9126): the client itself says what it asks for, so that the browser carries only a name
//! for it.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    State,
    authorization_request::{AuthorizationRequest, client_and_redirect_uri},
    client_authentication::authenticate,
    endpoints::json_response,
    received::Received,
    refusal::Refusal,
};

/// Seconds: section 2.2 wants them few.
const LIFETIME: u64 = 60;

const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// A request that waits for the browser.
#[derive(Clone, Debug)]
pub(super) struct PushedRequest {
    pub(super) request: AuthorizationRequest,
    /// As they came.
    pub(super) parameters: Vec<(String, String)>,
}

/// The answer to one pushed request.
pub(super) fn respond(state: &State, request: &Received) -> Response {
    let mut response = match push(state, request) {
        Ok(answer) => json_response(StatusCode::CREATED, &answer),
        Err(refusal) => refusal.response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    response
}

/// Who asks is authenticated as at the token endpoint, and what is asked is looked at as at the authorization endpoint
/// (section 2.1).
fn push(state: &State, request: &Received) -> Result<Value, Refusal> {
    let authenticated = authenticate(state, request)?;
    let parameters = &request.parameters;
    if parameters.only("request_uri")?.is_some() {
        return Err(Refusal::bad("invalid_request"));
    }
    // With a client_id, even beside Basic: it is a parameter of the authorization request.
    let (client, redirect_uri) = client_and_redirect_uri(state, parameters).ok_or(Refusal::bad("invalid_request"))?;
    if client.id != authenticated.id {
        return Err(Refusal::bad("invalid_request"));
    }
    let asked = AuthorizationRequest::parse(state, &client, redirect_uri, parameters).map_err(Refusal::bad)?;
    let public = parameters.pairs().iter().filter(|(name, _)| name != "client_secret");
    let waiting = PushedRequest { request: asked, parameters: public.cloned().collect() };
    let handle = state.pushed_requests().issue(waiting, state.now(), LIFETIME);
    Ok(json!({"request_uri": format!("{PREFIX}{handle}"), "expires_in": LIFETIME}))
}

/// Takes out what a client pushed. One that was pushed by another client is used up as well.
pub(super) fn redeem(state: &State, request_uri: &str, client_id: Option<&str>) -> Option<PushedRequest> {
    let pushed = state.pushed_requests().redeem(request_uri.strip_prefix(PREFIX)?, state.now())?;
    (client_id == Some(pushed.request.client_id.as_str())).then_some(pushed)
}
