//! The client credentials grant (RFC 6749, section 4.4) with resource indicators (RFC 8707).

use std::borrow::Cow;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Client, State, endpoints::json_response};
use crate::mint::Mint;

/// The answer to one token request.
pub(super) fn respond(state: &State, headers: &HeaderMap, body: &[u8]) -> Response {
    let form: Vec<(Cow<'_, str>, Cow<'_, str>)> = form_urlencoded::parse(body).collect();
    let mut response = match issue(state, headers, &form) {
        Ok(token) => json_response(StatusCode::OK, &token),
        Err(refusal) => refusal.response(),
    };
    // RFC 6749, section 5.1.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An error of RFC 6749, section 5.2.
struct Refusal {
    status: StatusCode,
    error: &'static str,
}

impl Refusal {
    const fn bad(error: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error }
    }

    fn response(&self) -> Response {
        let mut response = json_response(self.status, &json!({"error": self.error}));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"token\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn issue(state: &State, headers: &HeaderMap, form: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<Value, Refusal> {
    let only = |name: &str| -> Result<Option<&str>, Refusal> {
        let mut values = form.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_ref());
        let first = values.next();
        // Parameters must not be repeated (RFC 6749, section 3.2).
        if values.next().is_some() { Err(Refusal::bad("invalid_request")) } else { Ok(first) }
    };
    let client = authenticate(state, headers, only("client_id")?, only("client_secret")?)?;
    match only("grant_type")? {
        Some("client_credentials") => {}
        Some(_) => return Err(Refusal::bad("unsupported_grant_type")),
        None => return Err(Refusal::bad("invalid_request")),
    }
    let scope = match only("scope")? {
        Some(asked) => {
            if asked.split(' ').any(|scope| !client.scopes.iter().any(|allowed| allowed == scope)) {
                return Err(Refusal::bad("invalid_scope"));
            }
            asked.to_owned()
        }
        None => client.scopes.join(" "),
    };
    // `resource` alone may be repeated (RFC 8707, section 2).
    let resources: Vec<&str> =
        form.iter().filter(|(name, _)| name == "resource").map(|(_, value)| value.as_ref()).collect();
    if resources.iter().any(|resource| !resource.contains("://") || resource.contains('#')) {
        return Err(Refusal::bad("invalid_target"));
    }
    let audience = match resources.as_slice() {
        [] => json!(state.audience),
        [one] => json!(one),
        several => json!(several),
    };
    let token = Mint::new(&state.issuer, "")
        .access_token()
        .audience(audience)
        // The client acts for itself (RFC 9068, section 2.2).
        .subject(&client.id)
        .client(&client.id)
        .scope(&scope)
        .sign_with(state.keys().current());
    Ok(json!({"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": scope}))
}

/// RFC 6749, section 2.3.1: by Basic or in the form, never both.
fn authenticate<'a>(
    state: &'a State,
    headers: &HeaderMap,
    form_id: Option<&str>,
    form_secret: Option<&str>,
) -> Result<&'a Client, Refusal> {
    let denied = || Refusal { status: StatusCode::UNAUTHORIZED, error: "invalid_client" };
    let (id, secret) = match (headers.get(header::AUTHORIZATION), form_secret) {
        (Some(_), Some(_)) => return Err(Refusal::bad("invalid_request")),
        (Some(value), None) => basic(value).ok_or_else(denied)?,
        (None, Some(secret)) => (form_id.ok_or_else(denied)?.to_owned(), secret.to_owned()),
        (None, None) => return Err(denied()),
    };
    state.clients.iter().find(|client| client.id == id && client.secret == secret).ok_or_else(denied)
}

/// Id and secret are form-encoded before they are joined.
fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let joined = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    let decode = |text: &str| form_urlencoded::parse(text.as_bytes()).next().map(|(text, _)| text.into_owned());
    Some((decode(id)?, decode(secret).unwrap_or_default()))
}
