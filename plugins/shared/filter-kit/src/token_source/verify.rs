//! The token is verified here: keys of its issuer, and the audience of the one resource that the request is about.

use oauth_core::{
    audience::{AudienceComparison, require_audience_by},
    config::{Problems, at, at_index},
    credential::{self, Credential},
    jose::Crypto,
    reason::Reason,
    time::UnixTime,
};
use serde::Deserialize;

use super::{HandedOver, Presented, Reading, Refused};
use crate::{
    issuers::{Issuers, Learned, RawIssuer, Verification},
    matching::{RawMatch, Target},
    policy::{Callout, CalloutOutcome, Note},
    request::RequestHead,
    resources::{Protected, RawAccept, RawProtected, check_apart, check_methods, closest},
};

/// An entry of `token.resources`: what there is, and whose tokens are meant for it. What it requires is the filter's.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"resource\": …}")]
pub(super) struct RawVerified {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    resource: Option<String>,
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    accept: Option<Vec<RawAccept>>,
}

/// Issuers and resources.
#[derive(Debug)]
pub(super) struct Verifying {
    issuers: Issuers,
    resources: Vec<Protected>,
}

/// A request whose token waits for the keys of its issuer.
#[derive(Debug)]
pub struct Pending {
    token: String,
    resource: usize,
}

impl Verifying {
    /// Notes every mistake below `place`.
    pub(super) fn settings(
        issuers: Option<&[RawIssuer]>,
        resources: Option<&[RawVerified]>,
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
        let place = at(place, "resources");
        if resources.is_some_and(<[_]>::is_empty) {
            problems.add(&place, "is empty: expected at least one resource");
        }
        let raw = problems.required(&place, resources, "a list of resources").unwrap_or_default();
        let mut resources: Vec<Protected> = Vec::new();
        for (index, entry) in raw.iter().enumerate() {
            let place = at_index(&place, index);
            let protected = RawProtected {
                resource: entry.resource.as_ref(),
                matches: entry.matches.as_ref(),
                accept: entry.accept.as_ref(),
            };
            let Some(made) = protected.settings(raw.len() == 1, &issuers, &place, problems) else { continue };
            for earlier in &resources {
                check_apart(&made, earlier, &place, problems);
            }
            resources.push(made);
        }
        check_methods(&resources.iter().collect::<Vec<_>>(), &place, problems);
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
        learned: Option<&mut Learned>,
        request: &RequestHead,
        target: Target<'_>,
        now: UnixTime,
    ) -> Reading {
        let resource = match closest(self.resources.iter(), target) {
            Ok(Some((resource, _))) => resource,
            Ok(None) => return refused(Reason::ResourceUnknown, None),
            Err(_) => return refused(Reason::PathRefused, None),
        };
        let values: Vec<&[u8]> = request.fields().all("authorization").collect();
        match credential::bearer(&values) {
            Ok(Credential::Bearer(token)) => {
                self.authenticate(learned, Pending { token: token.to_owned(), resource }, false, now)
            }
            Ok(Credential::Absent) => refused(Reason::CredentialMissing, self.resources.get(resource)),
            Err(reason) => refused(reason, self.resources.get(resource)),
        }
    }

    pub(super) fn authenticate(
        &self,
        learned: Option<&mut Learned>,
        pending: Pending,
        looked_again: bool,
        now: UnixTime,
    ) -> Reading {
        let (Some(learned), Some(resource)) = (learned, self.resources.get(pending.resource)) else {
            return refused(Reason::InternalFault, None);
        };
        let accepts = |issuer| resource.accepts(issuer);
        let known = match self.issuers.authenticate(learned, &pending.token, accepts, looked_again, now) {
            Verification::Verified(known) => known,
            Verification::Refused(reason) => return refused(reason, Some(resource)),
            Verification::AwaitKeys(callout) => return Reading::AwaitKeys(callout, pending),
            Verification::KeysUnavailable(wait) => {
                return Reading::Refused(Refused {
                    reason: Reason::KeysUnavailable,
                    resource: None,
                    retry_after: Some(wait),
                });
            }
        };
        let audiences = resource.audiences(known.issuer);
        if let Err(reason) = require_audience_by(AudienceComparison::default(), &known.token, audiences, false) {
            return refused(reason, Some(resource));
        }
        let Some(issuer) = self.issuers.get(known.issuer) else { return refused(Reason::InternalFault, None) };
        Reading::Done(Presented::Token(Box::new(HandedOver {
            resource: Some(resource.resource.clone()),
            profile: issuer.profile,
            claims: known.token.as_ref().clone(),
            credential_sha256: known.credential_sha256.clone(),
        })))
    }
}

fn refused(reason: Reason, resource: Option<&Protected>) -> Reading {
    let resource = resource.map(|protected| protected.resource.clone());
    Reading::Refused(Refused { reason, resource, retry_after: None })
}
