//! What one block says about another: which is closer, and whether one makes the other pointless.

use super::{
    Match,
    path_match::{PathMatch, Segment},
};

/// How closely a match describes a path: the longest wins; of two as long an exact one before a template, and a
/// template before a prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closeness {
    segments: usize,
    closed: bool,
    literals: usize,
}

/// Whether some request has both: `GET` covers `HEAD`.
fn same_method(a: &str, b: &str) -> bool {
    a == b || matches!((a, b), ("GET", "HEAD") | ("HEAD", "GET"))
}

impl Match {
    /// How closely the block describes the paths it matches.
    #[must_use]
    pub fn closeness(&self) -> Closeness {
        match &self.path {
            None => Closeness::default(),
            Some(PathMatch { pattern, open, .. }) => Closeness {
                segments: pattern.len(),
                closed: !open,
                literals: pattern.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count(),
            },
        }
    }

    /// How closely the block describes an endpoint, whether or not its path ends with a slash.
    #[must_use]
    pub fn closeness_to_endpoint(&self) -> Closeness {
        let pattern = self.path.as_ref().map(PathMatch::without_end).unwrap_or_default();
        let literals = pattern.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count();
        Closeness { segments: pattern.len(), closed: false, literals }
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
        let mcp_covered = match (&self.mcp, &other.mcp) {
            (None, _) => true,
            // The other is about requests too that are none of MCP.
            (Some(_), None) => false,
            (Some(own), Some(other)) => own.covers(other),
        };
        path_covered
            && mcp_covered
            && all_in(&other.methods, &self.methods, by_method)
            && all_in(&other.hosts, &self.hosts, |a, b| a == b)
    }

    /// What this block is about among the requests of `outer`: a block about no fewer. `None` if there are none.
    #[must_use]
    pub fn within(&self, outer: &Self) -> Option<Self> {
        /// An empty list stands for all names.
        fn common(own: &[String], outer: &[String], same: impl Fn(&str, &str) -> bool) -> Option<Vec<String>> {
            if own.is_empty() || outer.is_empty() {
                return Some([own, outer].concat());
            }
            let both = own.iter().filter(|a| outer.iter().any(|b| same(a, b)));
            Some(both.cloned().collect()).filter(|both: &Vec<String>| !both.is_empty())
        }
        let path = match (&self.path, &outer.path) {
            _ if !self.paths_meet(outer) => return None,
            (Some(own), Some(outer)) if own.covers(outer) => Some(outer),
            (own, outer) => own.as_ref().or(outer.as_ref()),
        };
        Some(Self {
            methods: common(&self.methods, &outer.methods, same_method)?,
            hosts: common(&self.hosts, &outer.hosts, |a, b| a == b)?,
            path: path.cloned(),
            mcp: self.mcp.clone(),
        })
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

    /// Whether some request could match both blocks equally closely, so that neither wins.
    #[must_use]
    pub fn ties_with(&self, other: &Self) -> bool {
        fn meet(a: &[String], b: &[String], same: impl Fn(&str, &str) -> bool) -> bool {
            a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| same(a, b)))
        }
        let paths_meet = match (&self.path, &other.path) {
            (Some(a), Some(b)) => a.pattern.iter().zip(&b.pattern).all(|(a, b)| match (a, b) {
                (Segment::Literal(a), Segment::Literal(b)) => a == b,
                _ => true,
            }),
            _ => true,
        };
        let operations_meet = match (&self.mcp, &other.mcp) {
            (Some(own), Some(other)) => own.meets(other),
            _ => true,
        };
        // A block without a path is the prefix `/`.
        let same_closeness = self.closeness() == other.closeness();
        same_closeness
            && paths_meet
            && operations_meet
            && meet(&self.methods, &other.methods, same_method)
            && meet(&self.hosts, &other.hosts, |a, b| a == b)
    }
}
