//! The configuration: raw, and as settings.

use std::{collections::BTreeMap, time::Duration};

use filter_kit::{
    cors::{Cors, RawCors},
    matching::Members,
    policy::Hold,
    rules::{self, RawRule, Rule},
    token_source::{RawTokenSource, TokenSource},
};
use mcp_core::{Endpoint, Origins, ParamHeader, Reads};
use oauth_core::{
    config::{self, Problems, at, at_index},
    https_url::HttpsUrl,
    pointer::Pointer,
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
    cors: Option<RawCors>,
    mcp: Option<RawMcp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"allowed_origins\": []}")]
struct RawMcp {
    allowed_origins: Option<Vec<String>>,
    max_body_bytes: Option<u64>,
    param_headers: Option<Vec<RawParamHeader>>,
}

/// An argument that clients repeat in a header field (MCP 2026-07-28, `x-mcp-header`).
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"tool\": …, \"header\": …, \"argument\": …}")]
struct RawParamHeader {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    tool: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    header: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    argument: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"attempts\": 3, \"window_seconds\": 60}")]
struct RawLoopGuard {
    attempts: Option<u64>,
    window_seconds: Option<u64>,
}

/// What becomes of a request that no rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unmatched {
    /// It passes: its token was verified, and nothing more is required.
    Allow,
    /// It is denied.
    Deny,
}

/// How a body is had that the verdict needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum BodyMode {
    /// Nothing goes on before the verdict.
    #[default]
    HoldHeaders,
    /// The headers go on, the body waits.
    HoldBody,
    /// The headers say it all.
    HeadersOnly,
}

/// What the filter enforces.
#[derive(Debug)]
pub struct Settings {
    pub(crate) token: TokenSource,
    pub(crate) rules: Vec<Rule<StepUp>>,
    pub(crate) unmatched: Unmatched,
    pub(crate) measure: Measure,
    pub(crate) asking: Asking,
    pub(crate) loop_guard: Limits,
    pub(crate) cors: Cors,
    /// How requests are read on paths where a rule looks at what they do in MCP.
    pub(crate) endpoint: Endpoint,
    /// What waits for the verdict while a body is read.
    pub(crate) hold: Hold,
    /// Allowed, but hardly meant; for the log.
    pub(crate) notes: Vec<String>,
}

/// The largest sensible difference between two clocks (JWT-22).
const MOST_CLOCK_SKEW: u64 = 60;

const DEFAULT_CLOCK_SKEW: u64 = 30;

/// What Envoy buffers over HTTP/1 by default.
const DEFAULT_BODY_BYTES: u64 = 1024 * 1024;

/// What Envoy buffers over HTTP/2 at most.
const MOST_BODY_BYTES: u64 = 16 * 1024 * 1024;

