//! The flow of a request: head, token, body if it is one of MCP, verdict.

use filter_kit::{
    audit::trace_id,
    crypto::CryptoChoice,
    matching::{Match, Target, require_expected_slash},
    path::Ambiguous,
    policy::{Callout, CalloutOutcome, Hold, Input, Note, Policy, PropertyPath, Refusal, Step},
    request::{Parts, RequestHead},
    rules::Mode,
    token_source::{Learned, Pending, Presented, Reading},
};
use mcp_core::{BodyReader, Exchange, Fault, Head, Opening};
use oauth_core::{
    config::Problems,
    denial::{Denial, Reason},
    jose::Crypto,
    time::UnixTime,
};

use crate::{
    config::Settings,
    loop_guard::LoopGuard,
    told,
    verdict::{self, Subject},
};

/// The policy of this filter.
#[derive(Debug)]
pub struct ClaimChallenge;

/// What a worker has learned.
#[derive(Debug)]
pub struct Shared {
    learned: Learned,
    loop_guard: LoopGuard,
}

/// What is waited for.
#[derive(Debug)]
pub enum Waiting {
    /// The keys of the token's issuer.
    Keys(Box<About>, Pending),
    /// The body of a request of MCP.
    Body(Box<About>, Presented, Box<BodyReader>),
}

/// What is known of a request besides its token.
#[derive(Debug)]
pub struct About {
    pub(crate) parts: Option<Parts>,
    /// What the head says of it in MCP, if rules on its host and path want to know.
    mcp: Option<Mcp>,
    /// The `Origin` of a browser that may read our answers.
    pub(crate) origin: Option<String>,
    pub(crate) trace_id: Option<String>,
}

#[derive(Debug)]
struct Mcp {
    /// Whether an enforcing rule wants to know. Those in shadow mode decide nothing, so what cannot be read passes them.
    is_enforced: bool,
    /// Taken out as it is followed.
    opening: Option<Result<Opening, Fault>>,
}

