//! The verdict on a request: of each thing it asks for, the first enforcing rule and what the token lacks of it.

use filter_kit::{
    matching::{Target, require_expected_slash},
    path::Ambiguous,
    request::Parts,
    rules::{self, Rule},
    token_source::{HandedOver, Presented},
};
use mcp_core::Operation;
use oauth_core::{
    denial::{Denial, Reason},
    scope::ScopeToken,
    step_up::{StepUp, Unmet},
    time::UnixTime,
};

use crate::{
    config::{Settings, Unmatched},
    loop_guard::LoopGuard,
};

/// What is decided, and why.
#[derive(Debug)]
pub(crate) struct Verdict<'a> {
    /// The code of the allow, or the denial.
    pub(crate) outcome: Result<&'static str, Denial>,
    /// The rule that decided; of several, the first that is not met, else the first.
    pub(crate) rule: Option<&'a str>,
    /// What of a request that asks for several things decided.
    pub(crate) operation: Option<&'a Operation>,
    /// The scopes that all of its operations need.
    pub(crate) needed: Vec<&'a ScopeToken>,
    /// What is lacking.
    pub(crate) unmet: Unmet,
    /// Rules in shadow mode and what they would have said, each pair once.
    pub(crate) shadow: Vec<(String, &'static str)>,
}

/// What of a request is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) parts: &'a Parts,
    /// What it does in MCP; empty if it is not read as one of MCP.
    pub(crate) operations: &'a [Operation],
    /// Why it could not be read as one of MCP, although rules in shadow mode would have wanted to know.
    pub(crate) unread: Option<&'static str>,
}

impl<'a> Subject<'a> {
    /// One target for each thing that the request asks for.
    fn targets(self) -> impl Iterator<Item = Target<'a>> {
        let of_operations = self.operations.iter().map(move |operation| self.parts.target_of(operation));
        let whole = self.operations.is_empty().then(|| self.parts.target());
        whole.into_iter().chain(of_operations)
    }
}

/// Judges everything that a request asks for; it passes only if each of it does.
///
/// # Errors
/// [`Ambiguous`] if the path, or a value of a path template, has several readings for the rules.
pub(crate) fn judge<'a>(
    settings: &'a Settings,
    loop_guard: &mut LoopGuard,
    presented: &Presented,
    subject: Subject<'a>,
    now: UnixTime,
) -> Result<Verdict<'a>, Ambiguous> {
    match presented {
        Presented::Token(token) => judge_token(settings, loop_guard, token, subject, now),
        Presented::Public => judge_public(settings, subject),
    }
}

impl<'a> Verdict<'a> {
    const fn undecided() -> Self {
        Self {
            outcome: Ok("unmatched"),
            rule: None,
            operation: None,
            needed: Vec::new(),
            unmet: Unmet::none(),
            shadow: Vec::new(),
        }
    }

    /// The first to decide stays.
    fn decided_by(&mut self, rule: Option<&'a Rule<StepUp>>, target: Target<'a>) {
        self.rule = rule.map(|rule| rule.name.as_str());
        self.operation = target.operation;
    }

    fn shadowed(&mut self, rule: &Rule<StepUp>, code: &'static str) {
        if !self.shadow.iter().any(|(name, known)| *name == rule.name && *known == code) {
            self.shadow.push((rule.name.clone(), code));
        }
    }

    fn needs(&mut self, rule: &'a Rule<StepUp>) {
        for scope in rule.require.scopes() {
            if !self.needed.contains(&scope) {
                self.needed.push(scope);
            }
        }
    }
}

fn judge_token<'a>(
    settings: &'a Settings,
    loop_guard: &mut LoopGuard,
    token: &HandedOver,
    subject: Subject<'a>,
    now: UnixTime,
) -> Result<Verdict<'a>, Ambiguous> {
    let Settings { measure, asking, .. } = settings;
    let mut verdict = Verdict::undecided();
    let mut without_rule = None;
    for (position, target) in subject.targets().enumerate() {
        let found = rules::find(&settings.rules, target)?;
        for rule in found.shadow.iter().filter_map(|position| settings.rules.get(*position)) {
            let unmet = rule.require.unmet(token, measure, now);
            let would = if unmet.is_empty() { "ok" } else { asking.denial(&unmet, token, None).reason().code() };
            verdict.shadowed(rule, would);
        }
        let rule = found.rule.and_then(|position| settings.rules.get(position));
        require_expected_slash(&subject.parts.path, rule.map(|rule| &rule.matches))?;
        let Some(rule) = rule else {
            without_rule = without_rule.or(Some(target));
            if position == 0 {
                verdict.operation = target.operation;
            }
            continue;
        };
        verdict.needs(rule);
        let unmet = rule.require.unmet(token, measure, now);
        let is_first = verdict.rule.is_none() || (verdict.unmet.is_empty() && !unmet.is_empty());
        if is_first {
            verdict.decided_by(Some(rule), target);
            verdict.outcome = Ok("ok");
        }
        verdict.unmet = verdict.unmet.and(unmet, &measure.acr_levels);
    }
    note_unread(settings, subject, &mut verdict)?;
    if let Some(target) = without_rule.filter(|_| settings.unmatched == Unmatched::Deny) {
        // No challenge would help, so none is made for the rest.
        verdict.decided_by(None, target);
        verdict.outcome = Err(Denial::plain(Reason::RuleMissing));
    } else if !verdict.unmet.is_empty() {
        let denial = asking.denial(&verdict.unmet, token, token.resource());
        let is_repeated = denial.reason().has_challenge() && loop_guard.has_had_enough(token, &verdict.unmet, now);
        verdict.outcome = Err(if is_repeated { Denial::plain(Reason::ChallengeRepeated) } else { denial });
    }
    Ok(verdict)
}

/// A request that audience-validation let pass without a token: it shows nothing, so no rule can hold for it.
fn judge_public<'a>(settings: &'a Settings, subject: Subject<'a>) -> Result<Verdict<'a>, Ambiguous> {
    let mut verdict = Verdict { outcome: Ok("public"), ..Verdict::undecided() };
    for target in subject.targets() {
        let found = rules::find(&settings.rules, target)?;
        for rule in found.shadow.iter().filter_map(|position| settings.rules.get(*position)) {
            verdict.shadowed(rule, Reason::TokenNotVerified.code());
        }
        let rule = found.rule.and_then(|position| settings.rules.get(position));
        require_expected_slash(&subject.parts.path, rule.map(|rule| &rule.matches))?;
        if let Some(rule) = rule.filter(|_| verdict.rule.is_none()) {
            verdict.decided_by(Some(rule), target);
            verdict.outcome = Err(Denial::plain(Reason::TokenNotVerified));
        }
    }
    note_unread(settings, subject, &mut verdict)?;
    Ok(verdict)
}

fn note_unread(settings: &Settings, subject: Subject<'_>, verdict: &mut Verdict<'_>) -> Result<(), Ambiguous> {
    let Some(code) = subject.unread else { return Ok(()) };
    for rule in &settings.rules {
        if rule.matches.expects_mcp(subject.parts.target())? {
            verdict.shadowed(rule, code);
        }
    }
    Ok(())
}
