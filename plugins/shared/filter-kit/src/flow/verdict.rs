//! The verdict on a request, and the rules that are about each thing it asks for.

use std::borrow::Cow;

use mcp_core::Operation;
use oauth_core::{
    denial::{Denial, Reason},
    time::UnixTime,
};

use crate::{
    audit::RecordObject,
    matching::{Captures, Target, require_expected_slash},
    path::Ambiguous,
    policy::{Callout, RequestEdits},
    request::Parts,
    rules::{self, Rule},
    single_use::{Spent, Use},
};

/// What is decided, and why. `W` is with what the upstream's answer is judged.
#[derive(Debug)]
pub struct Verdict<'a, W = ()> {
    /// What must be asked before anything can be decided: then the request is judged again, and all the rest of this is
    /// dropped. It must have a key, and what it brings is the filter's to remember.
    pub ask: Option<Box<Callout>>,
    /// The code of the allow, or the denial.
    pub outcome: Result<&'static str, Denial>,
    /// The rule that decided; of several, the first that is not met, else the first.
    pub rule: Option<&'a str>,
    /// What of a request that asks for several things decided.
    pub operation: Option<&'a Operation>,
    /// Further lists for the record, each with its plain name.
    pub lists: Vec<(&'static str, Vec<Cow<'a, str>>)>,
    /// Further texts for the record, each with its plain name.
    pub texts: Vec<(String, String)>,
    /// Further lists of objects for the record, each with its plain name; those of their members are plain, too.
    pub objects: Vec<(&'static str, Vec<RecordObject>)>,
    /// Rules in shadow mode and what they would have said, each pair once.
    pub shadow: Vec<(String, &'static str)>,
    /// Changes to a request that is allowed.
    pub edits: RequestEdits,
    /// The answer to a request that is allowed is judged, too, and with this.
    pub watch: Option<W>,
    /// Any of these uses must still be there before the request can be let go on: then one is noted, the request is judged
    /// again, knowing what became of it ([`Waited::spent`]), and all the rest of this is dropped.
    pub uses: Vec<Use>,
}

/// What a request has waited for, because verdicts asked for it.
#[derive(Clone, Debug, Default)]
pub struct Waited {
    since: Option<UnixTime>,
    keys: Vec<String>,
    spent: Option<Spent>,
}

impl Waited {
    /// When it began to wait; `None` if it has not.
    #[must_use]
    pub const fn since(&self) -> Option<UnixTime> {
        self.since
    }

    /// Whether it has waited for the callout of this key.
    #[must_use]
    pub fn has_waited_for(&self, key: &str) -> bool {
        self.keys.iter().any(|waited| waited == key)
    }

    /// What became of the uses that a verdict has named; `None` if none has.
    #[must_use]
    pub const fn spent(&self) -> Option<Spent> {
        self.spent
    }

    pub(super) const fn note_spent(&mut self, spent: Spent) {
        self.spent = Some(spent);
    }

    pub(super) fn note(&mut self, callout: &Callout, now: UnixTime) {
        self.since = self.since.or(Some(now));
        self.keys.extend(callout.key.clone());
    }
}

/// What of a request is judged; `K` is what the filter kept of its head.
#[derive(Debug)]
pub struct Subject<'a, K> {
    /// What rules look at in its head.
    pub parts: &'a Parts,
    /// What it does in MCP; empty if it is not read as one of MCP.
    pub operations: &'a [Operation],
    /// What was kept.
    pub kept: &'a K,
    /// What it has waited for.
    pub waited: &'a Waited,
}

impl<K> Clone for Subject<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Subject<'_, K> {}

/// One thing that a request asks for, and the rules about it.
#[derive(Debug)]
pub struct Asked<'a, S> {
    /// The thing.
    pub target: Target<'a>,
    /// The enforcing rule that decides, and the values of its path template.
    pub rule: Option<(&'a Rule<S>, Captures)>,
    /// Those in shadow mode before it.
    pub shadow: Vec<(&'a Rule<S>, Captures)>,
}

impl<S> Asked<'_, S> {
    /// Whether the same rule decides about both, or none does.
    fn is_decided_with(&self, other: &Self) -> bool {
        let rule = |asked: &Self| asked.rule.as_ref().map(|(rule, _)| std::ptr::from_ref::<Rule<S>>(rule));
        rule(self) == rule(other)
    }
}

