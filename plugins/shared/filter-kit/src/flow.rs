//! The way of a request through a filter that judges by rules what a verified token may do: head, token, body if the
//! request is one of MCP, verdict, answer. What is particular to a filter is its [`Judge`]. A verdict may need a service
//! that has to be asked first, and may want to see the upstream's answer; most do neither.

mod config;
mod judge;
mod mcp;
mod room;
mod told;
mod verdict;

use std::marker::PhantomData;

use mcp_core::{BodyReader, Exchange, Fault, Opening};
use oauth_core::{
    config::Problems,
    denial::{Denial, Reason},
    jose::Crypto,
    scope::ScopeToken,
    time::UnixTime,
};

use self::{
    mcp::{Known, Mcp},
    room::{Room, Share},
};
use crate::{
    audit::{Record, trace_id},
    background::Background,
    crypto::CryptoNeeds,
    matching::require_expected_slash,
    path::Ambiguous,
    policy::{
        Answered, Callout, CalloutOutcome, Count, Hold, Input, Note, Policy, PropertyPath, Refusal, ResponseHead, Step,
    },
    request::{Parts, RequestHead},
    rules,
    token_source::{Learned, Pending, Presented, Reading, Refused},
};

pub use config::{BodyMode, Common, RawCommon, RawMcp, Unmatched};
pub use judge::Judge;
pub use verdict::{Asked, Subject, Verdict, Waited};

/// What a request of this filter waits with.
type WaitingOf<J> = Waiting<<J as Judge>::Kept, <J as Judge>::Watched>;

/// The policy of a [`Judge`].
#[derive(Debug)]
pub struct Judging<J>(PhantomData<J>);

/// What a worker has learned.
#[derive(Debug)]
pub struct Shared<M> {
    learned: Learned,
    memory: M,
    room: Room,
}

/// What is waited for.
#[derive(Debug)]
pub enum Waiting<K, W> {
    /// The keys of the token's issuer, or its word on the token.
    Token(Box<About<K>>, Pending),
    /// The body of a request of MCP.
    Body(Box<About<K>>, Presented, Box<BodyReader>),
    /// What the verdict has asked for, or what it uses up.
    Asked(Box<Case<K>>),
    /// The upstream's answer.
    Answer(Box<Case<K>>, W),
}

/// A request of which everything is known that it says itself.
#[derive(Debug)]
pub struct Case<K> {
    about: Box<About<K>>,
    presented: Presented,
    known: Known,
    waited: Waited,
    /// What it takes up, once it waits.
    share: Option<Share>,
}

/// What is known of a request besides its token.
#[derive(Debug)]
pub struct About<K> {
    parts: Parts,
    kept: K,
    /// What the head says of it in MCP, if rules on its host and path want to know.
    mcp: Option<Mcp>,
    answering: told::Answering,
}

impl<J: Judge> Background for Judging<J> {
    type Settings = J::Settings;
    type Shared = Shared<J::Shared>;

    fn needs_own_vm(settings: &J::Settings) -> bool {
        J::needs_own_vm(settings)
    }

    fn crypto(settings: &J::Settings) -> CryptoNeeds {
        J::common(settings).token.crypto().or(J::crypto(settings))
    }

    fn equip(settings: &mut J::Settings, crypto: Crypto) {
        J::common_mut(settings).token.equip(crypto);
        J::equip(settings, crypto);
    }

    fn upkeep(settings: &J::Settings, shared: &mut Self::Shared, now: UnixTime) -> Vec<Callout> {
        let mut due = J::common(settings).token.upkeep(&mut shared.learned, now);
        due.extend(J::upkeep(settings, &mut shared.memory, now));
        due
    }

    fn counts(settings: &J::Settings, shared: &mut Self::Shared) -> Vec<Count> {
        J::counts(settings, &mut shared.memory)
    }

    fn learn(
        settings: &J::Settings,
        shared: &mut Self::Shared,
        key: &str,
        outcome: CalloutOutcome<'_>,
        now: UnixTime,
    ) -> Vec<Note> {
        let mut notes = J::common(settings).token.learn(&mut shared.learned, key, outcome, now);
        notes.extend(J::learn(settings, &mut shared.memory, key, outcome, now));
        notes
    }

