//! The decision.

use filter_kit::{
    audit::{Record, actors, trace_id},
    cors,
    crypto::CryptoChoice,
    policy::{Callout, CalloutOutcome, Input, Note, Policy, PropertyPath, Refusal, RequestEdits, Step},
    request::{Parts, RequestHead},
    rules::{self, Found, Rule},
    token_source::{HandedOver, Learned, Pending, Presented, Reading},
};
use oauth_core::{
    config::Problems,
    denial::{Denial, Reason},
    jose::Crypto,
    step_up::StepUp,
    time::UnixTime,
};

use crate::{
    config::{Settings, Unmatched},
    loop_guard::LoopGuard,
};

/// The policy of this filter.
#[derive(Debug)]
pub struct ClaimChallenge;

/// The key of the audit record.
const AUDIT: &str = "fourleg.audit.claim_challenge";

/// What a worker has learned.
#[derive(Debug)]
pub struct Shared {
    learned: Learned,
    loop_guard: LoopGuard,
}

/// A request whose token waits for the keys of its issuer.
#[derive(Debug)]
pub struct Waiting {
    about: About,
    pending: Pending,
}

/// What is known of a request besides its token.
#[derive(Debug)]
struct About {
    parts: Parts,
    /// The `Origin` of a browser that may read our answers.
    origin: Option<String>,
    trace_id: Option<String>,
}

impl Policy for ClaimChallenge {
    const NAME: &'static str = "claim_challenge";
    type Settings = Settings;
    type Shared = Shared;
    type Waiting = Waiting;

    fn configure(document: &[u8]) -> Result<(Settings, Shared), Problems> {
        let settings = Settings::read(document)?;
        let learned = settings.token.nothing_learned();
        let loop_guard = LoopGuard::new(settings.loop_guard);
        Ok((settings, Shared { learned, loop_guard }))
    }

    fn crypto(settings: &Settings) -> CryptoChoice {
        settings.token.crypto()
    }

    fn equip(settings: &mut Settings, crypto: Crypto) {
        settings.token.equip(crypto);
    }

    fn properties(settings: &Settings) -> &[PropertyPath] {
        settings.token.properties()
    }

    fn notes(settings: &Settings) -> &[String] {
        &settings.notes
    }

    fn begin(settings: &Settings, shared: &mut Shared, request: &RequestHead, now: UnixTime) -> Step<Waiting> {
        let origin = settings.cors.allowed_origin(request);
        let trace_id = trace_id(request);
        let parts = match request.parts() {
            Ok(parts) => parts,
            Err(reason) => {
                let told = Told { record: Record::new(Self::NAME, "deny", reason.code(), now), origin, trace_id };
                return told.deny(Denial::plain(reason));
            }
        };
        if let Some(response) = settings.cors.preflight(request, &parts.method) {
            return Step::Respond(response);
        }
        let reading = settings.token.read(&mut shared.learned, request, parts.target(), 0, now);
        go_on(settings, shared, About { parts, origin, trace_id }, reading, now)
    }

    fn resume(
        settings: &Settings,
        shared: &mut Shared,
        waiting: Waiting,
        _: Input<'_>,
        now: UnixTime,
    ) -> Step<Waiting> {
        // Whatever the callout brought is in `learned` by now.
        let reading = settings.token.read_again(&mut shared.learned, waiting.pending, now);
        go_on(settings, shared, waiting.about, reading, now)
    }

    fn learn(
        settings: &Settings,
        shared: &mut Shared,
        key: &str,
        outcome: CalloutOutcome<'_>,
        now: UnixTime,
    ) -> Vec<Note> {
        settings.token.learn(&mut shared.learned, key, outcome, now)
    }

    fn upkeep(settings: &Settings, shared: &mut Shared, now: UnixTime) -> Vec<Callout> {
        settings.token.upkeep(&mut shared.learned, now)
    }
}

/// A record in the making, and who may read the answer.
struct Told {
    record: Record,
    origin: Option<String>,
    trace_id: Option<String>,
}

impl Told {
    fn of(about: About, decision: &str, code: &str, now: UnixTime) -> Self {
        let record = Record::new(ClaimChallenge::NAME, decision, code, now);
        Self { record, origin: about.origin, trace_id: about.trace_id }
    }

    fn with(mut self, complete: impl FnOnce(Record) -> Record) -> Self {
        self.record = complete(self.record);
        self
    }

    fn into_state(self) -> (&'static str, Vec<u8>) {
        (AUDIT, self.record.with_known("trace_id", self.trace_id.as_deref()).into_bytes())
    }

    fn deny(self, denial: Denial) -> Step<Waiting> {
        let headers = self.origin.as_deref().map(cors::readable_by).unwrap_or_default();
        Step::Deny(Refusal { denial, headers, state: vec![self.into_state()] })
    }

    fn allow(self, code: &'static str) -> Step<Waiting> {
        let counts_as = Some(("allow", code));
        Step::Allow(RequestEdits { state: vec![self.into_state()], counts_as, ..RequestEdits::default() })
    }
}

