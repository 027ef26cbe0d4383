//! The `match` block: which requests a resource, a rule or a public area is about.

use oauth_core::config::{Problems, at};
use serde::Deserialize;

use crate::path::SafePath;

/// `match` as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawMatch {
    methods: Option<Vec<String>>,
    hosts: Option<Vec<String>>,
    path: Option<RawPath>,
    mcp: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPath {
    exact: Option<String>,
    prefix: Option<String>,
    template: Option<String>,
}

/// A `match` block: every given member must hold, a list is "any of".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    methods: Vec<String>,
    path: Option<PathMatch>,
}

/// Compared with the decoded segments of a path, whole segments only.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PathMatch {
    Exact(Vec<String>),
    Prefix(Vec<String>),
}

/// How closely a match describes a path: the longest wins, and of two as long the exact one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closeness {
    segments: usize,
    exact: bool,
}

impl RawMatch {
    /// Checks the block and makes it ready for use; notes every mistake below `place`.
    pub fn settings(&self, place: &str, problems: &mut Problems) -> Option<Match> {
        problems.not_supported(at(place, "hosts"), self.hosts.as_ref());
        problems.not_supported(at(place, "mcp"), self.mcp.as_ref());
        if self.methods.is_none() && self.path.is_none() && self.hosts.is_none() && self.mcp.is_none() {
            // An empty match would silently be about every request there is.
            problems.add(place, "is empty: expected at least one of methods, path");
            return None;
        }
        let methods = self.methods.clone().unwrap_or_default();
        if self.methods.as_ref().is_some_and(Vec::is_empty) {
            problems.add(at(place, "methods"), "is empty: expected at least one method, as [\"GET\"]");
        }
        if methods.iter().any(|method| !is_method(method)) {
            problems.add(
                at(place, "methods"),
                "holds a name that is no HTTP method in capitals: expected names as \"GET\"",
            );
        }
        let path = self.path.as_ref().and_then(|raw| raw.settings(&at(place, "path"), problems));
        Some(Match { methods, path })
    }
}

impl RawPath {
    fn settings(&self, place: &str, problems: &mut Problems) -> Option<PathMatch> {
        problems.not_supported(at(place, "template"), self.template.as_ref());
        let (member, text) = match (&self.exact, &self.prefix) {
            (Some(exact), None) => ("exact", exact),
            (None, Some(prefix)) => ("prefix", prefix),
            _ => {
                if self.template.is_none() {
                    problems.add(place, "has none or several members: expected one of exact, prefix");
                }
                return None;
            }
        };
        let Some(segments) = SafePath::parse(text.as_bytes()).ok().filter(|_| !text.contains('?')) else {
            problems.add(
                at(place, member),
                "is no plain path: expected one as \"/a/b\" (percent-encoded, no dot segments, no //, no query)",
            );
            return None;
        };
        let mut segments = segments.segments().to_vec();
        if member == "exact" {
            return Some(PathMatch::Exact(segments));
        }
        if text == "/" {
            segments.clear();
        } else if text.ends_with('/') {
            problems.add(
                at(place, member),
                "ends with /: expected a prefix of whole segments, as \"/a\" (it covers /a and /a/b, never /ab)",
            );
            return None;
        }
        Some(PathMatch::Prefix(segments))
    }
}

impl Match {
    /// Whether the block is about a request with this method and path. `GET` covers `HEAD`.
    #[must_use]
    pub fn holds(&self, method: &str, path: &SafePath) -> bool {
        let method_holds = self.methods.is_empty()
            || self.methods.iter().any(|wanted| wanted == method || (wanted == "GET" && method == "HEAD"));
        method_holds
            && match &self.path {
                None => true,
                Some(PathMatch::Exact(segments)) => path.segments() == segments,
                Some(PathMatch::Prefix(segments)) => path.segments().starts_with(segments),
            }
    }

    /// How closely the block describes the paths it matches.
    #[must_use]
    pub fn closeness(&self) -> Closeness {
        match &self.path {
            None => Closeness::default(),
            Some(PathMatch::Exact(segments)) => Closeness { segments: segments.len(), exact: true },
            Some(PathMatch::Prefix(segments)) => Closeness { segments: segments.len(), exact: false },
        }
    }

    /// Whether some request could match both blocks equally closely, so that neither wins.
    #[must_use]
    pub fn ties_with(&self, other: &Self) -> bool {
        let covers = |methods: &[String], method: &str| {
            methods.iter().any(|m| m == method || (m == "GET" && method == "HEAD") || (m == "HEAD" && method == "GET"))
        };
        let same_path = match (&self.path, &other.path) {
            (None, None | Some(PathMatch::Prefix(_))) | (Some(PathMatch::Prefix(_)), None) => {
                self.closeness() == other.closeness()
            }
            (a, b) => a == b,
        };
        let methods_meet = self.methods.is_empty()
            || other.methods.is_empty()
            || self.methods.iter().any(|method| covers(&other.methods, method));
        same_path && methods_meet
    }
}

