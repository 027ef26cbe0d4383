//! The token is verified here: keys of its issuer, and the audience of the one resource that the request is about.

use oauth_core::{
    config::{Problems, at},
    jose::Crypto,
    reason::Reason,
    time::UnixTime,
};

use super::{
    PendingFor, Reading, Refused,
    resource::{Credentials, RawResource, Resources},
};
use crate::{
    issuers::{Issuers, Learned, RawIssuer, Verification},
    matching::Target,
    policy::{Callout, CalloutOutcome, Note},
    request::RequestHead,
};

/// Issuers and resources.
#[derive(Debug)]
pub(super) struct Verifying {
    issuers: Issuers,
    resources: Resources,
}

/// A request whose token waits for the keys of its issuer.
pub(super) type Pending = Credentials;

impl Verifying {
    /// Notes every mistake below `place`.
    pub(super) fn settings(
        issuers: Option<&[RawIssuer]>,
        resources: Option<&[RawResource]>,
        clock_skew_seconds: Option<u64>,
        place: &str,
        problems: &mut Problems,
    ) -> Self {
        let issuers_place = at(place, "issuers");
        let raw = problems.required(&issuers_place, issuers, "a list of issuers");
        // A missing list is one mistake, not two.
        let issuers = match raw {
            Some(raw) => Issuers::settings(raw, clock_skew_seconds, None, &issuers_place, problems),
            None => Issuers::settings(&[], clock_skew_seconds, None, &issuers_place, &mut Problems::default()),
        };
        let resources = Resources::settings(resources, &issuers, &at(place, "resources"), problems);
        Self { issuers, resources }
    }

    pub(super) fn nothing_learned(&self) -> Learned {
        self.issuers.nothing_learned()
    }

    pub(super) fn equip(&mut self, crypto: Crypto) {
        self.issuers.equip(crypto);
    }

    pub(super) fn learn(
        &self,
        learned: &mut Learned,
        key: &str,
        outcome: CalloutOutcome<'_>,
        now: UnixTime,
    ) -> Vec<Note> {
        self.issuers.learn(learned, key, outcome, now)
    }

    pub(super) fn upkeep(&self, learned: &mut Learned, now: UnixTime) -> Vec<Callout> {
        self.issuers.upkeep(learned, now)
    }

    pub(super) fn read(
        &self,
        learned: &mut Learned,
        request: &RequestHead,
        target: Target<'_>,
        now: UnixTime,
    ) -> Reading {
        match self.resources.credentials(request, target) {
            Ok(credentials) => self.authenticate(learned, credentials, false, now),
            Err(refused) => Reading::Refused(refused),
        }
    }

    pub(super) fn authenticate(
        &self,
        learned: &mut Learned,
        credentials: Credentials,
        looked_again: bool,
        now: UnixTime,
    ) -> Reading {
        let resource = credentials.resource;
        let accepts = |issuer| self.resources.get(resource).is_some_and(|resource| resource.accepts(issuer));
        match self.issuers.authenticate(learned, &credentials.token, accepts, looked_again, now) {
            Verification::Verified(known) => {
                let proven = (known.token.as_ref(), known.credential_sha256.as_str());
                self.resources.hand_over(&credentials, &self.issuers, known.issuer, proven)
            }
            Verification::Refused(reason) => Reading::Refused(self.resources.refused(Some(resource), reason)),
            Verification::AwaitKeys(callout) => Reading::Await(callout, super::Pending(PendingFor::Keys(credentials))),
            Verification::KeysUnavailable(wait) => {
                Reading::Refused(Refused { reason: Reason::KeysUnavailable, resource: None, retry_after: Some(wait) })
            }
        }
    }
}
