//! From text to proof: a JWT access token (RFC 9068 §4, RFC 7519 §7.2).

use std::{rc::Rc, time::Duration};

use serde_json::{Map, Value};

use crate::claim_fault::ClaimFault;
use crate::claims::Claims;
use crate::issuer::{Issuer, Profile};
use crate::jose::{Algorithm, Compact, Crypto, GuestBudget, Header, KeySet};
use crate::json;
use crate::kind;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::token_kind::TokenKind;
use crate::verified_claims::VerifiedClaims;

/// A token that has the form of one. Nothing in it is proven: it may only be used to find issuer and key.
#[derive(Clone, Debug)]
pub struct Unverified {
    compact: Compact,
    header: Header,
    members: Map<String, Value>,
    crypto: Crypto,
    budget: Option<Rc<GuestBudget>>,
}

/// A token whose signature, issuer, times and kind were checked. Only [`Unverified::verify`] makes one.
///
/// Audience and scopes are still open: see [`require_audience`] and [`require_scopes`].
///
/// [`require_audience`]: crate::audience::require_audience
/// [`require_scopes`]: crate::scope::require_scopes
#[derive(Clone, Debug)]
pub struct VerifiedToken {
    claims: VerifiedClaims,
    kind: TokenKind,
    claims_json: String,
}

impl Unverified {
    /// Parses a token without judging it: compact form, header and claims as strict JSON objects.
    ///
    /// # Errors
    /// [`Reason::CredentialTooLarge`], [`Reason::TokenEncrypted`] or [`Reason::TokenMalformed`].
    pub fn parse(token: &str) -> Result<Self, Reason> {
        let compact = Compact::parse(token)?;
        let header = Header::parse(compact.header())?;
        let members = json::parse_object(compact.payload(), json::MAX_DEPTH).map_err(|_| Reason::TokenMalformed)?;
        Ok(Self { compact, header, members, crypto: Crypto::GUEST, budget: None })
    }

    /// The same, its signature to be checked by `crypto`. Everything else about it is checked here all the same.
    #[must_use]
    pub fn checked_by(self, crypto: Crypto) -> Self {
        Self { crypto, ..self }
    }

    /// The same, as long as this leaves something for what `crypto` does not do.
    #[must_use]
    pub fn within(self, budget: &Rc<GuestBudget>) -> Self {
        Self { budget: Some(Rc::clone(budget)), ..self }
    }

