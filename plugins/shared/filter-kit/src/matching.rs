//! The `match` block: which requests a resource, a rule or a public area is about.

mod between;
mod path_match;

use mcp_core::{Compared, McpMatch, Operation, RawMcpMatch};
use oauth_core::config::{Problems, at, at_index};
use serde::Deserialize;

use crate::path::{Ambiguous, SafePath};
pub use between::Closeness;
pub use path_match::Captures;
use path_match::{PathMatch, RawPath, Segment};

/// `match` as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"path\": {\"prefix\": \"/a\"}}")]
pub struct RawMatch {
    methods: Option<Vec<String>>,
    hosts: Option<Vec<String>>,
    path: Option<RawPath>,
    mcp: Option<RawMcpMatch>,
}

/// What of a request a filter reads, and so what its blocks may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// The head: methods, hosts, path.
    Http,
    /// What the request does in MCP too.
    HttpAndMcp,
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
    /// What it does in MCP; of a request that does several things, one at a time. `None` if the request is not read as
    /// one of MCP: then no block with `mcp` holds.
    pub operation: Option<&'a Operation>,
}

/// A `match` block: every given member must hold, a list is "any of".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    methods: Vec<String>,
    hosts: Vec<String>,
    path: Option<PathMatch>,
    mcp: Option<McpMatch>,
}

