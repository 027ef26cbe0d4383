//! The authorization server is asked what the token is (RFC 7662); for opaque tokens, and for those that it must be able
//! to revoke.

use std::time::Duration;

use oauth_core::{config::Problems, config::at, jose::Crypto, reason::Reason, time::UnixTime};

use super::{
    PendingFor, Reading, Refused,
    resource::{Credentials, RawResource, Resources},
};
use crate::{
    crypto::CryptoChoice,
    introspection::{Asked, Introspection, Learned, RawIntrospection},
    issuers::{Issuers, credential_sha256},
    matching::Target,
    policy::{Callout, CalloutOutcome, Note},
    request::RequestHead,
};

/// Whom to ask, and resources.
#[derive(Debug)]
pub(super) struct Introspecting {
    introspection: Introspection,
    resources: Resources,
}

/// A request that waits for the word on its token.
pub(super) type Pending = Credentials;

impl Introspecting {
    /// Notes every mistake below `place`; `None` only if there is one.
    pub(super) fn settings(
        raw: &RawIntrospection,
        resources: Option<&[RawResource]>,
        clock_skew_seconds: Option<u64>,
        place: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let introspection = raw.settings(clock_skew_seconds, place, problems);
        let unknown = Issuers::one(None, None, None);
        let issuers = introspection.as_ref().map_or(&unknown, Introspection::issuers);
        let resources = Resources::settings(resources, issuers, &at(place, "resources"), problems);
        Some(Self { introspection: introspection?, resources })
    }

    pub(super) fn nothing_learned(&self) -> Learned {
        self.introspection.nothing_learned()
    }

    pub(super) const fn crypto(&self) -> CryptoChoice {
        self.introspection.crypto()
    }

    pub(super) fn equip(&mut self, crypto: Crypto) {
        self.introspection.equip(crypto);
    }

    pub(super) fn learn(
        &self,
        learned: &mut Learned,
        key: &str,
        outcome: CalloutOutcome<'_>,
        now: UnixTime,
    ) -> Vec<Note> {
        self.introspection.learn(learned, key, outcome, now)
    }

    pub(super) fn upkeep(&self, learned: &mut Learned, now: UnixTime) -> Vec<Callout> {
        self.introspection.upkeep(learned, now)
    }

    pub(super) fn read(
        &self,
        learned: &mut Learned,
        request: &RequestHead,
        target: Target<'_>,
        now: UnixTime,
    ) -> Reading {
        match self.resources.credentials(request, target) {
            Ok(credentials) => self.ask(learned, credentials, false, now),
            Err(refused) => Reading::Refused(refused),
        }
    }

    pub(super) fn ask(
        &self,
        learned: &mut Learned,
        credentials: Credentials,
        has_waited: bool,
        now: UnixTime,
    ) -> Reading {
        let active = match self.introspection.ask(learned, &credentials.token, |_| has_waited, now) {
            Asked::Active(active) => active,
            Asked::Await(callout) => {
                return Reading::Await(callout, super::Pending(PendingFor::Word(credentials)));
            }
            Asked::Refused(reason, retry_after) => return self.refused(&credentials, reason, retry_after),
        };
        let Some(issuer) = self.introspection.issuer() else {
            return self.refused(&credentials, Reason::InternalFault, None);
        };
        match active.access_token(issuer, now, self.introspection.clock_skew()) {
            Ok(claims) => {
                let proven = (&claims, &*credential_sha256(&credentials.token));
                self.resources.hand_over(&credentials, self.introspection.issuers(), 0, proven)
            }
            Err(reason) => self.refused(&credentials, reason, None),
        }
    }

    fn refused(&self, credentials: &Credentials, reason: Reason, retry_after: Option<Duration>) -> Reading {
        let refused = self.resources.refused(Some(credentials.resource), reason);
        Reading::Refused(Refused { retry_after, ..refused })
    }
}

#[cfg(test)]
mod tests;
