//! The claims of an access token (RFC 7519 §4, RFC 9068 §2.2).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::claim_fault::ClaimFault;
use crate::dialect;
use crate::issuer::Profile;
use crate::json::{self, Exact};
use crate::reason::Reason;
use crate::scope::Scopes;
use crate::time::UnixTime;

/// The longest chain of `act` objects. Issuers stop at about five.
pub const MAX_ACTORS: usize = 10;

/// Claims whose types were checked. Only as [`VerifiedClaims`] they are proven.
///
/// [`VerifiedClaims`]: crate::verified_claims::VerifiedClaims
#[derive(Clone, Debug)]
pub struct Claims {
    issuer: String,
    subject: Option<String>,
    audiences: Vec<String>,
    expires_at: UnixTime,
    not_before: Option<UnixTime>,
    issued_at: Option<UnixTime>,
    jwt_id: Option<String>,
    client_id: Option<String>,
    scopes: Scopes,
    roles: Vec<String>,
    members: Map<String, Value>,
    authorization_details: Option<Exact>,
}

const A_STRING: &str = "a string";
const A_NAME: &str = "a string that is not empty";
const A_DATE: &str = "a number of seconds";
const AN_OBJECT: &str = "an object";
const AUDIENCES: &str = "a string or an array of strings";

/// The claim of RFC 9396 §9.1.
pub(crate) const AUTHORIZATION_DETAILS: &str = "authorization_details";

impl Claims {
    /// Reads the claims of a token in the dialect of its issuer.
    ///
    /// # Errors
    /// - [`Reason::ClaimInvalid`] if a known claim has the wrong type or form (`null` is one, but for [`Profile::Generic`] it
    ///   is no claim at all), or if two claims that say the same contradict each other.
    /// - [`Reason::ClaimMissing`] if `iss` or `exp` is missing; for [`Profile::Rfc9068`] also `aud`, `sub`,
    ///   `client_id`, `iat` and `jti` (RFC 9068 §2.2).
    pub fn from_members(members: Map<String, Value>, profile: Profile) -> Result<Self, Reason> {
        Ok(Self::read(members, profile)?)
    }

    /// The same, for who wants to know which claim it is.
    ///
    /// # Errors
    /// The first fault that was found.
    pub fn read(members: Map<String, Value>, profile: Profile) -> Result<Self, ClaimFault> {
        let members = dialect::present(members, profile);
        // Read for its type alone: the signature library does so too.
        text(&members, "nonce")?;
        object(&members, "cnf")?;
        require_short_chain(&members)?;
        let issuer = text(&members, "iss")?.ok_or(ClaimFault::absent("iss", A_STRING))?.to_owned();
        let expires_at = date(&members, "exp")?.ok_or(ClaimFault::absent("exp", A_DATE))?;
        let claims = Self {
            issuer,
            expires_at,
            subject: name(&members, "sub")?,
            audiences: audiences(&members)?,
            not_before: date(&members, "nbf")?,
            issued_at: date(&members, "iat")?,
            jwt_id: name(&members, "jti")?,
            client_id: dialect::client_id(&members, profile)?,
            scopes: dialect::scopes(&members, profile)?,
            roles: dialect::roles(&members, profile)?,
            members,
            authorization_details: None,
        };
        if profile == Profile::Rfc9068 {
            let always_there = [
                ("aud", AUDIENCES, claims.members.contains_key("aud")),
                ("sub", A_NAME, claims.subject.is_some()),
                ("client_id", A_NAME, claims.client_id.is_some()),
                ("iat", A_DATE, claims.issued_at.is_some()),
                ("jti", A_NAME, claims.jwt_id.is_some()),
            ];
            if let Some((claim, expected, _)) = always_there.iter().find(|(.., is_there)| !is_there) {
                return Err(ClaimFault::absent(claim, expected));
            }
        }
        Ok(claims)
    }

    /// With `authorization_details` as the issuer wrote them, if there are some. `text` is the JSON from which the
    /// members were read, and `way` leads to the object that holds them.
    ///
    /// Amounts must not pass through a double, and plain members do. Without this, a token that has the claim grants
    /// nothing by it.
    #[must_use]
    pub fn with_details_of(mut self, text: &[u8], way: &[&str]) -> Self {
        if self.members.contains_key(AUTHORIZATION_DETAILS) {
            // The text was read with this bound or a smaller one before.
            let exact = json::parse_exact(text, json::MAX_DEPTH.saturating_add(way.len())).ok();
            let object = way.iter().fold(exact, |object, step| object?.take(step));
            self.authorization_details = object.and_then(|object| object.take(AUTHORIZATION_DETAILS));
        }
        self
    }

    /// With these `authorization_details`, which the issuer keeps for the token instead of writing them into it.
    #[must_use]
    pub(crate) fn with_details(mut self, details: Option<Exact>) -> Self {
        self.members.remove(AUTHORIZATION_DETAILS);
        self.authorization_details = details;
        self
    }

    /// `authorization_details` (RFC 9396 §9.1), numbers as they were written. `None` without the claim.
    ///
    /// # Errors
    /// [`Reason::ClaimInvalid`] if the claim is there and its text was not kept.
    pub fn authorization_details(&self) -> Result<Option<&Exact>, Reason> {
        match &self.authorization_details {
            None if self.members.contains_key(AUTHORIZATION_DETAILS) => Err(Reason::ClaimInvalid),
            details => Ok(details.as_ref()),
        }
    }

