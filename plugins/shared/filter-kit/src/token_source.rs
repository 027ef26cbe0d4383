//! Where a filter that needs a verified token gets it from: `token` in its configuration.
//!
//! Audience-validation ran before and left the hand-off, or Envoy's `jwt_authn` did and left metadata and a field, or the
//! token is verified here, or the authorization server is asked about it. Whatever is missing, doubled, unreadable or
//! about another credential is a denial.

mod config;
mod hand_off;
mod jwt_authn;
mod proving;
mod resource;
mod subject_token;

use std::time::Duration;

use oauth_core::{
    challenge::Challenge,
    claims::Claims,
    credential::{Credential, bearer},
    denial::Denial,
    issuer::Profile,
    jose::Crypto,
    reason::Reason,
    resource_metadata::challenge_for,
    scope::{ScopeToken, scopes_to_request},
    time::UnixTime,
    verified_claims::VerifiedClaims,
};

use self::{proving::Proving, resource::Credentials};
use crate::{
    audit::Record,
    crypto::CryptoNeeds,
    issuers::credential_sha256,
    policy::{Callout, CalloutOutcome, Note, PropertyPath},
    request::{Parts, RequestHead},
};

pub use config::RawTokenSource;
pub use subject_token::{SUBJECT_TOKEN, credential, subject_token};

/// Where the verified token comes from.
#[derive(Debug)]
pub struct TokenSource {
    way: Way,
    properties: Vec<PropertyPath>,
}

#[derive(Debug)]
enum Way {
    Verified,
    JwtAuthn {
        payload_header: String,
        resource: Option<String>,
    },
    /// `verify` and `introspection`.
    Prove(Proving),
}

/// What a worker has learned on the way: keys and tokens, if they are proven here.
#[derive(Debug)]
pub struct Learned(Option<proving::Learned>);

/// A request whose token waits for a callout.
#[derive(Debug)]
pub struct Pending(Box<Credentials>);

/// What became of the wish to read a request's token.
#[derive(Debug)]
pub enum Reading {
    /// It is there, or none is needed.
    Done(Presented),
    /// The request is to be denied.
    Refused(Refused),
    /// The issuer's keys are being fetched, or the authorization server is asked: go on with [`TokenSource::read_again`]
    /// after this callout.
    Await(Callout, Pending),
}

/// Why there is no verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// The resource that the request is about, if that is known.
    pub resource: Option<String>,
    /// When another attempt makes sense.
    pub retry_after: Option<Duration>,
    /// What the record says of it beyond that.
    pub explanation: Record,
}

impl Refused {
    /// For a reason of which nothing else is known.
    #[must_use]
    pub fn because(reason: Reason) -> Self {
        Self { reason, resource: None, retry_after: None, explanation: Record::default() }
    }

    /// The denial, with the challenge of the resource and the scopes to ask for (RFC 6750 §3). It tells nothing else of what
    /// the request would require.
    pub fn denial<'s>(&self, scopes: impl IntoIterator<Item = &'s ScopeToken>) -> Denial {
        let denial = Denial::challenged(self.reason, challenge_for(self.resource.as_deref()).scope(scopes));
        match self.retry_after {
            Some(wait) => denial.retry_after(wait),
            None => denial,
        }
    }
}

/// What a request presents to a filter that reads the token.
#[derive(Clone, Debug)]
pub enum Presented {
    /// A token that was verified, and that is the credential of the request if it still has one.
    Token(Box<HandedOver>),
    /// The resource needs no token here. A reader lets it pass only if none of its own rules match.
    Public,
}

/// A token that was verified. Only [`TokenSource::read`] makes one.
#[derive(Clone, Debug)]
pub struct HandedOver {
    resource: Option<String>,
    profile: Profile,
    claims: VerifiedClaims,
    credential_sha256: String,
}

impl AsRef<VerifiedClaims> for HandedOver {
    fn as_ref(&self) -> &VerifiedClaims {
        &self.claims
    }
}

impl HandedOver {
    /// The resource that the token was found to be meant for; of `jwt_authn`, the one that was configured.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// The dialect in which the claims were read; [`Profile::Generic`] for `jwt_authn`.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Its claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Its issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.claims.issuer()
    }

    /// SHA-256 of the credential, base64url without padding.
    #[must_use]
    pub fn credential_sha256(&self) -> &str {
        &self.credential_sha256
    }

    /// The challenge of a denial of this token: that of its resource, with what is needed and what it holds already
    /// ([`scopes_to_request`]).
    #[must_use]
    pub fn challenge<'s>(&'s self, needed: impl IntoIterator<Item = &'s ScopeToken>) -> Challenge {
        challenge_for(self.resource()).scope(scopes_to_request(needed, self))
    }

    /// The same token, of which more is known.
    pub(crate) fn with_claims(&self, claims: VerifiedClaims) -> Self {
        Self { claims, ..self.clone() }
    }

    /// Whether a credential is the one that was verified.
    #[must_use]
    pub fn is_of(&self, credential: &str) -> bool {
        self.credential_sha256 == credential_sha256(credential)
    }
}

impl TokenSource {
    /// The properties that [`TokenSource::read`] needs: a policy lists them among its own.
    #[must_use]
    pub fn properties(&self) -> &[PropertyPath] {
        &self.properties
    }

