//! The configuration: raw, and as settings.

mod server;
mod target;

use std::{collections::BTreeSet, time::Duration};

use filter_kit::{
    clusters::CLUSTER,
    cors::RawCors,
    flow::{BodyMode, Common, RawCommon, RawMcp},
    issuers::{Issuers, RawIssuer},
    matching::{Match, Members},
    request::Forms,
    requires::RequiredFilter,
    rules::{self, Mode, Rule},
    token_source::{RawTokenSource, SUBJECT_TOKEN},
};
use oauth_core::{
    config::{self, Problems, at},
    token_exchange::lifetime::Bounds,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use self::{server::RawServer, target::RawTarget};
pub(crate) use self::{
    server::{BreakerLimits, Server},
    target::{ActorSource, Grant, Injected, Source, Target},
};

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    token: Option<RawTokenSource>,
    requires: Option<Vec<RequiredFilter>>,
    clock_skew_seconds: Option<u64>,
    authorization_servers: Option<Vec<RawServer>>,
    issuers: Option<Vec<RawIssuer>>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    targets: Option<Vec<RawTarget>>,
    unmatched: Option<Unmatched>,
    cookies: Option<Cookies>,
    cache: Option<RawCache>,
    body_mode: Option<BodyMode>,
    forms: Option<Forms>,
    cors: Option<RawCors>,
    mcp: Option<RawMcp>,
}

/// What becomes of a request that no target is about. There is no way to send the user's token on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema), schemars(rename = "UnmatchedTarget"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unmatched {
    /// It is denied.
    #[default]
    Deny,
    /// It goes on without any credential.
    RemoveAuthorization,
}

/// What becomes of the cookies of a request. They are credentials, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cookies {
    /// They end here.
    #[default]
    Remove,
    /// They go on.
    Keep,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema), schemars(rename = "RawResultCache"))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"max_entries\": 1024}")]
struct RawCache {
    max_entries: Option<u64>,
    max_ttl_seconds: Option<u64>,
    margin_seconds: Option<u64>,
    negative_ttl_seconds: Option<u64>,
}

/// How results are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheLimits {
    pub(crate) max_entries: usize,
    pub(crate) bounds: Bounds,
    /// How long a refusal is answered without asking again.
    pub(crate) negative: Duration,
}

/// What the filter does.
#[derive(Debug)]
pub struct Settings {
    pub(crate) common: Common,
    pub(crate) servers: Vec<Server>,
    /// Whose tokens are verified: results where that is asked for, and those that callers bring.
    pub(crate) issuers: Option<Issuers>,
    pub(crate) targets: Vec<Rule<Target>>,
    pub(crate) unmatched: Unmatched,
    pub(crate) cookies: Cookies,
    pub(crate) cache: CacheLimits,
    /// The tolerance for the times of results.
    pub(crate) clock_skew: Duration,
    /// Of the whole document.
    pub(crate) digest: [u8; 32],
    /// The fields in which callers bring tokens for us alone, each once: they never go on.
    pub(crate) fields_for_us: Vec<String>,
    /// The position of the subject token among the properties.
    pub(crate) subject_token_at: usize,
    /// The position of the cluster among the properties, which is read only if a target names one.
    pub(crate) cluster_at: usize,
}

impl Settings {
    /// Reads a configuration document.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(document: &[u8]) -> Result<Self, Problems> {
        let (raw, mut problems) = config::read::<RawConfig>(document);
        let digest = Sha256::digest(document).into();
        let mut settings = raw.map(|raw| raw.settings(digest, &mut problems));
        if let Some(settings) = &mut settings {
            settings.common.keep_notes(&problems);
        }
        problems.into_result(settings)
    }
}

/// The JSON Schema of the configuration.
#[cfg(not(target_family = "wasm"))]
#[must_use]
pub fn schema() -> String {
    filter_kit::schema::of::<RawConfig>("token-exchange", Members::HttpAndMcp)
}

