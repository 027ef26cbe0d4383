//! The `match` block: which requests a resource, a rule or a public area is about.

use oauth_core::config::{Problems, at, at_index};
use serde::Deserialize;

use crate::path::{Ambiguous, SafePath};

/// `match` as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"path\": {\"prefix\": \"/a\"}}")]
pub struct RawMatch {
    methods: Option<Vec<String>>,
    hosts: Option<Vec<String>>,
    path: Option<RawPath>,
    mcp: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"prefix\": \"/a\"}")]
struct RawPath {
    exact: Option<String>,
    prefix: Option<String>,
    template: Option<String>,
}

/// What of a request a match looks at.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The method as sent.
    pub method: &'a str,
    /// The host without port, case and trailing dot; `None` if there is none.
    pub host: Option<&'a str>,
    /// The path.
    pub path: &'a SafePath,
}

/// A `match` block: every given member must hold, a list is "any of".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    methods: Vec<String>,
    hosts: Vec<String>,
    path: Option<PathMatch>,
}

/// Compared with the decoded segments of a path, whole segments only.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PathMatch {
    pattern: Vec<Segment>,
    /// Whether further segments may follow.
    open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// `{name}`: any one segment that is not empty.
    Variable(String),
}

/// The values of a template's variables, by name; decoded once.
pub type Captures = Vec<(String, String)>;

/// How closely a match describes a path: the longest wins; of two as long an exact one before a template, and a
/// template before a prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closeness {
    segments: usize,
    closed: bool,
    literals: usize,
}

impl RawMatch {
    /// Checks the block and makes it ready for use; notes every mistake below `place`.
    pub fn settings(&self, place: &str, problems: &mut Problems) -> Option<Match> {
        problems.not_supported(at(place, "mcp"), self.mcp.as_ref());
        let empty = self.methods.is_none() && self.path.is_none() && self.hosts.is_none() && self.mcp.is_none();
        if empty && problems.has_below(place) {
            return None;
        }
        if empty {
            // An empty match would silently be about every request there is.
            problems.add(place, "is empty: expected at least one of methods, hosts, path");
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
        let hosts = self.hosts(&at(place, "hosts"), problems);
        let path = self.path.as_ref().and_then(|raw| raw.settings(&at(place, "path"), problems));
        Some(Match { methods, hosts, path })
    }

    fn hosts(&self, place: &str, problems: &mut Problems) -> Vec<String> {
        let Some(hosts) = &self.hosts else { return Vec::new() };
        if hosts.is_empty() {
            problems.add(place, "is empty: expected at least one host name");
        }
        for (index, host) in hosts.iter().enumerate() {
            let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
            if !plain || host.is_empty() || host.ends_with('.') {
                problems
                    .add(at_index(place, index), "is no host name: expected one without port, as \"tools.example\"");
            }
        }
        hosts.iter().map(|host| host.to_ascii_lowercase()).collect()
    }
}

impl RawPath {
    fn settings(&self, place: &str, problems: &mut Problems) -> Option<PathMatch> {
        let (member, text) = match (&self.exact, &self.prefix, &self.template) {
            (Some(exact), None, None) => ("exact", exact),
            (None, Some(prefix), None) => ("prefix", prefix),
            (None, None, Some(template)) => ("template", template),
            _ => {
                if !problems.has_below(place) {
                    problems.add(place, "has none or several members: expected one of exact, prefix, template");
                }
                return None;
            }
        };
        let place = at(place, member);
        if text.contains('*') {
            problems
                .add(place, "holds a *, which stands for itself only: expected a prefix, or a template as \"/a/{b}\"");
            return None;
        }
        if member == "template" {
            return template(text, &place, problems);
        }
        let Some(mut segments) = plain_segments(text) else {
            problems.add(
                place,
                "is no plain path: expected one as \"/a/b\" (percent-encoded, no dot segments, no //, no query)",
            );
            return None;
        };
        let open = member == "prefix";
        if open && text == "/" {
            segments.clear();
        } else if open && text.ends_with('/') {
            problems.add(
                place,
                "ends with /: expected a prefix of whole segments, as \"/a\" (it covers /a and /a/b, never /ab)",
            );
            return None;
        }
        Some(PathMatch { pattern: segments.into_iter().map(Segment::Literal).collect(), open })
    }
}

fn plain_segments(path: &str) -> Option<Vec<String>> {
    let path = SafePath::parse(path.as_bytes()).ok().filter(|_| !path.contains('?'))?;
    Some(path.segments().to_vec())
}

/// `/files/{file}`: a variable is a whole segment, and each name occurs once.
fn template(text: &str, place: &str, problems: &mut Problems) -> Option<PathMatch> {
    let mut pattern: Vec<Segment> = Vec::new();
    for segment in text.strip_prefix('/').unwrap_or_default().split('/') {
        let variable = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        pattern.push(match variable {
            Some(name) if is_name(name) && !pattern.contains(&Segment::Variable(name.to_owned())) => {
                Segment::Variable(name.to_owned())
            }
            None if !segment.contains(['{', '}']) => match plain_segments(&format!("/{segment}")).as_deref() {
                Some([literal]) => Segment::Literal(literal.clone()),
                _ => return refuse_template(place, problems),
            },
            _ => return refuse_template(place, problems),
        });
    }
    if !text.starts_with('/') || !pattern.iter().any(|segment| matches!(segment, Segment::Variable(_))) {
        return refuse_template(place, problems);
    }
    Some(PathMatch { pattern, open: false })
}

fn refuse_template(place: &str, problems: &mut Problems) -> Option<PathMatch> {
    problems.add(
        place,
        "is no template: expected one as \"/users/{user}/files\" (a variable is a whole segment, each name once)",
    );
    None
}

impl Match {
    /// Whether the block is about a request, and what its template's variables are then. `GET` covers `HEAD`.
    ///
    /// # Errors
    /// [`Ambiguous`] if a variable's value holds a `%`: a hop that decodes twice would read it as another one.
    pub fn captures(&self, target: Target<'_>) -> Result<Option<Captures>, Ambiguous> {
        let method_holds = self.methods.is_empty()
            || self
                .methods
                .iter()
                .any(|wanted| wanted == target.method || (wanted == "GET" && target.method == "HEAD"));
        let host_holds =
            self.hosts.is_empty() || target.host.is_some_and(|host| self.hosts.iter().any(|wanted| wanted == host));
        if !method_holds || !host_holds {
            return Ok(None);
        }
        match &self.path {
            None => Ok(Some(Vec::new())),
            Some(path) => path.captures(target.path),
        }
    }

