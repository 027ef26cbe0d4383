//! The configuration: raw, and as settings.

use std::{collections::BTreeMap, time::Duration};

use filter_kit::{
    cors::RawCors,
    flow::{BodyMode, Common, RawCommon, RawMcp, Unmatched},
    matching::Members,
    request::Forms,
    requires::RequiredFilter,
    rules::{self, RawRule, Rule},
    token_source::RawTokenSource,
};
use oauth_core::{
    config::{self, Problems, at},
    https_url::HttpsUrl,
    scope::ScopeHierarchy,
    step_up::{AcrLevels, Asking, Measure, RawStepUp, StepUp, Style},
};
use serde::Deserialize;

use crate::loop_guard::Limits;

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    token: Option<RawTokenSource>,
    requires: Option<Vec<RequiredFilter>>,
    style: Option<Style>,
    authorization_uri: Option<String>,
    acr_levels: Option<BTreeMap<String, Vec<String>>>,
    scope_hierarchy: Option<BTreeMap<String, Vec<String>>>,
    clock_skew_seconds: Option<u64>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    rules: Option<Vec<RawRule<RawStepUp>>>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    unmatched: Option<Unmatched>,
    insufficient_scope_status: Option<u64>,
    loop_guard: Option<RawLoopGuard>,
    body_mode: Option<BodyMode>,
    forms: Option<Forms>,
    cors: Option<RawCors>,
    mcp: Option<RawMcp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"attempts\": 3, \"window_seconds\": 60}")]
struct RawLoopGuard {
    attempts: Option<u64>,
    window_seconds: Option<u64>,
}

/// What the filter enforces.
#[derive(Debug)]
pub struct Settings {
    pub(crate) common: Common,
    pub(crate) rules: Vec<Rule<StepUp>>,
    pub(crate) unmatched: Unmatched,
    pub(crate) measure: Measure,
    pub(crate) asking: Asking,
    pub(crate) loop_guard: Limits,
}

impl Settings {
    /// Reads a configuration document.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(document: &[u8]) -> Result<Self, Problems> {
        let (raw, mut problems) = config::read::<RawConfig>(document);
        let mut settings = raw.and_then(|raw| raw.settings(&mut problems));
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
    filter_kit::schema::of::<RawConfig>("claim-challenge", Members::HttpAndMcp)
}

impl RawConfig {
    fn settings(&self, problems: &mut Problems) -> Option<Settings> {
        let unmatched = problems.required("unmatched", self.unmatched, "allow or deny");
        let asking = self.asking(problems);
        let rules = self.rules(asking.style, problems);
        let levels = self.acr_levels.as_ref();
        let hierarchy = self.scope_hierarchy.as_ref();
        let measure = Measure {
            acr_levels: levels.map(|raw| AcrLevels::settings(raw, "acr_levels", problems)).unwrap_or_default(),
            scope_hierarchy: hierarchy
                .map(|raw| ScopeHierarchy::settings(raw, "scope_hierarchy", problems))
                .unwrap_or_default(),
            clock_skew: Duration::from_secs(self.clock_skew_seconds.unwrap_or(RawCommon::DEFAULT_CLOCK_SKEW)),
        };
        let loop_guard = self.loop_guard.clone().unwrap_or_default().settings("loop_guard", problems);
        let common = RawCommon {
            token: self.token.as_ref(),
            requires: self.requires.as_deref(),
            clock_skew_seconds: self.clock_skew_seconds,
            cors: self.cors.as_ref(),
            mcp: self.mcp.as_ref(),
            body_mode: self.body_mode,
            forms: self.forms,
        };
        let common = common.settings(rules.iter().map(|rule| &rule.matches), problems);
        Some(Settings { common, rules, unmatched: unmatched?, measure, asking, loop_guard })
    }

    fn rules(&self, style: Style, problems: &mut Problems) -> Vec<Rule<StepUp>> {
        let raw = rules::required(self.rules.as_deref(), "rules", problems);
        let rest_is_denied = self.unmatched == Some(Unmatched::Deny);
        let written = raw.iter().map(RawRule::written);
        rules::settings(written, Members::HttpAndMcp, rest_is_denied, "rules", problems, |raw, _, place, problems| {
            let place = at(place, "require");
            let require = raw.map(|raw| raw.settings(&place, problems)).unwrap_or_default();
            for member in require.cannot_be_asked(style) {
                problems.note(
                    at(&place, member),
                    "cannot be asked for by a challenge of this style: who lacks it is denied and not told how to get it",
                );
            }
            require
        })
    }

    fn asking(&self, problems: &mut Problems) -> Asking {
        let style = self.style.unwrap_or_default();
        let uri = self.authorization_uri.as_deref();
        if style != Style::Rfc9470 {
            problems.required("authorization_uri", uri, "the authorization endpoint, which Entra's challenge names");
        }
        if uri.is_some_and(|uri| HttpsUrl::parse(uri).is_none()) {
            problems.add("authorization_uri", "is no plain https URL: expected the authorization endpoint");
        }
        let status = self.insufficient_scope_status.unwrap_or(403);
        if !matches!(status, 401 | 403) {
            problems.add("insufficient_scope_status", "is another status: expected 403 or 401");
        }
        Asking { style, authorization_uri: self.authorization_uri.clone(), scope_as_unauthorized: status == 401 }
    }
}

impl RawLoopGuard {
    fn settings(&self, place: &str, problems: &mut Problems) -> Limits {
        let mut in_range = |name: &str, value: Option<u64>, default: u64, most: u64| {
            let value = value.unwrap_or(default);
            if value == 0 || value > most {
                problems.add(at(place, name), format!("is out of range: expected 1 to {most}"));
            }
            value
        };
        Limits {
            attempts: in_range("attempts", self.attempts, 3, 100),
            window: Duration::from_secs(in_range("window_seconds", self.window_seconds, 60, 3600)),
        }
    }
}

#[cfg(test)]
mod tests;
