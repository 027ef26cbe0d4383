//! The authorization endpoint (RFC 6749, section 4.1), for browsers: with the request itself, or with the name of one that
//! was pushed (RFC 9126, section 4).

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::json;
use url::Url;

use super::{
    State,
    authorization_request::{AuthorizationRequest, client_and_redirect_uri},
    claims_request::ClaimsRequest,
    consent_page,
    endpoints::json_response,
    grant::Grant,
    parameters::Parameters,
    pushed_requests,
    received::Received,
    user::Authentication,
};

/// Seconds; RFC 6749, section 4.1.2, allows ten minutes at most.
const CODE_LIFETIME: u64 = 60;

/// The answer to one request: a redirect to the client with a code or an error, or a plain 400 where it is unclear who
/// the client is or where it may be reached (section 4.1.2.1).
pub(super) fn respond(state: &State, request: &Received) -> Response {
    match request.parameters.only("request_uri") {
        Ok(None) => direct(state, &request.parameters),
        Ok(Some(request_uri)) => pushed(state, &request.parameters, request_uri),
        Err(_) => refused("invalid_request"),
    }
}

fn direct(state: &State, parameters: &Parameters) -> Response {
    state.authorizations().push(parameters.pairs().to_vec());
    let Some((client, redirect_uri)) = client_and_redirect_uri(state, parameters) else {
        return refused("invalid_request");
    };
    // Who must push shows nothing to the browser, and a redirect URI from there is not to be trusted (RFC 9126, section 4).
    if client.only_pushes {
        return refused("invalid_request");
    }
    // A repeated state cannot be given back, but the redirect is safe.
    let client_state = parameters.only("state").ok().flatten();
    let outcome = AuthorizationRequest::parse(state, &client, redirect_uri, parameters)
        .and_then(|request| Ok(state.codes().issue(grant(state, request)?, state.now(), CODE_LIFETIME)));
    redirect(redirect_uri, outcome, client_state, &state.issuer)
}

/// What else is in the query does not count (RFC 9101, section 6.3).
fn pushed(state: &State, parameters: &Parameters, request_uri: &str) -> Response {
    let client_id = parameters.only("client_id").ok().flatten();
    let Some(pushed) = pushed_requests::redeem(state, request_uri, client_id) else {
        return refused("invalid_request_uri");
    };
    state.authorizations().push(pushed.parameters);
    let (redirect_uri, client_state) = (pushed.request.redirect_uri.clone(), pushed.request.state.clone());
    let outcome = grant(state, pushed.request).map(|grant| state.codes().issue(grant, state.now(), CODE_LIFETIME));
    redirect(&redirect_uri, outcome, client_state.as_deref(), &state.issuer)
}

/// Lets the user sign in and answer. `Err` is the error for the client.
fn grant(state: &State, request: AuthorizationRequest) -> Result<Grant, &'static str> {
    let now = state.now();
    if request.claims.issued_since.is_some_and(|since| since > now) {
        return Err("unmet_authentication_requirements");
    }
    let mut user = state.user();
    let authentication = user.authenticate(&state.levels, &request.demands, now)?;
    // Details are new each time, so that no earlier consent covers them.
    if request.demands.no_interaction && !request.details.is_empty() {
        return Err("consent_required");
    }
    state.consent_pages().push(consent_page::render(&authentication.subject, &request));
    let details = user.consent(&request.details)?;
    Ok(Grant {
        client_id: request.client_id,
        redirect_uri: request.redirect_uri,
        code_challenge: request.code_challenge,
        scope: request.scope,
        resources: request.resources,
        details,
        auth_contexts: granted_contexts(&request.claims, &authentication),
        capabilities: request.claims.capabilities,
        authentication,
    })
}

/// Of the contexts that were asked for, those that hold.
fn granted_contexts(claims: &ClaimsRequest, authentication: &Authentication) -> Vec<String> {
    let asked = claims.auth_contexts.iter().flat_map(|contexts| &contexts.values);
    asked.filter(|id| authentication.fulfils(id)).cloned().collect()
}

fn refused(error: &str) -> Response {
    json_response(StatusCode::BAD_REQUEST, &json!({"error": error}))
}

/// To a registered URI, with a code or an error, and with `iss` in both (RFC 9207, section 2).
fn redirect(
    redirect_uri: &str,
    outcome: Result<String, &'static str>,
    client_state: Option<&str>,
    issuer: &str,
) -> Response {
    let Ok(mut to) = Url::parse(redirect_uri) else { return refused("invalid_request") };
    let mut query = to.query_pairs_mut();
    match outcome {
        Ok(code) => query.append_pair("code", &code),
        Err(error) => query.append_pair("error", error),
    };
    if let Some(client_state) = client_state {
        query.append_pair("state", client_state);
    }
    query.append_pair("iss", issuer);
    drop(query);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(to.as_str()) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