    /// Whether the token says anything in detail; it may be that the issuer keeps that for introspection (RFC 9396 §9.2).
    #[must_use]
    pub fn has_authorization_details(&self) -> bool {
        self.authorization_details.is_some() || self.members.contains_key(AUTHORIZATION_DETAILS)
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `sub`, not empty. For tokens that a client got for itself it may be the client (RFC 9068 §2.2).
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// `aud`, as a list whichever way it was written; empty if absent.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// `exp`.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// `nbf`.
    #[must_use]
    pub const fn not_before(&self) -> Option<UnixTime> {
        self.not_before
    }

    /// `iat`.
    #[must_use]
    pub const fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// `jti`, not empty.
    #[must_use]
    pub fn jwt_id(&self) -> Option<&str> {
        self.jwt_id.as_deref()
    }

    /// The client that the token was issued to, under the name that the issuer's dialect has for it; not empty.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// The granted scopes, from the claim of the issuer's dialect.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Whether a claim says which scopes are granted, be it none: what is not said may be what was asked for (RFC 6749 §5.1).
    #[must_use]
    pub fn says_scopes(&self) -> bool {
        ["scope", "scp"].iter().any(|claim| self.members.contains_key(*claim))
    }

    /// Scopes, from whichever claim has some: what another reader may take for granted scopes. Where two claims have
    /// some, they say the same.
    #[must_use]
    pub fn scopes_in_any_claim(&self) -> Scopes {
        // It was read before, in a dialect that is as strict.
        dialect::scopes(&self.members, Profile::Generic).unwrap_or_default()
    }

    /// The roles of the issuer's dialect; for Keycloak those of clients as `client/role`.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// The tenant that issued the token (`tid`, Microsoft Entra); not empty.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.members.get("tid").and_then(Value::as_str).filter(|tenant| !tenant.is_empty())
    }

    /// Whether the token is bound to a key (`cnf`, RFC 7800 §3.1).
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.members.contains_key("cnf")
    }

    /// The actors (`act`, RFC 8693 §4.1), the current one first, at most [`MAX_ACTORS`].
    pub fn actors(&self) -> impl Iterator<Item = &Map<String, Value>> {
        actors(&self.members)
    }

    /// All claims as they came.
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Judges the times of the token; one skew for all of them.
    ///
    /// # Errors
    /// - [`Reason::TokenExpired`] unless `now` < `exp` + skew (RFC 7519 §4.1.4).
    /// - [`Reason::TokenNotYetValid`] if `nbf` > `now` + skew (RFC 7519 §4.1.5).
    /// - [`Reason::IssuedInFuture`] if `iat` > `now` + skew (RFC 7519 §4.1.6).
    pub fn require_current(&self, now: UnixTime, clock_skew: Duration) -> Result<(), Reason> {
        if now >= self.expires_at.plus(clock_skew) {
            return Err(Reason::TokenExpired);
        }
        let latest = now.plus(clock_skew);
        if self.not_before.is_some_and(|instant| instant > latest) {
            return Err(Reason::TokenNotYetValid);
        }
        if self.issued_at.is_some_and(|instant| instant > latest) {
            return Err(Reason::IssuedInFuture);
        }
        Ok(())
    }
}

/// RFC 7519 §4.1.3: a string, or an array of strings.
pub(crate) fn audiences(members: &Map<String, Value>) -> Result<Vec<String>, ClaimFault> {
    match members.get("aud") {
        None => Ok(Vec::new()),
        Some(Value::String(audience)) => Ok(vec![audience.clone()]),
        Some(value @ Value::Array(list)) => list
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or(ClaimFault::of("aud", AUDIENCES, value)))
            .collect(),
        Some(value) => Err(ClaimFault::of("aud", AUDIENCES, value)),
    }
}

fn actors(members: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    std::iter::successors(act(members), |actor| act(actor))
}

fn act(object: &Map<String, Value>) -> Option<&Map<String, Value>> {
    object.get("act").and_then(Value::as_object)
}

/// RFC 8693 §4.1: every `act` is an object, and the chain ends in time.
fn require_short_chain(members: &Map<String, Value>) -> Result<(), ClaimFault> {
    let in_act = |fault: ClaimFault| ClaimFault { claim: "act", ..fault };
    object(members, "act")?;
    for (depth, actor) in actors(members).enumerate() {
        object(actor, "act")?;
        name(actor, "sub").map_err(in_act)?;
        text(actor, "iss").map_err(in_act)?;
        if depth >= MAX_ACTORS {
            return Err(ClaimFault { claim: "act", expected: "at most ten actors", found: "more" });
        }
    }
    Ok(())
}

/// A string that identifies something, and so is not empty.
pub(crate) fn name(members: &Map<String, Value>, claim: &'static str) -> Result<Option<String>, ClaimFault> {
    match text(members, claim)? {
        Some("") => Err(ClaimFault { claim, expected: A_NAME, found: "an empty one" }),
        other => Ok(other.map(str::to_owned)),
    }
}

/// A string.
pub(crate) fn text<'m>(members: &'m Map<String, Value>, claim: &'static str) -> Result<Option<&'m str>, ClaimFault> {
    members.get(claim).map(|value| value.as_str().ok_or(ClaimFault::of(claim, A_STRING, value))).transpose()
}

/// An object.
pub(crate) fn object<'m>(
    members: &'m Map<String, Value>,
    claim: &'static str,
) -> Result<Option<&'m Map<String, Value>>, ClaimFault> {
    members.get(claim).map(|value| value.as_object().ok_or(ClaimFault::of(claim, AN_OBJECT, value))).transpose()
}

/// A NumericDate (RFC 7519 §2).
fn date(members: &Map<String, Value>, claim: &'static str) -> Result<Option<UnixTime>, ClaimFault> {
    let read = |value: &Value| UnixTime::from_numeric_date(value).map_err(|_| ClaimFault::of(claim, A_DATE, value));
    members.get(claim).map(read).transpose()
}
