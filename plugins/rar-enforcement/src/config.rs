//! The configuration: raw, and as settings.

use std::collections::{BTreeMap, BTreeSet};

use filter_kit::{
    cors::RawCors,
    flow::{BodyMode, Common, RawCommon, RawMcp, Unmatched},
    introspection::{Introspection, RawIntrospection},
    matching::{Match, Members, RawMatch},
    request::Forms,
    requires::RequiredFilter,
    rules::{self, Mode, Rule, Written},
    token_source::{RawTokenSource, SUBJECT_TOKEN},
};
use mcp_core::Compared;
use oauth_core::{
    authorization_details::{Named, Offered, RawType, RawWanted, Types, WantedTemplate},
    config::{self, Problems, at},
};
use serde::Deserialize;

use crate::arguments::Others;

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    token: Option<RawTokenSource>,
    requires: Option<Vec<RequiredFilter>>,
    clock_skew_seconds: Option<u64>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    types: Option<BTreeMap<String, RawType>>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    rules: Option<Vec<RawRarRule>>,
    unmatched: Option<Unmatched>,
    error_code: Option<String>,
    remediation: Option<bool>,
    introspection: Option<RawIntrospection>,
    body_mode: Option<BodyMode>,
    forms: Option<Forms>,
    cors: Option<RawCors>,
    mcp: Option<RawMcp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"name\": …, \"match\": …, \"require\": …}")]
struct RawRarRule {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    name: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    require: Option<RawWanted>,
    arguments: Option<Others>,
    mode: Option<Mode>,
}

/// What the filter enforces.
#[derive(Debug)]
pub struct Settings {
    pub(crate) common: Common,
    pub(crate) types: Types,
    pub(crate) rules: Vec<Rule<Requirement>>,
    pub(crate) unmatched: Unmatched,
    pub(crate) error_code: String,
    pub(crate) remediation: bool,
    /// Whom to ask for details that a token does not say.
    pub(crate) introspection: Option<Introspection>,
    /// The position of the property that may hold the credential for that.
    pub(crate) credential_at: Option<usize>,
    /// What of requests' heads the rules compare.
    pub(crate) named: Named,
}

/// What a rule requires.
#[derive(Clone, Debug)]
pub struct Requirement {
    pub(crate) wanted: WantedTemplate,
    /// The arguments that it compares: for each the steps to it.
    pub(crate) arguments: Vec<Vec<String>>,
    pub(crate) others: Others,
}

/// draft-ietf-oauth-rar-metadata-remediation.
const DEFAULT_ERROR_CODE: &str = "insufficient_authorization";

/// Longer ones are no error codes.
const MAX_ERROR_CODE_BYTES: usize = 64;

impl Settings {
    /// Reads a configuration document.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(document: &[u8]) -> Result<Self, Problems> {
        let (raw, mut problems) = config::read::<RawConfig>(document);
        let mut settings = raw.map(|raw| raw.settings(&mut problems));
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
    filter_kit::schema::of::<RawConfig>("rar-enforcement", Members::HttpAndMcp)
}

