//! What a protected resource says about itself (RFC 9728).

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::challenge::Challenge;
use crate::config::{Problems, at, at_index};
use crate::https_url::HttpsUrl;
use crate::scope::ScopeToken;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Where the metadata of a resource is: the well-known path is inserted between host and path (RFC 9728 §3.1).
///
/// Only the slash right after the host is dropped, and only where nothing but a query follows; any other one is part of
/// the resource's name. `None` unless the resource is an https URL without fragment (RFC 9728 §1.2), or for trying out an
/// http one on this machine ([`HttpsUrl::parse_or_loopback`]).
#[must_use]
pub fn well_known_url(resource: &str) -> Option<String> {
    let resource = HttpsUrl::parse_or_loopback(resource)?;
    Some(format!("{}{}", resource.origin(), target(&resource)))
}

/// The challenge that every denial of a resource begins with: its realm, and where its metadata is (RFC 9728 §5.1), if it
/// can have any. The bare one if the resource is not known.
#[must_use]
pub fn challenge_for(resource: Option<&str>) -> Challenge {
    let Some(resource) = resource else { return Challenge::bearer() };
    let challenge = Challenge::bearer().realm(resource);
    match well_known_url(resource) {
        Some(url) => challenge.resource_metadata(&url),
        None => challenge,
    }
}

/// Path and query of [`well_known_url`].
fn target(resource: &HttpsUrl) -> String {
    let rest = resource.path_and_query();
    let rest = match rest.strip_prefix('/') {
        Some(after) if after.is_empty() || after.starts_with('?') => after,
        _ => rest,
    };
    format!("{WELL_KNOWN}{rest}")
}

/// `protected_resource_metadata` as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object as {\"authorization_servers\": [\"https://idp.example\"]}"
)]
pub struct RawResourceMetadata {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    authorization_servers: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    resource_name: Option<String>,
    resource_documentation: Option<String>,
    resource_policy_uri: Option<String>,
    resource_tos_uri: Option<String>,
}

/// The metadata of one resource, ready to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceMetadata {
    url: String,
    host: String,
    target: String,
    document: String,
}

impl RawResourceMetadata {
    /// Checks the block for the resource with this identifier; notes every mistake below `place`. `required` are the scopes
    /// that the resource requires: `scopes_supported` unless that is configured.
    pub fn settings<'s>(
        &self,
        resource: &str,
        required: impl Iterator<Item = &'s ScopeToken>,
        place: &str,
        problems: &mut Problems,
    ) -> Option<ResourceMetadata> {
        let parsed = HttpsUrl::parse_or_loopback(resource);
        match &parsed {
            // RFC 9728 §1.2.
            None => problems.add(
                place,
                "cannot be served: expected the resource to be an https URL without fragment (http on a loopback host only)",
            ),
            Some(url) if url.is_plain() => {
                problems.note(place, "is of a resource without TLS: it is for trying out on one machine");
            }
            Some(_) => {}
        }
        let mut document = Document(Map::new());
        document.text("resource", Some(resource));
        document
            .list("authorization_servers", self.authorization_servers(&at(place, "authorization_servers"), problems));
        let scopes = match &self.scopes_supported {
            Some(configured) => scopes(configured, &at(place, "scopes_supported"), problems),
            None => required.fold(Vec::new(), with_scope),
        };
        document.list("scopes_supported", scopes);
        // RFC 9728 §2: what is enforced. Tokens in bodies and queries are never looked at.
        document.list("bearer_methods_supported", vec!["header".to_owned()]);
        if self.resource_name.as_ref().is_some_and(String::is_empty) {
            problems.add(at(place, "resource_name"), "is empty: expected a name for people, or leave it out");
        }
        document.text("resource_name", self.resource_name.as_deref());
        for (name, uri) in [
            ("resource_documentation", &self.resource_documentation),
            ("resource_policy_uri", &self.resource_policy_uri),
            ("resource_tos_uri", &self.resource_tos_uri),
        ] {
            if uri.as_ref().is_some_and(|uri| HttpsUrl::parse(uri).is_none()) {
                problems.add(at(place, name), "is no https URL: expected one as \"https://tools.example/docs\"");
            }
            document.text(name, uri.as_deref());
        }
        let resource = parsed?;
        let target = target(&resource);
        let url = format!("{}{target}", resource.origin());
        let host = resource.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        let host = host.strip_suffix('.').unwrap_or(host).to_owned();
        Some(ResourceMetadata { url, host, target, document: Value::Object(document.0).to_string() })
    }

    /// RFC 9728 §2, and at least one as MCP requires.
    fn authorization_servers(&self, place: &str, problems: &mut Problems) -> Vec<String> {
        let servers = problems.required(place, self.authorization_servers.clone(), "a list of issuers");
        if servers.as_ref().is_some_and(Vec::is_empty) {
            problems.add(place, "is empty: expected at least one issuer");
        }
        let servers = servers.unwrap_or_default();
        for (index, server) in servers.iter().enumerate() {
            // RFC 8414 §2.
            if HttpsUrl::parse(server).is_none_or(|server| server.has_query()) {
                problems.add(
                    at_index(place, index),
                    "is no issuer: expected an https URL without query and fragment, as \"https://idp.example\"",
                );
            }
            if servers.iter().take(index).any(|earlier| earlier == server) {
                problems.add(at_index(place, index), "is there twice: expected each issuer once");
            }
        }
        servers
    }
}