impl About {
    /// Whether the client is to be answered as one of MCP.
    pub(crate) const fn is_mcp(&self) -> bool {
        self.mcp.is_some()
    }
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
        let mut about = About { parts: None, mcp: None, origin, trace_id: trace_id(request) };
        let parts = match request.parts() {
            Ok(parts) => parts,
            Err(reason) => return Step::Deny(told::refuse(&about, &Denial::plain(reason), now, |record| record)),
        };
        if let Some(response) = settings.cors.preflight(request, &parts.method) {
            return Step::Respond(response);
        }
        // That the rule which decides expects one is for the verdict to say.
        let slash = require_expected_slash(&parts.path, settings.rules.iter().map(|rule| &rule.matches));
        about.mcp = match slash.and_then(|()| open(settings, request, &parts)) {
            Ok(mcp) => mcp,
            Err(Ambiguous) => return Step::Deny(refused_path(&about, now)),
        };
        let reading = settings.token.read(&mut shared.learned, request, parts.target(), 0, now);
        about.parts = Some(parts);
        with_token(settings, shared, Box::new(about), reading, now)
    }

    fn resume(
        settings: &Settings,
        shared: &mut Shared,
        waiting: Waiting,
        input: Input<'_>,
        now: UnixTime,
    ) -> Step<Waiting> {
        match (waiting, input) {
            (Waiting::Keys(about, pending), Input::Callout(_)) => {
                // Whatever the callout brought is in `learned` by now.
                let reading = settings.token.read_again(&mut shared.learned, pending, now);
                with_token(settings, shared, about, reading, now)
            }
            (Waiting::Body(about, presented, reader), Input::Body(body)) => {
                with_exchange(settings, shared, &about, &presented, reader.read(body), now)
            }
            _ => Step::Deny(Refusal::from(Denial::plain(Reason::InternalFault))),
        }
    }

    fn give_up(_: &Settings, waiting: Waiting, reason: Reason, now: UnixTime) -> Refusal {
        match waiting {
            Waiting::Body(about, presented, _) if reason == Reason::BodyTooLarge => {
                told::refuse_fault(&about, &presented, &BodyReader::too_large(), now)
            }
            Waiting::Keys(about, _) | Waiting::Body(about, ..) => {
                told::refuse(&about, &Denial::plain(reason), now, |record| record)
            }
        }
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

/// Reads the head as one of MCP, if a rule on its host and path looks at operations: then it must be one whatever its
/// method, or it could do what the rule is about in a way that is not seen.
fn open(settings: &Settings, request: &RequestHead, parts: &Parts) -> Result<Option<Mcp>, Ambiguous> {
    let mut expected = None;
    for rule in &settings.rules {
        if rule.matches.expects_mcp(parts.target())? {
            let is_enforced = rule.mode == Mode::Enforce || expected.unwrap_or(false);
            expected = Some(is_enforced);
        }
    }
    require_own_spelling(settings, parts.target())?;
    let Some(is_enforced) = expected else { return Ok(None) };
    let fields: Vec<(&[u8], &[u8])> = request.fields().iter().collect();
    let head = Head {
        method: &parts.method,
        is_upgrade: request.is_upgrade(),
        has_body: !request.ends_with_headers(),
        fields: &fields,
    };
    Ok(Some(Mcp { is_enforced, opening: Some(settings.endpoint.open(&head)) }))
}

/// An endpoint of MCP is asked for by its own path: a server that takes `/MCP` or `/mcp/` for `/mcp` would do what the
/// rule is about without being seen. Where both are endpoints, there is a rule for each, as close.
fn require_own_spelling(settings: &Settings, target: Target<'_>) -> Result<(), Ambiguous> {
    let enforcing = || settings.rules.iter().filter(|rule| rule.mode == Mode::Enforce).map(|rule| &rule.matches);
    let near = enforcing().filter(|block| block.nearly_expects_mcp(target)).map(Match::closeness_to_endpoint).max();
    let mut meant = None;
    for block in enforcing() {
        if block.expects_mcp(target)? {
            meant = meant.max(Some(block.closeness_to_endpoint()));
        }
    }
    if near > meant { Err(Ambiguous) } else { Ok(()) }
}

fn with_token(
    settings: &Settings,
    shared: &mut Shared,
    mut about: Box<About>,
    reading: Reading,
    now: UnixTime,
) -> Step<Waiting> {
    let presented = match reading {
        Reading::Done(presented) => presented,
        Reading::AwaitKeys(callout, pending) => return Step::Call(callout, Waiting::Keys(about, pending)),
        Reading::Refused(refused) => {
            // COR-17: who shows no valid token is told nothing of what it would have to show.
            return Step::Deny(told::refuse(&about, &refused.denial(), now, |record| {
                record.with_known("resource", refused.resource.as_deref())
            }));
        }
    };
    match about.mcp.as_mut().and_then(|mcp| mcp.opening.take()) {
        None => conclude(settings, shared, &about, &presented, Known::default(), now),
        // Where the head goes on before the body is read, a fault that it has already must not.
        Some(Ok(Opening::Body(reader))) => match reader.foregone().filter(|_| settings.hold == Hold::Body) {
            Some(fault) => with_exchange(settings, shared, &about, &presented, Err(fault.clone()), now),
            None => {
                let limit = reader.limit();
                Step::ReadBody { limit, hold: settings.hold, then: Waiting::Body(about, presented, Box::new(reader)) }
            }
        },
        Some(Ok(Opening::Whole(exchange))) => with_exchange(settings, shared, &about, &presented, Ok(exchange), now),
        Some(Err(fault)) => with_exchange(settings, shared, &about, &presented, Err(fault), now),
    }
}

fn with_exchange(
    settings: &Settings,
    shared: &mut Shared,
    about: &About,
    presented: &Presented,
    exchange: Result<Exchange, Fault>,
    now: UnixTime,
) -> Step<Waiting> {
    let known = match exchange {
        Ok(exchange) => Known { exchange: Some(exchange), unread: None },
        Err(fault) if about.mcp.as_ref().is_none_or(|mcp| mcp.is_enforced) => {
            return Step::Deny(told::refuse_fault(about, presented, &fault, now));
        }
        Err(fault) => Known { exchange: None, unread: Some(fault.code()) },
    };
    conclude(settings, shared, about, presented, known, now)
}

fn refused_path(about: &About, now: UnixTime) -> Refusal {
    told::refuse(about, &Denial::plain(Reason::PathRefused), now, |record| record)
}

/// What is known of a request in MCP.
#[derive(Debug, Default)]
struct Known {
    exchange: Option<Exchange>,
    unread: Option<&'static str>,
}

fn conclude(
    settings: &Settings,
    shared: &mut Shared,
    about: &About,
    presented: &Presented,
    known: Known,
    now: UnixTime,
) -> Step<Waiting> {
    let Some(parts) = &about.parts else {
        return Step::Deny(Refusal::from(Denial::plain(Reason::InternalFault)));
    };
    let operations = known.exchange.as_ref().map(|exchange| exchange.operations.as_slice()).unwrap_or_default();
    let subject = Subject { parts, operations, unread: known.unread };
    match verdict::judge(settings, &mut shared.loop_guard, presented, subject, now) {
        Ok(verdict) => told::tell(about, presented, &verdict, known.exchange.as_ref().and_then(Exchange::id), now),
        Err(Ambiguous) => Step::Deny(refused_path(about, now)),
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::Flaw;
    use oauth_core::reason::Reason;

    /// Reasons of other filters.
    const ELSEWHERE: [Reason; 16] = [
        Reason::InsufficientAuthorization,
        Reason::RequirementUnfilled,
        Reason::ArgumentsUnnamed,
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
        Reason::CalloutFailed,
    ];

    #[test]
    fn the_readme_names_every_code_with_its_status() {
        let readme = include_str!("../README.md");
        let reasons = Reason::ALL.iter().filter(|reason| !ELSEWHERE.contains(reason));
        let reasons = reasons.map(|reason| (reason.code(), reason.status()));
        for (code, status) in reasons.chain(Flaw::ALL.iter().map(|flaw| (flaw.code(), flaw.status()))) {
            let start = format!("| {status} |");
            let code = format!("`{code}`");
            let named = readme.lines().any(|line| line.starts_with(&start) && line.contains(&code));
            assert!(named, "{code} with status {status}");
        }
    }
}
