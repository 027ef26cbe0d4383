//! Who a client is that asks directly (RFC 6749, section 2.3).

use axum::http::{HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{State, clients::Client, received::Received, refusal::Refusal};

/// By Basic or in the form, never both (section 2.3.1). A public client only names itself.
pub(super) fn authenticate<'a>(state: &'a State, request: &Received) -> Result<&'a Client, Refusal> {
    let form_id = request.parameters.only("client_id")?;
    let form_secret = request.parameters.only("client_secret")?;
    let mut fields = request.headers.get_all(header::AUTHORIZATION).iter();
    let (id, secret) = match (fields.next(), form_secret) {
        (Some(_), Some(_)) => return Err(Refusal::bad("invalid_request")),
        (Some(_), None) if fields.next().is_some() => return Err(Refusal::bad("invalid_request")),
        (Some(value), None) => {
            let (id, secret) = basic(value).ok_or(Refusal::unknown_client())?;
            if form_id.is_some_and(|form_id| form_id != id) {
                return Err(Refusal::bad("invalid_request"));
            }
            (id, Some(secret))
        }
        (None, secret) => (form_id.ok_or(Refusal::unknown_client())?.to_owned(), secret.map(str::to_owned)),
    };
    state.client(&id).filter(|client| client.secret == secret).ok_or(Refusal::unknown_client())
}

/// The same, for a client with a secret: anybody can say a public client's name.
pub(super) fn authenticate_confidential<'a>(state: &'a State, request: &Received) -> Result<&'a Client, Refusal> {
    authenticate(state, request).and_then(|client| match client.secret {
        Some(_) => Ok(client),
        None => Err(Refusal::unknown_client()),
    })
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