/// The configured scopes that are permissions of a resource, each once.
fn scopes(configured: &[String], place: &str, problems: &mut Problems) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for (index, text) in configured.iter().enumerate() {
        let place = at_index(place, index);
        match ScopeToken::parse(text) {
            Ok(scope) if scope.is_offline_access() => {
                problems.note(place, "is left out: offline_access is no permission of a resource");
            }
            Ok(scope) => scopes = with_scope(scopes, &scope),
            Err(_) => problems.add(
                place,
                "is no scope (RFC 6749 section 3.3): expected one name without spaces, quotes or backslashes",
            ),
        }
    }
    scopes
}

fn with_scope(mut scopes: Vec<String>, scope: &ScopeToken) -> Vec<String> {
    if !scopes.iter().any(|known| known == scope.as_str()) {
        scopes.push(scope.as_str().to_owned());
    }
    scopes
}

/// The document as it grows. Members without content are left out (RFC 9728 §3.2).
struct Document(Map<String, Value>);

impl Document {
    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.0.insert(name.to_owned(), Value::from(text));
        }
    }

    fn list(&mut self, name: &str, list: Vec<String>) {
        if !list.is_empty() {
            self.0.insert(name.to_owned(), Value::from(list));
        }
    }
}

impl ResourceMetadata {
    /// Its absolute URL, for the `resource_metadata` of challenges (RFC 9728 §5.1).
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The host of the resource, without port, brackets, case and trailing dot.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether a request cannot tell the two documents apart: hosts are compared without port.
    #[must_use]
    pub fn shares_its_place_with(&self, other: &Self) -> bool {
        self.host == other.host && self.target == other.target
    }

    /// Path and query under which it is served.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The document, `application/json`.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.document
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config;

    const RESOURCE: &str = "https://tools.example/mcp";

    fn settings(resource: &str, block: &Value) -> (Option<ResourceMetadata>, Problems) {
        let (raw, mut problems) = config::read::<RawResourceMetadata>(block.to_string().as_bytes());
        let metadata = raw.and_then(|raw| raw.settings(resource, [].iter(), "prm", &mut problems));
        (metadata, problems)
    }

    fn document(block: &Value) -> Value {
        let (metadata, problems) = settings(RESOURCE, block);
        assert!(problems.is_empty(), "{problems}");
        serde_json::from_str(metadata.unwrap().document()).unwrap()
    }

