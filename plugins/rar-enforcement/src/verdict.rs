//! The verdict on a request: of each thing it asks for, the first enforcing rule and whether the token grants what it needs.

use std::collections::BTreeMap;

use filter_kit::{
    flow::{Subject, Unmatched, Verdict},
    matching::{Captures, Target},
    path::Ambiguous,
    rules::Rule,
    token_source::HandedOver,
};
use mcp_core::Target as Named;
use oauth_core::{
    authorization_details::{AuthorizationDetails, RequestFacts, Wanted, remediation},
    denial::{Denial, Reason},
    resource_metadata::challenge_for,
};

use crate::config::{Requirement, Settings};

/// What of a request's head the rules compare: names that have no value all readers agree on are left out.
#[derive(Debug)]
pub struct Kept {
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
}

/// What a rule makes of one thing that a request asks for.
enum Found {
    Granted,
    /// Another token could do it.
    Insufficient(Wanted),
    /// No token could.
    Denied(Reason, Option<String>),
}

impl Found {
    fn code(&self) -> &'static str {
        match self {
            Self::Granted => "ok",
            Self::Insufficient(_) => Reason::InsufficientAuthorization.code(),
            Self::Denied(reason, _) => reason.code(),
        }
    }
}

/// Judges everything that a request asks for; it passes only if each of it does.
///
/// # Errors
/// [`Ambiguous`] if the path, or a value of a path template, has several readings for the rules.
pub(crate) fn judge<'a>(
    settings: &'a Settings,
    token: &HandedOver,
    subject: Subject<'a, Kept>,
) -> Result<Verdict<'a>, Ambiguous> {
    let mut verdict = Verdict::undecided();
    let details = AuthorizationDetails::of(token);
    let is_malformed = details.is_err();
    // One that cannot be read grants nothing (RFC 9396 §2).
    let bench =
        Bench { settings, details: details.unwrap_or_default(), resource: token.resource(), kept: subject.kept };
    let mut without_rule = None;
    let mut denied = None;
    let mut insufficient = Vec::new();
    let mut needed: Vec<&str> = Vec::new();
    for (position, asked) in subject.asks(&settings.rules)?.into_iter().enumerate() {
        for (rule, captures) in &asked.shadow {
            verdict.shadowed(&rule.name, bench.try_rule(rule, captures, asked.target).code());
        }
        let Some((rule, captures)) = asked.rule else {
            without_rule = without_rule.or(Some(asked.target));
            if position == 0 {
                verdict.operation = asked.target.operation;
            }
            continue;
        };
        let type_name = rule.require.wanted.type_name();
        if !needed.contains(&type_name) {
            needed.push(type_name);
        }
        let found = bench.try_rule(rule, &captures, asked.target);
        let is_first_unmet = denied.is_none() && insufficient.is_empty() && !matches!(found, Found::Granted);
        if verdict.rule.is_none() || is_first_unmet {
            verdict.decided_by(Some(&rule.name), asked.target);
            verdict.outcome = Ok("ok");
        }
        match found {
            Found::Granted => {}
            Found::Insufficient(wanted) => insufficient.push(wanted),
            Found::Denied(reason, field) => denied = denied.or(Some((reason, field, rule, asked.target))),
        }
    }
    verdict.lists.push(("details_needed", needed.into_iter().map(Into::into).collect()));
    if is_malformed {
        verdict.lists.push(("details_held", vec!["malformed".into()]));
    }
    if let Some(target) = without_rule.filter(|_| settings.unmatched == Unmatched::Deny) {
        verdict.decided_by(None, target);
        verdict.outcome = Err(Denial::plain(Reason::RuleMissing));
    } else if let Some((reason, field, rule, target)) = denied {
        // No details would help, so none are asked for the rest.
        verdict.decided_by(Some(&rule.name), target);
        verdict.lists.extend(field.map(|field| ("unfilled", vec![field.into()])));
        verdict.outcome = Err(Denial::plain(reason));
    } else if !insufficient.is_empty() {
        verdict.outcome = Err(bench.denial(&insufficient));
    }
    Ok(verdict)
}

struct Bench<'b> {
    settings: &'b Settings,
    details: AuthorizationDetails<'b>,
    resource: Option<&'b str>,
    kept: &'b Kept,
}

impl Bench<'_> {
    fn try_rule(&self, rule: &Rule<Requirement>, captures: &Captures, target: Target<'_>) -> Found {
        let Requirement { wanted, arguments: named, others } = &rule.require;
        let operation = target.operation;
        let arguments = operation.and_then(|operation| operation.arguments.as_ref());
        if !others.allow(arguments, named) {
            return Found::Denied(Reason::ArgumentsUnnamed, None);
        }
        let tool = operation.and_then(|operation| match operation.target.as_ref()? {
            Named::Tool(name) => Some(name.as_str()),
            Named::Prompt(_) | Named::Resource(_) | Named::Task(_) => None,
        });
        let Kept { query, headers } = self.kept;
        let types = &self.settings.types;
        let wanted = match wanted.fill(types, &RequestFacts { captures, query, headers, tool, arguments }) {
            Ok(wanted) => wanted,
            Err(unfillable) => return Found::Denied(Reason::RequirementUnfilled, Some(unfillable.field)),
        };
        match types.granting(&self.details, &wanted, self.resource) {
            Some(_) => Found::Granted,
            None => Found::Insufficient(wanted),
        }
    }

    /// 401 with what would let the request pass, all of it at once.
    fn denial(&self, insufficient: &[Wanted]) -> Denial {
        let challenge = challenge_for(self.resource);
        let remedy = self.settings.remediation.then(|| remediation(insufficient, self.resource)).flatten();
        let challenge = match remedy {
            Some(remedy) => challenge.authorization_remediation(&remedy),
            None => challenge,
        };
        Denial::challenged(Reason::InsufficientAuthorization, challenge).with_error(&self.settings.error_code)
    }
}
