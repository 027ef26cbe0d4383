//! The configuration: raw, and as settings.

use std::{collections::BTreeMap, time::Duration};

use filter_kit::{
    cors::RawCors,
    flow::{BodyMode, Common, RawCommon, RawMcp, Unmatched},
    matching::{Members, RawMatch},
    request::Forms,
    requires::RequiredFilter,
    rules::{self, Mode, Rule, Written},
    token_source::RawTokenSource,
};
use oauth_core::{
    config::{self, Problems, at},
    https_url::HttpsUrl,
    requirement::require_names,
    scope::{ScopeHierarchy, ScopeToken},
    step_up::{AcrLevels, Asking, Measure, RawStepUp, RawStyle, StepUp, Styles},
};
use serde::Deserialize;

use crate::loop_guard::Limits;

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    token: Option<RawTokenSource>,
    requires: Option<Vec<RequiredFilter>>,
    style: Option<RawStyle>,
    rfc9470_clients: Option<Vec<String>>,
    authorization_uri: Option<String>,
    acr_levels: Option<BTreeMap<String, Vec<String>>>,
    scope_hierarchy: Option<BTreeMap<String, Vec<String>>>,
    clock_skew_seconds: Option<u64>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    rules: Option<Vec<RawStepUpRule>>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    unmatched: Option<Unmatched>,
    insufficient_scope_status: Option<u64>,
    loop_guard: Option<RawLoopGuard>,
    body_mode: Option<BodyMode>,
    forms: Option<Forms>,
    cors: Option<RawCors>,
    mcp: Option<RawMcp>,
}

/// A rule as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema), schemars(rename = "RawRule"))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"name\": …, \"match\": …, \"require\": …}")]
struct RawStepUpRule {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    name: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    require: Option<RawStepUp>,
    step_up_scope: Option<String>,
    mode: Option<Mode>,
}

/// What a rule says about its requirement.
struct Required<'r> {
    require: &'r RawStepUp,
    step_up_scope: Option<&'r str>,
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
        let rules = self.rules(asking.styles, problems);
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
        let common = common.settings(rules.iter().map(|rule| (&rule.matches, rule.mode)), problems);
        Some(Settings { common, rules, unmatched: unmatched?, measure, asking, loop_guard })
    }

    fn rules(&self, styles: Styles, problems: &mut Problems) -> Vec<Rule<StepUp>> {
        let raw = rules::required(self.rules.as_deref(), "rules", problems);
        let rest_is_denied = self.unmatched == Some(Unmatched::Deny);
        let written = raw.iter().map(RawStepUpRule::written);
        rules::settings(
            written,
            Members::HttpAndMcp,
            None,
            rest_is_denied,
            "rules",
            problems,
            |raw, _, place, problems| raw.map(|raw| raw.settings(styles, place, problems)).unwrap_or_default(),
        )
    }

    fn asking(&self, problems: &mut Problems) -> Asking {
        let styles = self.style.as_ref().map(|raw| raw.settings("style", problems)).unwrap_or_default();
        let uri = self.authorization_uri.as_deref();
        if styles.entra {
            problems.required("authorization_uri", uri, "the authorization endpoint, which Entra's challenge names");
        }
        if uri.is_some_and(|uri| HttpsUrl::parse(uri).is_none()) {
            problems.add("authorization_uri", "is no plain https URL: expected the authorization endpoint");
        }
        let clients = self.rfc9470_clients.as_deref();
        if styles.rfc9470 && styles.scope {
            let expected =
                "the clients that follow RFC 9470, since nothing in a request says it; all others are asked by scope";
            problems.required("rfc9470_clients", clients, expected);
        } else if clients.is_some() {
            problems.add("rfc9470_clients", "has no meaning with this style: expected it with rfc9470 and scope alone");
        }
        require_names(clients, "rfc9470_clients", problems);
        let status = self.insufficient_scope_status.unwrap_or(403);
        if !matches!(status, 401 | 403) {
            problems.add("insufficient_scope_status", "is another status: expected 403 or 401");
        }
        Asking {
            styles,
            rfc9470_clients: clients.unwrap_or_default().to_vec(),
            authorization_uri: self.authorization_uri.clone(),
            scope_as_unauthorized: status == 401,
        }
    }
}

impl RawStepUpRule {
    fn written(&self) -> Written<'_, Required<'_>> {
        Written {
            name: self.name.as_ref(),
            matches: self.matches.as_ref(),
            require: self
                .require
                .as_ref()
                .map(|require| Required { require, step_up_scope: self.step_up_scope.as_deref() }),
            mode: self.mode,
        }
    }
}

impl Required<'_> {
    fn settings(&self, styles: Styles, place: &str, problems: &mut Problems) -> StepUp {
        let (of_require, of_scope) = (at(place, "require"), at(place, "step_up_scope"));
        let require = self.require.settings(&of_require, problems);
        let require = match self.step_up_scope {
            Some(text) => {
                let scope = step_up_scope(text, &of_scope, problems);
                if !styles.scope {
                    problems.add(&of_scope, "is never asked for: expected the style scope, alone or in a list");
                } else if !require.is_about_authentication() && !problems.has_below(&of_require) {
                    problems.add(
                        &of_scope,
                        "stands for nothing: expected acr_values, max_age_seconds, amr or auth_context in require, or the scope in its scopes",
                    );
                }
                require.with_step_up_scope(scope)
            }
            None => {
                if styles.scope && require.is_about_authentication() {
                    problems.note(
                        of_scope,
                        "is missing: clients that are asked by scope are denied and not told how to get what is required",
                    );
                    return require;
                }
                require
            }
        };
        for member in require.cannot_be_asked(styles) {
            problems.note(
                at(&of_require, member),
                "cannot be asked for by a challenge of this style: who lacks it is denied and not told how to get it",
            );
        }
        require
    }
}

fn step_up_scope(text: &str, place: &str, problems: &mut Problems) -> Option<ScopeToken> {
    match ScopeToken::parse(text) {
        Ok(scope) if scope.is_offline_access() => {
            problems.add(
                place,
                "asks for a refresh token: expected a scope that the issuer grants after a stronger sign-in",
            );
            None
        }
        Ok(scope) => Some(scope),
        Err(_) => {
            problems.add(
                place,
                "is no scope (RFC 6749 section 3.3): expected one name without spaces, quotes or backslashes",
            );
            None
        }
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
