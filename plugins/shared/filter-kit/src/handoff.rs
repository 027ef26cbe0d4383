//! How audience-validation tells the filters after it what it found: filter state that nobody else can write.

use serde_json::{Value, json};

use crate::{issuers::Authenticated, policy::StateEntry};

/// The key of the hand-off. Declared read-only at configure and written once for each request.
pub const TOKEN: &str = "fourleg.token";

/// The key of the credential itself, where only token-exchange may put one back.
pub const SUBJECT_TOKEN: &str = "fourleg.subject_token";

/// The version of the hand-off's form.
pub(crate) const VERSION: u8 = 1;

/// The entry for a request whose token was verified and is meant for `resource`. `profile` is the issuer's.
#[must_use]
pub fn verified(resource: &str, profile: &str, authenticated: &Authenticated) -> StateEntry {
    // The claims are JSON already; writing them anew would cost more than all the rest.
    let text = format!(
        r#"{{"v":{VERSION},"state":"verified","resource":{},"issuer":{},"profile":{},"credential_sha256":{},"claims":{}}}"#,
        Value::from(resource),
        Value::from(authenticated.token.issuer()),
        Value::from(profile),
        Value::from(authenticated.credential_sha256.as_str()),
        authenticated.token.claims_json(),
    );
    (TOKEN, text.into_bytes())
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
