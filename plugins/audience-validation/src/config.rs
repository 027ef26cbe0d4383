//! The configuration: raw, and as settings.

use std::collections::BTreeMap;

use filter_kit::{
    crypto::CryptoChoice,
    issuers::{Issuers, RawCache, RawIssuer},
    matching::{Match, RawMatch},
};
use oauth_core::{
    audience::{AudienceComparison, is_resource_identifier},
    config::{self, Problems, at, at_index},
    requirement::{RawRequirement, Requirement},
    resource_metadata::{RawResourceMetadata, ResourceMetadata},
    scope::ScopeHierarchy,
};
use serde::Deserialize;

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
#[serde(deny_unknown_fields, default, expecting = "an object as {\"resource\": …}")]
struct RawResource {
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

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"allow_origins\": […]}")]
struct RawCors {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    allow_origins: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"authorization\": \"remove\"}")]
struct RawForward {
    claims_header: Option<String>,
    authorization: Option<ForwardAuthorization>,
}

/// Whether a verdict decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// It is recorded and decides nothing.
    Shadow,
}

/// What becomes of the credential of an allowed request.
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
    pub(crate) allow_origins: Vec<String>,
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

impl Settings {
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

/// The JSON Schema of the configuration. What it cannot say, such as ranges that depend on each other, is still checked
/// when the filter loads.
#[cfg(not(target_family = "wasm"))]
#[must_use]
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(RawConfig).to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "Configuration of audience-validation".into());
    }
    forbid_null(&mut schema);
    format!("{schema:#}\n")
}