    fn mistakes(resource: &str, block: &Value) -> Vec<String> {
        let (_, problems) = settings(resource, block);
        problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
    }

    /// PRM-03
    #[test]
    fn documents_of_one_host_and_path_share_their_place() {
        let made = |resource| settings(resource, &json!({"authorization_servers": ["https://idp.example"]})).0.unwrap();
        assert_eq!(made("https://[::1]:8443/a").host(), "::1");
        assert_eq!(made("https://Tools.Example.:8443/a").host(), "tools.example");
        let share = |a, b| made(a).shares_its_place_with(&made(b));
        assert!(share("https://h", "https://h/") && share("https://h/a", "https://H:8443/a"));
        assert!(!share("https://h/a", "https://h/a/") && !share("https://h/a", "https://i/a"));
        assert!(!share("https://h/a", "https://h/a?x"));
    }

    /// PRM-01
    #[test]
    fn the_well_known_path_is_inserted_between_host_and_path() {
        let base = "https://h/.well-known/oauth-protected-resource";
        for (resource, rest) in [
            ("https://h", ""),
            ("https://h/", ""),
            ("https://h/a", "/a"),
            ("https://h/a/", "/a/"),
            ("https://h/a/b", "/a/b"),
            ("https://h/r?x=1", "/r?x=1"),
            ("https://h?x=1", "?x=1"),
            ("https://h/?x=1", "?x=1"),
            ("https://h//", "//"),
        ] {
            assert_eq!(well_known_url(resource), Some(format!("{base}{rest}")), "{resource}");
        }
        assert_eq!(
            well_known_url("http://127.0.0.1:8080/mcp").as_deref(),
            Some("http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp")
        );
        assert_eq!(
            well_known_url("https://Tools.example:8443/mcp").as_deref(),
            Some("https://Tools.example:8443/.well-known/oauth-protected-resource/mcp")
        );
    }

    #[test]
    fn a_resource_on_this_machine_may_do_without_tls_and_that_is_noted() {
        let (metadata, problems) =
            settings("http://localhost:8080/mcp", &json!({"authorization_servers": ["https://idp.example"]}));
        let said: Value = serde_json::from_str(metadata.unwrap().document()).unwrap();
        assert_eq!(said["resource"], "http://localhost:8080/mcp");
        assert!(problems.is_empty() && problems.notes().len() == 1, "{problems}");
    }

    /// PRM-03
    #[test]
    fn a_resource_that_is_no_https_url_has_no_metadata() {
        for resource in
            ["", "h", "http://h/mcp", "urn:example:rest", "https://h/#f", "https://u@h/", "https://", "api://x"]
        {
            assert_eq!(well_known_url(resource), None, "{resource}");
            let found = mistakes(resource, &json!({"authorization_servers": ["https://idp.example"]}));
            assert!(found.len() == 1 && found[0].starts_with("prm cannot be served"), "{resource}: {found:?}");
        }
    }

    /// PRM-03, PRM-04, PRM-05, PRM-09
    #[test]
    fn the_document_names_the_resource_exactly_and_what_is_enforced() {
        let block = json!({
            "authorization_servers": ["https://idp.example/realms/agents"], "scopes_supported": ["files:read", "files:write"],
            "resource_name": "Files", "resource_documentation": "https://tools.example/docs",
        });
        assert_eq!(
            document(&block),
            json!({
                "resource": RESOURCE, "authorization_servers": ["https://idp.example/realms/agents"],
                "scopes_supported": ["files:read", "files:write"], "bearer_methods_supported": ["header"],
                "resource_name": "Files", "resource_documentation": "https://tools.example/docs",
            })
        );
        for resource in ["https://tools.example", "https://tools.example/", "https://TOOLS.example/mcp/?x=1"] {
            let (metadata, _) = settings(resource, &json!({"authorization_servers": ["https://idp.example"]}));
            let metadata = metadata.unwrap();
            let said: Value = serde_json::from_str(metadata.document()).unwrap();
            assert_eq!(said["resource"], resource);
            assert_eq!(Some(metadata.url()), well_known_url(resource).as_deref());
            assert!(metadata.url().ends_with(metadata.target()) && metadata.target().starts_with(WELL_KNOWN));
        }
    }