    /// The issuer that the token claims to be from, if that is a string.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.members.get("iss").and_then(Value::as_str)
    }

    /// The `typ` that the token claims to have.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.header.media_type()
    }

    /// The `kid` that the token claims to be signed with.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.key_id()
    }

    /// The `alg` that the token claims to be signed by.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        self.header.algorithm()
    }

    /// The `exp` that the token claims to have, if that is a time.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        UnixTime::from_numeric_date(self.members.get("exp")?).ok()
    }

    /// What is wrong with the types of its claims in this dialect, if anything is.
    #[must_use]
    pub fn claim_fault(&self, profile: Profile) -> Option<ClaimFault> {
        Claims::read(self.members.clone(), profile).err()
    }

    /// The claims, if this is an access token of the profile that is bound to no key. It proves nothing of them: for a
    /// token that somebody else has verified, who does not look at these.
    ///
    /// # Errors
    /// [`Reason::TypeNotAllowed`], [`Reason::CriticalHeader`] or [`Reason::EmbeddedKey`], [`Reason::ClaimInvalid`] or
    /// [`Reason::ClaimMissing`], [`Reason::NotAnAccessToken`], [`Reason::BindingUnchecked`].
    pub fn access_token_claims(self, profile: Profile) -> Result<Claims, Reason> {
        let type_proof = Issuer::new("", profile).judge_type(self.header.media_type())?;
        self.header.require_plain()?;
        let claims = Claims::from_members(self.members, profile)?.with_details_of(self.compact.payload(), &[]);
        kind::require_access_token(&claims, profile, type_proof)?;
        if claims.is_bound() {
            return Err(Reason::BindingUnchecked);
        }
        Ok(claims)
    }

    /// Verifies the token as one of `issuer`, whose keys are `keys`, at the time `now`.
    ///
    /// What is cheap comes before the signature, and what would tell a forger something about the tokens that are
    /// accepted comes after it. The types of claims are syntax, and the forger knows what they wrote.
    ///
    /// # Errors
    /// In this order: [`Reason::AlgorithmNotAllowed`], [`Reason::TypeNotAllowed`], [`Reason::CriticalHeader`] or
    /// [`Reason::EmbeddedKey`], [`Reason::UnknownIssuer`], [`Reason::UnknownKey`] or [`Reason::KeyMismatch`],
    /// [`Reason::ClaimInvalid`] or [`Reason::ClaimMissing`], [`Reason::SignatureInvalid`] or [`Reason::Overloaded`],
    /// [`Reason::TokenExpired`],
    /// [`Reason::TokenNotYetValid`] or [`Reason::IssuedInFuture`], [`Reason::TenantNotAllowed`],
    /// [`Reason::NotAnAccessToken`], [`Reason::BindingUnchecked`].
    pub fn verify(
        self,
        issuer: &Issuer,
        keys: &KeySet,
        now: UnixTime,
        clock_skew: Duration,
    ) -> Result<VerifiedToken, Reason> {
        // RFC 8725 §3.1.
        let algorithm = Algorithm::parse(self.header.algorithm())
            .filter(|algorithm| issuer.algorithms.contains(algorithm))
            .ok_or(Reason::AlgorithmNotAllowed)?;
        // RFC 9068 §4, RFC 8725 §3.11.
        let type_proof = issuer.judge_type(self.header.media_type())?;
        // RFC 7515 §4.1.11, RFC 8725 §3.10.
        self.header.require_plain()?;
        // RFC 9068 §4: byte for byte. An `iss` of another type is no known issuer either.
        match self.members.get("iss") {
            None => return Err(Reason::ClaimMissing),
            Some(Value::String(claimed)) if issuer.is_named(claimed) => {}
            Some(_) => return Err(Reason::UnknownIssuer),
        }
        // RFC 7515 §4.1.4.
        let candidates = keys.candidates(algorithm, self.header.key_id())?;
        // RFC 7519 §7.2.
        let claims = Claims::from_members(self.members, issuer.profile)?.with_details_of(self.compact.payload(), &[]);
        // RFC 7515 §5.2.
        let guest_may = |cost| self.budget.as_ref().is_none_or(|budget| budget.take(cost, now));
        let mut proven = false;
        for key in candidates {
            proven = key.proves(self.crypto, algorithm, &self.compact, guest_may)?;
            if proven {
                break;
            }
        }
        if !proven {
            return Err(Reason::SignatureInvalid);
        }
        claims.require_current(now, clock_skew)?;
        // RFC 8725 §3.8.
        issuer.require_tenant(claims.issuer(), claims.tenant())?;
        kind::require_access_token(&claims, issuer.profile, type_proof)?;
        // RFC 9449 §7.1, RFC 8705 §3: possession was not proven, so the token is worth nothing to its bearer.
        if claims.is_bound() {
            return Err(Reason::BindingUnchecked);
        }
        let kind = TokenKind::of(&claims, issuer.profile, type_proof);
        // It was read as strict JSON, so it is text, and no member is there twice.
        let claims_json = String::from_utf8(self.compact.into_payload()).map_err(|_| Reason::TokenMalformed)?;
        Ok(VerifiedToken { claims: VerifiedClaims::proven(claims), kind, claims_json })
    }
}

impl VerifiedToken {
    /// Its claims as the issuer wrote them: a JSON object without repeated names.
    #[must_use]
    pub fn claims_json(&self) -> &str {
        &self.claims_json
    }

    /// Its claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether a user gave it to a client, or a client got it for itself.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Its issuer, which is a configured one.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.claims.issuer()
    }
}

impl AsRef<VerifiedClaims> for VerifiedToken {
    fn as_ref(&self) -> &VerifiedClaims {
        &self.claims
    }
}
