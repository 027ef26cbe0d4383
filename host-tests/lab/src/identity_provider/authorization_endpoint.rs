//! The authorization endpoint (RFC 6749, section 4.1), for browsers: code flow with PKCE, resource indicators, and
//! what RFC 9470 and OpenID Connect let a client ask of the authentication.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::json;
use url::Url;

use super::{
    State,
    claims_request::ClaimsRequest,
    clients::Client,
    codes::Grant,
    endpoints::json_response,
    parameters::{Parameters, Repeated},
    received::Received,
    user::{Authentication, Demands},
};

/// The answer to one request: a redirect to the client with a code or an error, or a plain 400 where it is unclear who
/// the client is or where it may be reached (section 4.1.2.1).
pub(super) fn respond(state: &State, request: &Received) -> Response {
    let parameters = &request.parameters;
    state.authorizations().push(parameters.pairs().to_vec());
    let Some((client, redirect_uri)) = who(state, parameters) else {
        return json_response(StatusCode::BAD_REQUEST, &json!({"error": "invalid_request"}));
    };
    // A repeated state cannot be given back, but the redirect is safe.
    let client_state = parameters.only("state").ok().flatten();
    let outcome = match grant(state, client, parameters) {
        Ok(grant) => ("code", state.codes().issue(grant, state.now())),
        Err(error) => ("error", error.to_owned()),
    };
    redirect(redirect_uri, outcome, client_state, &state.issuer)
}

/// The client and the one redirect URI of its own that it names, compared character by character (RFC 9700,
/// section 4.1.3).
fn who<'a>(state: &'a State, parameters: &Parameters) -> Option<(&'a Client, Url)> {
    let id = parameters.only("client_id").ok()??;
    let redirect_uri = parameters.only("redirect_uri").ok()??;
    let client = state.clients.iter().find(|client| client.id == id)?;
    let registered = client.redirect_uris.iter().find(|registered| *registered == redirect_uri)?;
    // The text itself, not what parsing makes of it, is what the token request must repeat; see `Grant::redirect_uri`.
    Some((client, Url::parse(registered).ok()?))
}

fn grant(state: &State, client: &Client, parameters: &Parameters) -> Result<Grant, &'static str> {
    let only = |name: &str| parameters.only(name).map_err(|Repeated| "invalid_request");
    match only("response_type")? {
        Some("code") => {}
        Some(_) => return Err("unsupported_response_type"),
        None => return Err("invalid_request"),
    }
    if only("response_mode")?.is_some_and(|mode| mode != "query") || only("request")?.is_some() {
        return Err("invalid_request");
    }
    only("state")?;
    let code_challenge = only("code_challenge")?.filter(|text| is_s256(text)).ok_or("invalid_request")?;
    // Left out, it would mean `plain` (RFC 7636, section 4.3), which shows the verifier to the browser.
    if only("code_challenge_method")? != Some("S256") {
        return Err("invalid_request");
    }
    let scope = only("scope")?.filter(|scope| client.may_have(scope)).ok_or("invalid_scope")?;
    let resources = parameters.resources().ok_or("invalid_target")?;
    let claims = match only("claims")? {
        Some(text) => ClaimsRequest::parse(text).map_err(|_| "invalid_request")?,
        None => ClaimsRequest::default(),
    };
    let demands = demands(&only, &claims)?;
    let now = state.now();
    if claims.issued_since.is_some_and(|since| since > now) {
        return Err("unmet_authentication_requirements");
    }
    let authentication = state.user().answer(&state.levels, &demands, now)?;
    Ok(Grant {
        client_id: client.id.clone(),
        redirect_uri: only("redirect_uri")?.unwrap_or_default().to_owned(),
        code_challenge: code_challenge.to_owned(),
        scope: scope.to_owned(),
        resources,
        auth_contexts: granted_contexts(&claims, &authentication),
        capabilities: claims.capabilities,
        authentication,
    })
}

fn demands<'a>(
    only: &impl Fn(&str) -> Result<Option<&'a str>, &'static str>,
    claims: &ClaimsRequest,
) -> Result<Demands, &'static str> {
    let mut demands = Demands::default();
    if let Some(values) = only("acr_values")? {
        demands.acr.push(values.split(' ').filter(|value| !value.is_empty()).map(str::to_owned).collect());
    }
    demands.acr.extend(claims.acr.clone());
    demands.auth_contexts.extend(
        claims.auth_contexts.as_ref().filter(|contexts| contexts.essential).map(|contexts| contexts.values.clone()),
    );
    demands.max_age = match only("max_age")? {
        // Digits alone: `+5` is no number here.
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(text.parse().map_err(|_| "invalid_request")?)
        }
        Some(_) => return Err("invalid_request"),
        None => None,
    };
    match only("prompt")? {
        None | Some("consent") => {}
        Some("login") => demands.anew = true,
        Some("none") => demands.no_interaction = true,
        Some(_) => return Err("invalid_request"),
    }
    Ok(demands)
}

/// Of the contexts that were asked for, those that hold.
fn granted_contexts(claims: &ClaimsRequest, authentication: &Authentication) -> Vec<String> {
    let asked = claims.auth_contexts.iter().flat_map(|contexts| &contexts.values);
    asked.filter(|id| authentication.fulfils(id)).cloned().collect()
}

/// What SHA-256 and base64url make of a verifier (RFC 7636, section 4.2).
fn is_s256(challenge: &str) -> bool {
    challenge.len() == 43 && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// With `iss` in errors, too (RFC 9207, section 2).
fn redirect(mut to: Url, (name, value): (&str, String), client_state: Option<&str>, issuer: &str) -> Response {
    let mut query = to.query_pairs_mut();
    query.append_pair(name, &value);
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