/// RFC 9110 §9.1; capitals only, since methods are case-sensitive and a rule on `get` would never match.
fn is_method(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(block: serde_json::Value) -> Match {
        let mut problems = Problems::default();
        let made = serde_json::from_value::<RawMatch>(block).unwrap().settings("match", &mut problems);
        assert!(problems.is_empty(), "{problems}");
        made.unwrap()
    }

    fn mistakes(block: serde_json::Value) -> String {
        let mut problems = Problems::default();
        serde_json::from_value::<RawMatch>(block).unwrap().settings("match", &mut problems);
        problems.to_string()
    }

    fn holds(block: &Match, method: &str, path: &str) -> bool {
        block.holds(method, &SafePath::parse(path.as_bytes()).unwrap())
    }

    #[test]
    fn a_prefix_covers_whole_segments_only() {
        let block = made(json!({"path": {"prefix": "/a/b"}}));
        for path in ["/a/b", "/a/b/", "/a/b/c", "/a/%62/c?x"] {
            assert!(holds(&block, "GET", path), "{path}");
        }
        for path in ["/a", "/a/bc", "/a/b%20", "/A/b"] {
            assert!(!holds(&block, "GET", path), "{path}");
        }
        assert!(holds(&made(json!({"path": {"prefix": "/"}})), "GET", "/anything/at/all"));
    }

    #[test]
    fn an_exact_path_is_compared_decoded() {
        let block = made(json!({"path": {"exact": "/delete"}}));
        assert!(holds(&block, "GET", "/del%65te?x=1"));
        assert!(!holds(&block, "GET", "/delete/"));
        assert!(!holds(&block, "GET", "/delete/x"));
    }

    #[test]
    fn get_covers_head_and_methods_are_case_sensitive() {
        let block = made(json!({"methods": ["GET"]}));
        assert!(holds(&block, "GET", "/") && holds(&block, "HEAD", "/"));
        assert!(!holds(&block, "get", "/") && !holds(&block, "POST", "/"));
    }

    #[test]
    fn the_longest_path_is_the_closest() {
        let closeness = |block| made(block).closeness();
        let root = closeness(json!({"path": {"prefix": "/"}}));
        let prefix = closeness(json!({"path": {"prefix": "/a"}}));
        let exact = closeness(json!({"path": {"exact": "/a"}}));
        assert!(root < prefix && prefix < exact);
        assert!(exact < closeness(json!({"path": {"prefix": "/a/b"}})));
    }

    #[test]
    fn two_blocks_tie_only_if_one_request_could_match_both_as_closely() {
        let tie = |a, b| made(a).ties_with(&made(b));
        assert!(tie(json!({"path": {"prefix": "/a"}}), json!({"path": {"prefix": "/a"}})));
        assert!(tie(json!({"path": {"prefix": "/"}}), json!({"methods": ["GET"]})));
        assert!(tie(
            json!({"methods": ["GET"], "path": {"exact": "/a"}}),
            json!({"methods": ["HEAD"], "path": {"exact": "/a"}})
        ));
        assert!(!tie(json!({"path": {"prefix": "/a"}}), json!({"path": {"exact": "/a"}})));
        assert!(!tie(
            json!({"methods": ["GET"], "path": {"exact": "/a"}}),
            json!({"methods": ["POST"], "path": {"exact": "/a"}})
        ));
        assert!(!tie(json!({"path": {"prefix": "/a"}}), json!({"path": {"prefix": "/b"}})));
    }

    #[test]
    fn refuses_a_match_that_is_empty_or_cannot_be_meant() {
        for (block, expected) in [
            (json!({}), "match is empty"),
            (json!({"methods": []}), "match.methods is empty"),
            (json!({"methods": ["get"]}), "match.methods holds"),
            (json!({"path": {}}), "match.path has none"),
            (json!({"path": {"exact": "/a", "prefix": "/a"}}), "match.path has none or several"),
            (json!({"path": {"exact": "a"}}), "match.path.exact is no plain path"),
            (json!({"path": {"prefix": "/a/"}}), "match.path.prefix ends with /"),
            (json!({"path": {"exact": "/a/../b"}}), "match.path.exact is no plain path"),
            (json!({"path": {"exact": "/a?b"}}), "match.path.exact is no plain path"),
            (json!({"hosts": ["h"]}), "match.hosts is not supported"),
            (json!({"mcp": {}}), "match.mcp is not supported"),
            (json!({"path": {"template": "/{a}"}}), "match.path.template is not supported"),
        ] {
            let found = mistakes(block.clone());
            assert!(found.contains(expected), "{block}: {found}");
        }
    }
}
