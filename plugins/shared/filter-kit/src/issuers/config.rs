//! `issuers` as configured.

use std::{collections::BTreeMap, time::Duration};

use oauth_core::{
    config::{Problems, at, at_index, is_name},
    discovery,
    https_url::HttpsUrl,
    issuer::{Issuer, Profile},
    jose::{Algorithm, Crypto, KeySet},
    key_source::KeySchedule,
};
use serde::Deserialize;

use super::{
    Issuers, Keys, TrustedIssuer,
    fetching::{Discovery, Source, json_callout},
};

/// An entry of `issuers`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"issuer\": …, \"jwks\": …}")]
pub struct RawIssuer {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    issuer: Option<String>,
    profile: Option<Profile>,
    algorithms: Option<Vec<String>>,
    token_types: Option<Vec<String>>,
    tenants: Option<Vec<String>>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    jwks: Option<RawKeys>,
}

/// `cache`
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"max_entries\": 4096}")]
pub struct RawCache {
    max_entries: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object with one of inline, remote, discovery")]
pub(crate) struct RawKeys {
    inline: Option<serde_json::Value>,
    remote: Option<RawRemote>,
    discovery: Option<RawDiscovery>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"cluster\": …, \"uri\": …}")]
struct RawRemote {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    cluster: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    uri: Option<String>,
    refresh_seconds: Option<u64>,
    cooldown_seconds: Option<u64>,
    max_stale_seconds: Option<u64>,
    timeout_ms: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"cluster\": …}")]
struct RawDiscovery {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    cluster: Option<String>,
    metadata_uri: Option<String>,
    hosts: Option<BTreeMap<String, String>>,
    refresh_seconds: Option<u64>,
    cooldown_seconds: Option<u64>,
    max_stale_seconds: Option<u64>,
    timeout_ms: Option<u64>,
}

/// The largest sensible difference between two clocks (JWT-22).
const MOST_CLOCK_SKEW: u64 = 60;

const DEFAULT_CLOCK_SKEW: u64 = 30;

/// More cached tokens than this cost more memory than they save.
const MOST_CACHE_ENTRIES: u64 = 100_000;

const DEFAULT_CACHE_ENTRIES: u64 = 4096;

impl Issuers {
    /// Checks the `issuers` list, `clock_skew_seconds` and `cache`; notes every mistake, those of the list below
    /// `place`.
    pub fn settings(
        raw: &[RawIssuer],
        clock_skew_seconds: Option<u64>,
        cache: Option<&RawCache>,
        place: &str,
        problems: &mut Problems,
    ) -> Self {
        let clock_skew = clock_skew_seconds.unwrap_or(DEFAULT_CLOCK_SKEW);
        if clock_skew > MOST_CLOCK_SKEW {
            problems.add("clock_skew_seconds", format!("is too large: expected 0 to {MOST_CLOCK_SKEW} seconds"));
        }
        let cache_entries = cache.and_then(|cache| cache.max_entries).unwrap_or(DEFAULT_CACHE_ENTRIES);
        if cache_entries > MOST_CACHE_ENTRIES {
            problems.add("cache.max_entries", format!("is too large: expected 0 to {MOST_CACHE_ENTRIES}"));
        }
        if raw.is_empty() {
            problems.add(place, "is empty: expected at least one issuer");
        }
        let named = raw.iter().map(|raw| raw.issuer.clone()).collect::<Option<Vec<_>>>();
        let mut trusted: Vec<TrustedIssuer> = Vec::new();
        for (index, raw) in raw.iter().enumerate() {
            let place = at_index(place, index);
            let Some(made) = raw.settings(&place, problems) else { continue };
            if trusted.iter().any(|other| other.issuer.issuer == made.issuer.issuer) {
                problems.add(at(&place, "issuer"), "is there twice: expected each issuer once");
            }
            trusted.push(made);
        }
        Self {
            trusted,
            named: named.filter(|named| !named.is_empty()),
            clock_skew: Duration::from_secs(clock_skew),
            cache_entries: usize::try_from(cache_entries).unwrap_or(0),
            crypto: Crypto::GUEST,
        }
    }
}

impl Issuers {
    /// One issuer alone; without keys it proves nothing. `None` stands for one with mistakes, which were noted.
    pub(crate) fn one(issuer: Option<Issuer>, keys: Option<Keys>, clock_skew_seconds: Option<u64>) -> Self {
        let keys = keys.unwrap_or_else(|| Keys::Inline(KeySet::default()));
        let named = issuer.as_ref().map(|issuer| vec![issuer.issuer.clone()]);
        Self {
            trusted: issuer.map(|issuer| TrustedIssuer { issuer, keys }).into_iter().collect(),
            named,
            clock_skew: Duration::from_secs(clock_skew_seconds.unwrap_or(DEFAULT_CLOCK_SKEW)),
            cache_entries: 0,
            crypto: Crypto::GUEST,
        }
    }
}