impl RawMatch {
    /// Checks the block and makes it ready for use; notes every mistake below `place`.
    pub fn settings(&self, members: Members, place: &str, problems: &mut Problems) -> Option<Match> {
        let empty = self.methods.is_none() && self.path.is_none() && self.hosts.is_none() && self.mcp.is_none();
        if empty && problems.has_below(place) {
            return None;
        }
        if empty {
            // An empty match would silently be about every request there is.
            problems.add(
                place,
                match members {
                    Members::Http => "is empty: expected at least one of methods, hosts, path",
                    Members::HttpAndMcp => "is empty: expected at least one of methods, hosts, path, mcp",
                },
            );
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
        let mcp = self.mcp(&methods, members, &at(place, "mcp"), problems);
        if path.is_some() != self.path.is_some() || mcp.is_some() != self.mcp.is_some() {
            // Without what could not be read the block would be about more, and other rules would be told of for that.
            return None;
        }
        Some(Match { methods, hosts, path, mcp })
    }

    fn mcp(&self, methods: &[String], members: Members, place: &str, problems: &mut Problems) -> Option<McpMatch> {
        let raw = self.mcp.as_ref()?;
        if members == Members::Http {
            // Ignoring it would make the block one about every request of its path.
            problems.add(
                place,
                "is not supported by this filter, which reads no bodies: expected it in a filter that does, as \
                 claim-challenge",
            );
            return None;
        }
        let mcp = raw.settings(place, problems)?;
        if !methods.is_empty() && !methods.iter().any(|method| mcp.can_come_by(method)) {
            problems.add(
                place,
                "holds for nothing that comes by these methods: messages come by POST, streams by GET, and sessions \
                 end by DELETE",
            );
        }
        Some(mcp)
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

impl Match {
    /// Whether the block is about a request, and what its template's variables are then. `GET` covers `HEAD`.
    ///
    /// # Errors
    /// [`Ambiguous`] if a variable's value holds a `%`, which a hop that decodes twice would read as another one, if a
    /// block that expects no encoded slash would say something else of a path that was decoded too early, or if the block
    /// names hosts and that of the request cannot be read: some servers find one of them in it.
    pub fn captures(&self, target: Target<'_>) -> Result<Option<Captures>, Ambiguous> {
        let method_holds = self.methods.is_empty()
            || self
                .methods
                .iter()
                .any(|wanted| wanted == target.method || (wanted == "GET" && target.method == "HEAD"));
        let operation_holds =
            self.mcp.as_ref().is_none_or(|mcp| target.operation.is_some_and(|operation| mcp.holds(operation)));
        if method_holds && operation_holds { self.place_captures(target) } else { Ok(None) }
    }

    /// The same by host and path alone.
    fn place_captures(&self, target: Target<'_>) -> Result<Option<Captures>, Ambiguous> {
        if self.host_holds(target) == Some(false) {
            return Ok(None);
        }
        let captures = match &self.path {
            None => Some(Vec::new()),
            Some(path) => path.captures(target.path)?,
        };
        if captures.is_some() && self.host_holds(target).is_none() { Err(Ambiguous) } else { Ok(captures) }
    }

    /// Whether the block may be about this host and path.
    #[must_use]
    pub fn may_be_at(&self, target: Target<'_>) -> bool {
        self.place_captures(target) != Ok(None)
    }

    /// The methods that the block names, if it is about this host and path.
    ///
    /// # Errors
    /// As [`Match::captures`].
    pub fn methods_at(&self, target: Target<'_>) -> Result<&[String], Ambiguous> {
        let is_about = !self.methods.is_empty() && self.place_captures(target)?.is_some();
        Ok(if is_about { &self.methods } else { &[] })
    }

    /// Whether the block has `mcp` and is about this host and path: then the request must be one of MCP, whatever its
    /// method, or it could do what the rule is about in a way that is not seen.
    ///
    /// # Errors
    /// As [`Match::captures`].
    pub fn expects_mcp(&self, target: Target<'_>) -> Result<bool, Ambiguous> {
        Ok(self.mcp.is_some() && self.place_captures(target)?.is_some())
    }

    /// Whether the block has `mcp` and is about no such path, but about one that many a server takes for the same: in
    /// another case, or with a slash more or less at the end.
    #[must_use]
    pub fn nearly_expects_mcp(&self, target: Target<'_>) -> bool {
        let path_is_near = self.path.as_ref().is_some_and(|path| path.nearly_holds(target.path));
        self.mcp.is_some() && self.host_holds(target) != Some(false) && path_is_near
    }

    /// `None` if the block names hosts and the request has none that can be read.
    fn host_holds(&self, target: Target<'_>) -> Option<bool> {
        if self.hosts.is_empty() {
            return Some(true);
        }
        target.host.map(|host| self.hosts.iter().any(|wanted| wanted == host))
    }

    /// Like [`Match::captures`], where the values do not matter.
    ///
    /// # Errors
    /// As there.
    pub fn holds(&self, target: Target<'_>) -> Result<bool, Ambiguous> {
        self.captures(target).map(|captures| captures.is_some())
    }

    /// Whether the block is a template whose variables may hold an encoded slash.
    fn expects_encoded_slash(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.encoded_slash)
    }

    /// The names of the template's variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let pattern = self.path.iter().flat_map(|path| &path.pattern);
        pattern.filter_map(|segment| match segment {
            Segment::Variable(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// Whether the block looks at what a request does in MCP.
    #[must_use]
    pub fn names_operations(&self) -> bool {
        self.mcp.is_some()
    }

    /// What the block compares of operations beside kind and method.
    #[must_use]
    pub fn compared(&self) -> Compared {
        self.mcp.as_ref().map_or(Compared::NOTHING, McpMatch::compared)
    }

    /// Whether the block looks at operations, and the call of a tool can be one of those it is about.
    #[must_use]
    pub fn can_name_tools(&self) -> bool {
        self.mcp.as_ref().is_some_and(McpMatch::can_name_tools)
    }

    /// Whether the block looks at operations, and one with arguments can be one of those it is about.
    #[must_use]
    pub fn can_have_arguments(&self) -> bool {
        self.mcp.as_ref().is_some_and(McpMatch::can_have_arguments)
    }

    /// Whether the path does not matter.
    #[must_use]
    pub fn is_about_every_path(&self) -> bool {
        self.path.as_ref().is_none_or(|path| path.open && path.pattern.is_empty())
    }

    /// The same block for all hosts, if it names some.
    #[must_use]
    pub fn for_all_hosts(&self) -> Option<Self> {
        (!self.hosts.is_empty()).then(|| Self { hosts: Vec::new(), ..self.clone() })
    }

    /// The same block for all methods, if it names some.
    #[must_use]
    pub fn for_all_methods(&self) -> Option<Self> {
        (!self.methods.is_empty()).then(|| Self { methods: Vec::new(), ..self.clone() })
    }
}

/// Requires that a path without an encoded slash was asked for, or that one of the blocks that decide about it expects
/// one.
///
/// # Errors
/// [`Ambiguous`] if not: some hop may decode it too early.
pub fn require_expected_slash<'a>(
    path: &SafePath,
    deciding: impl IntoIterator<Item = &'a Match>,
) -> Result<(), Ambiguous> {
    let expected = || deciding.into_iter().any(Match::expects_encoded_slash);
    if path.split_at_encoded().is_none() || expected() { Ok(()) } else { Err(Ambiguous) }
}

/// RFC 9110 §9.1; capitals only, since methods are case-sensitive and a rule on `get` would never match.
fn is_method(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

#[cfg(test)]
mod tests;
