//! The token is proven here, by the keys of its issuer or by the word of the authorization server (RFC 7662), and it must
//! be meant for the one resource that the request is about.

use oauth_core::{
    config::{Problems, at},
    jose::Crypto,
    reason::Reason,
    requirement::source_ip,
    time::UnixTime,
};

use super::{
    Pending, Reading, Refused,
    resource::{Credentials, RawResource, Resources},
};
use crate::{
    audit::Record,
    crypto::{CryptoChoice, CryptoNeeds},
    explanation,
    introspection::{self, Asked, Introspection, RawIntrospection},
    issuers::{self, Issuers, RawIssuer, Verification, credential_sha256},
    policy::{Callout, CalloutOutcome, Note},
    request::{Parts, Property, RequestHead},
};

/// Who proves tokens, and the resources that they are for.
#[derive(Debug)]
pub(super) struct Proving {
    by: Prover,
    resources: Resources,
}

#[derive(Debug)]
enum Prover {
    Keys(Box<Issuers>),
    Word(Box<Introspection>),
}

/// What a worker has learned on the way: the keys of issuers and the tokens they signed, or what the authorization
/// server has said of tokens.
#[derive(Debug)]
pub(super) enum Learned {
    Keys(Box<issuers::Learned>),
    Word(Box<introspection::Learned>),
}

impl Proving {
    /// By the keys of issuers. Notes every mistake below `place`.
    pub(super) fn by_keys(
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
        Self { by: Prover::Keys(Box::new(issuers)), resources }
    }

    /// By the word of an authorization server. Notes every mistake below `place`; `None` only if there is one.
    pub(super) fn by_word(
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
        Some(Self { by: Prover::Word(Box::new(introspection?)), resources })
    }

    pub(super) const fn is_by_word(&self) -> bool {
        matches!(self.by, Prover::Word(_))
    }

    pub(super) fn nothing_learned(&self) -> Learned {
        match &self.by {
            Prover::Keys(issuers) => Learned::Keys(Box::new(issuers.nothing_learned())),
            Prover::Word(introspection) => Learned::Word(Box::new(introspection.nothing_learned())),
        }
    }

    pub(super) fn crypto(&self) -> CryptoNeeds {
        match &self.by {
            Prover::Keys(_) => CryptoNeeds::verifying(CryptoChoice::Auto),
            Prover::Word(introspection) => introspection.crypto(),
        }
    }

    pub(super) fn equip(&mut self, crypto: Crypto) {
        match &mut self.by {
            Prover::Keys(issuers) => issuers.equip(crypto),
            Prover::Word(introspection) => introspection.equip(crypto),
        }
    }

    pub(super) fn learn(
        &self,
        learned: &mut Learned,
        key: &str,
        outcome: CalloutOutcome<'_>,
        now: UnixTime,
    ) -> Vec<Note> {
        match (&self.by, learned) {
            (Prover::Keys(issuers), Learned::Keys(learned)) => issuers.learn(learned, key, outcome, now),
            (Prover::Word(introspection), Learned::Word(learned)) => introspection.learn(learned, key, outcome, now),
            _ => Vec::new(),
        }
    }

    pub(super) fn upkeep(&self, learned: &mut Learned, now: UnixTime) -> Vec<Callout> {
        match (&self.by, learned) {
            (Prover::Keys(issuers), Learned::Keys(learned)) => issuers.upkeep(learned, now),
            (Prover::Word(introspection), Learned::Word(learned)) => introspection.upkeep(learned, now),
            _ => Vec::new(),
        }
    }

    /// The token of a request, if it is proven at once.
    ///
    /// `source` is the property with the client's address.
    pub(super) fn read(
        &self,
        learned: &mut Learned,
        request: &RequestHead,
        parts: &Parts,
        source: &Property,
        now: UnixTime,
    ) -> Reading {
        match self.resources.credentials(request, parts) {
            Ok(credentials) => {
                let source = match source {
                    Property::Value(address) => std::str::from_utf8(address).ok().and_then(source_ip),
                    Property::Absent | Property::Unreadable => None,
                };
                self.prove(learned, Credentials { source, ..credentials }, false, now)
            }
            Err(refused) => Reading::Refused(refused),
        }
    }

