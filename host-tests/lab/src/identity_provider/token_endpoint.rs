//! The token endpoint (RFC 6749, section 3.2): who asks, by which grant.

mod authorization_code;
mod client_credentials;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    State,
    clients::Client,
    endpoints::json_response,
    parameters::{Parameters, Repeated},
};
use crate::mint::Token;

/// The answer to one token request.
pub(super) fn respond(state: &State, headers: &HeaderMap, body: &[u8]) -> Response {
    let mut response = match issue(state, headers, &Parameters::parse(body)) {
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

impl From<Repeated> for Refusal {
    fn from(Repeated: Repeated) -> Self {
        Self::bad("invalid_request")
    }
}

fn issue(state: &State, headers: &HeaderMap, parameters: &Parameters) -> Result<Value, Refusal> {
    let client = authenticate(state, headers, parameters.only("client_id")?, parameters.only("client_secret")?)?;
    let Issued { token, scope } = match parameters.only("grant_type")? {
        Some("authorization_code") => authorization_code::issue(state, client, parameters)?,
        Some("client_credentials") => client_credentials::issue(state, client, parameters)?,
        Some(_) => return Err(Refusal::bad("unsupported_grant_type")),
        None => return Err(Refusal::bad("invalid_request")),
    };
    let token = token.sign_with(state.keys().current());
    Ok(json!({"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": scope}))
}

/// RFC 6749, section 2.3.1: by Basic or in the form, never both. A public client only names itself.
fn authenticate<'a>(
    state: &'a State,
    headers: &HeaderMap,
    form_id: Option<&str>,
    form_secret: Option<&str>,
) -> Result<&'a Client, Refusal> {
    let denied = || Refusal { status: StatusCode::UNAUTHORIZED, error: "invalid_client" };
    let (id, secret) = match (headers.get(header::AUTHORIZATION), form_secret) {
        (Some(_), Some(_)) => return Err(Refusal::bad("invalid_request")),
        (Some(value), None) => {
            let (id, secret) = basic(value).ok_or_else(denied)?;
            if form_id.is_some_and(|form_id| form_id != id) {
                return Err(Refusal::bad("invalid_request"));
            }
            (id, Some(secret))
        }
        (None, secret) => (form_id.ok_or_else(denied)?.to_owned(), secret.map(str::to_owned)),
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