    fn publish(
        settings: &J::Settings,
        shared: &mut Self::Shared,
        key: &str,
        nonce: [u8; 24],
        now: UnixTime,
    ) -> Option<Vec<u8>> {
        J::publish(settings, &mut shared.memory, key, nonce, now)
    }

    fn adopt(settings: &J::Settings, shared: &mut Self::Shared, key: &str, sealed: &[u8], now: UnixTime) -> bool {
        J::adopt(settings, &mut shared.memory, key, sealed, now)
    }
}

impl<J: Judge> Policy for Judging<J> {
    const NAME: &'static str = J::NAME;
    type Waiting = WaitingOf<J>;

    fn configure(document: &[u8]) -> Result<(J::Settings, Self::Shared), Problems> {
        let (settings, memory) = J::configure(document)?;
        let learned = J::common(&settings).token.nothing_learned();
        Ok((settings, Shared { learned, memory, room: Room::default() }))
    }

    fn properties(settings: &J::Settings) -> &[PropertyPath] {
        &J::common(settings).properties
    }

    fn notes(settings: &J::Settings) -> &[String] {
        &J::common(settings).notes
    }

    fn fields_for_us(settings: &J::Settings) -> &[String] {
        J::fields_for_us(settings)
    }

    fn begin(
        settings: &J::Settings,
        shared: &mut Self::Shared,
        request: &RequestHead,
        now: UnixTime,
    ) -> Step<Self::Waiting> {
        let common = J::common(settings);
        let origin = common.cors.allowed_origin(request);
        let mut answering =
            told::Answering { plugin: J::NAME, key: J::AUDIT, as_mcp: false, origin, trace_id: trace_id(request) };
        let rules = J::rules(settings);
        let parts = match request.parts() {
            Ok(parts) => parts.with_forms(common.forms),
            Err(reason) => return Step::Deny(answering.refuse_unfit(reason, rules, request, |record| record, now)),
        };
        if let Some(response) = common.cors.preflight(request, &parts.method) {
            return Step::Respond(response);
        }
        if let Err(missing) = common.requires.check(request, common.token.properties().len()) {
            let complete = |record: Record| record.with_objects("detail", &[missing.told()]);
            return Step::Deny(answering.refuse_unfit(Reason::RequiredFilterMissing, rules, request, complete, now));
        }
        // That the rule which decides expects one is for the verdict to say.
        let slash = require_expected_slash(&parts.path, rules.iter().map(|rule| &rule.matches));
        let mut mcp = match slash.and_then(|()| Mcp::expected(rules, parts.target())) {
            Ok(mcp) => mcp,
            Err(Ambiguous) => {
                return Step::Deny(answering.refuse_unfit(Reason::PathRefused, rules, request, |record| record, now));
            }
        };
        answering.as_mcp = mcp.is_some();
        let reading = common.token.read(&mut shared.learned, request, &parts, 0, now);
        // Nothing else of the head is looked at for who shows no valid token.
        if let Reading::Refused(refused) = &reading {
            return Step::Deny(refuse_token::<J>(settings, &answering, &parts, refused, now));
        }
        if let Some(mcp) = &mut mcp {
            mcp.open(&common.endpoint, request, &parts.method);
        }
        let about = About { parts, kept: J::keep(settings, request), mcp, answering };
        with_token::<J>(settings, shared, Box::new(about), reading, now)
    }