/// A member that is not given is left out, never null.
#[cfg(not(target_family = "wasm"))]
fn forbid_null(schema: &mut serde_json::Value) {
    use serde_json::Value;
    match schema {
        Value::Object(members) => {
            members.retain(|name, value| !(name == "default" && value.is_null()));
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    members.remove("anyOf");
                    members.extend(only);
                }
            }
            members.values_mut().for_each(forbid_null);
        }
        Value::Array(elements) => elements.iter_mut().for_each(forbid_null),
        _ => {}
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
        let resources = self.resources(&issuers, problems);
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
            allow_origins: self.cors.as_ref().map(|cors| cors.settings(problems)).unwrap_or_default(),
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
            let Some(block) = raw.settings(&place, problems) else { continue };
            if block.is_about_every_path() {
                problems.add(&place, "is about every path: expected a path other than the prefix \"/\"");
            }
            let covered = |resource: &&Resource| resource.matches.as_ref().is_some_and(|other| block.covers(other));
            if let Some(resource) = resources.iter().find(covered) {
                problems.add(&place, format!("covers the whole of {}: expected only a part of it", resource.resource));
            }
            public.push(block);
        }
        public
    }

    fn resources(&self, issuers: &Issuers, problems: &mut Problems) -> Vec<Resource> {
        let raw = problems.required("resources", self.resources.as_deref(), "a list of resources").unwrap_or_default();
        if self.resources.as_ref().is_some_and(Vec::is_empty) {
            problems.add("resources", "is empty: expected at least one resource");
        }
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

impl RawCors {
    fn settings(&self, problems: &mut Problems) -> Vec<String> {
        let place = at("cors", "allow_origins");
        let origins = problems.required(&place, self.allow_origins.clone(), "a list of origins").unwrap_or_default();
        for (index, origin) in origins.iter().enumerate() {
            let (scheme, host) = origin.split_once("://").unwrap_or_default();
            let plain = host.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']')
            });
            if !matches!(scheme, "http" | "https") || host.is_empty() || !plain {
                problems.add(
                    at_index(&place, index),
                    "is no origin: expected one in lower case as \"https://app.example\" (no *, no path)",
                );
            }
        }
        origins
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
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sound() -> Value {
        json!({
            "issuers": [
                {"issuer": "https://idp.example", "jwks": {"remote": {"cluster": "idp", "uri": "https://idp.example/jwks"}}},
                {"issuer": "https://other.example", "profile": "generic", "algorithms": ["EdDSA"], "token_types": ["JWT"],
                 "jwks": {"inline": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}},
            ],
            "clock_skew_seconds": 10,
            "resources": [
                {"resource": "https://tools.example/files", "match": {"path": {"prefix": "/files"}},
                 "accept": [{"issuer": "https://idp.example", "audiences": ["files"]}, {"issuer": "https://other.example"}],
                 "require": {"scopes": ["files:read"]},
                 "rules": [{"name": "write", "match": {"methods": ["POST"]}, "require": {"scopes": ["files:write"]}, "mode": "enforce"}]},
                {"resource": "urn:example:rest", "match": {"path": {"prefix": "/"}}},
            ],
            "public": [{"methods": ["GET"], "path": {"exact": "/healthz"}}],
        })
    }

    /// The sound configuration with one member set, or taken out.
    fn with(pointer: &str, value: Option<Value>) -> String {
        let mut document = sound();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap();
        match (parent, value) {
            (Value::Object(members), Some(value)) => drop(members.insert(member.to_owned(), value)),
            (Value::Object(members), None) => drop(members.remove(member).unwrap()),
            (Value::Array(elements), Some(value)) => elements[member.parse::<usize>().unwrap()] = value,
            _ => panic!("no place {pointer}"),
        }
        document.to_string()
    }

    fn mistakes(document: &str) -> Vec<String> {
        let problems = Settings::read(document.as_bytes()).map(drop).unwrap_err();
        problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
    }

    #[test]
    fn reads_a_sound_configuration() {
        let settings = Settings::read(sound().to_string().as_bytes()).unwrap();
        assert_eq!(settings.issuers.len(), 2);
        let [files, rest] = settings.resources.as_slice() else { panic!("two resources") };
        assert_eq!(files.accept[0].audiences, ["files"]);
        assert_eq!(files.accept[1].audiences, ["https://tools.example/files"]);
        assert_eq!((files.rules.len(), rest.rules.len(), rest.accept.len()), (1, 0, 2));
    }

    /// `cargo xtask schema` writes the file anew.
    #[test]
    fn the_committed_schema_is_the_one_of_this_version() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
        if std::env::var_os("FOURLEG_WRITE_SCHEMA").is_some() {
            std::fs::write(path, schema()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), schema(), "type `cargo xtask schema`");
    }

    #[test]
    fn a_single_resource_needs_no_match() {
        let mut document = sound();
        document["resources"] = json!([{"resource": "https://tools.example"}]);
        assert!(Settings::read(document.to_string().as_bytes()).unwrap().resources[0].matches.is_none());
    }

    #[test]
    fn each_typical_mistake_is_named_with_its_place() {
        let set = |pointer, value| with(pointer, Some(value));
        let gone = |pointer| with(pointer, None);
        for (document, expected) in [
            (gone("/issuers"), "issuers is missing"),
            (set("/issuers", json!([])), "issuers is empty"),
            (gone("/issuers/0/issuer"), "issuers[0].issuer is missing"),
            (set("/issuers/0/issuer", json!(7)), "issuers[0].issuer is of type integer: expected a string"),
            (set("/issuers/1/issuer", json!("https://idp.example")), "issuers[1].issuer is there twice"),
            (
                set("/issuers/0/profile", json!("rfc9086")),
                "issuers[0].profile has a wrong value: expected one of `rfc9068`",
            ),
            (set("/issuers/0/algorithms", json!([])), "issuers[0].algorithms is empty"),
            (set("/issuers/0/algorithms", json!(["none"])), "issuers[0].algorithms[0] is no supported algorithm"),
            (set("/issuers/0/algorithms", json!(["HS256"])), "issuers[0].algorithms[0] is no supported algorithm"),
            (set("/issuers/0/token_types", json!([""])), "issuers[0].token_types is empty"),
            (gone("/issuers/0/jwks"), "issuers[0].jwks is missing"),
            (set("/issuers/0/jwks", json!({})), "issuers[0].jwks has none or several"),
            (set("/issuers/1/jwks/inline", json!({"keys": []})), "issuers[1].jwks.inline holds no usable key"),
            (set("/issuers/1/jwks/inline", json!({"key": []})), "issuers[1].jwks.inline is no JWK set"),
            (gone("/issuers/0/jwks/remote/cluster"), "issuers[0].jwks.remote.cluster is missing"),
            (
                set("/issuers/0/jwks/remote/uri", json!("http://idp.example/jwks")),
                "issuers[0].jwks.remote.uri is no plain https URL",
            ),
            (set("/issuers/0/jwks/remote/timeout_ms", json!(0)), "issuers[0].jwks.remote.timeout_ms is out of range"),
            (
                set("/issuers/0/jwks/remote/cooldown_seconds", json!("1")),
                "issuers[0].jwks.remote.cooldown_seconds is of type string",
            ),
            (
                set("/issuers/0/jwks/remote/refresh", json!(60)),
                "issuers[0].jwks.remote.refresh is not known here: expected one of `cluster`",
            ),
            (
                set("/issuers/0/jwks/remote/max_stale_seconds", json!(20)),
                "issuers[0].jwks.remote.max_stale_seconds is shorter",
            ),
            (set("/clock_skew_seconds", json!(600)), "clock_skew_seconds is too large"),
            (gone("/resources"), "resources is missing"),
            (set("/resources", json!([])), "resources is empty"),
            (set("/resources/0/resource", json!("tools.example")), "resources[0].resource is no absolute URI"),
            (set("/resources/0/resource", json!("https://h#f")), "resources[0].resource is no absolute URI"),
            (gone("/resources/0/match"), "resources[0].match is missing"),
            (set("/resources/0/match", json!({})), "resources[0].match is empty"),
            (
                set("/resources/0/match", json!({"path": {"prefix": "/"}})),
                "resources[1].match can match the same request",
            ),
            (set("/resources/0/match/path/prefix", json!("/files/")), "resources[0].match.path.prefix ends with /"),
            (set("/resources/0/accept", json!([])), "resources[0].accept is empty"),
            (
                set("/resources/0/accept/0/issuer", json!("https://idp.example/")),
                "resources[0].accept[0].issuer is none of issuers",
            ),
            (set("/resources/0/accept/0/audiences", json!([])), "resources[0].accept[0].audiences is empty"),
            (set("/resources/0/require/scopes", json!("files:read")), "resources[0].require.scopes is of type string"),
            (set("/resources/0/require/scopes/0", json!("a b")), "resources[0].require.scopes[0] is no scope"),
            (gone("/resources/0/rules/0/require"), "resources[0].rules[0].require is missing"),
            (gone("/resources/0/rules/0/match"), "resources[0].rules[0].match is missing"),
            (gone("/resources/0/rules/0/name"), "resources[0].rules[0].name is missing"),
            (set("/public/0", json!({})), "public[0] is empty"),
            (set("/issuers/0/tenants", json!(["t"])), "issuers[0].tenants is known to the profile entra only"),
            (set("/issuers/0/issuer", json!("https://login.example/{tenantid}/v2.0")), "issuers[0].tenants is missing"),
            (set("/issuers/0/jwks", json!({"discovery": {}})), "issuers[0].jwks.discovery.cluster is missing"),
            (
                set("/issuers/0/jwks", json!({"discovery": {"cluster": "idp", "metadata_uri": "http://x"}})),
                "issuers[0].jwks.discovery.metadata_uri is no plain https URL",
            ),
            (
                set(
                    "/issuers/0/jwks",
                    json!({"discovery": {"cluster": "idp", "hosts": {"https://keys.example": "keys"}}}),
                ),
                "issuers[0].jwks.discovery.hosts.https://keys.example is no host",
            ),
            (
                set("/resources/0/rules/0/match", json!({"hosts": ["a.example"]})),
                "resources[0].rules[0].match.hosts can be dodged",
            ),
            (
                set("/resources/0/require", json!({"subject_equals": ["{path.user}"]})),
                "resources[0].require.subject_equals names {path.user}",
            ),
            (
                set("/resources/0/require", json!({"source_cidrs": ["10.0.0.1/8"]})),
                "resources[0].require.source_cidrs[0] is no address range",
            ),
            (
                set("/resources/0/protected_resource_metadata", json!({"authorization_servers": []})),
                "resources[0].protected_resource_metadata.authorization_servers is empty",
            ),
            (
                set("/resources/1/protected_resource_metadata", json!({"authorization_servers": ["https://a"]})),
                "cannot be served",
            ),
            (
                set("/resources/1/resource", json!("https://tools.example/files")),
                "resources[1].resource is there twice",
            ),
            (set("/named_requirements", json!({"a b": {}})), "named_requirements.a b is no name"),
            (set("/cors", json!({"allow_origins": ["*"]})), "cors.allow_origins[0] is no origin"),
            (set("/cors", json!({"allow_origins": ["https://a.example/"]})), "cors.allow_origins[0] is no origin"),
            (set("/forward", json!({"claims_header": "x-user"})), "forward.claims_header is no name of ours"),
            (set("/forward", json!({"authorization": "drop"})), "forward.authorization has a wrong value"),
            (set("/scope_hierarchy", json!({"a b": []})), "scope_hierarchy.a b is no scope"),
            (set("/crypto", json!("openssl")), "crypto has a wrong value: expected one of `auto`, `host`, `guest`"),
            (set("/cache", json!({"max_entries": -1})), "cache.max_entries is of type integer"),
            (set("/mode", json!("off")), "mode has a wrong value: expected `enforce` or `shadow`"),
            (set("/public/0", json!({"methods": ["GET"]})), "public[0] is about every path"),
            (set("/public/0", json!({"path": {"prefix": "/"}})), "public[0] is about every path"),
            (
                set("/public/0", json!({"path": {"prefix": "/files"}})),
                "public[0] covers the whole of https://tools.example/files",
            ),
            (
                set("/resources/0/match", json!({"methods": ["GET"], "path": {"prefix": "/files"}})),
                "resources[0].match.methods leaves its other methods to urn:example:rest",
            ),
            (
                set(
                    "/resources/0/rules",
                    json!([
                        {"name": "a", "match": {"path": {"prefix": "/files"}}, "require": {}},
                        {"name": "b", "match": {"methods": ["GET"], "path": {"prefix": "/files/x"}}, "require": {}},
                    ]),
                ),
                "resources[0].rules[1].match is never reached: the rule \"a\" before it",
            ),
            (
                set("/resources/0/rules/0/match", json!({"path": {"prefix": "/delete"}})),
                "resources[0].rules[0].match.path lies outside of the resource's path",
            ),
            (set("/resources/0/match/path/prefix", json!("/files/*")), "resources[0].match.path.prefix holds a *"),
            (
                set("/resources/0/match/path", json!("/files")),
                "resources[0].match.path is of type string: expected an object",
            ),
            (set("/resources/0/require", json!(null)), "resources[0].require is null"),
            (set("/resources/0/require/scopes", json!(null)), "resources[0].require.scopes is null"),
            (set("/public/0", json!([["POST"]])), "public[0] is of type list"),
            (set("/resources/0/require", json!([])), "resources[0].require is of type list"),
            (set("/publik", json!([])), "publik is not known here"),
            (String::new(), " is not valid JSON"),
            ("{\"issuers\": [}".to_owned(), "line 1 column 14"),
        ] {
            let found = mistakes(&document);
            let told = found.iter().filter(|mistake| mistake.contains(expected)).count();
            assert_eq!(told, 1, "{expected} in {found:#?}");
            // One edit can break a reference elsewhere, too; more would be one mistake told many times.
            assert!(found.len() <= 2, "{expected} in {found:#?}");
        }
    }

    #[test]
    fn a_filter_that_decides_nothing_takes_no_credential_away() {
        let mut document = sound();
        document["mode"] = json!("shadow");
        document["forward"] = json!({"authorization": "remove"});
        assert!(mistakes(&document.to_string())[0].starts_with("forward.authorization cannot be while mode is shadow"));
    }

    /// AUD-11, PRM-07
    #[test]
    fn what_is_hardly_meant_is_noted() {
        let mut document = sound();
        document["resources"][0]["require"] = json!({"claims": [{"pointer": "/email", "any_of": ["a@b.example"]}]});
        document["resources"][0]["protected_resource_metadata"] =
            json!({"authorization_servers": ["https://idp.example"], "scopes_supported": ["offline_access"]});
        let notes = Settings::read(document.to_string().as_bytes()).unwrap().notes;
        assert_eq!(notes.len(), 2, "{notes:#?}");
        assert!(notes[0].starts_with("resources[0].require.claims[0].pointer"), "{notes:#?}");
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let mut document = sound();
        document["issuers"][0]["jwks"]["remote"]["uri"] = json!("ftp://x");
        document["issuers"][1]["profile"] = json!(1);
        document["resources"][0]["require"] = json!({"scopes": ["\""], "actors": {}});
        document["resources"][1]["resource"] = json!("");
        document["nonsense"] = json!(true);
        let found = mistakes(&document.to_string());
        assert_eq!(found.len(), 5, "{found:#?}");
    }
}
