//! The verdict on a request: of each thing it asks for, the first enforcing rule and whether the token grants what it needs.

use std::{borrow::Cow, collections::BTreeMap};

use filter_kit::{
    audit::RecordObject,
    flow::{Subject, Unmatched, Verdict},
    matching::{Captures, Target},
    path::Ambiguous,
    rules::Rule,
    single_use::{Spent, Use},
    token_source::HandedOver,
};
use mcp_core::{Arguments, Target as Named};
use oauth_core::{
    authorization_details::{AuthorizationDetails, Remediation, RequestFacts, Unmet, Wanted, Why},
    denial::{Denial, Reason},
    secret::Secret,
    time::UnixTime,
};

use crate::{
    config::{Requirement, Settings},
    single_use::SingleUses,
};

/// What of a request's head the rules compare: names that have no value all readers agree on are left out.
#[derive(Debug)]
pub struct Kept {
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    /// The credential, to be shown to the authorization server.
    pub(crate) credential: Option<Secret>,
}

/// What a rule makes of one thing that a request asks for.
enum Found {
    Granted,
    /// By any of these uses, of which each is good for one request.
    GrantedOnce(Vec<Use>, Wanted),
    /// Another token could do it; what of this one does not suffice.
    Insufficient(Wanted, Vec<Unmet>),
    /// No token could.
    Denied(Reason, Option<String>),
}

impl Found {
    fn code(&self) -> &'static str {
        match self {
            Self::Granted | Self::GrantedOnce(..) => "ok",
            Self::Insufficient(..) => Reason::InsufficientAuthorization.code(),
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
    now: UnixTime,
) -> Result<Verdict<'a>, Ambiguous> {
    let mut verdict = Verdict::undecided();
    let details = AuthorizationDetails::of(token);
    let held = match &details {
        Ok(details) => details.type_names().into_iter().map(|name| Cow::Owned(name.to_owned())).collect(),
        Err(_) => vec!["malformed".into()],
    };
    // One that cannot be read grants nothing (RFC 9396 §2).
    let bench = Bench {
        settings,
        details: details.unwrap_or_default(),
        token,
        uses: SingleUses::of(token.claims(), now),
        kept: subject.kept,
    };
    let mut once: Option<(Vec<Use>, Wanted)> = None;
    let mut uses_several = false;
    let mut without_rule = None;
    let mut denied = None;
    let mut insufficient = None;
    let mut remediation = Remediation::default();
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
        let is_met = matches!(found, Found::Granted | Found::GrantedOnce(..));
        let is_first_unmet = denied.is_none() && insufficient.is_none() && !is_met;
        if verdict.rule.is_none() || is_first_unmet {
            verdict.decided_by(Some(&rule.name), asked.target);
            verdict.outcome = Ok("ok");
        }
        match found {
            Found::Granted => {}
            Found::GrantedOnce(..) if once.is_some() => uses_several = true,
            Found::GrantedOnce(uses, wanted) => once = Some((uses, wanted)),
            Found::Insufficient(wanted, unmet) => {
                remediation.add(&wanted, bench.token.resource());
                insufficient = insufficient.or(Some(unmet));
            }
            Found::Denied(reason, field) => denied = denied.or(Some((reason, field, rule, asked.target))),
        }
    }
    verdict.lists.push(("details_needed", needed.into_iter().map(Into::into).collect()));
    verdict.lists.push(("details_held", held));
    if let Some(target) = without_rule.filter(|_| settings.unmatched == Unmatched::Deny) {
        verdict.decided_by(None, target);
        verdict.outcome = Err(Denial::plain(Reason::RuleMissing));
    } else if let Some((reason, field, rule, target)) = denied {
        // No details would help, so none are asked for the rest.
        verdict.decided_by(Some(&rule.name), target);
        verdict.lists.extend(field.map(|field| ("unfilled", vec![field.into()])));
        verdict.outcome = Err(Denial::plain(reason));
    } else if let Some(unmet) = insufficient {
        verdict.objects.push(("failed", unmet.iter().map(told).collect()));
        verdict.outcome = Err(bench.denial(Reason::InsufficientAuthorization, &remediation));
    } else if uses_several {
        verdict.outcome = Err(Denial::plain(Reason::SeveralSingleUses));
    } else if let Some((uses, wanted)) = once {
        bench.use_up(uses, &wanted, subject.waited.spent(), &mut verdict);
    }
    Ok(verdict)
}

struct Bench<'b> {
    settings: &'b Settings,
    details: AuthorizationDetails<'b>,
    token: &'b HandedOver,
    uses: Option<SingleUses<'b>>,
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
        let Kept { query, headers, .. } = self.kept;
        let types = &self.settings.types;
        let arguments = arguments.map(Arguments::value);
        let facts = RequestFacts { captures, query, headers, tool, arguments };
        let wanted = match wanted.fill(types, &facts) {
            Ok(wanted) => wanted,
            Err(unfillable) => return Found::Denied(Reason::RequirementUnfilled, Some(unfillable.field)),
        };
        let granting = || types.granting(&self.details, &wanted, self.token.resource());
        let is_single_use = types.is_single_use(rule.require.wanted.type_name());
        let uses: Vec<Use> = match &self.uses {
            Some(uses) if is_single_use => granting().map(|granted| uses.of_object(granted)).collect(),
            // Without a way to tell one use from another, nothing is granted that is good for one.
            _ => Vec::new(),
        };
        match is_single_use {
            true if !uses.is_empty() => Found::GrantedOnce(uses, wanted),
            false if granting().next().is_some() => Found::Granted,
            _ => {
                let mut unmet = types.closest_unmet(&self.details, &wanted, self.token.resource());
                if unmet.is_empty() {
                    // An object would do, but its use cannot be told from others.
                    unmet.push(Unmet { field: "jti".to_owned(), comparator: None, why: Why::Absent });
                }
                Found::Insufficient(wanted, unmet)
            }
        }
    }

    /// The last question, so that a request which is denied for anything else uses up nothing.
    fn use_up(&self, uses: Vec<Use>, wanted: &Wanted, spent: Option<Spent>, verdict: &mut Verdict<'_>) {
        match spent {
            None => verdict.uses = uses,
            Some(Spent::Now) => {}
            Some(Spent::Before) => {
                let mut remediation = Remediation::default();
                remediation.add(wanted, self.token.resource());
                verdict.outcome = Err(self.denial(Reason::AuthorizationSpent, &remediation));
            }
            Some(Spent::NoRoom) => verdict.outcome = Err(Denial::plain(Reason::UseNotNoted)),
        }
    }

    /// 401 with what would let the request pass, all of it at once.
    fn denial(&self, reason: Reason, insufficient: &Remediation) -> Denial {
        let challenge = self.token.challenge([]);
        let remedy = self.settings.remediation.then(|| insufficient.encoded()).flatten();
        let challenge = match remedy {
            Some(remedy) => challenge.authorization_remediation(&remedy),
            None => challenge,
        };
        Denial::challenged(reason, challenge).with_error(&self.settings.error_code)
    }
}

/// What does not suffice, for the record: names and kinds, no values.
fn told(unmet: &Unmet) -> RecordObject {
    let mut object = vec![("field", unmet.field.clone()), ("why", unmet.why.as_str().to_owned())];
    object.extend(unmet.comparator.map(|name| ("comparator", name.to_owned())));
    object
}