impl Settings {
    /// Reads a configuration document.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(document: &[u8]) -> Result<Self, Problems> {
        let (raw, mut problems) = config::read::<RawConfig>(document);
        let mut settings = raw.and_then(|raw| raw.settings(&mut problems));
        if let Some(settings) = &mut settings {
            settings.notes = problems.notes().iter().map(|note| format!("{} {}", note.path, note.message)).collect();
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
        let skew = self.clock_skew_seconds.unwrap_or(DEFAULT_CLOCK_SKEW);
        let token = RawTokenSource::settings(self.token.as_ref(), self.clock_skew_seconds, "token", problems);
        if skew > MOST_CLOCK_SKEW && !problems.has_below("clock_skew_seconds") {
            problems.add("clock_skew_seconds", format!("is too large: expected 0 to {MOST_CLOCK_SKEW} seconds"));
        }
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
            clock_skew: Duration::from_secs(skew),
        };
        let endpoint = self.endpoint(&rules, problems);
        let hold = match self.body_mode.unwrap_or_default() {
            BodyMode::HoldHeaders | BodyMode::HeadersOnly => Hold::Headers,
            BodyMode::HoldBody => Hold::Body,
        };
        let loop_guard = self.loop_guard.clone().unwrap_or_default().settings("loop_guard", problems);
        let cors = RawCors::settings(self.cors.as_ref(), "cors", problems);
        Some(Settings {
            token,
            rules,
            unmatched: unmatched?,
            measure,
            asking,
            loop_guard,
            cors,
            endpoint,
            hold,
            notes: Vec::new(),
        })
    }

    fn rules(&self, style: Style, problems: &mut Problems) -> Vec<Rule<StepUp>> {
        if self.rules.as_ref().is_some_and(Vec::is_empty) {
            problems.add("rules", "is empty: expected at least one rule");
        }
        let raw = problems.required("rules", self.rules.as_deref(), "a list of rules").unwrap_or_default();
        let rest_is_denied = self.unmatched == Some(Unmatched::Deny);
        rules::settings(raw, Members::HttpAndMcp, rest_is_denied, "rules", problems, |raw, block, place, problems| {
            if block.is_some_and(|block| block.names_operations() && block.is_about_every_path()) {
                let rule = place.strip_suffix(".require").unwrap_or(place);
                problems.note(
                    at(rule, "match"),
                    "has mcp and no path, so every request must be one of MCP: prefer the path of the endpoint",
                );
            }
            let require = raw.map(|raw| raw.settings(place, problems)).unwrap_or_default();
            for member in require.cannot_be_asked(style) {
                problems.note(
                    at(place, member),
                    "cannot be asked for by a challenge of this style: who lacks it is denied and not told how to get it",
                );
            }
            require
        })
    }

    fn endpoint(&self, rules: &[Rule<StepUp>], problems: &mut Problems) -> Endpoint {
        let raw = self.mcp.clone().unwrap_or_default();
        let names_operations = rules.iter().any(|rule| rule.matches.names_operations());
        for (name, given) in [("mcp", self.mcp.is_some()), ("body_mode", self.body_mode.is_some())] {
            if given && !names_operations && !problems.has_below("rules") {
                problems.note(name, "is not used: no rule has match.mcp");
            }
        }
        let max_body = raw.max_body_bytes.unwrap_or(DEFAULT_BODY_BYTES);
        if max_body == 0 || max_body > MOST_BODY_BYTES {
            problems.add("mcp.max_body_bytes", format!("is out of range: expected 1 to {MOST_BODY_BYTES}"));
        }
        let origins = raw.allowed_origins.unwrap_or_default();
        Endpoint {
            max_body: usize::try_from(max_body).unwrap_or(0),
            origins: Origins::settings(&origins, "mcp.allowed_origins", problems),
            reads: match self.body_mode.unwrap_or_default() {
                BodyMode::HoldHeaders | BodyMode::HoldBody => Reads::Body,
                BodyMode::HeadersOnly => Reads::HeadOnly,
            },
            params: param_headers(raw.param_headers.as_deref().unwrap_or_default(), "mcp.param_headers", problems),
        }
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

fn param_headers(raw: &[RawParamHeader], place: &str, problems: &mut Problems) -> Vec<ParamHeader> {
    let mut headers: Vec<ParamHeader> = Vec::new();
    for (index, raw) in raw.iter().enumerate() {
        let place = at_index(place, index);
        let tool = problems.required(at(&place, "tool"), raw.tool.as_deref(), "the name of a tool");
        let header = problems.required(at(&place, "header"), raw.header.as_deref(), "what follows Mcp-Param-");
        if header.is_some_and(|header| !is_field_name(header)) {
            problems
                .add(at(&place, "header"), "is no part of a field's name: expected as \"Region\" for Mcp-Param-Region");
        }
        let argument = problems.required(at(&place, "argument"), raw.argument.as_deref(), "a JSON Pointer");
        let path = argument.and_then(Pointer::parse).map(|pointer| pointer.steps().to_vec());
        if argument.is_some() && path.is_none() {
            problems.add(
                at(&place, "argument"),
                "is no JSON Pointer (RFC 6901) below the arguments: expected as \"/region\"",
            );
        }
        let (Some(tool), Some(header), Some(path)) = (tool, header, path) else { continue };
        let same = |other: &ParamHeader| other.tool == tool && other.name.eq_ignore_ascii_case(header);
        if headers.iter().any(same) {
            problems.add(at(&place, "header"), "is there twice for this tool: expected each header once");
        }
        headers.push(ParamHeader { tool: tool.to_owned(), name: header.to_owned(), path });
    }
    headers
}

fn is_field_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
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
