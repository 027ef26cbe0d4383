//! The verdict on a request: which target it is for, and which credential goes there.

use filter_kit::{
    audit::RecordObject,
    flow::{Subject, Verdict, Waited},
    path::Ambiguous,
    policy::Callout,
    rules::Rule,
    token_source::{HandedOver, subject_token},
};
use oauth_core::{
    audience::same_resource,
    denial::{Denial, Reason},
    scope::ScopeToken,
    secret::Secret,
    time::UnixTime,
    token_exchange::{
        ActorToken, CacheKey,
        result::Misfit,
        subject::{is_delegated, require_exchangeable, require_may_act},
    },
};

use crate::{
    answers::Watched,
    config::{ActorSource, Grant, Injected, Server, Settings, Source, Target, Unmatched},
    exchanging::{Barred, Wanted},
    forwarding::Kept,
    injected::{self, Second},
    memory::{Memory, Refused},
    proving::{self, Unproven},
};

type Judged<'a> = Verdict<'a, Watched>;

/// Judges a request with a verified token.
///
/// # Errors
/// [`Ambiguous`] if the path, or a value of a path template, has several readings for the targets.
pub(crate) fn judge<'a>(
    settings: &'a Settings,
    memory: &mut Memory,
    token: &HandedOver,
    subject: Subject<'a, Kept>,
    now: UnixTime,
) -> Result<Judged<'a>, Ambiguous> {
    let mut verdict = Verdict::undecided();
    let target = match the_target(settings, subject, &mut verdict)? {
        Ok(Some(target)) => target,
        Ok(None) => {
            unmatched(settings, subject.kept, &mut verdict);
            return Ok(verdict);
        }
        Err(reason) => {
            verdict.outcome = Err(Denial::plain(reason));
            return Ok(verdict);
        }
    };
    if let Err(reason) = target.require.clusters.require(subject.kept.routed_to()) {
        verdict.outcome = Err(Denial::plain(reason));
        return Ok(verdict);
    }
    let bench = Bench { settings, token, kept: subject.kept, waited: subject.waited, now };
    let decided = match &target.require.source {
        Source::Granted(grant) => bench.granted(memory, target, grant, &mut verdict),
        Source::Injected(injected) => bench.injected(memory, injected),
    };
    match decided {
        Ok(Decided::Ask(callout)) => verdict.ask = Some(callout),
        Ok(Decided::Forward { code, credential, watched }) => {
            bench.forward(code, Some(&credential), watched, &mut verdict)
        }
        Err(denial) => verdict.outcome = Err(denial),
    }
    Ok(verdict)
}

/// A request that needs no token here: it goes on without any, if no target is about it.
///
/// # Errors
/// As [`judge`].
pub(crate) fn judge_public<'a>(settings: &'a Settings, subject: Subject<'a, Kept>) -> Result<Judged<'a>, Ambiguous> {
    let mut verdict: Judged<'a> = subject.judge_public(&settings.targets)?;
    if verdict.outcome.is_ok() {
        without_credential(subject.kept, &mut verdict);
    }
    Ok(verdict)
}

enum Decided {
    Ask(Box<Callout>),
    Forward { code: &'static str, credential: Secret, watched: Watched },
}

/// The one target that everything in the request is for.
fn the_target<'a>(
    settings: &'a Settings,
    subject: Subject<'a, Kept>,
    verdict: &mut Judged<'a>,
) -> Result<Result<Option<&'a Rule<Target>>, Reason>, Ambiguous> {
    let mut found: Option<Option<&'a Rule<Target>>> = None;
    for asked in subject.asks(&settings.targets)? {
        let target = asked.rule.map(|(rule, _)| rule);
        let same = match (found, target) {
            (None, _) | (Some(None), None) => true,
            (Some(Some(one)), Some(other)) => std::ptr::eq(one, other),
            _ => false,
        };
        if !same {
            return Ok(Err(Reason::TargetsDiffer));
        }
        if found.is_none() {
            verdict.decided_by(target.map(|target| target.name.as_str()), asked.target);
        }
        found = Some(target);
    }
    Ok(Ok(found.flatten()))
}

fn unmatched(settings: &Settings, kept: &Kept, verdict: &mut Judged<'_>) {
    if settings.unmatched == Unmatched::Deny {
        verdict.outcome = Err(Denial::plain(Reason::RuleMissing));
        return;
    }
    without_credential(kept, verdict);
}