impl RawConfig {
    fn settings(&self, problems: &mut Problems) -> Settings {
        let raw_types = problems.required("types", self.types.as_ref(), "the types of authorization details");
        let types = raw_types.map(|raw| Types::settings(raw, "types", problems)).unwrap_or_default();
        let unmatched = self.unmatched.unwrap_or(Unmatched::Deny);
        let rules = self.rules(&types, unmatched, problems);
        let common = RawCommon {
            token: self.token.as_ref(),
            requires: self.requires.as_deref(),
            clock_skew_seconds: self.clock_skew_seconds,
            cors: self.cors.as_ref(),
            mcp: self.mcp.as_ref(),
            body_mode: self.body_mode,
            forms: self.forms,
        };
        let mut common = common.settings(rules.iter().map(|rule| (&rule.matches, rule.mode)), problems);
        common.endpoint.compared = common.endpoint.compared.or(compared(&rules));
        let introspection = self.introspection.as_ref();
        if introspection.is_some() && common.token.is_introspection() {
            problems.note("introspection", "is not used: token.source introspection says the details already");
        }
        let introspection =
            introspection.and_then(|raw| raw.settings(self.clock_skew_seconds, "introspection", problems));
        let credential_at = introspection.as_ref().map(|_| common.properties.len());
        common.properties.extend(introspection.as_ref().map(|_| SUBJECT_TOKEN));
        let looks_at_arguments = |rule: &Rule<Requirement>| rule.require.looks_at_arguments();
        if self.body_mode == Some(BodyMode::HeadersOnly) && rules.iter().any(looks_at_arguments) {
            problems.add("body_mode", "shows no arguments, which rules look at: expected hold_headers or hold_body");
        }
        for name in types.names() {
            if !rules.iter().any(|rule| rule.require.wanted.type_name() == name) && !problems.has_below("rules") {
                problems.note(at("types", name), "is not used: no rule requires it");
            } else if !problems.has_below("rules") {
                let required: Vec<&WantedTemplate> = rules.iter().map(|rule| &rule.require.wanted).collect();
                let place = at(&at("types", name), "fields");
                WantedTemplate::note_unused(&required, &types, name, &place, problems);
            }
        }
        let mut named = Named::default();
        rules.iter().for_each(|rule| rule.require.wanted.note(&mut named));
        let error_code = self.error_code.clone().unwrap_or_else(|| DEFAULT_ERROR_CODE.to_owned());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if error_code.is_empty() || error_code.len() > MAX_ERROR_CODE_BYTES || !error_code.bytes().all(plain) {
            problems.add("error_code", "is no error code: expected one as \"insufficient_authorization\"");
        }
        let remediation = self.remediation.unwrap_or(true);
        Settings { common, types, rules, unmatched, error_code, remediation, introspection, credential_at, named }
    }

    fn rules(&self, types: &Types, unmatched: Unmatched, problems: &mut Problems) -> Vec<Rule<Requirement>> {
        let raw = rules::required(self.rules.as_deref(), "rules", problems);
        let written = raw.iter().map(RawRarRule::written);
        let rest_is_denied = unmatched == Unmatched::Deny;
        rules::settings(
            written,
            Members::HttpAndMcp,
            None,
            rest_is_denied,
            "rules",
            problems,
            |raw, block, place, problems| {
                let Some((wanted, others)) = raw else { return Requirement::unsound() };
                let Some(block) = block else { return Requirement::unsound() };
                let wanted = wanted.settings(types, &offered(block), &at(place, "require"), problems);
                let mut named = Named::default();
                wanted.note(&mut named);
                if others.is_some() && !block.can_have_arguments() {
                    problems.add(
                        at(place, "arguments"),
                        "is about nothing: expected a match that is about tools or prompts",
                    );
                }
                let default = if named.arguments.is_empty() { Others::Open } else { Others::Closed };
                Requirement { wanted, arguments: named.arguments, others: others.unwrap_or(default) }
            },
        )
    }
}

impl RawRarRule {
    fn written(&self) -> Written<'_, (&RawWanted, Option<Others>)> {
        Written {
            name: self.name.as_ref(),
            matches: self.matches.as_ref(),
            require: self.require.as_ref().map(|wanted| (wanted, self.arguments)),
            mode: self.mode,
        }
    }
}

impl Requirement {
    /// Stands in where a mistake was noted already.
    fn unsound() -> Self {
        Self { wanted: WantedTemplate::default(), arguments: Vec::new(), others: Others::Open }
    }

    fn looks_at_arguments(&self) -> bool {
        !self.arguments.is_empty() || self.others == Others::Closed
    }
}

/// What rules compare of a call beyond their matches: its arguments, or the name of its tool. As for matches, rules in
/// shadow mode count only where they are alone.
fn compared(rules: &[Rule<Requirement>]) -> Compared {
    let all_are_shadow = rules.iter().all(|rule| rule.mode == Mode::Shadow);
    let looks = |rule: &Rule<Requirement>| rule.require.looks_at_arguments() || rule.require.wanted.names_tool();
    let any = rules.iter().any(|rule| (all_are_shadow || rule.mode == Mode::Enforce) && looks(rule));
    Compared { tools: any, prompts: any, ..Compared::NOTHING }
}

fn offered(block: &Match) -> Offered {
    let variables: BTreeSet<String> = block.variables().map(str::to_owned).collect();
    Offered { variables, tool: block.can_name_tools(), arguments: block.can_have_arguments() }
}

#[cfg(test)]
mod tests;
