//! What can be said of a subject token before any server is asked.

use serde_json::{Map, Value};

use super::profile::ServerProfile;
use crate::claims::Claims;
use crate::issuer::{Profile, TypeProof};
use crate::reason::Reason;
use crate::token_kind::TokenKind;

/// Requires that a server of this profile can exchange the token.
///
/// # Errors
/// - [`Reason::SubjectTokenBound`] for a token that is bound to a key (`cnf`): the server would want a proof of the same
///   key, which a gateway does not have (TEX-19).
/// - [`Reason::TokenKindNotAllowed`] for a token that a client got for itself, where the profile is about users alone
///   (TEX-20).
pub fn require_exchangeable(profile: ServerProfile, claims: &Claims) -> Result<(), Reason> {
    if claims.is_bound() {
        return Err(Reason::SubjectTokenBound);
    }
    // Whatever else it says: a token that a client got for itself has no user to act for.
    let is_of_an_application = claims.members().get("idtyp").is_some_and(|kind| kind == "app");
    if profile == ServerProfile::EntraObo && is_of_an_application {
        return Err(Reason::TokenKindNotAllowed);
    }
    Ok(())
}

/// Whether the claims alone prove that a user gave the token to a client.
#[must_use]
pub fn is_delegated(claims: &Claims, profile: Profile) -> bool {
    // Nothing is known of the header here, so nothing is taken as proven by it.
    TokenKind::of(claims, profile, TypeProof::AnyJwt) == TokenKind::Delegated
}

/// Who the gateway is to the server: the actor of the tokens that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorIdentity {
    /// `sub`
    pub subject: String,
    /// `iss`; by default the issuer of the subject token.
    pub issuer: Option<String>,
}

/// Requires that `may_act` (RFC 8693 §4.4), if the token has it, names the actor.
///
/// # Errors
/// [`Reason::ActorNotPermitted`]: it names somebody else, or is such that it cannot be told.
pub fn require_may_act(claims: &Claims, actor: &ActorIdentity) -> Result<(), Reason> {
    let Some(may_act) = claims.members().get("may_act") else { return Ok(()) };
    match may_act {
        Value::Object(members) if names(members, claims, actor) => Ok(()),
        _ => Err(Reason::ActorNotPermitted),
    }
}

fn names(members: &Map<String, Value>, claims: &Claims, actor: &ActorIdentity) -> bool {
    let own_issuer = actor.issuer.as_deref().unwrap_or(claims.issuer());
    let fits = |(name, value): (&String, &Value)| match (name.as_str(), value.as_str()) {
        ("sub" | "client_id", Some(value)) => value == actor.subject,
        ("iss", Some(value)) => value == own_issuer,
        // A condition that nobody compares is not met.
        _ => false,
    };
    let is_named = members.contains_key("sub") || members.contains_key("client_id");
    // Without an issuer, the name is one of the token's issuer.
    let is_of_the_issuer = members.contains_key("iss") || own_issuer == claims.issuer();
    is_named && is_of_the_issuer && members.iter().all(fits)
}
