//! `resources`: what is protected, whose tokens are meant for it, and what it requires.

use filter_kit::{
    issuers::Issuers,
    matching::{Match, RawMatch},
};
use oauth_core::{
    audience::is_resource_identifier,
    config::{Problems, at, at_index},
    requirement::{RawRequirement, Requirement},
    resource_metadata::{RawResourceMetadata, ResourceMetadata},
};
use serde::Deserialize;

use super::Mode;

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"resource\": …}")]
pub(super) struct RawResource {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    resource: Option<String>,
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    accept: Option<Vec<RawAccept>>,
    require: Option<RawRequirement>,
    rules: Option<Vec<RawRule>>,
    protected_resource_metadata: Option<RawResourceMetadata>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"issuer\": …, \"audiences\": […]}")]
struct RawAccept {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    issuer: Option<String>,
    audiences: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"name\": …, \"match\": …, \"require\": …}")]
struct RawRule {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    name: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    require: Option<RawRequirement>,
    mode: Option<Mode>,
}

/// One protected resource (RFC 8707).
#[derive(Debug)]
pub(crate) struct Resource {
    /// Its identifier: the default audience, and the realm of its challenges.
    pub(crate) resource: String,
    /// `None`: it is the only one and every request is about it.
    pub(crate) matches: Option<Match>,
    pub(crate) accept: Vec<Accept>,
    pub(crate) require: Requirement,
    pub(crate) rules: Vec<Rule>,
    pub(crate) metadata: Option<ResourceMetadata>,
}

/// The audiences under which tokens of one issuer are meant for a resource.
#[derive(Debug)]
pub(crate) struct Accept {
    /// Position in [`Issuers`].
    pub(crate) issuer: usize,
    pub(crate) audiences: Vec<String>,
}

/// What some of a resource's requests require besides.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) matches: Match,
    pub(crate) require: Requirement,
    pub(crate) mode: Mode,
}

/// Checks the `resources` list; notes every mistake in it and between its entries.
pub(super) fn resources(raw: Option<&[RawResource]>, issuers: &Issuers, problems: &mut Problems) -> Vec<Resource> {
    if raw.is_some_and(<[_]>::is_empty) {
        problems.add("resources", "is empty: expected at least one resource");
    }
    let raw = problems.required("resources", raw, "a list of resources").unwrap_or_default();
    let context = Context { issuers, only: raw.len() == 1 };
    let mut resources: Vec<Resource> = Vec::new();
    for (index, raw) in raw.iter().enumerate() {
        let place = at_index("resources", index);
        let Some(made) = raw.settings(&place, context, problems) else { continue };
        for other in &resources {
            if made.resource == other.resource {
                problems.add(at(&place, "resource"), "is there twice: expected each resource once");
            } else if let (Some(a), Some(b)) = (&made.metadata, &other.metadata)
                && a.shares_its_place_with(b)
            {
                // RFC 9728 §3.3: a document must name the resource that its URL was built from.
                problems.add(
                    at(&place, "protected_resource_metadata"),
                    format!("is in the same place as that of {}: expected it at one of them", other.resource),
                );
            } else if let (Some(a), Some(b)) = (&made.matches, &other.matches)
                && a.ties_with(b)
            {
                problems.add(
                    at(&place, "match"),
                    format!(
                        "can match the same request as closely as that of {}: expected one resource per request",
                        other.resource
                    ),
                );
            }
        }
        resources.push(made);
    }
    for (index, resource) in resources.iter().enumerate() {
        let Some(block) = resource.matches.as_ref().and_then(Match::for_all_methods) else { continue };
        let takes_the_rest = |other: &&Resource| {
            other.resource != resource.resource && other.matches.as_ref().is_some_and(|other| other.covers(&block))
        };
        if let Some(other) = resources.iter().find(takes_the_rest) {
            problems.add(
                at(&at(&at_index("resources", index), "match"), "methods"),
                format!("leaves its other methods to {}: expected no methods here, but in a rule", other.resource),
            );
        }
    }
    resources
}

/// What a resource's check needs to know of the rest.
#[derive(Clone, Copy)]
struct Context<'a> {
    issuers: &'a Issuers,
    only: bool,
}

impl RawResource {
    fn settings(&self, place: &str, context: Context<'_>, problems: &mut Problems) -> Option<Resource> {
        let resource = problems.required(
            at(place, "resource"),
            self.resource.clone(),
            "the resource's identifier, an absolute URI",
        );
        if resource.as_deref().is_some_and(|uri| !is_resource_identifier(uri)) {
            // RFC 8707 §2
            problems.add(
                at(place, "resource"),
                "is no absolute URI without fragment: expected one as \"https://tools.example/files\"",
            );
        }
        let resource = resource?;
        let matches = match &self.matches {
            Some(raw) => raw.settings(&at(place, "match"), problems),
            None if context.only => None,
            None => problems.required(at(place, "match"), None, "a match, since there are several resources"),
        };
        let accept = self.accept(place, &resource, context.issuers, problems);
        let variables: Vec<&str> = matches.iter().flat_map(Match::variables).collect();
        let require = requirement(self.require.as_ref(), &variables, &at(place, "require"), problems);
        let rules = self.rules(matches.as_ref(), &variables, &at(place, "rules"), problems);
        let metadata = self.protected_resource_metadata.as_ref();
        let metadata =
            metadata.and_then(|raw| raw.settings(&resource, &at(place, "protected_resource_metadata"), problems));
        Some(Resource { resource, matches, accept, require, rules, metadata })
    }