impl<'a, K> Subject<'a, K> {
    /// The rules about each thing that the request asks for; at least one.
    ///
    /// # Errors
    /// [`Ambiguous`] if the path, or a value of a path template, has several readings for the rules.
    pub fn asks<S>(self, rules: &'a [Rule<S>]) -> Result<Vec<Asked<'a, S>>, Ambiguous> {
        let targets: Vec<Target<'a>> = match self.operations {
            [] => self.parts.targets(rules.iter().map(|rule| &rule.matches))?,
            operations => operations.iter().map(|operation| self.parts.target_of(operation)).collect(),
        };
        let asked = |target: Target<'a>| {
            let found = rules::find(rules, target)?;
            let rule = found.rule.and_then(|position| rules.get(position));
            require_expected_slash(&self.parts.path, rule.map(|rule| &rule.matches))?;
            let shadow = found.shadow.into_iter();
            let shadow = shadow.filter_map(|(position, captures)| Some((rules.get(position)?, captures))).collect();
            Ok(Asked { target, rule: rule.map(|rule| (rule, found.captures)), shadow })
        };
        let mut all: Vec<Asked<'a, S>> = Vec::new();
        for target in targets {
            let next = asked(target)?;
            // Several methods that one rule is about are one thing; several operations are not.
            match all.iter_mut().find(|known| self.operations.is_empty() && known.is_decided_with(&next)) {
                Some(known) => known.shadow.extend(next.shadow),
                None => all.push(next),
            }
        }
        Ok(all)
    }

    /// A request that audience-validation let pass without a token: it shows nothing, so no rule can hold for it.
    ///
    /// # Errors
    /// As [`Subject::asks`].
    pub fn judge_public<S, W>(self, rules: &'a [Rule<S>]) -> Result<Verdict<'a, W>, Ambiguous> {
        let mut verdict = Verdict { outcome: Ok("public"), ..Verdict::undecided() };
        for asked in self.asks(rules)? {
            for (rule, _) in &asked.shadow {
                verdict.shadowed(&rule.name, Reason::TokenNotVerified.code());
            }
            if let Some((rule, _)) = asked.rule.filter(|_| verdict.rule.is_none()) {
                verdict.decided_by(Some(&rule.name), asked.target);
                verdict.outcome = Err(Denial::plain(Reason::TokenNotVerified));
            }
        }
        Ok(verdict)
    }
}

impl<'a, W> Verdict<'a, W> {
    /// Nothing matched so far.
    #[must_use]
    pub fn undecided() -> Self {
        Self {
            ask: None,
            outcome: Ok("unmatched"),
            rule: None,
            operation: None,
            lists: Vec::new(),
            texts: Vec::new(),
            objects: Vec::new(),
            shadow: Vec::new(),
            edits: RequestEdits::default(),
            watch: None,
            uses: Vec::new(),
        }
    }

    /// Notes which rule decided, or that none did, and about what.
    pub fn decided_by(&mut self, rule: Option<&'a str>, target: Target<'a>) {
        self.rule = rule;
        self.operation = target.operation;
    }

    /// Notes what a rule in shadow mode would have said.
    pub fn shadowed(&mut self, rule: &str, code: &'static str) {
        if !self.shadow.iter().any(|(name, known)| name == rule && *known == code) {
            self.shadow.push((rule.to_owned(), code));
        }
    }

    /// Notes why a request could not be read as one of MCP, for the rules that wanted to know.
    pub(super) fn note_unread<S>(
        &mut self,
        rules: &[Rule<S>],
        target: Target<'_>,
        code: &'static str,
    ) -> Result<(), Ambiguous> {
        for rule in rules {
            if rule.matches.expects_mcp(target)? {
                self.shadowed(&rule.name, code);
            }
        }
        Ok(())
    }
}
