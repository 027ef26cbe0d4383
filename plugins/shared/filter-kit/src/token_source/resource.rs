//! Which resource a request is about, where the token is judged here.

use std::net::IpAddr;

use oauth_core::{
    audience::{AudienceComparison, require_audience_by},
    config::{Problems, at_index},
    credential::{self, Credential},
    reason::Reason,
    verified_claims::VerifiedClaims,
};
use serde::Deserialize;

use super::{HandedOver, Presented, Reading, Refused};
use crate::{
    audit, explanation,
    issuers::Issuers,
    matching::RawMatch,
    request::{Parts, RequestHead},
    resources::{self, Protected, RawAccept, RawProtected, check_apart, check_methods},
};

/// An entry of `token.resources`: what there is, and whose tokens are meant for it. What it requires is the filter's.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"resource\": …}")]
pub(super) struct RawResource {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    resource: Option<String>,
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    accept: Option<Vec<RawAccept>>,
}

/// The resources.
#[derive(Debug)]
pub(super) struct Resources(Vec<Protected>);

/// The credential of a request, and the position of the resource that it is for.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) token: String,
    pub(super) resource: usize,
    /// The client's address, where it matters and is known.
    pub(super) source: Option<IpAddr>,
}

impl Resources {
    /// Notes every mistake; those of the list below `place`.
    pub(super) fn settings(
        resources: Option<&[RawResource]>,
        issuers: &Issuers,
        place: &str,
        problems: &mut Problems,
    ) -> Self {
        if resources.is_some_and(<[_]>::is_empty) {
            problems.add(place, "is empty: expected at least one resource");
        }
        let raw = problems.required(place, resources, "a list of resources").unwrap_or_default();
        let mut resources: Vec<Protected> = Vec::new();
        for (index, entry) in raw.iter().enumerate() {
            let place = at_index(place, index);
            let protected = RawProtected {
                resource: entry.resource.as_ref(),
                matches: entry.matches.as_ref(),
                accept: entry.accept.as_ref(),
            };
            let Some(made) = protected.settings(raw.len() == 1, issuers, &place, problems) else { continue };
            for earlier in &resources {
                check_apart(&made, earlier, &place, problems);
            }
            resources.push(made);
        }
        check_methods(&resources.iter().collect::<Vec<_>>(), place, problems);
        Self(resources)
    }

    pub(super) fn get(&self, position: usize) -> Option<&Protected> {
        self.0.get(position)
    }

    /// The one credential of a request, and the one resource that it is about.
    pub(super) fn credentials(&self, request: &RequestHead, parts: &Parts) -> Result<Credentials, Refused> {
        let resource = match resources::of_request(self.0.iter(), parts) {
            Ok(Some((resource, _))) => resource,
            Ok(None) => {
                let explanation = explanation::of_place(request);
                return Err(Refused { explanation, ..Refused::because(Reason::ResourceUnknown) });
            }
            Err(_) => return Err(self.refused(None, Reason::PathRefused)),
        };
        let values: Vec<&[u8]> = request.fields().all("authorization").collect();
        match credential::bearer(&values) {
            Ok(Credential::Bearer(token)) => Ok(Credentials { token: token.to_owned(), resource, source: None }),
            Ok(Credential::Absent) => Err(self.refused(Some(resource), Reason::CredentialMissing)),
            Err(reason) => Err(self.refused(Some(resource), reason)),
        }
    }

    /// Hands a token over, if it is meant for the resource. With its claims goes the hash of the credential.
    pub(super) fn hand_over(
        &self,
        credentials: &Credentials,
        issuers: &Issuers,
        issuer: usize,
        (claims, credential_sha256): (&VerifiedClaims, &str),
    ) -> Reading {
        let (Some(resource), Some(trusted)) = (self.get(credentials.resource), issuers.get(issuer)) else {
            return Reading::Refused(self.refused(None, Reason::InternalFault));
        };
        let audiences = resource.audiences(issuer);
        match require_audience_by(AudienceComparison::default(), claims, audiences, false) {
            Err(reason) => {
                let explanation = audit::actors(claims, credential_sha256);
                let explanation = explanation.with_all_of(&explanation::of_audiences(claims.audiences(), audiences));
                Reading::Refused(Refused { explanation, ..self.refused(Some(credentials.resource), reason) })
            }
            Ok(()) => Reading::Done(Presented::Token(Box::new(HandedOver {
                resource: Some(resource.resource.clone()),
                profile: trusted.profile,
                claims: claims.clone(),
                credential_sha256: credential_sha256.to_owned(),
            }))),
        }
    }

    /// In the name of a resource, if it is known.
    pub(super) fn refused(&self, resource: Option<usize>, reason: Reason) -> Refused {
        let resource = resource.and_then(|position| self.get(position)).map(|protected| protected.resource.clone());
        Refused { resource, ..Refused::because(reason) }
    }
}