    /// By default tokens of every issuer, with the resource as audience.
    fn accept(&self, place: &str, resource: &str, issuers: &Issuers, problems: &mut Problems) -> Vec<Accept> {
        let place = at(place, "accept");
        let Some(raw) = &self.accept else {
            let every = |issuer| Accept { issuer, audiences: vec![resource.to_owned()] };
            return (0..issuers.len()).map(every).collect();
        };
        if raw.is_empty() {
            problems.add(&place, "is empty: expected at least one issuer");
        }
        let mut accept: Vec<Accept> = Vec::new();
        for (index, raw) in raw.iter().enumerate() {
            let place = at_index(&place, index);
            let audiences = raw.audiences.clone().unwrap_or_else(|| vec![resource.to_owned()]);
            if audiences.is_empty() || audiences.iter().any(String::is_empty) {
                problems.add(
                    at(&place, "audiences"),
                    "is empty or holds an empty name: expected the audiences that mean this resource",
                );
            }
            let issuer = problems.required(at(&place, "issuer"), raw.issuer.as_deref(), "one of issuers[].issuer");
            let Some(issuer) = issuer else { continue };
            if !issuers.may_name(issuer) {
                problems.add(at(&place, "issuer"), "is none of issuers[].issuer: expected one of them, byte for byte");
            }
            let Some(issuer) = issuers.position(issuer) else { continue };
            if accept.iter().any(|other| other.issuer == issuer) {
                problems.add(at(&place, "issuer"), "is there twice: expected each issuer once");
            }
            accept.push(Accept { issuer, audiences });
        }
        accept
    }

    fn rules(&self, resource: Option<&Match>, variables: &[&str], place: &str, problems: &mut Problems) -> Vec<Rule> {
        let mut rules = Vec::new();
        let raw = self.rules.as_deref().unwrap_or_default();
        for (index, raw) in raw.iter().enumerate() {
            rules.extend(raw.settings(variables, &at_index(place, index), problems).map(|rule| (index, rule)));
        }
        for (position, (index, rule)) in rules.iter().enumerate() {
            if resource.is_some_and(|resource| !resource.paths_meet(&rule.matches)) {
                problems.add(
                    at(&at(&at_index(place, *index), "match"), "path"),
                    "lies outside of the resource's path, so the rule is never reached: expected a whole path within it",
                );
            }
            let covers =
                |(_, earlier): &&(usize, Rule)| earlier.mode == Mode::Enforce && earlier.matches.covers(&rule.matches);
            if let Some((_, earlier)) = rules.iter().take(position).find(covers) {
                problems.add(
                    at(&at_index(place, *index), "match"),
                    format!("is never reached: the rule \"{}\" before it matches all of it", earlier.name),
                );
            }
            let later = rules.iter().skip(position.saturating_add(1));
            let caught = |(_, later): &(usize, Rule)| !later.matches.names_hosts() && later.mode == Mode::Enforce;
            if rule.matches.names_hosts() && !later.clone().any(caught) {
                // The client chooses the Host header.
                problems.add(
                    at(&at(&at_index(place, *index), "match"), "hosts"),
                    "can be dodged by another Host header: expected a later enforcing rule without hosts",
                );
            }
        }
        rules.into_iter().map(|(_, rule)| rule).collect()
    }
}

impl RawRule {
    fn settings(&self, variables: &[&str], place: &str, problems: &mut Problems) -> Option<Rule> {
        let name = problems.required(at(place, "name"), self.name.clone(), "a name for logs");
        let raw = problems.required(
            at(place, "require"),
            self.require.as_ref(),
            "what the rule requires, as {\"scopes\": […]}",
        );
        let matches = problems.required(at(place, "match"), self.matches.as_ref(), "a match");
        let matches = matches.and_then(|raw| raw.settings(&at(place, "match"), problems));
        let variables: Vec<&str> = matches.iter().flat_map(Match::variables).chain(variables.iter().copied()).collect();
        let require = requirement(raw, &variables, &at(place, "require"), problems);
        Some(Rule { name: name?, matches: matches?, require, mode: self.mode.unwrap_or_default() })
    }
}

/// A requirement whose templates can be filled by the variables of its match.
fn requirement(raw: Option<&RawRequirement>, variables: &[&str], place: &str, problems: &mut Problems) -> Requirement {
    let requirement = raw.map(|raw| raw.settings(place, problems)).unwrap_or_default();
    for name in requirement.captures() {
        if !variables.contains(&name) {
            problems.add(
                at(place, "subject_equals"),
                format!("names {{path.{name}}}, which no template of its match has: it could never hold"),
            );
        }
    }
    requirement
}