fn without_credential(kept: &Kept, verdict: &mut Judged<'_>) {
    match kept.edits(None) {
        Ok(edits) => {
            verdict.edits = edits;
            verdict.watch = Some(Watched::of_nobody());
        }
        Err(Ambiguous) => verdict.outcome = Err(Denial::plain(Reason::DuplicateCredential)),
    }
}

/// For the record.
fn told(misfit: &Misfit) -> RecordObject {
    let Misfit { check, expected, found, .. } = misfit;
    vec![("check", (*check).to_owned()), ("expected", expected.clone()), ("found", found.clone())]
}

struct Bench<'a, 't> {
    settings: &'a Settings,
    token: &'t HandedOver,
    kept: &'a Kept,
    waited: &'a Waited,
    now: UnixTime,
}

impl Bench<'_, '_> {
    fn granted(
        &self,
        memory: &mut Memory,
        target: &Rule<Target>,
        grant: &Grant,
        verdict: &mut Judged<'_>,
    ) -> Result<Decided, Denial> {
        let Self { settings, token, kept, waited, now } = *self;
        let plain = Denial::plain;
        let server = settings.servers.iter().find(|server| server.name == grant.server);
        let server = server.ok_or_else(|| plain(Reason::InternalFault))?;
        let position = settings.targets.iter().position(|other| std::ptr::eq(other, target));
        let position = position.ok_or_else(|| plain(Reason::InternalFault))?;
        let credential = grant.is_exchange.then(|| self.credential().map(Secret::new)).transpose()?;
        if let Some(credential) = &credential {
            require_exchangeable(server.profile, token.claims()).map_err(plain)?;
            if let Some(actor) = &server.actor {
                require_may_act(token.claims(), actor).map_err(plain)?;
            }
            if grant.skip_if_audience_matches && self.is_meant_for(grant, server) {
                let watched = Watched::of_client();
                return Ok(Decided::Forward { code: "already_meant", credential: credential.clone(), watched });
            }
        }
        let wanted = Wanted {
            target: position,
            name: &target.name,
            grant,
            server,
            subject: credential.as_ref().map(|credential| (credential, token.as_ref())),
            actor: grant.actor.as_ref().map(|source| self.actor(source)).transpose()?,
            scope: self.scope(grant),
            traceparent: kept.traceparent.as_deref(),
        };
        verdict
            .lists
            .push(("audience_asked", grant.audiences.expected.iter().map(|text| text.clone().into()).collect()));
        verdict.lists.push(("scopes_asked", wanted.scope.iter().map(|scope| scope.to_string().into()).collect()));
        if !grant.is_exchange {
            verdict.texts.push(("identity".to_owned(), "ends_here".to_owned()));
        }
        let key = wanted.key(settings);
        if let Some(obtained) = memory.result(&key, waited.since(), now) {
            match proving::require_proven(settings, memory, &wanted, &obtained, waited, now) {
                Ok(None) => {}
                Ok(Some(callout)) => return Ok(Decided::Ask(Box::new(callout))),
                Err(Unproven::KeysUnavailable(wait)) => return Err(plain(Reason::KeysUnavailable).retry_after(wait)),
                Err(Unproven::Unfit(misfit)) => {
                    let denial = plain(misfit.reason);
                    verdict.objects.push(("detail", vec![told(&misfit)]));
                    memory.unfit(key, misfit, settings.cache.negative, now);
                    return Err(denial);
                }
            }
            verdict.texts.push(("issued_sha256".to_owned(), obtained.sha256.clone()));
            verdict.lists.push(("issued_actors", obtained.actors.iter().map(|name| name.clone().into()).collect()));
            let code = match (grant.is_exchange, waited.since()) {
                (false, _) => "client_credentials",
                (true, Some(_)) => "exchanged",
                (true, None) => "kept",
            };
            let watched = Watched::of_result(position, key, obtained.heard, wanted.scope.clone());
            return Ok(Decided::Forward { code, credential: obtained.token, watched });
        }
        if let Some(refused) = memory.refusal(&key, waited.since(), now) {
            verdict.objects.extend(refused.detail.as_deref().map(|misfit| ("detail", vec![told(misfit)])));
            return Err(self.refusal(&refused));
        }
        self.ask(memory, &wanted, key)
    }