impl RawIssuer {
    fn settings(&self, place: &str, problems: &mut Problems) -> Option<TrustedIssuer> {
        let issuer = problems.required(
            at(place, "issuer"),
            self.issuer.clone(),
            "the issuer's identifier, as its tokens say it",
        );
        if issuer.as_ref().is_some_and(|issuer| !is_name(issuer)) {
            problems
                .add(at(place, "issuer"), "is empty or has white space around it: expected the issuer's identifier");
        }
        let profile = self.profile.unwrap_or(Profile::Rfc9068);
        let algorithms = algorithms(self.algorithms.as_deref(), &at(place, "algorithms"), problems);
        let token_types = match &self.token_types {
            None => profile.default_token_types(),
            Some(types) => {
                if types.is_empty() || !types.iter().all(|name| is_name(name)) {
                    problems
                        .add(at(place, "token_types"), "is empty or holds a name that is empty or has white space around it: expected names as \"at+jwt\"");
                }
                types.clone()
            }
        };
        let tenants = self.tenants(profile, issuer.as_deref(), &at(place, "tenants"), problems);
        let keys = problems.required(
            at(place, "jwks"),
            self.jwks.as_ref(),
            "{\"inline\": …}, {\"remote\": …} or {\"discovery\": …}",
        );
        let keys = keys.and_then(|raw| raw.settings(issuer.as_deref(), &at(place, "jwks"), problems));
        let issuer = Issuer { algorithms, token_types, tenants, ..Issuer::new(issuer?, profile) };
        Some(TrustedIssuer { issuer, keys: keys? })
    }

    fn tenants(&self, profile: Profile, issuer: Option<&str>, place: &str, problems: &mut Problems) -> Vec<String> {
        let tenants = self.tenants.clone().unwrap_or_default();
        if self.tenants.is_some() && profile != Profile::Entra {
            problems.add(place, "is known to the profile entra only: remove it");
        }
        if self.tenants.is_some() && (tenants.is_empty() || !tenants.iter().all(|tenant| is_name(tenant))) {
            problems.add(place, "is empty or holds a name that is empty or has white space around it: expected tenant identifiers (tid)");
        }
        // Keys of the multi-tenant issuer sign for every tenant there is (AUD-10).
        let multi_tenant = issuer.is_some_and(|issuer| issuer.contains("{tenantid}"));
        if multi_tenant && tenants.is_empty() {
            problems.add(place, "is missing: expected the accepted tenants, since {tenantid} stands for any of them");
        }
        tenants
    }
}

/// The algorithms that an issuer may sign with.
pub(crate) fn algorithms(names: Option<&[String]>, place: &str, problems: &mut Problems) -> Vec<Algorithm> {
    let Some(names) = names else { return Algorithm::DEFAULT.to_vec() };
    if names.is_empty() {
        problems.add(place, "is empty: expected at least one algorithm");
    }
    let known = |(index, name): (usize, &String)| {
        let algorithm = Algorithm::parse(name);
        if algorithm.is_none() {
            problems.add(
                at_index(place, index),
                "is no supported algorithm: expected RS256, RS384, RS512, PS256, ES256, ES384, EdDSA or Ed25519",
            );
        }
        algorithm
    };
    names.iter().enumerate().filter_map(known).collect()
}

impl RawKeys {
    pub(crate) fn settings(&self, issuer: Option<&str>, place: &str, problems: &mut Problems) -> Option<Keys> {
        match (&self.inline, &self.remote, &self.discovery) {
            (Some(set), None, None) => match KeySet::parse(set.to_string().as_bytes()) {
                Ok(set) => {
                    let place = at(place, "inline");
                    for skipped in set.skipped() {
                        let key = at_index(&at(&place, "keys"), skipped.index);
                        problems.note(key, format!("is not used: {}", skipped.reason));
                    }
                    if set.is_empty() {
                        let why =
                            set.skipped().iter().map(|skipped| format!("keys[{}]: {}", skipped.index, skipped.reason));
                        let why: Vec<String> = why.collect();
                        let why = if why.is_empty() { "it lists none".to_owned() } else { why.join(", ") };
                        problems.add(place, format!("holds no usable key ({why}): expected public signature keys"));
                        return None;
                    }
                    Some(Keys::Inline(set))
                }
                Err(error) => {
                    problems.add(at(place, "inline"), format!("is no JWK set ({error}): expected {{\"keys\": […]}}"));
                    None
                }
            },
            (None, Some(remote), None) => remote.settings(&at(place, "remote"), problems),
            (None, None, Some(discovery)) => discovery.settings(issuer, &at(place, "discovery"), problems),
            _ => {
                problems.add(place, "has none or several members: expected one of inline, remote, discovery");
                None
            }
        }
    }
}