    /// Like [`Match::captures`], where the values do not matter.
    ///
    /// # Errors
    /// As there.
    pub fn holds(&self, target: Target<'_>) -> Result<bool, Ambiguous> {
        self.captures(target).map(|captures| captures.is_some())
    }

    /// How closely the block describes the paths it matches.
    #[must_use]
    pub fn closeness(&self) -> Closeness {
        match &self.path {
            None => Closeness::default(),
            Some(PathMatch { pattern, open }) => Closeness {
                segments: pattern.len(),
                closed: !open,
                literals: pattern.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count(),
            },
        }
    }

    /// Whether the block looks at the host.
    #[must_use]
    pub fn names_hosts(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// The names of the template's variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let pattern = self.path.iter().flat_map(|path| &path.pattern);
        pattern.filter_map(|segment| match segment {
            Segment::Variable(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// Whether every request that `other` matches is matched by this block too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        fn all_in(inner: &[String], outer: &[String], same: impl Fn(&str, &str) -> bool) -> bool {
            outer.is_empty() || (!inner.is_empty() && inner.iter().all(|a| outer.iter().any(|b| same(a, b))))
        }
        let by_method = |inner: &str, outer: &str| inner == outer || (inner == "HEAD" && outer == "GET");
        let path_covered = match (&self.path, &other.path) {
            (None, _) => true,
            (Some(own), None) => own.open && own.pattern.is_empty(),
            (Some(own), Some(other)) => own.covers(other),
        };
        path_covered
            && all_in(&other.methods, &self.methods, by_method)
            && all_in(&other.hosts, &self.hosts, |a, b| a == b)
    }

    /// Whether some path could match both blocks.
    #[must_use]
    pub fn paths_meet(&self, other: &Self) -> bool {
        let (Some(a), Some(b)) = (&self.path, &other.path) else { return true };
        let (short, long) = if a.pattern.len() <= b.pattern.len() { (a, b) } else { (b, a) };
        (short.open || short.pattern.len() == long.pattern.len())
            && short.pattern.iter().zip(&long.pattern).all(|(a, b)| match (a, b) {
                (Segment::Literal(a), Segment::Literal(b)) => a == b,
                _ => true,
            })
    }

    /// Whether the path does not matter.
    #[must_use]
    pub fn is_about_every_path(&self) -> bool {
        self.path.as_ref().is_none_or(|path| path.open && path.pattern.is_empty())
    }

    /// The same block for all methods, if it names some.
    #[must_use]
    pub fn for_all_methods(&self) -> Option<Self> {
        (!self.methods.is_empty()).then(|| Self { methods: Vec::new(), ..self.clone() })
    }

    /// Whether some request could match both blocks equally closely, so that neither wins.
    #[must_use]
    pub fn ties_with(&self, other: &Self) -> bool {
        fn meet(a: &[String], b: &[String], same: impl Fn(&str, &str) -> bool) -> bool {
            a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| same(a, b)))
        }
        let same_method = |a: &str, b: &str| a == b || matches!((a, b), ("GET", "HEAD") | ("HEAD", "GET"));
        let paths_meet = match (&self.path, &other.path) {
            (Some(a), Some(b)) => a.pattern.iter().zip(&b.pattern).all(|(a, b)| match (a, b) {
                (Segment::Literal(a), Segment::Literal(b)) => a == b,
                _ => true,
            }),
            _ => true,
        };
        // A block without a path is the prefix `/`.
        let same_closeness = self.closeness() == other.closeness();
        same_closeness
            && paths_meet
            && meet(&self.methods, &other.methods, same_method)
            && meet(&self.hosts, &other.hosts, |a, b| a == b)
    }
}

impl PathMatch {
    fn covers(&self, other: &Self) -> bool {
        let long_enough = if self.open {
            other.pattern.len() >= self.pattern.len()
        } else {
            !other.open && other.pattern.len() == self.pattern.len()
        };
        long_enough
            && self.pattern.iter().zip(&other.pattern).all(|(own, other)| match (own, other) {
                (Segment::Literal(own), Segment::Literal(other)) => own == other,
                (Segment::Variable(_), Segment::Literal(literal)) => !literal.is_empty(),
                (Segment::Variable(_), Segment::Variable(_)) => true,
                (Segment::Literal(_), Segment::Variable(_)) => false,
            })
    }