    fn ask(&self, memory: &mut Memory, wanted: &Wanted<'_>, key: CacheKey) -> Result<Decided, Denial> {
        match wanted.ask(self.settings, memory, key, self.now) {
            Ok(callout) => Ok(Decided::Ask(Box::new(callout))),
            Err(Barred::Open(wait)) => Err(Denial::plain(Reason::BreakerOpen).retry_after(wait)),
            Err(Barred::Crowded(crowded)) => Err(Denial::plain(crowded.reason())),
            Err(Barred::CannotSign) => Err(Denial::plain(Reason::ExchangeFailed)),
        }
    }

    fn credential(&self) -> Result<String, Denial> {
        subject_token(&self.kept.head, self.kept.subject_token(), self.token)
            .map_err(|reason| Denial::challenged(reason, self.token.challenge([])))
    }

    fn actor<'k>(&'k self, source: &'k ActorSource) -> Result<ActorToken<'k>, Denial> {
        let token = source.token(|header| self.kept.brought(header));
        let token = token.ok_or_else(|| Denial::plain(Reason::ActorTokenMissing))?;
        Ok(ActorToken { token, token_type: source.token_type })
    }

    /// What the target always needs, and what the client has got for more.
    fn scope(&self, grant: &Grant) -> Vec<ScopeToken> {
        let held = self.token.claims().scopes();
        let more = grant.scope_map.iter().filter(|(_, ours)| held.contains(ours)).map(|(theirs, _)| theirs.clone());
        let mut scope: Vec<ScopeToken> = grant.scope.iter().cloned().chain(more).collect();
        scope.sort_unstable();
        scope.dedup();
        scope
    }

    /// Whether the user's own token is such that an exchange could add nothing: of the same server, for this target alone,
    /// with no scope that the target is not to have, given by a user, and to the actor that a result must have.
    fn is_meant_for(&self, grant: &Grant, server: &Server) -> bool {
        let claims = self.token.claims();
        let audiences = claims.audiences();
        let is_expected = |audience: &String| grant.audiences.expected.iter().any(|name| same_resource(name, audience));
        self.token.issuer() == server.issuer
            && !audiences.is_empty()
            && audiences.iter().all(is_expected)
            && claims.scopes_in_any_claim().iter().all(|scope| grant.scope.contains(scope))
            && grant.actors.as_ref().is_none_or(|actors| actors.check(claims).is_ok())
            && is_delegated(claims, self.token.profile())
            && !claims.is_bound()
    }

    fn injected(&self, memory: &mut Memory, injected: &Injected) -> Result<Decided, Denial> {
        let (Some(issuers), Some(learned)) = (&self.settings.issuers, &mut memory.issuers) else {
            return Err(Denial::plain(Reason::InternalFault));
        };
        let brought = self.kept.brought(&injected.header);
        match injected::judge(injected, brought, self.token, (issuers, learned), self.waited, self.now) {
            Second::Accepted(credential) => {
                Ok(Decided::Forward { code: "pre_injected", credential, watched: Watched::of_caller() })
            }
            Second::Refused(reason) => Err(Denial::plain(reason)),
            Second::AwaitKeys(callout) => Ok(Decided::Ask(Box::new(callout))),
        }
    }

    fn refusal(&self, refused: &Refused) -> Denial {
        let challenge = self.token.challenge([]);
        let challenge = match &refused.claims {
            Some(claims) => challenge.claims(claims),
            None => challenge,
        };
        let denial = Denial::challenged(refused.reason, challenge);
        let wait = refused.wait(self.now);
        // A client that comes sooner gets the same answer.
        if refused.reason == Reason::ExchangeUnavailable && !wait.is_zero() { denial.retry_after(wait) } else { denial }
    }

    fn forward(&self, code: &'static str, credential: Option<&Secret>, watched: Watched, verdict: &mut Judged<'_>) {
        match self.kept.edits(credential) {
            Ok(edits) => {
                verdict.outcome = Ok(code);
                verdict.edits = edits;
                verdict.watch = Some(watched);
            }
            Err(Ambiguous) => verdict.outcome = Err(Denial::plain(Reason::DuplicateCredential)),
        }
    }
}
