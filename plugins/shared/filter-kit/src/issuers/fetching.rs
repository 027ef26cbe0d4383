//! Fetching an issuer's keys: from a known address, or from the one that the issuer's metadata names (RFC 8414 §3,
//! OpenID Connect Discovery 1.0 §4).

use std::{collections::BTreeMap, time::Duration};

use oauth_core::{
    discovery,
    https_url::HttpsUrl,
    jose::{KeySet, SkippedKey, UnusableKey},
    key_source::FetchedKeys,
    time::UnixTime,
};

use crate::policy::{Callout, CalloutOutcome, Note};

/// Where the keys come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// `jwks.remote`
    Remote(Callout),
    /// `jwks.discovery`
    Discovery(Discovery),
}

#[derive(Debug)]
pub(crate) struct Discovery {
    /// Its place in the configuration, which makes the keys of its callouts its own.
    pub(super) place: String,
    /// Where the metadata may be, in order.
    pub(super) candidates: Vec<Callout>,
    /// The clusters of the hosts that may serve keys, by authority in lower case.
    pub(super) clusters: BTreeMap<String, String>,
    pub(super) timeout: Duration,
}

/// How far the fetch of one issuer's keys is.
#[derive(Debug, Default)]
pub(super) struct Fetching {
    pub(super) keys: FetchedKeys,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The metadata, at this one of the candidates.
    Metadata(usize),
    /// The keys, at the place that the metadata names.
    Keys(Callout),
}

impl Default for Stage {
    fn default() -> Self {
        Self::Metadata(0)
    }
}

/// What a callout's end brought.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) notes: Vec<Note>,
    pub(super) keys_changed: bool,
}

impl Fetching {
    /// The callout of the present stage.
    pub(super) fn callout(&self, source: &Source) -> Option<Callout> {
        match (source, &self.stage) {
            (Source::Remote(callout), _) | (Source::Discovery(_), Stage::Keys(callout)) => Some(callout.clone()),
            (Source::Discovery(discovery), Stage::Metadata(candidate)) => discovery.candidates.get(*candidate).cloned(),
        }
    }

    /// Takes in the end of the present stage's callout.
    pub(super) fn learn(&mut self, source: &Source, issuer: &str, outcome: CalloutOutcome<'_>, now: UnixTime) -> Told {
        let cluster = self.callout(source).map(|callout| callout.cluster).unwrap_or_default();
        let body = match outcome {
            CalloutOutcome::Answer { body, .. } => Ok(body),
            CalloutOutcome::Failed(fault) => Err(fault.to_string()),
        };
        if let (Source::Discovery(discovery), Stage::Metadata(candidate)) = (source, &self.stage) {
            let candidate = *candidate;
            let found = body.and_then(|body| discovery.keys_callout(body, issuer));
            return match found {
                Ok(callout) => {
                    self.stage = Stage::Keys(callout);
                    Told::default()
                }
                Err(why) => self.next_candidate(discovery, candidate, (issuer, &cluster), &why, now),
            };
        }
        // The next fetch starts with the metadata again, since the address may have changed.
        self.stage = Stage::default();
        match body.and_then(|body| KeySet::parse(body).map_err(|error| error.to_string())) {
            Ok(set) => {
                let mut notes = vec![Note::Info(format!("keys of {issuer}: {} usable", set.keys().len()))];
                let skipped: Vec<Note> = set.skipped().iter().map(|skipped| not_used(issuer, skipped)).collect();
                let keys_changed = self.keys.succeeded(set, now);
                if keys_changed {
                    notes.extend(skipped);
                }
                Told { keys_changed, notes }
            }
            Err(why) => self.failed(issuer, &cluster, &why, now),
        }
    }

    fn next_candidate(
        &mut self,
        discovery: &Discovery,
        candidate: usize,
        (issuer, cluster): (&str, &str),
        why: &str,
        now: UnixTime,
    ) -> Told {
        let next = candidate.saturating_add(1);
        let place = discovery.candidates.get(candidate).map(|callout| callout.path.as_str()).unwrap_or_default();
        let note = Note::Info(format!("no metadata of {issuer} at {place}: {why}"));
        if next < discovery.candidates.len() {
            self.stage = Stage::Metadata(next);
            return Told { notes: vec![note], keys_changed: false };
        }
        self.stage = Stage::default();
        let mut told = self.failed(issuer, cluster, &format!("its metadata was not found: {why}"), now);
        told.notes.insert(0, note);
        told
    }

    fn failed(&mut self, issuer: &str, cluster: &str, why: &str, now: UnixTime) -> Told {
        self.keys.failed(now);
        let note = format!("keys of {issuer} were not fetched by the cluster {cluster}: {why}");
        Told { notes: vec![Note::Warn(note)], keys_changed: false }
    }
}

/// Sets hold keys for encryption beside those for signatures (RFC 7517 §4.2): that is nothing to look after.
fn not_used(issuer: &str, skipped: &SkippedKey) -> Note {
    let text = format!("keys of {issuer}: keys[{}] is not used: {}", skipped.index, skipped.reason);
    match skipped.reason {
        UnusableKey::UseNotSignature => Note::Info(text),
        _ => Note::Warn(text),
    }
}

impl Discovery {
    /// The callout to where a metadata document says the keys are, if that is one of the configured hosts.
    fn keys_callout(&self, metadata: &[u8], issuer: &str) -> Result<Callout, String> {
        let metadata = discovery::process_metadata(metadata, issuer).map_err(|error| error.to_string())?;
        let uri = metadata.jwks_uri;
        let authority = uri.authority();
        // The metadata comes over the network: it may not send us anywhere we were not told of (RFC 9728 §7.7).
        let cluster = self.clusters.get(&authority).ok_or_else(|| {
            format!("jwks_uri names the host {authority}, which is neither the metadata's own nor in discovery.hosts")
        })?;
        let key = format!("jwks:{}", self.place);
        Ok(json_callout(key, cluster.clone(), &uri, self.timeout))
    }
}

/// A GET of a JSON document.
pub(super) fn json_callout(key: String, cluster: String, url: &HttpsUrl, timeout: Duration) -> Callout {
    Callout {
        across_workers: false,
        key: Some(key),
        cluster,
        method: "GET",
        authority: url.authority(),
        path: url.target(),
        headers: vec![("accept", "application/json, application/jwk-set+json".to_owned())],
        body: Vec::new(),
        timeout,
        expect: &[200],
    }
}
