//! Telling access tokens from the other JWTs that the same issuer signs (RFC 8725 §3.12, RFC 9068 §4 and §5).

use serde_json::Value;

use crate::claims::Claims;
use crate::issuer::{Profile, TypeProof};
use crate::reason::Reason;

/// Claims that only tokens of another kind have, whatever their `typ`: security event and logout tokens (RFC 8417
/// §2.2), introspection responses (RFC 9701 §5), DPoP proofs (RFC 9449 §4.2).
const NEVER: [&str; 4] = ["events", "token_introspection", "htm", "htu"];

/// Claims of an ID token (OpenID Connect Core 1.0 §2, §3.1.3.6, §3.3.2.11).
const ID_TOKEN: [&str; 4] = ["nonce", "at_hash", "c_hash", "s_hash"];

/// Requires that a token is an access token.
///
/// # Errors
/// [`Reason::NotAnAccessToken`].
pub(crate) fn require_access_token(claims: &Claims, profile: Profile, proof: TypeProof) -> Result<(), Reason> {
    let is_access_token = !has_any(claims, &NEVER)
        && match proof {
            // Keycloak's claim says more than its header, which is the same for all kinds but this.
            TypeProof::AccessToken => profile != Profile::Keycloak || is_marked_by(claims, profile),
            TypeProof::AnyJwt => !is_marked_otherwise(claims) && is_marked_by(claims, profile),
        };
    if is_access_token { Ok(()) } else { Err(Reason::NotAnAccessToken) }
}

/// Signs of another kind that hold for every issuer.
fn is_marked_otherwise(claims: &Claims) -> bool {
    // Keycloak: `ID`, `Refresh`, `Offline`, `Logout` are its other kinds.
    let other_type = claims.members().get("typ").is_some_and(|value| !is_one_of(value, &["Bearer", "DPoP", "at+jwt"]));
    // Amazon Cognito: `id` is its other kind. Ory Hydra says it of refresh tokens, too, when it is asked about one.
    let other_use =
        claims.members().get("token_use").is_some_and(|value| !is_one_of(value, &["access", "access_token"]));
    // RFC 7523 §3: a client that speaks for itself is issuer and subject at once.
    let assertion = claims.subject() == Some(claims.issuer());
    other_type || other_use || assertion
}

/// Signs of an access token that the issuer's dialect always has.
fn is_marked_by(claims: &Claims, profile: Profile) -> bool {
    let members = claims.members();
    match profile {
        // Only `at+jwt` proves it; `typ: JWT` passes only if configured, and then like a generic token.
        Profile::Rfc9068 | Profile::Generic => !has_any(claims, &ID_TOKEN),
        // Its older versions put `nonce` into access tokens, but this claim says the kind.
        Profile::Keycloak => members.get("typ").is_some_and(|value| is_one_of(value, &["Bearer", "DPoP"])),
        // The client is always named in access tokens.
        Profile::Okta | Profile::Auth0 => claims.client_id().is_some() && !has_any(claims, &ID_TOKEN),
        // How the client authenticated is said in access tokens only.
        Profile::Entra => {
            !has_any(claims, &ID_TOKEN) && ["scp", "azpacr", "appidacr"].iter().any(|name| members.contains_key(*name))
        }
    }
}

fn has_any(claims: &Claims, names: &[&str]) -> bool {
    names.iter().any(|name| claims.members().contains_key(*name))
}

fn is_one_of(value: &Value, names: &[&str]) -> bool {
    value.as_str().is_some_and(|text| names.iter().any(|name| text.eq_ignore_ascii_case(name)))
}