    /// Proves a token; `has_waited` says that what it lacked has been asked for, so that nobody waits twice.
    pub(super) fn prove(
        &self,
        learned: &mut Learned,
        credentials: Credentials,
        has_waited: bool,
        now: UnixTime,
    ) -> Reading {
        match (&self.by, learned) {
            (Prover::Keys(issuers), Learned::Keys(learned)) => {
                self.prove_by_keys(issuers, learned, credentials, has_waited, now)
            }
            (Prover::Word(introspection), Learned::Word(learned)) => {
                self.prove_by_word(introspection, learned, credentials, has_waited, now)
            }
            _ => self.refused(&credentials, Reason::InternalFault),
        }
    }

    fn prove_by_keys(
        &self,
        issuers: &Issuers,
        learned: &mut issuers::Learned,
        credentials: Credentials,
        has_waited: bool,
        now: UnixTime,
    ) -> Reading {
        let resource = self.resources.get(credentials.resource);
        let accepts = |issuer| resource.is_some_and(|resource| resource.accepts(issuer));
        match issuers.authenticate(learned, &credentials.token, accepts, has_waited, now) {
            Verification::Verified(known) => {
                let proven = (known.token.as_ref(), known.credential_sha256.as_str());
                self.resources.hand_over(&credentials, issuers, known.issuer, proven)
            }
            Verification::Refused(reason) => {
                let explanation = issuers.explain(&credentials.token, reason, now);
                Reading::Refused(Refused { explanation, ..self.resources.refused(Some(credentials.resource), reason) })
            }
            Verification::AwaitKeys(callout) => Reading::Await(callout, Pending(Box::new(credentials))),
            Verification::KeysUnavailable(wait) => {
                let explanation = issuers.explain(&credentials.token, Reason::KeysUnavailable, now);
                let refused = Refused::because(Reason::KeysUnavailable);
                Reading::Refused(Refused { retry_after: Some(wait), explanation, ..refused })
            }
        }
    }

    fn prove_by_word(
        &self,
        introspection: &Introspection,
        learned: &mut introspection::Learned,
        credentials: Credentials,
        has_waited: bool,
        now: UnixTime,
    ) -> Reading {
        let asker = credentials.source.map(|address| learned.pending.client(address));
        let active = match introspection.ask(learned, &credentials.token, asker, |_| has_waited, now) {
            Asked::Active(active) => active,
            Asked::Await(callout) => return Reading::Await(callout, Pending(Box::new(credentials))),
            Asked::Refused(reason, retry_after) => {
                let refused = self.resources.refused(Some(credentials.resource), reason);
                let explanation = introspection.issuers().explain(&credentials.token, reason, now);
                return Reading::Refused(Refused { retry_after, explanation, ..refused });
            }
        };
        let Some(issuer) = introspection.issuer() else { return self.refused(&credentials, Reason::InternalFault) };
        match active.access_token(issuer, now, introspection.clock_skew()) {
            Ok(claims) => {
                let proven = (&claims, &*credential_sha256(&credentials.token));
                self.resources.hand_over(&credentials, introspection.issuers(), 0, proven)
            }
            Err(reason) => {
                let token_sha256 = credential_sha256(&credentials.token);
                let explanation = Record::default().with("token_sha256", &token_sha256);
                let explanation = explanation::of_claim(explanation, active.claim_fault(issuer.profile));
                Reading::Refused(Refused { explanation, ..self.resources.refused(Some(credentials.resource), reason) })
            }
        }
    }

    fn refused(&self, credentials: &Credentials, reason: Reason) -> Reading {
        Reading::Refused(self.resources.refused(Some(credentials.resource), reason))
    }
}

#[cfg(test)]
mod tests;