    /// Whether it is `introspection`.
    #[must_use]
    pub fn is_introspection(&self) -> bool {
        self.proving().is_some_and(Proving::is_by_word)
    }

    /// What a worker knows before any request.
    #[must_use]
    pub fn nothing_learned(&self) -> Learned {
        Learned(self.proving().map(Proving::nothing_learned))
    }

    /// Who is to verify and make signatures; see [`crate::background::Background::crypto`].
    #[must_use]
    pub fn crypto(&self) -> CryptoNeeds {
        self.proving().map_or(CryptoNeeds::default(), Proving::crypto)
    }

    /// Says who verifies signatures from now on; see [`crate::background::Background::equip`].
    pub fn equip(&mut self, crypto: Crypto) {
        if let Way::Prove(proving) = &mut self.way {
            proving.equip(crypto);
        }
    }

    /// Takes in the end of a shared callout; see [`crate::background::Background::learn`].
    pub fn learn(&self, learned: &mut Learned, key: &str, outcome: CalloutOutcome<'_>, now: UnixTime) -> Vec<Note> {
        match (self.proving(), &mut learned.0) {
            (Some(proving), Some(learned)) => proving.learn(learned, key, outcome, now),
            _ => Vec::new(),
        }
    }

    /// The callouts that are due; see [`crate::background::Background::upkeep`].
    pub fn upkeep(&self, learned: &mut Learned, now: UnixTime) -> Vec<Callout> {
        match (self.proving(), &mut learned.0) {
            (Some(proving), Some(learned)) => proving.upkeep(learned, now),
            _ => Vec::new(),
        }
    }

    fn proving(&self) -> Option<&Proving> {
        match &self.way {
            Way::Prove(proving) => Some(proving),
            Way::Verified | Way::JwtAuthn { .. } => None,
        }
    }

    /// Reads the token of a request. `first` is the position of the first of [`TokenSource::properties`] among those
    /// of the policy.
    ///
    /// It is refused for one of these reasons:
    /// - [`Reason::TokenNotHandedOver`]: the filter that verifies did not run before, or what it left is not sound.
    /// - [`Reason::TokenNotVerified`]: it ran and enforces nothing.
    /// - [`Reason::CredentialChanged`]: the request carries another credential than the one that was verified.
    /// - [`Reason::CredentialMissing`]: with `jwt_authn`, `verify` and `introspection`, the request has none.
    /// - What [`bearer`] says of the `Authorization` field; with `jwt_authn`, what
    ///   [`oauth_core::token::Unverified::access_token_claims`] says of the token; with `verify`, what [`oauth_core::token::Unverified::verify`] says, and
    ///   [`Reason::ResourceUnknown`], [`Reason::PathRefused`], [`Reason::AudienceMismatch`],
    ///   [`Reason::KeysUnavailable`]; with `introspection`, what [`oauth_core::introspection::Active::access_token`] and
    ///   [`oauth_core::introspection::require_askable`] say, [`Reason::TokenInactive`],
    ///   [`Reason::IntrospectionUnavailable`], [`Reason::ResourceUnknown`], [`Reason::PathRefused`],
    ///   [`Reason::AudienceMismatch`].
    #[must_use]
    pub fn read(
        &self,
        learned: &mut Learned,
        request: &RequestHead,
        parts: &Parts,
        first: usize,
        now: UnixTime,
    ) -> Reading {
        let (read, resource) = match &self.way {
            Way::Verified => (hand_off::read(request, request.property(first)), None),
            Way::JwtAuthn { payload_header, resource } => {
                let read = jwt_authn::read(request, request.property(first), payload_header, resource.as_ref());
                (read, resource.clone())
            }
            Way::Prove(proving) => match &mut learned.0 {
                Some(learned) => return proving.read(learned, request, parts, request.property(first), now),
                None => (Err(Reason::InternalFault), None),
            },
        };
        match read {
            Ok(presented) => Reading::Done(presented),
            Err(reason) => Reading::Refused(Refused { resource, ..Refused::because(reason) }),
        }
    }

    /// Goes on after the callout of [`Reading::Await`].
    #[must_use]
    pub fn read_again(&self, learned: &mut Learned, pending: Pending, now: UnixTime) -> Reading {
        match (self.proving(), &mut learned.0) {
            (Some(proving), Some(learned)) => proving.prove(learned, *pending.0, true, now),
            _ => Reading::Refused(Refused::because(Reason::InternalFault)),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the filter before this one has verified them, and nobody else could write them"
)]
fn vouched_for(claims: Claims) -> VerifiedClaims {
    VerifiedClaims::vouched_for(claims)
}

enum Authorization<'a> {
    None,
    OtherScheme,
    Bearer(&'a str),
}

fn authorization(request: &RequestHead) -> Result<Authorization<'_>, Reason> {
    let values: Vec<&[u8]> = request.fields().all("authorization").collect();
    Ok(match bearer(&values)? {
        Credential::Bearer(credential) => Authorization::Bearer(credential),
        Credential::Absent if values.is_empty() => Authorization::None,
        Credential::Absent => Authorization::OtherScheme,
    })
}

#[cfg(test)]
mod tests;
