//! The model: what a request is, and whether it passes, as plainly as can be.

use serde_json::Value;

/// A rule as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) shadow: bool,
    pub(crate) methods: Option<Vec<&'static str>>,
    /// Whether further segments may follow, and the path.
    pub(crate) path: Option<(bool, &'static str)>,
    pub(crate) mcp: Option<Mcp>,
    pub(crate) require: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct Mcp {
    pub(crate) kinds: Option<Vec<&'static str>>,
    pub(crate) methods: Option<Vec<&'static str>>,
    /// `tools`, `prompts` or `resources`, and the patterns.
    pub(crate) names: Option<(&'static str, Vec<&'static str>)>,
}

/// What a request asks for: kind, method, and what the method is about.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) kind: &'static str,
    pub(crate) method: Option<&'static str>,
    pub(crate) named: Option<(&'static str, &'static str)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) revision: Option<&'static str>,
    pub(crate) body: Option<Value>,
    /// `None` if it is no request of MCP.
    pub(crate) asked: Option<Vec<Asked>>,
}

/// The definition of a pattern.
fn like(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => {
            name.strip_prefix(start).is_some_and(|name| (0..=name.len()).any(|at| like(rest, &name[at..])))
        }
    }
}

fn any_like(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| like(pattern, name))
}

impl Rule {
    fn is_at(&self, path: &str) -> bool {
        match self.path {
            None => true,
            Some((true, "/")) => true,
            Some((true, own)) => path == own || path.starts_with(&format!("{own}/")),
            Some((false, own)) => path == own,
        }
    }

    /// Without case and without a slash at the end.
    fn is_near(&self, path: &str) -> bool {
        let plain = |path: &str| path.to_lowercase().trim_end_matches('/').to_owned();
        let own = self.path.map(|(open, own)| (open, plain(own)));
        let path = plain(path);
        own.is_some_and(|(open, own)| path == own || (open && path.starts_with(&format!("{own}/"))))
    }

    fn depth(&self) -> usize {
        self.path.map_or(0, |(_, path)| path.split('/').filter(|segment| !segment.is_empty()).count())
    }

    fn is_about(&self, sent: &Sent, asked: Option<&Asked>) -> bool {
        let by_mcp = |mcp: &Mcp| {
            asked.is_some_and(|asked| {
                mcp.kinds.as_ref().is_none_or(|kinds| kinds.contains(&asked.kind))
                    && mcp
                        .methods
                        .as_ref()
                        .is_none_or(|methods| asked.method.is_some_and(|method| any_like(methods, method)))
                    && mcp.names.as_ref().is_none_or(|(category, names)| {
                        asked.named.is_some_and(|(own, name)| own == *category && any_like(names, name))
                    })
            })
        };
        self.is_at(sent.path)
            && self.methods.as_ref().is_none_or(|methods| methods.contains(&sent.method))
            && self.mcp.as_ref().is_none_or(by_mcp)
    }
}

/// The model. `met` is `None` for a request that needs no token.
pub(crate) fn passes(rules: &[Rule], unmatched: &str, sent: &Sent, met: Option<&[&str]>) -> bool {
    // Shadow never decides.
    let rules: Vec<&Rule> = rules.iter().filter(|rule| !rule.shadow).collect();
    let of_mcp = || rules.iter().filter(|rule| rule.mcp.is_some());
    let here = of_mcp().filter(|rule| rule.is_at(sent.path)).map(|rule| rule.depth()).max();
    let near = of_mcp().filter(|rule| rule.is_near(sent.path) && !rule.is_at(sent.path)).map(|rule| rule.depth()).max();
    if near > here || (here.is_some() && sent.asked.is_none()) {
        return false;
    }
    let asked: Vec<Option<&Asked>> = match &sent.asked {
        Some(asked) => asked.iter().map(Some).collect(),
        None => vec![None],
    };
    asked.into_iter().all(|asked| {
        let rule = rules.iter().find(|rule| rule.is_about(sent, asked));
        match (rule, met) {
            (Some(rule), Some(met)) => rule.require.iter().all(|claim| met.contains(claim)),
            (Some(_), None) => false,
            (None, Some(_)) => unmatched == "allow",
            (None, None) => true,
        }
    })
}