    fn resume(
        settings: &J::Settings,
        shared: &mut Self::Shared,
        waiting: Self::Waiting,
        input: Input<'_>,
        now: UnixTime,
    ) -> Step<Self::Waiting> {
        match (waiting, input) {
            (Waiting::Token(about, pending), Input::Callout(_)) => {
                // Whatever the callout brought is in `learned` by now.
                let reading = J::common(settings).token.read_again(&mut shared.learned, pending, now);
                with_token::<J>(settings, shared, about, reading, now)
            }
            (Waiting::Body(about, presented, reader), Input::Body(body)) => {
                with_exchange::<J>(settings, shared, about, presented, reader.read(body), now)
            }
            // As above.
            (Waiting::Asked(case), Input::Callout(_) | Input::Adopted) => conclude::<J>(settings, shared, case, now),
            (Waiting::Asked(mut case), Input::Spent(spent)) => {
                case.waited.note_spent(spent);
                conclude::<J>(settings, shared, case, now)
            }
            _ => Step::Deny(Refusal::from(Denial::plain(Reason::InternalFault))),
        }
    }

    fn may_read_body(waiting: &Self::Waiting) -> bool {
        match waiting {
            Waiting::Token(about, _) => about.mcp.is_some(),
            // What a verdict is about was read before.
            Waiting::Asked(_) | Waiting::Answer(..) => false,
            Waiting::Body(..) => true,
        }
    }

    fn give_up(_: &J::Settings, waiting: Self::Waiting, reason: Reason, now: UnixTime) -> Refusal {
        match waiting {
            Waiting::Body(about, presented, _) if reason == Reason::BodyTooLarge => {
                about.answering.refuse_fault(&presented, &BodyReader::too_large(), now)
            }
            Waiting::Token(about, _) | Waiting::Body(about, ..) => {
                about.answering.refuse(&Denial::plain(reason), now, |record| record)
            }
            Waiting::Asked(case) | Waiting::Answer(case, _) => case.refuse(&Denial::plain(reason), now),
        }
    }

    fn answered(
        settings: &J::Settings,
        shared: &mut Self::Shared,
        watched: Self::Waiting,
        response: &ResponseHead,
        now: UnixTime,
    ) -> Answered {
        let Waiting::Answer(case, watched) = watched else {
            return Answered::Replace(Denial::plain(Reason::InternalFault).into());
        };
        match J::answered(settings, &mut shared.memory, &case.presented, watched, response, now) {
            Ok(remove) => Answered::Pass { remove },
            Err(denial) => Answered::Replace(case.refuse(&denial, now)),
        }
    }
}

impl<K> Case<K> {
    /// Denies a request that was on its way already.
    fn refuse(&self, denial: &Denial, now: UnixTime) -> Refusal {
        self.about.answering.refuse_known(&self.presented, denial, self.known.id(), now)
    }
}

fn with_token<J: Judge>(
    settings: &J::Settings,
    shared: &mut Shared<J::Shared>,
    mut about: Box<About<J::Kept>>,
    reading: Reading,
    now: UnixTime,
) -> Step<WaitingOf<J>> {
    let presented = match reading {
        Reading::Done(presented) => presented,
        Reading::Await(callout, pending) => return Step::Call(callout, Waiting::Token(about, pending)),
        Reading::Refused(refused) => {
            let About { parts, answering, .. } = &*about;
            return Step::Deny(refuse_token::<J>(settings, answering, parts, &refused, now));
        }
    };
    let hold = J::common(settings).hold;
    match about.mcp.as_mut().and_then(|mcp| mcp.opening.take()) {
        None => {
            let case = Case { about, presented, known: Known::default(), waited: Waited::default(), share: None };
            conclude::<J>(settings, shared, Box::new(case), now)
        }
        // Where the head goes on before the body is read, a fault that it has already must not.
        Some(Ok(Opening::Body(reader))) => match reader.foregone().filter(|_| hold == Hold::Body) {
            Some(fault) => with_exchange::<J>(settings, shared, about, presented, Err(fault.clone()), now),
            None => {
                let limit = reader.limit();
                Step::ReadBody { limit, hold, then: Waiting::Body(about, presented, Box::new(reader)) }
            }
        },
        Some(Ok(Opening::Whole(exchange))) => with_exchange::<J>(settings, shared, about, presented, Ok(exchange), now),
        Some(Err(fault)) => with_exchange::<J>(settings, shared, about, presented, Err(fault), now),
    }
}