fn go_on(settings: &Settings, shared: &mut Shared, about: About, reading: Reading, now: UnixTime) -> Step<Waiting> {
    let presented = match reading {
        Reading::Done(presented) => presented,
        Reading::AwaitKeys(callout, pending) => return Step::Call(callout, Waiting { about, pending }),
        Reading::Refused(refused) => {
            // COR-17: who shows no valid token is told nothing of what it would have to show.
            let told = Told::of(about, "deny", refused.reason.code(), now);
            let told = told.with(|record| record.with_known("resource", refused.resource.as_deref()));
            return told.deny(refused.denial());
        }
    };
    let found = match rules::find(&settings.rules, about.parts.target()) {
        Ok(found) => found,
        Err(_) => {
            return Told::of(about, "deny", Reason::PathRefused.code(), now).deny(Denial::plain(Reason::PathRefused));
        }
    };
    match presented {
        Presented::Token(token) => judge(settings, shared, about, &token, &found, now),
        Presented::Public => judge_public(settings, about, &found, now),
    }
}

fn rule(settings: &Settings, position: Option<usize>) -> Option<&Rule<StepUp>> {
    position.and_then(|position| settings.rules.get(position))
}

/// A request that audience-validation let pass without a token: it shows nothing, so no rule can hold for it.
fn judge_public(settings: &Settings, about: About, found: &Found, now: UnixTime) -> Step<Waiting> {
    let code = Reason::TokenNotVerified.code();
    let shadow = found.shadow.iter().filter_map(|position| rule(settings, Some(*position)));
    let shadow: Vec<_> = shadow.map(|rule| (rule.name.clone(), code)).collect();
    match rule(settings, found.rule) {
        Some(rule) => Told::of(about, "deny", code, now)
            .with(|record| record.with("rule", &rule.name).with_shadow(&shadow))
            .deny(Denial::plain(Reason::TokenNotVerified)),
        None => Told::of(about, "allow", "public", now).with(|record| record.with_shadow(&shadow)).allow("public"),
    }
}

fn judge(
    settings: &Settings,
    shared: &mut Shared,
    about: About,
    token: &HandedOver,
    found: &Found,
    now: UnixTime,
) -> Step<Waiting> {
    let Settings { measure, asking, .. } = settings;
    let verdict = |rule: &Rule<StepUp>| {
        let unmet = rule.require.unmet(token, measure, now);
        let code = if unmet.is_empty() { "ok" } else { asking.denial(&unmet, token, None).reason().code() };
        (rule.name.clone(), code)
    };
    let shadow = found.shadow.iter().filter_map(|position| rule(settings, Some(*position)));
    let shadow: Vec<_> = shadow.map(verdict).collect();
    let who = |record: Record| {
        record
            .with_known("resource", token.resource())
            .with_actors(&actors(token, token.credential_sha256()))
            .with_shadow(&shadow)
    };
    let Some(rule) = rule(settings, found.rule) else {
        return match settings.unmatched {
            Unmatched::Allow => Told::of(about, "allow", "unmatched", now).with(who).allow("unmatched"),
            Unmatched::Deny => Told::of(about, "deny", Reason::RuleMissing.code(), now)
                .with(who)
                .deny(Denial::plain(Reason::RuleMissing)),
        };
    };
    let who = |record: Record| who(record).with("rule", &rule.name).with_needed(rule.require.scopes());
    let unmet = rule.require.unmet(token, measure, now);
    if unmet.is_empty() {
        return Told::of(about, "allow", "ok", now).with(who).allow("ok");
    }
    let mut denial = asking.denial(&unmet, token, token.resource());
    if denial.reason().has_challenge() && shared.loop_guard.has_had_enough(token, &unmet, now) {
        denial = Denial::plain(Reason::ChallengeRepeated);
    }
    Told::of(about, "deny", denial.reason().code(), now)
        .with(|record| who(record).with_list("unmet", unmet.claims()))
        .deny(denial)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reasons of other filters.
    const ELSEWHERE: [Reason; 15] = [
        Reason::AudienceTooBroad,
        Reason::TokenKindNotAllowed,
        Reason::ClientNotAllowed,
        Reason::RoleMissing,
        Reason::ClaimMismatch,
        Reason::SubjectMismatch,
        Reason::SourceNotAllowed,
        Reason::ActorRequired,
        Reason::ActorNotAllowed,
        Reason::ActorChainTooDeep,
        Reason::ActorLoop,
        Reason::RequirementUnknown,
        Reason::BodyTooLarge,
        Reason::CalloutFailed,
        Reason::UpgradeRefused,
    ];

    #[test]
    fn the_readme_names_every_code_with_its_status() {
        let readme = include_str!("../README.md");
        for reason in Reason::ALL.iter().filter(|reason| !ELSEWHERE.contains(reason)) {
            let code = format!("`{}`", reason.code());
            let start = format!("| {} |", reason.status());
            let named = readme.lines().any(|line| line.starts_with(&start) && line.contains(&code));
            assert!(named, "{code} with status {}", reason.status());
        }
    }
}
