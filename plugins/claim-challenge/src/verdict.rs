//! The verdict on a request: of each thing it asks for, the first enforcing rule and what the token lacks of it.

use filter_kit::{
    flow::{Subject, Unmatched, Verdict},
    path::Ambiguous,
    token_source::HandedOver,
};
use oauth_core::{
    denial::{Denial, Reason},
    scope::ScopeToken,
    step_up::Unmet,
    time::UnixTime,
};

use crate::{config::Settings, loop_guard::LoopGuard};

/// Judges everything that a request asks for; it passes only if each of it does.
///
/// # Errors
/// [`Ambiguous`] if the path, or a value of a path template, has several readings for the rules.
pub(crate) fn judge<'a>(
    settings: &'a Settings,
    loop_guard: &mut LoopGuard,
    token: &HandedOver,
    subject: Subject<'a, ()>,
    now: UnixTime,
) -> Result<Verdict<'a>, Ambiguous> {
    let Settings { measure, asking, .. } = settings;
    let mut verdict = Verdict::undecided();
    let mut needed: Vec<&ScopeToken> = Vec::new();
    let mut all_unmet = Unmet::none();
    let mut without_rule = None;
    let mut rules: Vec<&str> = Vec::new();
    for (position, asked) in subject.asks(&settings.rules)?.into_iter().enumerate() {
        for (rule, _) in asked.shadow {
            let unmet = rule.require.unmet(token, measure, now);
            let would = if unmet.is_empty() { "ok" } else { asking.denial(&unmet, token, None).reason().code() };
            verdict.shadowed(&rule.name, would);
        }
        let Some((rule, _)) = asked.rule else {
            without_rule = without_rule.or(Some(asked.target));
            if position == 0 {
                verdict.operation = asked.target.operation;
            }
            continue;
        };
        rules.push(&rule.name);
        for scope in rule.require.scopes() {
            if !needed.contains(&scope) {
                needed.push(scope);
            }
        }
        let unmet = rule.require.unmet(token, measure, now);
        if verdict.rule.is_none() || (all_unmet.is_empty() && !unmet.is_empty()) {
            verdict.decided_by(Some(&rule.name), asked.target);
            verdict.outcome = Ok("ok");
        }
        all_unmet = all_unmet.and(unmet, &measure.acr_levels);
    }
    verdict.lists.push(("scopes_needed", needed.into_iter().map(|scope| scope.as_str().into()).collect()));
    if let Some(target) = without_rule.filter(|_| settings.unmatched == Unmatched::Deny) {
        // No challenge would help, so none is made for the rest.
        verdict.decided_by(None, target);
        verdict.outcome = Err(Denial::plain(Reason::RuleMissing));
    } else if !all_unmet.is_empty() {
        let denial = asking.denial(&all_unmet, token, token.resource());
        let rule = verdict.rule.unwrap_or_default();
        let is_repeated = denial.reason().has_challenge() && loop_guard.has_had_enough(token, rule, now);
        verdict.outcome = Err(if is_repeated { Denial::plain(Reason::ChallengeRepeated) } else { denial });
    } else {
        loop_guard.are_met(token, rules);
    }
    if verdict.outcome.is_err() {
        verdict.lists.push(("unmet", all_unmet.claims().map(Into::into).collect()));
        // Scopes are in every record.
        let claims = all_unmet.claims().filter(|claim| *claim != "scope");
        verdict.texts.extend(claims.map(|claim| (format!("held_{claim}"), held(token, claim))));
    }
    Ok(verdict)
}

/// What the token says where it does not say what it should, as JSON: a number is not the text of the same digits.
fn held(token: &HandedOver, claim: &str) -> String {
    token.claims().members().get(claim).map_or("absent".to_owned(), ToString::to_string)
}
