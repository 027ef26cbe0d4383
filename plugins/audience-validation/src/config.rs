//! The configuration: raw, and as settings.

mod resource;

use std::collections::BTreeMap;

use filter_kit::{
    cors::{Cors, RawCors},
    crypto::CryptoChoice,
    issuers::{Issuers, RawCache, RawIssuer},
    matching::{Match, Members, RawMatch},
    request::Forms,
    rules::Mode,
};
use oauth_core::{
    audience::AudienceComparison,
    config::{self, Problems, at, at_index},
    requirement::{RawRequirement, Requirement},
    scope::ScopeHierarchy,
};
use serde::Deserialize;

use resource::RawResource;
pub(crate) use resource::{Resource, Rule};

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    issuers: Option<Vec<RawIssuer>>,
    clock_skew_seconds: Option<u64>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    resources: Option<Vec<RawResource>>,
    named_requirements: Option<BTreeMap<String, RawRequirement>>,
    public: Option<Vec<RawMatch>>,
    cors: Option<RawCors>,
    forms: Option<Forms>,
    strict_audience: Option<bool>,
    audience_comparison: Option<AudienceComparison>,
    scope_hierarchy: Option<BTreeMap<String, Vec<String>>>,
    forward: Option<RawForward>,
    crypto: Option<CryptoChoice>,
    cache: Option<RawCache>,
    mode: Option<Mode>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"authorization\": \"remove\"}")]
struct RawForward {
    claims_header: Option<String>,
    authorization: Option<ForwardAuthorization>,
}

/// What becomes of the credential of an allowed request, public ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ForwardAuthorization {
    /// It goes upstream as it came.
    #[default]
    Keep,
    /// It ends here.
    Remove,
    /// It is kept for token-exchange, which alone puts a credential back.
    Exchange,
}

/// What the filter enforces.
#[derive(Debug)]
pub struct Settings {
    pub(crate) issuers: Issuers,
    pub(crate) resources: Vec<Resource>,
    pub(crate) named_requirements: BTreeMap<String, Requirement>,
    pub(crate) public: Vec<Match>,
    pub(crate) cors: Cors,
    pub(crate) forms: Forms,
    pub(crate) strict_audience: bool,
    pub(crate) audience_comparison: AudienceComparison,
    pub(crate) scope_hierarchy: ScopeHierarchy,
    pub(crate) claims_header: Option<String>,
    pub(crate) forward_authorization: ForwardAuthorization,
    pub(crate) crypto: CryptoChoice,
    pub(crate) mode: Mode,
    /// Allowed, but hardly meant; for the log.
    pub(crate) notes: Vec<String>,
}

/// The JSON Schema of the configuration.
#[cfg(not(target_family = "wasm"))]
#[must_use]
pub fn schema() -> String {
    filter_kit::schema::of::<RawConfig>("audience-validation", Members::Http)
}

impl Settings {
    /// Every match there is.
    pub(crate) fn matches(&self) -> impl Iterator<Item = &Match> {
        let rules = self.resources.iter().flat_map(|resource| &resource.rules).map(|rule| &rule.matches);
        let resources = self.resources.iter().filter_map(|resource| resource.protected.matches.as_ref());
        self.public.iter().chain(resources).chain(rules)
    }

    /// Reads a configuration document.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(document: &[u8]) -> Result<Self, Problems> {
        let (raw, mut problems) = config::read::<RawConfig>(document);
        let mut settings = raw.map(|raw| raw.settings(&mut problems));
        if let Some(settings) = &mut settings {
            settings.notes = problems.notes().iter().map(|note| format!("{} {}", note.path, note.message)).collect();
        }
        problems.into_result(settings)
    }
}

impl RawConfig {
    fn settings(&self, problems: &mut Problems) -> Settings {
        let raw_issuers = problems.required("issuers", self.issuers.as_deref(), "a list of issuers");
        let issuers = |raw, problems: &mut Problems| {
            Issuers::settings(raw, self.clock_skew_seconds, self.cache.as_ref(), "issuers", problems)
        };
        // A missing list is one mistake, not two.
        let issuers = match raw_issuers {
            Some(raw) => issuers(raw, problems),
            None => issuers(&[], &mut Problems::default()),
        };
        let resources = resource::resources(self.resources.as_deref(), &issuers, problems);
        let public = self.public(&resources, problems);
        let named = self.named_requirements.iter().flatten();
        let named_requirements = named
            .map(|(name, raw)| {
                let place = at("named_requirements", name);
                if !is_requirement_name(name) {
                    problems.add(
                        &place,
                        "is no name: expected letters, digits, - and _, since routes list names with spaces",
                    );
                }
                (name.clone(), raw.settings(&place, problems))
            })
            .collect();
        let hierarchy = self.scope_hierarchy.as_ref();
        let mode = self.mode.unwrap_or_default();
        let forward = self.forward.clone().unwrap_or_default();
        let forward_authorization = forward.authorization.unwrap_or_default();
        if mode == Mode::Shadow && forward_authorization != ForwardAuthorization::Keep {
            // A filter that decides nothing must not take credentials away either.
            problems.add("forward.authorization", "cannot be while mode is shadow: expected keep");
        }
        if mode == Mode::Shadow && forward.claims_header.is_some() {
            problems.note("forward.claims_header", "is not set while mode is shadow: nothing there is decided");
        }
        if forward.claims_header.as_deref().is_some_and(|name| !is_identity_field(name)) {
            // Every such field of a client is taken out, so that nobody else can set it.
            problems.add(
                "forward.claims_header",
                "is no name of ours: expected one in lower case that begins with x-fourleg-",
            );
        }
        Settings {
            issuers,
            resources,
            named_requirements,
            public,
            cors: RawCors::settings(self.cors.as_ref(), "cors", problems),
            forms: self.forms.unwrap_or_default(),
            strict_audience: self.strict_audience.unwrap_or(false),
            audience_comparison: self.audience_comparison.unwrap_or_default(),
            scope_hierarchy: hierarchy
                .map(|raw| ScopeHierarchy::settings(raw, "scope_hierarchy", problems))
                .unwrap_or_default(),
            claims_header: forward.claims_header,
            forward_authorization,
            crypto: self.crypto.unwrap_or_default(),
            mode,
            notes: Vec::new(),
        }
    }

    fn public(&self, resources: &[Resource], problems: &mut Problems) -> Vec<Match> {
        let mut public = Vec::new();
        for (index, raw) in self.public.as_deref().unwrap_or_default().iter().enumerate() {
            let place = at_index("public", index);
            let Some(block) = raw.settings(Members::Http, &place, problems) else { continue };
            if block.is_about_every_path() {
                problems.add(&place, "is about every path: expected a path other than the prefix \"/\"");
            }
            let mut protected = resources.iter().map(|resource| &resource.protected);
            let covered = protected.find(|other| other.matches.as_ref().is_some_and(|other| block.covers(other)));
            if let Some(other) = covered {
                problems.add(&place, format!("covers the whole of {}: expected only a part of it", other.resource));
            }
            public.push(block);
        }
        public
    }
}

fn is_requirement_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn is_identity_field(name: &str) -> bool {
    let rest = name.strip_prefix("x-fourleg-").unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests;