    fn captures(&self, path: &SafePath) -> Result<Option<Captures>, Ambiguous> {
        let segments = path.segments();
        if segments.len() < self.pattern.len() || (!self.open && segments.len() > self.pattern.len()) {
            return Ok(None);
        }
        let mut captures = Vec::new();
        for (wanted, segment) in self.pattern.iter().zip(segments) {
            match wanted {
                Segment::Literal(literal) if literal == segment => {}
                Segment::Variable(name) if !segment.is_empty() => captures.push((name.clone(), segment.clone())),
                _ => return Ok(None),
            }
        }
        if captures.iter().any(|(_, value)| value.contains('%')) {
            return Err(Ambiguous);
        }
        Ok(Some(captures))
    }
}

/// RFC 9110 §9.1; capitals only, since methods are case-sensitive and a rule on `get` would never match.
fn is_method(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
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

    fn captures(block: &Match, method: &str, path: &str) -> Result<Option<Captures>, Ambiguous> {
        let path = SafePath::parse(path.as_bytes()).unwrap();
        block.captures(Target { method, host: Some("tools.example"), path: &path })
    }

    fn holds(block: &Match, method: &str, path: &str) -> bool {
        captures(block, method, path).unwrap().is_some()
    }

    #[test]
    fn a_prefix_covers_whole_segments_only() {
        let block = made(json!({"path": {"prefix": "/a/b"}}));
        for path in ["/a/b", "/a/b/", "/a/b/c", "/a/%62/c?x"] {
            assert!(holds(&block, "GET", path), "{path}");
        }
        for path in ["/a", "/a/bc", "/a/b%20c", "/A/b"] {
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
    fn a_template_captures_whole_segments_decoded_once() {
        let block = made(json!({"path": {"template": "/users/{user}/files/{file}"}}));
        let expected = vec![("user".to_owned(), "al ice".to_owned()), ("file".to_owned(), "a.txt".to_owned())];
        assert_eq!(captures(&block, "GET", "/users/al%20ice/files/a.txt?x"), Ok(Some(expected)));
        for path in ["/users//files/a", "/users/a/files/", "/users/a/files", "/users/a/files/b/c", "/users/a/other/b"] {
            if let Ok(path) = SafePath::parse(path.as_bytes()) {
                let target = Target { method: "GET", host: None, path: &path };
                assert_eq!(block.captures(target), Ok(None), "{path:?}");
            }
        }
        assert_eq!(captures(&block, "GET", "/users/a%25/files/b"), Err(Ambiguous));
        assert_eq!(block.variables().collect::<Vec<_>>(), ["user", "file"]);
    }

    #[test]
    fn hosts_are_compared_as_names() {
        let block = made(json!({"hosts": ["Tools.example", "b.example"]}));
        let path = SafePath::parse(b"/").unwrap();
        let holds = |host| block.holds(Target { method: "GET", host, path: &path }).unwrap();
        assert!(holds(Some("tools.example")) && holds(Some("b.example")));
        assert!(!holds(Some("c.example")) && !holds(Some("tools.example.evil")) && !holds(None));
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
        let template = closeness(json!({"path": {"template": "/{x}"}}));
        let exact = closeness(json!({"path": {"exact": "/a"}}));
        assert!(root < prefix && prefix < template && template < exact);
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
        assert!(tie(json!({"path": {"template": "/a/{x}"}}), json!({"path": {"template": "/{y}/b"}})));
        assert!(tie(json!({"hosts": ["a"], "path": {"prefix": "/a"}}), json!({"path": {"prefix": "/a"}})));
        assert!(!tie(
            json!({"hosts": ["a"], "path": {"prefix": "/a"}}),
            json!({"hosts": ["b"], "path": {"prefix": "/a"}})
        ));
        assert!(!tie(json!({"path": {"template": "/a/{x}"}}), json!({"path": {"template": "/b/{x}"}})));
        assert!(!tie(json!({"path": {"prefix": "/a"}}), json!({"path": {"exact": "/a"}})));
        assert!(!tie(
            json!({"methods": ["GET"], "path": {"exact": "/a"}}),
            json!({"methods": ["POST"], "path": {"exact": "/a"}})
        ));
        assert!(!tie(json!({"path": {"prefix": "/a"}}), json!({"path": {"prefix": "/b"}})));
    }

    #[test]
    fn a_block_covers_another_if_it_matches_all_that_the_other_does() {
        let covers = |a, b| made(a).covers(&made(b));
        assert!(covers(json!({"path": {"prefix": "/a"}}), json!({"methods": ["GET"], "path": {"exact": "/a/b"}})));
        assert!(covers(json!({"methods": ["GET"]}), json!({"methods": ["HEAD"], "path": {"template": "/{x}"}})));
        assert!(covers(json!({"path": {"template": "/{x}/b"}}), json!({"path": {"exact": "/a/b"}})));
        assert!(covers(json!({"path": {"prefix": "/"}}), json!({"methods": ["GET"]})));
        assert!(!covers(json!({"methods": ["HEAD"]}), json!({"methods": ["GET"]})));
        assert!(!covers(json!({"methods": ["GET"]}), json!({"path": {"exact": "/a"}})));
        assert!(!covers(json!({"hosts": ["a"]}), json!({"path": {"exact": "/a"}})));
        assert!(!covers(json!({"path": {"exact": "/a"}}), json!({"path": {"prefix": "/a"}})));
        assert!(!covers(json!({"path": {"template": "/{x}"}}), json!({"path": {"exact": "/"}})));
    }

    #[test]
    fn two_blocks_meet_if_some_path_could_match_both() {
        let meet = |a, b| {
            made(a).paths_meet(&made(b))
                && made(json!({"methods": ["GET"]})).paths_meet(&made(json!({"path": {"exact": "/"}})))
        };
        assert!(meet(json!({"path": {"prefix": "/a"}}), json!({"path": {"exact": "/a/b"}})));
        assert!(meet(json!({"path": {"prefix": "/a/b"}}), json!({"path": {"prefix": "/a"}})));
        assert!(meet(json!({"path": {"template": "/{x}/b"}}), json!({"path": {"exact": "/a/b"}})));
        assert!(!meet(json!({"path": {"prefix": "/a"}}), json!({"path": {"prefix": "/b"}})));
        assert!(!meet(json!({"path": {"exact": "/a"}}), json!({"path": {"exact": "/a/b"}})));
    }

    #[test]
    fn refuses_a_match_that_is_empty_or_cannot_be_meant() {
        for (block, expected) in [
            (json!({}), "match is empty"),
            (json!({"methods": []}), "match.methods is empty"),
            (json!({"methods": ["get"]}), "match.methods holds"),
            (json!({"hosts": []}), "match.hosts is empty"),
            (json!({"hosts": ["a", "h:80"]}), "match.hosts[1] is no host name"),
            (json!({"hosts": ["*.h"]}), "match.hosts[0] is no host name"),
            (json!({"path": {}}), "match.path has none"),
            (json!({"path": {"exact": "/a", "prefix": "/a"}}), "match.path has none or several"),
            (json!({"path": {"exact": "a"}}), "match.path.exact is no plain path"),
            (json!({"path": {"prefix": "/a/"}}), "match.path.prefix ends with /"),
            (json!({"path": {"exact": "/a/../b"}}), "match.path.exact is no plain path"),
            (json!({"path": {"exact": "/a?b"}}), "match.path.exact is no plain path"),
            (json!({"path": {"exact": "/a/*/b"}}), "match.path.exact holds a *"),
            (json!({"mcp": {}}), "match.mcp is not supported"),
            (json!({"path": {"template": "/a"}}), "match.path.template is no template"),
            (json!({"path": {"template": "/a{x}"}}), "match.path.template is no template"),
            (json!({"path": {"template": "/{x}/{x}"}}), "match.path.template is no template"),
            (json!({"path": {"template": "{x}"}}), "match.path.template is no template"),
            (json!({"path": {"template": "/{}/a"}}), "match.path.template is no template"),
            (json!({"path": {"template": "/../{x}"}}), "match.path.template is no template"),
            (json!({"path": {"template": "/{x}?y"}}), "match.path.template is no template"),
        ] {
            let found = mistakes(block.clone());
            assert!(found.contains(expected), "{block}: {found}");
        }
    }
}
