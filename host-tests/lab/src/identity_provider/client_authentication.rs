//! Who a client is that asks directly (RFC 6749, section 2.3).

mod assertion;

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    State,
    clients::{Client, Credential},
    received::Received,
    refusal::Refusal,
};
pub(super) use assertion::Assertions;

/// What a request shows; never more than one of it (section 2.3).
enum Shown {
    Secret {
        id: String,
        secret: String,
    },
    Assertion {
        id: String,
        jwt: String,
    },
    /// At most its name.
    Nothing {
        id: Option<String>,
    },
}

/// By Basic, in the form, by an assertion, or by what a proxy has found out. A public client only names itself.
pub(super) fn authenticate(state: &State, request: &Received) -> Result<Arc<Client>, Refusal> {
    let client = match shown(request)? {
        Shown::Secret { id, secret } => {
            state.client(&id).filter(|client| matches!(&client.credential, Credential::Secret(own) if *own == secret))
        }
        Shown::Assertion { id, jwt } => state.client(&id).filter(|client| match &client.credential {
            Credential::Key(key) => assertion::proves(state, &client.id, key, &jwt),
            _ => false,
        }),
        Shown::Nothing { id } => state
            .clients()
            .iter()
            .find(|client| {
                id.as_ref().is_none_or(|id| *id == client.id)
                    && match &client.credential {
                        Credential::None => id.is_some(),
                        Credential::Field { name, value } => is_said(&request.headers, name, value),
                        Credential::Secret(_) | Credential::Key(_) => false,
                    }
            })
            .cloned(),
    };
    client.ok_or(Refusal::unknown_client())
}

/// The same, for a client that proves who it is: anybody can say a public client's name.
pub(super) fn authenticate_confidential(state: &State, request: &Received) -> Result<Arc<Client>, Refusal> {
    authenticate(state, request).and_then(
        |client| {
            if client.is_public() { Err(Refusal::unknown_client()) } else { Ok(client) }
        },
    )
}

fn shown(request: &Received) -> Result<Shown, Refusal> {
    let only = |name: &str| request.parameters.only(name).map(|value| value.map(str::to_owned));
    let (form_id, form_secret) = (only("client_id")?, only("client_secret")?);
    let (assertion, assertion_type) = (only("client_assertion")?, only("client_assertion_type")?);
    let mut fields = request.headers.get_all(header::AUTHORIZATION).iter();
    let field = fields.next();
    let is_assertion = assertion.is_some() || assertion_type.is_some();
    let ways = [field.is_some(), form_secret.is_some(), is_assertion];
    if fields.next().is_some() || ways.iter().filter(|way| **way).count() > 1 {
        return Err(Refusal::bad("invalid_request"));
    }
    let shown = match (field, form_secret, assertion) {
        (Some(value), ..) => {
            let (id, secret) = basic(value).ok_or(Refusal::unknown_client())?;
            Shown::Secret { id, secret }
        }
        (_, Some(secret), _) => Shown::Secret { id: form_id.clone().ok_or(Refusal::unknown_client())?, secret },
        (.., Some(jwt)) if assertion_type.as_deref() == Some(assertion::TYPE) => {
            let id = assertion::client_id(&jwt).ok_or(Refusal::unknown_client())?;
            Shown::Assertion { id, jwt }
        }
        _ if is_assertion => return Err(Refusal::bad("invalid_request")),
        _ => Shown::Nothing { id: form_id.clone() },
    };
    match (&shown, form_id) {
        (Shown::Secret { id, .. } | Shown::Assertion { id, .. }, Some(form_id)) if *id != form_id => {
            Err(Refusal::bad("invalid_request"))
        }
        _ => Ok(shown),
    }
}

/// Once, and with exactly this value.
fn is_said(headers: &HeaderMap, name: &str, value: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.next().is_some_and(|said| said.as_bytes() == value.as_bytes()) && values.next().is_none()
}

/// Id and secret are form-encoded before they are joined (section 2.3.1).
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
