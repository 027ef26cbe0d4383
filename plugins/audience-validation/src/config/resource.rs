//! `resources`: what is protected, whose tokens are meant for it, and what it requires.

use filter_kit::{
    clusters::{Clusters, RawClusters},
    issuers::Issuers,
    matching::{Match, Members, RawMatch},
    resources::{Protected, RawAccept, RawProtected, check_apart, check_methods},
    rules::{self, Mode, RawRule},
};
use oauth_core::{
    audience::same_resource,
    config::{Problems, at, at_index},
    requirement::{RawRequirement, Requirement},
    resource_metadata::{RawResourceMetadata, ResourceMetadata},
};
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"resource\": …}")]
pub(super) struct RawResource {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    resource: Option<String>,
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    mcp: Option<bool>,
    cluster: Option<RawClusters>,
    accept: Option<Vec<RawAccept>>,
    require: Option<RawRequirement>,
    rules: Option<Vec<RawRule<RawRequirement>>>,
    protected_resource_metadata: Option<RawResourceMetadata>,
}

/// One protected resource, what it requires and what it says about itself.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) protected: Protected,
    /// Whether its clients are those of MCP, which show nothing but JSON-RPC errors.
    pub(crate) is_mcp: bool,
    /// Where its requests may be routed to.
    pub(crate) clusters: Clusters,
    pub(crate) require: Requirement,
    pub(crate) rules: Vec<Rule>,
    pub(crate) metadata: Option<ResourceMetadata>,
}

/// What some of a resource's requests require besides.
pub(crate) type Rule = rules::Rule<Requirement>;

/// Checks the `resources` list; notes every mistake in it and between its entries.
pub(super) fn resources(raw: Option<&[RawResource]>, issuers: &Issuers, problems: &mut Problems) -> Vec<Resource> {
    if raw.is_some_and(<[_]>::is_empty) {
        problems.add("resources", "is empty: expected at least one resource");
    }
    let raw = problems.required("resources", raw, "a list of resources").unwrap_or_default();
    let mut resources: Vec<Resource> = Vec::new();
    for (index, entry) in raw.iter().enumerate() {
        let place = at_index("resources", index);
        let Some(made) = entry.settings(raw.len() == 1, issuers, &place, problems) else { continue };
        for other in &resources {
            if !same_resource(&made.protected.resource, &other.protected.resource)
                && let (Some(a), Some(b)) = (&made.metadata, &other.metadata)
                && a.shares_its_place_with(b)
            {
                // RFC 9728 §3.3: a document must name the resource that its URL was built from.
                problems.add(
                    at(&place, "protected_resource_metadata"),
                    format!("is in the same place as that of {}: expected it at one of them", other.protected.resource),
                );
            } else {
                check_apart(&made.protected, &other.protected, &place, problems);
            }
        }
        resources.push(made);
    }
    let protected: Vec<&Protected> = resources.iter().map(|resource| &resource.protected).collect();
    check_methods(&protected, "resources", problems);
    resources
}

impl RawResource {
    fn settings(&self, only: bool, issuers: &Issuers, place: &str, problems: &mut Problems) -> Option<Resource> {
        let protected = RawProtected {
            resource: self.resource.as_ref(),
            matches: self.matches.as_ref(),
            accept: self.accept.as_ref(),
        };
        let protected = protected.settings(only, issuers, place, problems)?;
        let clusters = RawClusters::settings(self.cluster.as_ref(), &at(place, "cluster"), problems);
        let matches = protected.matches.as_ref();
        let variables: Vec<&str> = matches.into_iter().flat_map(Match::variables).collect();
        let require = requirement(self.require.as_ref(), &variables, &at(place, "require"), problems);
        let rules = self.rules(matches, &variables, &at(place, "rules"), problems);
        let metadata = self.protected_resource_metadata.as_ref();
        let place = at(place, "protected_resource_metadata");
        let enforced = rules.iter().filter(|rule| rule.mode == Mode::Enforce).map(|rule| &rule.require);
        let required = std::iter::once(&require).chain(enforced).flat_map(Requirement::scopes);
        let metadata = metadata.and_then(|raw| raw.settings(&protected.resource, required, &place, problems));
        Some(Resource { protected, is_mcp: self.mcp.unwrap_or_default(), clusters, require, rules, metadata })
    }

    fn rules(&self, resource: Option<&Match>, variables: &[&str], place: &str, problems: &mut Problems) -> Vec<Rule> {
        let raw = self.rules.as_deref().unwrap_or_default();
        let written = raw.iter().map(RawRule::written);
        rules::settings(written, Members::Http, resource, false, place, problems, |raw, block, place, problems| {
            let own = block.into_iter().flat_map(Match::variables);
            requirement(raw, &own.chain(variables.iter().copied()).collect::<Vec<_>>(), &at(place, "require"), problems)
        })
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
