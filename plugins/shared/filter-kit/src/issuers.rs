//! The issuers a filter trusts, and their keys: configured inline, or fetched and kept fresh.

use std::time::Duration;

use oauth_core::{
    config::{Problems, at, at_index},
    denial::Reason,
    issuer::{Issuer, Profile},
    jose::{Algorithm, KeySet},
    key_source::{FetchedKeys, KeySchedule, KeyState},
    time::UnixTime,
    token::{Unverified, VerifiedToken},
};
use serde::Deserialize;

use crate::policy::{Callout, CalloutOutcome, Note};

/// An entry of `issuers` as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawIssuer {
    issuer: Option<String>,
    profile: Option<RawProfile>,
    algorithms: Option<Vec<String>>,
    token_types: Option<Vec<String>>,
    tenants: Option<Vec<String>>,
    jwks: Option<RawKeys>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawProfile {
    Rfc9068,
    Keycloak,
    Okta,
    Auth0,
    Entra,
    Generic,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawKeys {
    inline: Option<serde_json::Value>,
    remote: Option<RawRemote>,
    discovery: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRemote {
    cluster: Option<String>,
    uri: Option<String>,
    refresh_seconds: Option<u64>,
    cooldown_seconds: Option<u64>,
    max_stale_seconds: Option<u64>,
    timeout_ms: Option<u64>,
}

/// The issuers of a configuration.
#[derive(Debug)]
pub struct Issuers {
    trusted: Vec<TrustedIssuer>,
    /// Every configured identifier, those of entries with mistakes too; `None` if one could not be read.
    named: Option<Vec<String>>,
    clock_skew: Duration,
}

#[derive(Debug)]
struct TrustedIssuer {
    issuer: Issuer,
    keys: KeySource,
}

#[derive(Debug)]
enum KeySource {
    Inline(KeySet),
    Remote { callout: Callout, schedule: KeySchedule },
}

/// The fetched keys of all issuers, by their position; owned by the root context.
#[derive(Debug, Default)]
pub struct Keys(Vec<FetchedKeys>);

/// What became of a token.
#[derive(Debug)]
pub enum Verification {
    /// Its issuer signed it, and it is of the right kind and time.
    Verified(Box<VerifiedToken>),
    /// It is not to be trusted.
    Refused(Reason),
    /// Its issuer's keys are being fetched: ask again after this callout.
    AwaitKeys(Callout),
    /// Its issuer's keys cannot be had; a next attempt is made after this time.
    KeysUnavailable(Duration),
}

const DEFAULT_ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa];

/// The largest sensible difference between two clocks (JWT-22).
const MOST_CLOCK_SKEW: u64 = 60;

impl Issuers {
    /// Checks the `issuers` list; notes every mistake below `place`.
    pub fn settings(raw: &[RawIssuer], clock_skew_seconds: Option<u64>, place: &str, problems: &mut Problems) -> Self {
        let clock_skew = clock_skew_seconds.unwrap_or(30);
        if clock_skew > MOST_CLOCK_SKEW {
            problems.add("clock_skew_seconds", format!("is too large: expected 0 to {MOST_CLOCK_SKEW} seconds"));
        }
        if raw.is_empty() {
            problems.add(place, "is empty: expected at least one issuer");
        }
        let named =
            raw.iter().map(|raw| raw.issuer.clone()).collect::<Option<Vec<_>>>().filter(|named| !named.is_empty());
        let mut trusted: Vec<TrustedIssuer> = Vec::new();
        for (index, raw) in raw.iter().enumerate() {
            let place = at_index(place, index);
            let Some(made) = raw.settings(index, &place, problems) else { continue };
            if trusted.iter().any(|other| other.issuer.issuer == made.issuer.issuer) {
                problems.add(at(&place, "issuer"), "is there twice: expected each issuer once");
            }
            trusted.push(made);
        }
        Self { trusted, named, clock_skew: Duration::from_secs(clock_skew) }
    }

    /// The position of an issuer, compared byte for byte (RFC 9068 §4).
    #[must_use]
    pub fn position(&self, issuer: &str) -> Option<usize> {
        self.trusted.iter().position(|trusted| trusted.issuer.issuer == issuer)
    }

    /// Whether an issuer of this identifier may be configured, with mistakes or without: so that one mistake is not
    /// told again at every place that refers to it.
    #[must_use]
    pub fn may_name(&self, issuer: &str) -> bool {
        self.named.as_ref().is_none_or(|named| named.iter().any(|named| named == issuer))
    }

    /// The number of issuers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.trusted.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    /// The keys before any fetch.
    #[must_use]
    pub fn no_keys_yet(&self) -> Keys {
        Keys(self.trusted.iter().map(|_| FetchedKeys::default()).collect())
    }

    /// The fetches that are due.
    pub fn upkeep(&self, keys: &mut Keys, now: UnixTime) -> Vec<Callout> {
        let due = |(trusted, fetched): (&TrustedIssuer, &mut FetchedKeys)| match &trusted.keys {
            KeySource::Remote { callout, schedule } => fetched.start_if_due(*schedule, now).then(|| callout.clone()),
            KeySource::Inline(_) => None,
        };
        self.trusted.iter().zip(&mut keys.0).filter_map(due).collect()
    }

    /// Takes in the end of a fetch. Out: what to log.
    pub fn learn(&self, keys: &mut Keys, key: &str, outcome: CalloutOutcome<'_>, now: UnixTime) -> Vec<Note> {
        let of_key = |trusted: &TrustedIssuer| matches!(&trusted.keys, KeySource::Remote { callout, .. } if callout.key.as_deref() == Some(key));
        let Some(index) = self.trusted.iter().position(of_key) else { return Vec::new() };
        let (Some(trusted), Some(fetched)) = (self.trusted.get(index), keys.0.get_mut(index)) else {
            return Vec::new();
        };
        let issuer = &trusted.issuer.issuer;
        let parsed = match outcome {
            CalloutOutcome::Answer { body, .. } => KeySet::parse(body).map_err(|error| error.to_string()),
            CalloutOutcome::Failed(fault) => Err(fault.to_string()),
        };
        match parsed {
            Ok(set) => {
                let mut notes = vec![Note::Info(format!("keys of {issuer}: {} usable", set.keys().len()))];
                notes.extend(set.skipped().iter().map(|skipped| {
                    Note::Warn(format!("keys of {issuer}: keys[{}] is not used: {}", skipped.index, skipped.reason))
                }));
                fetched.succeeded(set, now);
                notes
            }
            Err(why) => {
                fetched.failed(now);
                vec![Note::Warn(format!("keys of {issuer} were not fetched: {why}"))]
            }
        }
    }

    /// Verifies a token with the keys of the issuer at `position`, and of no other.
    #[must_use]
    pub fn verify(&self, keys: &Keys, position: usize, token: Unverified, now: UnixTime) -> Verification {
        let (Some(trusted), Some(fetched)) = (self.trusted.get(position), keys.0.get(position)) else {
            return Verification::Refused(Reason::UnknownIssuer);
        };
        let set = match &trusted.keys {
            KeySource::Inline(set) => set,
            KeySource::Remote { callout, schedule } => match fetched.state(*schedule, now) {
                KeyState::Ready(set) => set,
                KeyState::Loading => return Verification::AwaitKeys(callout.clone()),
                KeyState::Unavailable => return Verification::KeysUnavailable(schedule.cooldown),
            },
        };
        match token.verify(&trusted.issuer, set, now, self.clock_skew) {
            Ok(verified) => Verification::Verified(Box::new(verified)),
            Err(reason) => Verification::Refused(reason),
        }
    }
}

impl RawIssuer {
    fn settings(&self, index: usize, place: &str, problems: &mut Problems) -> Option<TrustedIssuer> {
        problems.not_supported(at(place, "tenants"), self.tenants.as_ref());
        let issuer = problems.required(
            at(place, "issuer"),
            self.issuer.clone(),
            "the issuer's identifier, as its tokens say it",
        );
        if issuer.as_ref().is_some_and(String::is_empty) {
            problems.add(at(place, "issuer"), "is empty: expected the issuer's identifier");
        }
        let profile = match self.profile {
            None | Some(RawProfile::Rfc9068) => Profile::Rfc9068,
            Some(RawProfile::Generic) => Profile::Generic,
            Some(RawProfile::Keycloak | RawProfile::Okta | RawProfile::Auth0 | RawProfile::Entra) => {
                problems.add(at(place, "profile"), "is not supported by this version: expected rfc9068 or generic");
                Profile::Rfc9068
            }
        };
        let algorithms = self.algorithms(&at(place, "algorithms"), problems);
        let token_types = match &self.token_types {
            None => profile.default_token_types(),
            Some(types) => {
                if types.is_empty() || types.iter().any(String::is_empty) {
                    problems
                        .add(at(place, "token_types"), "is empty or holds an empty name: expected names as \"at+jwt\"");
                }
                types.clone()
            }
        };
        let keys = problems.required(at(place, "jwks"), self.jwks.as_ref(), "{\"inline\": …} or {\"remote\": …}");
        let keys = keys.and_then(|raw| raw.settings(index, &at(place, "jwks"), problems));
        Some(TrustedIssuer { issuer: Issuer { algorithms, token_types, ..Issuer::new(issuer?, profile) }, keys: keys? })
    }

    fn algorithms(&self, place: &str, problems: &mut Problems) -> Vec<Algorithm> {
        let Some(names) = &self.algorithms else { return DEFAULT_ALGORITHMS.to_vec() };
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
}

impl RawKeys {
    fn settings(&self, index: usize, place: &str, problems: &mut Problems) -> Option<KeySource> {
        problems.not_supported(at(place, "discovery"), self.discovery.as_ref());
        match (&self.inline, &self.remote) {
            (Some(set), None) => match KeySet::parse(set.to_string().as_bytes()) {
                Ok(set) if !set.is_empty() => Some(KeySource::Inline(set)),
                Ok(_) => {
                    problems.add(
                        at(place, "inline"),
                        "holds no usable key: expected {\"keys\": […]} with public signature keys",
                    );
                    None
                }
                Err(error) => {
                    problems.add(at(place, "inline"), format!("is no JWK set ({error}): expected {{\"keys\": […]}}"));
                    None
                }
            },
            (None, Some(remote)) => remote.settings(index, &at(place, "remote"), problems),
            _ => {
                if self.discovery.is_none() {
                    problems.add(place, "has none or several members: expected one of inline, remote");
                }
                None
            }
        }
    }
}

impl RawRemote {
    fn settings(&self, index: usize, place: &str, problems: &mut Problems) -> Option<KeySource> {
        let cluster =
            problems.required(at(place, "cluster"), self.cluster.clone(), "the name of a cluster of the proxy");
        if cluster.as_ref().is_some_and(String::is_empty) {
            problems.add(at(place, "cluster"), "is empty: expected the name of a cluster of the proxy");
        }
        let uri = problems.required(at(place, "uri"), self.uri.as_deref(), "an https URL");
        let parts = uri.and_then(|uri| {
            let parts = https_parts(uri);
            if parts.is_none() {
                problems.add(at(place, "uri"), "is no plain https URL: expected one as \"https://idp.example/jwks\"");
            }
            parts
        });
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
        let (authority, path) = parts?;
        let callout = Callout {
            key: Some(format!("jwks:{index}")),
            cluster: cluster?,
            method: "GET",
            authority,
            path,
            headers: vec![("accept", "application/jwk-set+json, application/json".to_owned())],
            body: Vec::new(),
            timeout: Duration::from_millis(timeout),
            expect: &[200],
        };
        Some(KeySource::Remote { callout, schedule })
    }
}

/// Authority and path of an absolute https URL without user information or fragment.
fn https_parts(uri: &str) -> Option<(String, String)> {
    let rest = uri.strip_prefix("https://")?;
    let plain =
        rest.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'#' | b'\\' | b'"' | b'<' | b'>'));
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at_checked(at)?,
        None => (rest, ""),
    };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    (plain && !authority.is_empty()).then(|| (authority.to_ascii_lowercase(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_an_https_url_apart() {
        let parts = |uri| https_parts(uri).map(|(a, p)| format!("{a} {p}"));
        assert_eq!(parts("https://IdP.example:8443/a/jwks?x=1").as_deref(), Some("idp.example:8443 /a/jwks?x=1"));
        assert_eq!(parts("https://h").as_deref(), Some("h /"));
        assert_eq!(parts("https://h?x").as_deref(), Some("h /?x"));
        for uri in [
            "http://h/",
            "https://",
            "https:///x",
            "https://u@h/",
            "https://h/#f",
            "https://h/a b",
            "h/jwks",
            "HTTPS://h/",
        ] {
            assert_eq!(parts(uri), None, "{uri}");
        }
    }
}
