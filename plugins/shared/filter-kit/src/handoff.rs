//! How audience-validation tells the filters after it what it found: filter state that nobody else can write.

use oauth_core::{issuer::Profile, token::VerifiedToken};
use serde_json::json;

use crate::{issuers::Authenticated, json_text, policy::StateEntry};

/// The key of the hand-off. Declared read-only at configure and written once for each request.
pub const TOKEN: &str = "fourleg.token";

/// The key of the credential itself, where only token-exchange may put one back.
pub const SUBJECT_TOKEN: &str = "fourleg.subject_token";

/// The version of the hand-off's form.
pub(crate) const VERSION: u8 = 1;

/// The entry for a request whose token was verified and is meant for `resource`.
#[must_use]
pub fn verified(resource: &str, authenticated: &Authenticated) -> StateEntry {
    // The claims are JSON already; writing them anew would cost more than all the rest.
    let (described, claims) = (&*authenticated.described, authenticated.token.claims_json());
    let length = described.len().saturating_add(claims.len()).saturating_add(resource.len()).saturating_add(64);
    let mut text = String::with_capacity(length);
    text.push_str(VERIFIED);
    json_text::string(&mut text, resource);
    text.push_str(described);
    text.push_str(claims);
    text.push('}');
    (TOKEN, text.into_bytes())
}

/// How the entry of a verified token begins, up to its resource.
const VERIFIED: &str = r#"{"v":1,"state":"verified","resource":"#;

/// What the entry says of a token whatever its resource, up to its claims. Made once for a token.
pub(crate) fn described(token: &VerifiedToken, profile: Profile, credential_sha256: &str) -> String {
    let mut text = String::new();
    for (name, value) in
        [("issuer", token.issuer()), ("profile", profile.name()), ("credential_sha256", credential_sha256)]
    {
        text.push_str(",\"");
        text.push_str(name);
        text.push_str("\":");
        json_text::string(&mut text, value);
    }
    text.push_str(",\"claims\":");
    text
}

/// The entry for a request that needs no token.
#[must_use]
pub fn public() -> StateEntry {
    (TOKEN, json!({"v": VERSION, "state": "public"}).to_string().into_bytes())
}

/// The entry for a request that passed because nothing is enforced. It says nothing about who sent it.
#[must_use]
pub fn unverified() -> StateEntry {
    (TOKEN, json!({"v": VERSION, "state": "unverified"}).to_string().into_bytes())
}

/// The entry that keeps the credential for token-exchange.
#[must_use]
pub fn subject_token(credential: &str) -> StateEntry {
    (SUBJECT_TOKEN, credential.as_bytes().to_vec())
}
