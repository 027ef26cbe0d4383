//! What a token endpoint refuses, and what that means for the client (RFC 8693 §2.2.2, RFC 6749 §5.2).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::profile::ServerProfile;
use crate::json;
use crate::reason::Reason;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The subject token is not accepted: a new one may be.
    Subject,
    /// The token is fine; this subject, client or target is not allowed.
    Denied,
    /// The gateway itself is not accepted: nothing that the client could change.
    Client,
    /// The user must do something first (Entra). Holds the claims to ask for, base64 as the challenge takes it; `None` if the
    /// server named none, or none that can be passed on.
    Interaction(Option<String>),
    /// The server asks to come later, or has a fault of its own.
    Server,
    /// The answer is none.
    Unusable(Unusable),
}

/// What is wrong with an answer; for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Not one strict JSON object.
    NotJson,
    /// No `access_token`.
    NoToken,
    /// `access_token` fits no `Authorization` field.
    BadToken,
    /// No `token_type`.
    NoTokenType,
    /// A `token_type` other than Bearer.
    NotBearer,
    /// No `issued_token_type`.
    NoIssuedType,
    /// An `issued_token_type` that is of no use here.
    OtherIssuedType,
    /// `scope` is no list of scopes.
    BadScope,
    /// No `error`.
    NoError,
}

/// The longest claims request that is passed on, as base64: what fits a challenge.
const MAX_CLAIMS_BYTES: usize = 4096;

impl Refusal {
    /// Reads the members of an error (RFC 6749 §5.2) that came with this status. Of its words only `error` is looked at, since
    /// a description may say anything; `claims` is read where the profile has it, and Keycloak's descriptions are compared
    /// where the code alone says two things.
    pub(super) fn of(profile: ServerProfile, status: u16, members: &Map<String, Value>) -> Self {
        let Some(error) = members.get("error").and_then(Value::as_str) else {
            return Self::Unusable(Unusable::NoError);
        };
        if profile == ServerProfile::Keycloak
            && let Some(refusal) = of_keycloak(status, error, members.get("error_description").and_then(Value::as_str))
        {
            return refusal;
        }
        let has_claims = profile == ServerProfile::EntraObo && members.contains_key("claims");
        match error {
            "interaction_required" => Self::Interaction(claims(members)),
            "invalid_grant" if has_claims => Self::Interaction(claims(members)),
            // RFC 8693 §2.2.2: the subject token is invalid, or not acceptable for any reason. Keycloak and Auth0 say the same
            // of an audience that may not be had and of a chain that is too long, which no new token changes.
            "invalid_request" if matches!(profile, ServerProfile::Keycloak | ServerProfile::Auth0) => Self::Denied,
            "invalid_request" | "invalid_grant" | "invalid_token" => Self::Subject,
            // Auth0: the user has no account linked, and has to link one.
            "federated_connection_refresh_token_not_found" if profile == ServerProfile::Auth0 => Self::Subject,
            "invalid_target" | "invalid_scope" | "unauthorized_client" | "access_denied" => Self::Denied,
            "invalid_client" | "unsupported_grant_type" => Self::Client,
            "temporarily_unavailable" | "server_error" | "slow_down" => Self::Server,
            // What nobody has heard of is not the client's fault.
            _ => Self::Server,
        }
    }

    /// What the client is told. An interaction without claims to ask for is a plain denial: a challenge with nothing to follow
    /// would send the user round in vain.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Subject => Reason::SubjectTokenRefused,
            Self::Denied | Self::Interaction(None) => Reason::ExchangeDenied,
            Self::Client => Reason::ExchangeClientRefused,
            Self::Interaction(Some(_)) => Reason::InsufficientClaims,
            Self::Server | Self::Unusable(_) => Reason::ExchangeFailed,
        }
    }
}

/// What Keycloak (26.7) means by a code of which it makes another use than RFC 6749 §5.2; `None` where the code says it. Its
/// descriptions are texts of its source, compared as a whole: a translated or changed one is taken by its code.
fn of_keycloak(status: u16, error: &str, description: Option<&str>) -> Option<Refusal> {
    match (status, error, description) {
        // The gateway's own secret is wrong: who may not exchange gets 400 or 403.
        (401, "unauthorized_client", _) => Some(Refusal::Client),
        (_, "invalid_client", Some("Audience not found")) => Some(Refusal::Denied),
        // The user has signed out, or the session is over.
        (_, "invalid_request", Some("Invalid token")) => Some(Refusal::Subject),
        _ => None,
    }
}

/// The errors that are known by name.
const KNOWN: [&str; 13] = [
    "invalid_request",
    "invalid_grant",
    "invalid_token",
    "invalid_client",
    "invalid_target",
    "invalid_scope",
    "unauthorized_client",
    "access_denied",
    "unsupported_grant_type",
    "interaction_required",
    "server_error",
    "temporarily_unavailable",
    "slow_down",
];

/// The `error` of an answer, for the log, if it is one that is known: nothing that a server chooses goes there.
#[must_use]
pub fn known_error(body: &[u8]) -> Option<&'static str> {
    let members = json::parse_object(body, json::MAX_DEPTH).ok()?;
    let error = members.get("error")?.as_str()?;
    KNOWN.into_iter().find(|known| *known == error)
}

/// `claims` of an error: JSON in a string. It goes out in a challenge as it came, in base64 (TEX-21), if it is what it is
/// said to be.
fn claims(members: &Map<String, Value>) -> Option<String> {
    let text = members.get("claims").and_then(Value::as_str)?;
    json::parse_object(text.as_bytes(), json::MAX_DEPTH).ok()?;
    let encoded = STANDARD.encode(text);
    (encoded.len() <= MAX_CLAIMS_BYTES).then_some(encoded)
}