    /// PRM-06
    #[test]
    fn what_has_no_content_is_left_out() {
        let least = json!({
            "resource": RESOURCE, "authorization_servers": ["https://idp.example"], "bearer_methods_supported": ["header"],
        });
        for scopes in [json!([]), json!(["offline_access"])] {
            let block = json!({"authorization_servers": ["https://idp.example"], "scopes_supported": scopes});
            assert_eq!(document(&block), least, "{scopes}");
        }
    }

    /// COR-18
    #[test]
    fn the_supported_scopes_are_those_that_the_resource_requires_unless_others_are_named() {
        let required = ["tools:read", "tools:admin", "tools:read"].map(|text| ScopeToken::parse(text).unwrap());
        for (configured, supported) in [
            (json!(null), json!(["tools:read", "tools:admin"])),
            (json!(["tools:read"]), json!(["tools:read"])),
            (json!([]), json!(null)),
        ] {
            let block = json!({"authorization_servers": ["https://idp.example"], "scopes_supported": configured});
            let (raw, mut problems) = config::read::<RawResourceMetadata>(block.to_string().as_bytes());
            let metadata = raw.unwrap().settings(RESOURCE, required.iter(), "prm", &mut problems).unwrap();
            let document: Value = serde_json::from_str(metadata.document()).unwrap();
            assert_eq!(document["scopes_supported"], supported);
        }
    }

    /// PRM-07
    #[test]
    fn offline_access_is_left_out_and_noted() {
        let block = json!({
            "authorization_servers": ["https://idp.example"],
            "scopes_supported": ["files:read", "offline_access", "files:read", "OFFLINE_ACCESS"],
        });
        assert_eq!(document(&block)["scopes_supported"], json!(["files:read", "OFFLINE_ACCESS"]));
        let (_, problems) = settings(RESOURCE, &block);
        let paths: Vec<&str> = problems.notes().iter().map(|note| note.path.as_str()).collect();
        assert_eq!(paths, ["prm.scopes_supported[1]"]);
    }

    /// PRM-05
    #[test]
    fn every_mistake_is_told_with_its_place() {
        assert_eq!(
            mistakes(RESOURCE, &json!({})),
            ["prm.authorization_servers is missing: expected a list of issuers"]
        );
        assert_eq!(
            mistakes(RESOURCE, &json!({"authorization_servers": []})),
            ["prm.authorization_servers is empty: expected at least one issuer"]
        );
        let found = mistakes(
            RESOURCE,
            &json!({
                "authorization_servers": ["https://idp.example", "idp.example", "https://h?x", "http://h", "https://idp.example"],
                "scopes_supported": ["a b", "ok", ""],
                "resource_name": "", "resource_documentation": "docs", "resource_policy_uri": "http://h",
                "resource_tos_uri": "javascript:x", "bearer_methods_supported": ["body"],
            }),
        );
        for start in [
            "prm.authorization_servers[1] is no issuer",
            "prm.authorization_servers[2] is no issuer",
            "prm.authorization_servers[3] is no issuer",
            "prm.authorization_servers[4] is there twice",
            "prm.scopes_supported[0] is no scope",
            "prm.scopes_supported[2] is no scope",
            "prm.resource_name is empty",
            "prm.resource_documentation is no https URL",
            "prm.resource_policy_uri is no https URL",
            "prm.resource_tos_uri is no https URL",
            "bearer_methods_supported is not known here",
        ] {
            assert!(found.iter().any(|mistake| mistake.starts_with(start)), "{start}\n{found:#?}");
        }
        assert_eq!(found.len(), 11, "{found:#?}");
    }
}