impl RawRemote {
    fn settings(&self, place: &str, problems: &mut Problems) -> Option<Keys> {
        let cluster = cluster(self.cluster.as_ref(), place, problems);
        let uri = problems.required(at(place, "uri"), self.uri.as_deref(), "an https URL");
        let url = uri.and_then(|uri| https_url(uri, &at(place, "uri"), problems));
        let times = Times {
            refresh_seconds: self.refresh_seconds,
            cooldown_seconds: self.cooldown_seconds,
            max_stale_seconds: self.max_stale_seconds,
            timeout_ms: self.timeout_ms,
        };
        let (schedule, timeout) = times.settings(place, problems);
        let callout = json_callout(format!("jwks:{place}"), cluster?, &url?, timeout);
        Some(Keys::Fetched { source: Source::Remote(callout), schedule })
    }
}

impl RawDiscovery {
    fn settings(&self, issuer: Option<&str>, place: &str, problems: &mut Problems) -> Option<Keys> {
        let cluster = cluster(self.cluster.as_ref(), place, problems);
        let times = Times {
            refresh_seconds: self.refresh_seconds,
            cooldown_seconds: self.cooldown_seconds,
            max_stale_seconds: self.max_stale_seconds,
            timeout_ms: self.timeout_ms,
        };
        let (schedule, timeout) = times.settings(place, problems);
        let uri_place = at(place, "metadata_uri");
        let urls = match (&self.metadata_uri, issuer) {
            (Some(uri), _) => vec![https_url(uri, &uri_place, problems)?],
            (None, Some(issuer)) => discovery::candidates(issuer),
            (None, None) => return None,
        };
        if urls.is_empty() {
            problems.add(&uri_place, "is missing: expected the URL of the metadata, since the issuer is no https URL");
        }
        let mut clusters = BTreeMap::new();
        for (host, cluster) in self.hosts.iter().flatten() {
            let host_place = at(&at(place, "hosts"), host);
            let url = HttpsUrl::parse(&format!("https://{host}"));
            if url.is_none_or(|url| url.authority() != host.to_ascii_lowercase()) {
                problems.add(
                    &host_place,
                    "is no host: expected a name as \"keys.example\", with its port if it is not 443",
                );
            }
            if cluster.is_empty() {
                problems.add(&host_place, "is empty: expected the name of a cluster of the proxy");
            }
            clusters.insert(host.to_ascii_lowercase(), cluster.clone());
        }
        let cluster = cluster?;
        let mut candidates = Vec::new();
        for (number, url) in urls.iter().enumerate() {
            // Keys on the metadata's own host come by the same cluster.
            clusters.entry(url.authority()).or_insert_with(|| cluster.clone());
            candidates.push(json_callout(format!("metadata:{place}:{number}"), cluster.clone(), url, timeout));
        }
        let discovery = Discovery { place: place.to_owned(), candidates, clusters, timeout };
        Some(Keys::Fetched { source: Source::Discovery(discovery), schedule })
    }
}

/// The members about time, which `remote` and `discovery` share.
struct Times {
    refresh_seconds: Option<u64>,
    cooldown_seconds: Option<u64>,
    max_stale_seconds: Option<u64>,
    timeout_ms: Option<u64>,
}

impl Times {
    fn settings(&self, place: &str, problems: &mut Problems) -> (KeySchedule, Duration) {
        let mut seconds = |name: &str, value: Option<u64>, default: u64, least: u64| {
            let value = value.unwrap_or(default);
            if value < least || value > 86_400 {
                problems.add(at(place, name), format!("is out of range: expected {least} to 86400 seconds"));
            }
            Duration::from_secs(value)
        };
        let schedule = KeySchedule {
            refresh: seconds("refresh_seconds", self.refresh_seconds, 300, 10),
            cooldown: seconds("cooldown_seconds", self.cooldown_seconds, 10, 1),
            max_stale: seconds("max_stale_seconds", self.max_stale_seconds, 3600, 10),
        };
        if schedule.max_stale < schedule.refresh {
            problems.add(at(place, "max_stale_seconds"), "is shorter than refresh_seconds: expected at least as long");
        }
        let timeout = self.timeout_ms.unwrap_or(2000);
        if !(100..=30_000).contains(&timeout) {
            problems.add(at(place, "timeout_ms"), "is out of range: expected 100 to 30000 milliseconds");
        }
        (schedule, Duration::from_millis(timeout))
    }
}

pub(crate) fn cluster(cluster: Option<&String>, place: &str, problems: &mut Problems) -> Option<String> {
    let place = at(place, "cluster");
    let cluster = problems.required(&place, cluster.cloned(), "the name of a cluster of the proxy");
    if cluster.as_ref().is_some_and(String::is_empty) {
        problems.add(place, "is empty: expected the name of a cluster of the proxy");
    }
    cluster
}

pub(crate) fn https_url(text: &str, place: &str, problems: &mut Problems) -> Option<HttpsUrl> {
    let url = HttpsUrl::parse(text);
    if url.is_none() {
        problems.add(place, "is no plain https URL: expected one as \"https://idp.example/path\"");
    }
    url
}
