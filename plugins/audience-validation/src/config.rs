//! The configuration: raw, and as settings.

use filter_kit::{
    issuers::{Issuers, RawIssuer},
    matching::{Match, RawMatch},
};
use oauth_core::{
    config::{self, Problems, at, at_index},
    scope::ScopeToken,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    issuers: Option<Vec<RawIssuer>>,
    clock_skew_seconds: Option<u64>,
    resources: Option<Vec<RawResource>>,
    public: Option<Vec<RawMatch>>,
    named_requirements: Option<Value>,
    cors: Option<Value>,
    strict_audience: Option<Value>,
    scope_hierarchy: Option<Value>,
    forward: Option<Value>,
    crypto: Option<Value>,
    cache: Option<Value>,
    mode: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawResource {
    resource: Option<String>,
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    accept: Option<Vec<RawAccept>>,
    require: Option<RawRequire>,
    rules: Option<Vec<RawRule>>,
    protected_resource_metadata: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawAccept {
    issuer: Option<String>,
    audiences: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRequire {
    scopes: Option<Vec<String>>,
    token_kind: Option<Value>,
    clients: Option<Value>,
    roles: Option<Value>,
    claims: Option<Value>,
    subject_equals: Option<Value>,
    source_cidrs: Option<Value>,
    actors: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRule {
    name: Option<String>,
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    require: Option<RawRequire>,
    mode: Option<Value>,
}

/// What the filter enforces.
#[derive(Debug)]
pub struct Settings {
    pub(crate) issuers: Issuers,
    pub(crate) resources: Vec<Resource>,
    pub(crate) public: Vec<Match>,
}

/// One protected resource (RFC 8707).
#[derive(Debug)]
pub(crate) struct Resource {
    /// Its identifier: the default audience, and the realm of its challenges.
    pub(crate) resource: String,
    /// `None`: it is the only one and every request is about it.
    pub(crate) matches: Option<Match>,
    pub(crate) accept: Vec<Accept>,
    pub(crate) scopes: Vec<ScopeToken>,
    pub(crate) rules: Vec<Rule>,
}

/// The audiences under which tokens of one issuer are meant for a resource.
#[derive(Debug)]
pub(crate) struct Accept {
    /// Position in [`Issuers`].
    pub(crate) issuer: usize,
    pub(crate) audiences: Vec<String>,
}

/// Further scopes for some of a resource's requests.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) matches: Match,
    pub(crate) scopes: Vec<ScopeToken>,
}

impl Settings {
    /// Reads a configuration document.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(document: &[u8]) -> Result<Self, Problems> {
        let (raw, mut problems) = config::read::<RawConfig>(document);
        let settings = raw.map(|raw| raw.settings(&mut problems));
        problems.into_result(settings)
    }
}

impl RawConfig {
    fn settings(&self, problems: &mut Problems) -> Settings {
        for (name, value) in [
            ("named_requirements", &self.named_requirements),
            ("cors", &self.cors),
            ("strict_audience", &self.strict_audience),
            ("scope_hierarchy", &self.scope_hierarchy),
            ("forward", &self.forward),
            ("crypto", &self.crypto),
            ("cache", &self.cache),
            ("mode", &self.mode),
        ] {
            problems.not_supported(name, value.as_ref());
        }
        let raw_issuers = problems.required("issuers", self.issuers.as_deref(), "a list of issuers");
        // A missing list is one mistake, not two.
        let issuers = match raw_issuers {
            Some(raw) => Issuers::settings(raw, self.clock_skew_seconds, "issuers", problems),
            None => Issuers::settings(&[], self.clock_skew_seconds, "issuers", &mut Problems::default()),
        };
        let raw_resources =
            problems.required("resources", self.resources.as_deref(), "a list of resources").unwrap_or_default();
        if self.resources.as_ref().is_some_and(Vec::is_empty) {
            problems.add("resources", "is empty: expected at least one resource");
        }
        let context = Context { issuers: &issuers, only: raw_resources.len() == 1 };
        let mut resources: Vec<Resource> = Vec::new();
        for (index, raw) in raw_resources.iter().enumerate() {
            let place = at_index("resources", index);
            let Some(made) = raw.settings(&place, context, problems) else { continue };
            for other in &resources {
                if let (Some(a), Some(b)) = (&made.matches, &other.matches)
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
        let public = self.public.as_deref().unwrap_or_default().iter().enumerate();
        let public = public.filter_map(|(index, raw)| raw.settings(&at_index("public", index), problems)).collect();
        Settings { issuers, resources, public }
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
        problems.not_supported(at(place, "protected_resource_metadata"), self.protected_resource_metadata.as_ref());
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
        let scopes =
            self.require.as_ref().map(|require| require.settings(&at(place, "require"), problems)).unwrap_or_default();
        let rules = self.rules.as_deref().unwrap_or_default().iter().enumerate();
        let rules =
            rules.filter_map(|(index, raw)| raw.settings(&at_index(&at(place, "rules"), index), problems)).collect();
        Some(Resource { resource, matches, accept, scopes, rules })
    }

    /// By default tokens of every issuer, with the resource as audience.
    fn accept(&self, place: &str, resource: &str, issuers: &Issuers, problems: &mut Problems) -> Vec<Accept> {
        let place = at(place, "accept");
        let Some(raw) = &self.accept else {
            return (0..issuers.len()).map(|issuer| Accept { issuer, audiences: vec![resource.to_owned()] }).collect();
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
            let Some(issuer) =
                problems.required(at(&place, "issuer"), raw.issuer.as_deref(), "one of issuers[].issuer")
            else {
                continue;
            };
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
}

impl RawRule {
    fn settings(&self, place: &str, problems: &mut Problems) -> Option<Rule> {
        problems.required(at(place, "name"), self.name.as_ref(), "a name for logs");
        if self.mode.as_ref().is_some_and(|mode| mode != "enforce") {
            problems.add(at(place, "mode"), "is not supported by this version: expected \"enforce\"");
        }
        let require = problems.required(
            at(place, "require"),
            self.require.as_ref(),
            "what the rule requires, as {\"scopes\": […]}",
        );
        let scopes = require.map(|require| require.settings(&at(place, "require"), problems)).unwrap_or_default();
        let matches = problems.required(at(place, "match"), self.matches.as_ref(), "a match");
        Some(Rule { matches: matches?.settings(&at(place, "match"), problems)?, scopes })
    }
}

impl RawRequire {
    fn settings(&self, place: &str, problems: &mut Problems) -> Vec<ScopeToken> {
        for (name, value) in [
            ("token_kind", &self.token_kind),
            ("clients", &self.clients),
            ("roles", &self.roles),
            ("claims", &self.claims),
            ("subject_equals", &self.subject_equals),
            ("source_cidrs", &self.source_cidrs),
            ("actors", &self.actors),
        ] {
            problems.not_supported(at(place, name), value.as_ref());
        }
        let mut scopes = Vec::new();
        for (index, text) in self.scopes.as_deref().unwrap_or_default().iter().enumerate() {
            match ScopeToken::parse(text) {
                Ok(scope) => scopes.push(scope),
                Err(_) => problems.add(
                    at_index(&at(place, "scopes"), index),
                    "is no scope (RFC 6749 section 3.3): expected one name without spaces, quotes or backslashes",
                ),
            }
        }
        scopes
    }
}

/// RFC 8707 §2: an absolute URI without a fragment. It ends up in a header, so plain characters only.
fn is_resource_identifier(uri: &str) -> bool {
    let plain = uri.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'\\' | b'<' | b'>'));
    let (scheme, rest) = uri.split_once(':').unwrap_or_default();
    let scheme_ok = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let rest_ok = match rest.strip_prefix("//") {
        Some(authority) => !authority.is_empty() && !authority.starts_with(['/', '?']),
        None => !rest.is_empty(),
    };
    plain && scheme_ok && rest_ok
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            (set("/issuers/0/profile", json!("entra")), "issuers[0].profile is not supported"),
            (set("/issuers/0/algorithms", json!([])), "issuers[0].algorithms is empty"),
            (set("/issuers/0/algorithms", json!(["none"])), "issuers[0].algorithms[0] is no supported algorithm"),
            (set("/issuers/0/algorithms", json!(["HS256"])), "issuers[0].algorithms[0] is no supported algorithm"),
            (set("/issuers/0/token_types", json!([""])), "issuers[0].token_types is empty"),
            (gone("/issuers/0/jwks"), "issuers[0].jwks is missing"),
            (set("/issuers/0/jwks", json!({})), "issuers[0].jwks has none or several"),
            (set("/issuers/0/jwks", json!({"discovery": {}})), "issuers[0].jwks.discovery is not supported"),
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
            (set("/resources/0/require/clients", json!(["a"])), "resources[0].require.clients is not supported"),
            (set("/resources/0/rules/0/mode", json!("shadow")), "resources[0].rules[0].mode is not supported"),
            (gone("/resources/0/rules/0/require"), "resources[0].rules[0].require is missing"),
            (gone("/resources/0/rules/0/match"), "resources[0].rules[0].match is missing"),
            (gone("/resources/0/rules/0/name"), "resources[0].rules[0].name is missing"),
            (set("/public/0", json!({})), "public[0] is empty"),
            (set("/publik", json!([])), "publik is not known here"),
            (set("/mode", json!("shadow")), "mode is not supported"),
            (set("/forward", json!({})), "forward is not supported"),
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
    fn all_mistakes_are_told_at_once() {
        let mut document = sound();
        document["issuers"][0]["jwks"]["remote"]["uri"] = json!("ftp://x");
        document["issuers"][1]["profile"] = json!(1);
        document["resources"][0]["require"] = json!({"scopes": ["\""], "actors": {}});
        document["resources"][1]["resource"] = json!("");
        document["nonsense"] = json!(true);
        let found = mistakes(&document.to_string());
        assert_eq!(found.len(), 6, "{found:#?}");
    }
}