/// COR-17: who shows no valid token is told which scopes to ask for, and nothing else that it would have to show.
fn refuse_token<J: Judge>(
    settings: &J::Settings,
    answering: &told::Answering,
    parts: &Parts,
    refused: &Refused,
    now: UnixTime,
) -> Refusal {
    let denial = refused.denial(scopes_by_head::<J>(settings, parts));
    answering.refuse(&denial, now, |record| {
        record.with_known("resource", refused.resource.as_deref()).with_all_of(&refused.explanation)
    })
}

/// The scopes that a request needs, as far as its head says: its body is not read for somebody without a token.
fn scopes_by_head<'s, J: Judge>(settings: &'s J::Settings, parts: &Parts) -> &'s [ScopeToken] {
    let rules = J::rules(settings);
    // Where the path has several readings nothing is known, and nothing is told.
    let deciding = rules::find(rules, parts.target()).ok().and_then(|found| rules.get(found.rule?));
    deciding.map(|rule| J::scopes(&rule.require)).unwrap_or_default()
}

fn with_exchange<J: Judge>(
    settings: &J::Settings,
    shared: &mut Shared<J::Shared>,
    about: Box<About<J::Kept>>,
    presented: Presented,
    exchange: Result<Exchange, Fault>,
    now: UnixTime,
) -> Step<WaitingOf<J>> {
    let mut known = match exchange {
        Ok(exchange) => Known { exchange: Some(exchange), unread: None },
        Err(fault) if about.mcp.as_ref().is_none_or(|mcp| mcp.is_enforced) => {
            return Step::Deny(about.answering.refuse_fault(&presented, &fault, now));
        }
        Err(fault) => Known { exchange: None, unread: Some(fault.code()) },
    };
    if !J::READS_ARGUMENTS {
        known.forget_arguments();
    }
    let case = Case { about, presented, known, waited: Waited::default(), share: None };
    conclude::<J>(settings, shared, Box::new(case), now)
}

fn conclude<J: Judge>(
    settings: &J::Settings,
    shared: &mut Shared<J::Shared>,
    mut case: Box<Case<J::Kept>>,
    now: UnixTime,
) -> Step<WaitingOf<J>> {
    let Case { about, presented, known, waited, .. } = &*case;
    let About { parts, kept, .. } = &**about;
    let subject = Subject { parts, operations: known.operations(), kept, waited };
    let rules = J::rules(settings);
    let verdict = match presented {
        Presented::Token(token) => J::judge(settings, &mut shared.memory, token, subject, now),
        Presented::Public => J::judge_public(settings, subject),
    };
    let verdict = verdict.and_then(|mut verdict| {
        if let Some(code) = known.unread {
            verdict.note_unread(rules, parts.target(), code)?;
        }
        Ok(verdict)
    });
    let mut verdict = match verdict {
        Ok(verdict) => verdict,
        Err(Ambiguous) => return Step::Deny(about.answering.refuse_path(now)),
    };
    if let Some(callout) = verdict.ask.take() {
        drop(verdict);
        case.waited.note(&callout, now);
        if case.share.is_none() {
            case.share = shared.room.take(case.known.weight());
        }
        if case.share.is_none() {
            return Step::Deny(case.refuse(&Denial::plain(Reason::Overloaded), now));
        }
        return Step::Call(*callout, Waiting::Asked(case));
    }
    if !verdict.uses.is_empty() {
        let uses = std::mem::take(&mut verdict.uses);
        drop(verdict);
        // Once for each request, whatever the verdict after that says.
        return match case.waited.spent() {
            None => Step::Spend(uses, Waiting::Asked(case)),
            Some(_) => Step::Deny(case.refuse(&Denial::plain(Reason::InternalFault), now)),
        };
    }
    let watch = verdict.watch.take();
    match (about.answering.tell(presented, verdict, known.id(), now), watch) {
        (Ok(edits), Some(watched)) => {
            case.known.forget_arguments();
            Step::AllowAndWatch(edits, Waiting::Answer(case, watched))
        }
        (Ok(edits), None) => Step::Allow(edits),
        (Err(refusal), _) => Step::Deny(refusal),
    }
}