impl RawConfig {
    fn settings(&self, digest: [u8; 32], problems: &mut Problems) -> Settings {
        let issuers = self.issuers.as_deref().map(|raw| {
            let skew = self.clock_skew_seconds.filter(|skew| *skew <= 60);
            Issuers::settings(raw, skew, None, "issuers", problems)
        });
        let servers = server::servers(self.authorization_servers.as_deref(), problems);
        let unmatched = self.unmatched.unwrap_or_default();
        let raw = rules::required(self.targets.as_deref(), "targets", problems);
        let known = target::Known { servers: &servers, issuers: issuers.as_ref() };
        let targets = rules::settings(
            raw.iter().map(RawTarget::written),
            Members::HttpAndMcp,
            None,
            // What no target is about gets no credential: another Host header wins nothing.
            true,
            "targets",
            problems,
            |raw, _, place, problems| match raw {
                Some(raw) => raw.settings(&known, place, problems),
                None => Target::unsound(),
            },
        );
        let common = RawCommon {
            token: self.token.as_ref(),
            requires: self.requires.as_deref(),
            clock_skew_seconds: self.clock_skew_seconds,
            cors: self.cors.as_ref(),
            mcp: self.mcp.as_ref(),
            body_mode: self.body_mode,
            forms: self.forms,
        };
        let mut common = common.settings(targets.iter().map(|target| (&target.matches, Mode::Enforce)), problems);
        if self.body_mode == Some(BodyMode::HoldBody)
            && targets.iter().any(|target| Match::names_operations(&target.matches))
        {
            // The head would go upstream before it is known which token belongs into it.
            problems.add(
                "body_mode",
                "sends the user's token on before the body is read: expected hold_headers or headers_only",
            );
        }
        let subject_token_at = common.properties.len();
        common.properties.push(SUBJECT_TOKEN);
        let cluster_at = common.properties.len();
        if targets.iter().any(|target| !target.require.clusters.are_any()) {
            common.properties.push(CLUSTER);
        }
        for server in &servers {
            let is_used =
                |target: &Rule<Target>| target.require.grant().is_some_and(|grant| grant.server == server.name);
            if !targets.iter().any(is_used) && !problems.has_below("targets") {
                problems.note(at("authorization_servers", &server.name), "is not used: no target names it");
            }
        }
        let fields_for_us: BTreeSet<&str> = targets.iter().filter_map(|target| target.require.field_for_us()).collect();
        let fields_for_us = fields_for_us.into_iter().map(str::to_owned).collect();
        Settings {
            common,
            servers,
            issuers,
            fields_for_us,
            targets,
            unmatched,
            cookies: self.cookies.unwrap_or_default(),
            cache: self.cache.clone().unwrap_or_default().settings("cache", problems),
            clock_skew: Duration::from_secs(self.clock_skew_seconds.unwrap_or(RawCommon::DEFAULT_CLOCK_SKEW)),
            digest,
            subject_token_at,
            cluster_at,
        }
    }
}

/// More kept results than this cost more memory than they save.
const MOST_ENTRIES: u64 = 100_000;

/// Nothing is kept longer: what was granted may have been taken back.
const MOST_SECONDS: u64 = 3600;

impl RawCache {
    fn settings(&self, place: &str, problems: &mut Problems) -> CacheLimits {
        let mut number = |name: &str, given: Option<u64>, default: u64, most: u64| {
            let number = given.unwrap_or(default);
            if number > most {
                problems.add(at(place, name), format!("is too large: expected 0 to {most}"));
            }
            number
        };
        let max_entries = number("max_entries", self.max_entries, 1024, MOST_ENTRIES);
        let max = number("max_ttl_seconds", self.max_ttl_seconds, 300, MOST_SECONDS);
        let margin = number("margin_seconds", self.margin_seconds, 15, MOST_SECONDS);
        let negative = number("negative_ttl_seconds", self.negative_ttl_seconds, 5, 60);
        CacheLimits {
            max_entries: usize::try_from(max_entries).unwrap_or(0),
            bounds: Bounds { max: Duration::from_secs(max), margin: Duration::from_secs(margin) },
            negative: Duration::from_secs(negative),
        }
    }
}

#[cfg(test)]
mod tests;
