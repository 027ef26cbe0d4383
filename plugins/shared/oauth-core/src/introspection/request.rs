//! The question (RFC 7662 §2.1).

use std::fmt;

use form_urlencoded::Serializer;

use crate::client_credential::ClientCredential;
use crate::issuer::{Issuer, is_another_kind};
use crate::reason::Reason;
use crate::token::Unverified;

/// Which form of answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// JSON (RFC 7662 §2.2).
    Json,
    /// A signed JWT (RFC 9701 §4).
    Signed,
}

/// A form to be posted. It holds a token, and maybe the secret of the client.
#[derive(Clone, PartialEq, Eq)]
pub struct FormPost {
    /// Header fields.
    pub headers: Vec<(&'static str, String)>,
    /// `application/x-www-form-urlencoded`
    pub body: String,
}

impl fmt::Debug for FormPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormPost(..)")
    }
}

/// Requires that a token may be of this issuer, and an access token, as far as it says so itself. A token of somebody else
/// is none of this server's business, and an opaque one says nothing.
///
/// # Errors
/// [`Reason::TypeNotAllowed`], [`Reason::UnknownIssuer`].
pub fn require_askable(token: &str, issuer: &Issuer) -> Result<(), Reason> {
    let Ok(unverified) = Unverified::parse(token) else { return Ok(()) };
    if unverified.media_type().is_some_and(is_another_kind) {
        return Err(Reason::TypeNotAllowed);
    }
    match unverified.issuer() {
        Some(claimed) if !issuer.is_named(claimed) => Err(Reason::UnknownIssuer),
        _ => Ok(()),
    }
}

/// Asks about an access token, which goes into the body and nowhere else. The URL to post to is configured and must be
/// one of https (RFC 7662 §4).
#[must_use]
pub fn build_request(token: &str, client: &ClientCredential, wanted: Wanted) -> FormPost {
    let mut form = Serializer::new(String::new());
    form.append_pair("token", token).append_pair("token_type_hint", "access_token");
    form.extend_pairs(client.parameters());
    let accept = match wanted {
        Wanted::Json => "application/json",
        Wanted::Signed => "application/token-introspection+jwt",
    };
    let mut headers =
        vec![("content-type", "application/x-www-form-urlencoded".to_owned()), ("accept", accept.to_owned())];
    headers.extend(client.authorization().map(|value| ("authorization", value.to_owned())));
    FormPost { headers, body: form.finish() }
}
