//! The answer (RFC 7662 §2.2).

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::claim_fault::ClaimFault;
use crate::claims::Claims;
use crate::dialect;
use crate::issuer::{Issuer, Profile, TypeProof};
use crate::json;
use crate::kind;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::verified_claims::VerifiedClaims;

/// The longest answer, in bytes.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// What the authorization server says of a token.
#[derive(Debug)]
pub enum Introspected {
    /// `active` is `true`, and this is what it says besides.
    Active(Active),
    /// `active` is `false`: expired, revoked, never issued, or not for whoever asks.
    Inactive,
}

/// What is said of an active token. Nothing of it is judged yet.
#[derive(Clone, Debug)]
pub struct Active {
    members: Map<String, Value>,
    /// The JSON that they were read from, and the way to them in it.
    text: Vec<u8>,
    way: &'static [&'static str],
}

/// Why an answer says nothing: the token is neither active nor inactive then, and is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Not a strict JSON object of a size that makes sense.
    NotJson,
    /// `active` is missing or no boolean.
    NoVerdict,
    /// A signed answer was asked for, and this is none that is meant for us, fresh, and proven. With the reason.
    NotProven(Reason),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("the answer is not a strict JSON object"),
            Self::NoVerdict => f.write_str("the answer has no boolean named active"),
            Self::NotProven(reason) => write!(f, "the answer is not signed as configured ({})", reason.code()),
        }
    }
}

/// Reads an answer with the status 200.
///
/// # Errors
/// [`Unreadable`]: the server did not say whether the token is active.
pub fn process_response(body: &[u8]) -> Result<Introspected, Unreadable> {
    if body.len() > MAX_ANSWER_BYTES {
        return Err(Unreadable::NotJson);
    }
    let members = json::parse_object(body, json::MAX_DEPTH).map_err(|_| Unreadable::NotJson)?;
    Introspected::read(members, body, &[])
}

impl Introspected {
    /// Only the two booleans are a verdict (RFC 7662 §2.2): whoever sends `"true"` may mean anything.
    pub(super) fn read(
        members: Map<String, Value>,
        text: &[u8],
        way: &'static [&'static str],
    ) -> Result<Self, Unreadable> {
        match members.get("active") {
            Some(Value::Bool(true)) => Ok(Self::Active(Active { members, text: text.to_vec(), way })),
            Some(Value::Bool(false)) => Ok(Self::Inactive),
            _ => Err(Unreadable::NoVerdict),
        }
    }
}

impl Active {
    /// Until when the token is active by what is said, if it is said.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        UnixTime::from_numeric_date(self.members.get("exp")?).ok()
    }

    /// How many bytes of JSON there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.text.len()
    }

    /// What is wrong with the types of what is said, as claims in this dialect, if anything is.
    #[must_use]
    pub fn claim_fault(&self, profile: Profile) -> Option<ClaimFault> {
        Claims::read(self.members.clone(), profile).err()
    }

    /// What is said, as the claims of an access token of `issuer` that is current at `now`. The audience is still open.
    ///
    /// `iss` and `exp` must be there, although RFC 7662 leaves them out at will: without them nobody knows whose token it
    /// is, and until when the answer holds.
    ///
    /// # Errors
    /// [`Reason::ClaimInvalid`] or [`Reason::ClaimMissing`], [`Reason::UnknownIssuer`], [`Reason::TokenExpired`],
    /// [`Reason::TokenNotYetValid`] or [`Reason::IssuedInFuture`], [`Reason::NotAnAccessToken`] (the endpoint answers for
    /// refresh tokens, too), [`Reason::BindingUnchecked`].
    pub fn access_token(&self, issuer: &Issuer, now: UnixTime, clock_skew: Duration) -> Result<VerifiedClaims, Reason> {
        let claims = Claims::from_members(self.members.clone(), issuer.profile)?.with_details_of(&self.text, self.way);
        if !issuer.is_named(claims.issuer()) {
            return Err(Reason::UnknownIssuer);
        }
        claims.require_current(now, clock_skew)?;
        require_bearer(&claims)?;
        kind::require_access_token(&claims, issuer.profile, TypeProof::AnyJwt)?;
        if claims.is_bound() {
            return Err(Reason::BindingUnchecked);
        }
        Ok(VerifiedClaims::proven(claims))
    }

    /// The claims of a token that was verified before, with the `authorization_details` that the server keeps for it
    /// (RFC 9396 §9.2). Nothing else is taken over, but what is said may not contradict the token.
    ///
    /// # Errors
    /// [`Reason::ClaimInvalid`], [`Reason::TokenContradicted`] if `iss`, `sub`, `jti` or the client is another one,
    /// [`Reason::TokenExpired`] or [`Reason::TokenNotYetValid`] or [`Reason::IssuedInFuture`],
    /// [`Reason::NotAnAccessToken`], [`Reason::BindingUnchecked`].
    pub fn details_for(
        &self,
        token: &VerifiedClaims,
        profile: Profile,
        now: UnixTime,
        clock_skew: Duration,
    ) -> Result<VerifiedClaims, Reason> {
        // What is left out is as the token says it.
        let mut members = token.members().clone();
        members.extend(dialect::present(self.members.clone(), profile));
        let said = Claims::from_members(members, profile)?.with_details_of(&self.text, self.way);
        let differ = |said: Option<&str>, held: Option<&str>| said.is_some() && held.is_some() && said != held;
        if said.issuer() != token.issuer()
            || differ(said.subject(), token.subject())
            || differ(said.jwt_id(), token.jwt_id())
            || differ(said.client_id(), token.client_id())
        {
            return Err(Reason::TokenContradicted);
        }
        said.require_current(now, clock_skew)?;
        require_bearer(&said)?;
        kind::require_access_token(&said, profile, TypeProof::AccessToken)?;
        if said.is_bound() {
            return Err(Reason::BindingUnchecked);
        }
        Ok(token.with_details(said.authorization_details()?.cloned()))
    }
}

/// `token_type` has no case (RFC 6749 §7.1).
fn require_bearer(claims: &Claims) -> Result<(), Reason> {
    match claims.members().get("token_type") {
        None => Ok(()),
        Some(Value::String(name)) if name.eq_ignore_ascii_case("bearer") => Ok(()),
        // RFC 9449 §7.1: bound, and nobody has checked to what.
        Some(Value::String(name)) if name.eq_ignore_ascii_case("dpop") => Err(Reason::BindingUnchecked),
        Some(_) => Err(Reason::NotAnAccessToken),
    }
}
