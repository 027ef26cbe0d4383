//! `introspection`, and the like members of `token`: raw, and as settings.

use std::time::Duration;

use oauth_core::{
    client_credential::RawClientCredential,
    config::{Problems, at, is_name},
    introspection::Signing,
    issuer::{Issuer, Profile},
};
use serde::Deserialize;

use super::{Introspection, Limits};
use crate::issuers::{Issuers, RawKeys, algorithms, cluster, https_url};

/// Whom to ask about tokens, and how.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"cluster\": …, \"introspection_endpoint\": …}")]
pub struct RawIntrospection {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    pub(crate) cluster: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    pub(crate) introspection_endpoint: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    pub(crate) issuer: Option<String>,
    pub(crate) profile: Option<Profile>,
    pub(crate) client_auth: Option<RawClientCredential>,
    pub(crate) signed: Option<RawSigned>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) cache: Option<RawAnswerCache>,
}

/// `signed`: answers must be signed (RFC 9701).
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"audience\": …, \"jwks\": …}")]
pub(crate) struct RawSigned {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    audience: Option<String>,
    algorithms: Option<Vec<String>>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    jwks: Option<RawKeys>,
}

/// `cache`: how long an answer is believed.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"max_entries\": 1024, \"max_ttl_seconds\": 30}")]
pub(crate) struct RawAnswerCache {
    max_entries: Option<u64>,
    max_ttl_seconds: Option<u64>,
    negative_ttl_seconds: Option<u64>,
}

impl RawIntrospection {
    /// Checks the members; notes every mistake below `place`.
    ///
    /// `clock_skew_seconds` is that of the filter.
    pub fn settings(
        &self,
        clock_skew_seconds: Option<u64>,
        place: &str,
        problems: &mut Problems,
    ) -> Option<Introspection> {
        let cluster = cluster(self.cluster.as_ref(), place, problems);
        let endpoint_place = at(place, "introspection_endpoint");
        let endpoint = problems.required(&endpoint_place, self.introspection_endpoint.as_deref(), "an https URL");
        let endpoint = endpoint.and_then(|url| https_url(url, &endpoint_place, problems));
        let issuer_place = at(place, "issuer");
        let issuer = problems.required(&issuer_place, self.issuer.clone(), "the issuer whose tokens it knows");
        if issuer.as_ref().is_some_and(|issuer| !is_name(issuer)) {
            problems.add(issuer_place, "is empty or has white space around it: expected the issuer's identifier");
        }
        let client = RawClientCredential::settings(self.client_auth.as_ref(), &at(place, "client_auth"), problems);
        let mut issuer = issuer.map(|issuer| Issuer::new(issuer, self.profile.unwrap_or(Profile::Generic)));
        let signed_place = at(place, "signed");
        let (mut audience, mut keys) = (None, None);
        if let Some(signed) = &self.signed {
            let audience_place = at(&signed_place, "audience");
            audience = problems.required(&audience_place, signed.audience.clone(), "the aud of answers to this filter");
            if audience.as_ref().is_some_and(|audience| !is_name(audience)) {
                problems.add(
                    audience_place,
                    "is empty or has white space around it: expected the aud of answers to this filter",
                );
            }
            let allowed = algorithms(signed.algorithms.as_deref(), &at(&signed_place, "algorithms"), problems);
            if let Some(issuer) = &mut issuer {
                issuer.algorithms = allowed;
            }
            let keys_place = at(&signed_place, "jwks");
            let expected = "{\"inline\": …}, {\"remote\": …} or {\"discovery\": …}";
            let raw = problems.required(&keys_place, signed.jwks.as_ref(), expected);
            let named = issuer.as_ref().map(|issuer| issuer.issuer.as_str());
            keys = raw.and_then(|raw| raw.settings(named, &keys_place, problems));
        }
        let timeout = self.timeout_ms.unwrap_or(1000);
        if !(100..=30_000).contains(&timeout) {
            problems.add(at(place, "timeout_ms"), "is out of range: expected 100 to 30000 milliseconds");
        }
        let limits = self.cache.clone().unwrap_or_default().settings(&at(place, "cache"), problems);
        let signing = match (&self.signed, &issuer, audience) {
            (None, ..) => None,
            (Some(_), Some(issuer), Some(audience)) => Some(Signing { issuer: issuer.clone(), audience }),
            // Noted; plain answers must not stand in for signed ones.
            (Some(_), ..) => return None,
        };
        Some(Introspection {
            place: place.to_owned(),
            issuers: Issuers::one(Some(issuer?), keys, clock_skew_seconds),
            signing,
            client,
            cluster: cluster?,
            endpoint: endpoint?,
            timeout: Duration::from_millis(timeout),
            limits,
        })
    }
}

impl RawAnswerCache {
    fn settings(&self, place: &str, problems: &mut Problems) -> Limits {
        let mut up_to = |name: &str, value: Option<u64>, default: u64, most: u64, unit: &str| {
            let value = value.unwrap_or(default);
            if value > most {
                problems.add(at(place, name), format!("is too large: expected 0 to {most}{unit}"));
            }
            value
        };
        Limits {
            entries: usize::try_from(up_to("max_entries", self.max_entries, 1024, 100_000, "")).unwrap_or(0),
            active: Duration::from_secs(up_to("max_ttl_seconds", self.max_ttl_seconds, 30, 3600, " seconds")),
            inactive: Duration::from_secs(up_to("negative_ttl_seconds", self.negative_ttl_seconds, 5, 300, " seconds")),
        }
    }
}
