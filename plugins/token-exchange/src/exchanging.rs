//! Asking an authorization server, once for all who want the same, and taking in what it says.

mod asking;
mod sharing;

use std::time::Duration;

use filter_kit::{
    issuers::credential_sha256,
    pending::Pending,
    policy::{CalloutOutcome, Fault, Note},
};
use oauth_core::{
    reason::Reason,
    scope::ScopeToken,
    time::UnixTime,
    token_exchange::{
        Expected, Issued, Refusal,
        answer::{Kind, process_response},
        check,
        lifetime::keep_until,
        refusal::known_error,
        result::Misfit,
    },
    verified_claims::VerifiedClaims,
};
use serde_json::Value;

pub(crate) use self::{
    asking::{Barred, Wanted},
    sharing::{adopt, publish},
};
use crate::{
    breaker::Change,
    config::{Grant, Server, Settings},
    memory::{Flight, Memory, Obtained},
};

/// Takes in the end of a callout, if it is one of ours.
pub(crate) fn learn(
    settings: &Settings,
    memory: &mut Memory,
    key: &str,
    outcome: CalloutOutcome<'_>,
    now: UnixTime,
) -> Vec<Note> {
    let Some(flight) = memory.flights.remove(key) else { return Vec::new() };
    let Some((grant, server)) = about(settings, &flight) else { return Vec::new() };
    let mut notes = note_health(memory, (&flight, server), outcome, now);
    memory.ended(&flight);
    let result = match outcome {
        CalloutOutcome::Failed(fault) => Err(Why::failed(fault)),
        CalloutOutcome::Answer { status, body } => {
            let kind = Kind::of(server.profile, grant.is_exchange, grant.connection.is_some());
            match process_response(kind, server.profile, status, body) {
                Ok(issued) => take_in(settings, memory, &flight, &issued, None, now),
                Err(refusal) => Err(Why::refused(refusal, known_error(body))),
            }
        }
    };
    if let Err(why) = result {
        notes.push(Note::Warn(format!(
            "no token of {} for {}: {}",
            server.name,
            why.target(settings, &flight),
            why.told
        )));
        let hold = match why.hold {
            Hold::No => Duration::ZERO,
            Hold::Negative => settings.cache.negative,
            Hold::For(wait) => wait,
        };
        memory.refused(flight.key, why.reason, (why.claims, why.detail), hold, now);
    }
    memory.last = Some(flight);
    notes
}

/// For how long the same question is answered so without asking.
enum Hold {
    No,
    /// It would get the same answer for a while.
    Negative,
    /// The server has said so.
    For(Duration),
}

/// Why there is no token.
struct Why {
    reason: Reason,
    claims: Option<String>,
    /// For the record.
    detail: Option<Box<Misfit>>,
    hold: Hold,
    /// For the log, in our own words.
    told: String,
}

impl Why {
    fn failed(fault: Fault) -> Self {
        let reason = match fault {
            Fault::Status(504) | Fault::Deadline => Reason::ExchangeTimedOut,
            Fault::NotSent | Fault::Status(503 | 429) | Fault::NotBefore { .. } => Reason::ExchangeUnavailable,
            Fault::NoHeaders | Fault::TooLarge | Fault::Coded(_) | Fault::Status(_) => Reason::ExchangeFailed,
        };
        let hold = match fault {
            Fault::NotBefore { wait, .. } => Hold::For(wait),
            // RFC 6585 §4: too many requests, and not said for how long.
            Fault::Status(429) => Hold::Negative,
            _ => Hold::No,
        };
        Self { reason, claims: None, detail: None, hold, told: fault.to_string() }
    }

    fn refused(refusal: Refusal, error: Option<&'static str>) -> Self {
        let reason = refusal.reason();
        let told = match &refusal {
            Refusal::Unusable(why) => format!("its answer is none: {why:?}"),
            _ => format!("it answered {}", error.unwrap_or("an error of another name")),
        };
        match refusal {
            Refusal::Interaction(claims) => {
                let told = "it requires an interaction of the user".to_owned();
                Self { reason, claims, detail: None, hold: Hold::No, told }
            }
            Refusal::Subject | Refusal::Denied | Refusal::Client => {
                Self { reason, claims: None, detail: None, hold: Hold::Negative, told }
            }
            Refusal::Server | Refusal::Unusable(_) => Self { reason, claims: None, detail: None, hold: Hold::No, told },
        }
    }

    fn unfit(misfit: Misfit) -> Self {
        let reason = misfit.reason;
        let told = format!("{} ({})", reason.code(), misfit.check);
        Self { reason, claims: None, detail: Some(Box::new(misfit)), hold: Hold::Negative, told }
    }

    fn target<'s>(&self, settings: &'s Settings, flight: &Flight) -> &'s str {
        settings.targets.get(flight.target).map(|target| target.name.as_str()).unwrap_or_default()
    }
}

fn about<'s>(settings: &'s Settings, flight: &Flight) -> Option<(&'s Grant, &'s Server)> {
    let grant = settings.targets.get(flight.target)?.require.grant()?;
    let server = settings.servers.iter().find(|server| server.name == grant.server)?;
    Some((grant, server))
}

/// What a token must be that was asked for so.
pub(crate) fn expected<'a>(
    settings: &Settings,
    grant: &'a Grant,
    server: &'a Server,
    subject: Option<&'a VerifiedClaims>,
    asked: &'a [ScopeToken],
) -> Expected<'a> {
    Expected {
        profile: server.profile,
        issuer: &server.issuer,
        subject: subject.map(|claims| &**claims),
        audiences: &grant.audiences,
        asked,
        further_scopes: &grant.further_scopes,
        actors: grant.actors.as_ref(),
        opaque: grant.opaque,
        clock_skew: settings.clock_skew,
        longest_beyond: (!grant.longer_lived).then_some(settings.cache.bounds.max),
    }
}

/// Keeps a token that is what was wanted. `until` is known of one that another worker kept.
fn take_in(
    settings: &Settings,
    memory: &mut Memory,
    flight: &Flight,
    issued: &Issued,
    until: Option<UnixTime>,
    now: UnixTime,
) -> Result<(), Why> {
    let Some((grant, server)) = about(settings, flight) else {
        return Err(Why::unfit(Misfit::new(Reason::InternalFault, "target", "a configured one", "none")));
    };
    let subject = flight.subject.as_ref().map(|(_, claims)| claims);
    let checked = check(issued, &expected(settings, grant, server, subject, &flight.asked), now).map_err(Why::unfit)?;
    let subject_end = subject.map(|claims| claims.expires_at());
    let bounds = settings.cache.bounds;
    let end = keep_until(now, issued.expires_in, checked.expires_at(), subject_end, bounds);
    let end = match until {
        // Its life was settled when it came; nothing makes it longer here.
        Some(until) => Some(until.min(now.plus(bounds.max))),
        None => end.filter(|_| settings.cache.max_entries > 0),
    };
    let claims = checked.claims.as_ref();
    let name_of =
        |actor: &serde_json::Map<String, Value>| actor.get("sub").and_then(Value::as_str).unwrap_or("?").to_owned();
    let obtained = Obtained {
        token: issued.access_token.clone(),
        sha256: credential_sha256(issued.access_token.expose()),
        actors: claims.iter().flat_map(|claims| claims.actors()).map(name_of).collect(),
        scope: issued.scope.as_ref().map(|scope| scope.iter().map(ScopeToken::as_str).collect::<Vec<_>>().join(" ")),
        until: end,
        heard: now,
    };
    memory.obtained(flight.key, obtained);
    Ok(())
}

/// Tells the server's breaker how it fares: transport faults, 5xx and 429 count, and nothing that it says, be it too much.
fn note_health(
    memory: &mut Memory,
    (flight, server): (&Flight, &Server),
    outcome: CalloutOutcome<'_>,
    now: UnixTime,
) -> Vec<Note> {
    let jitter = memory.draw();
    // Who takes the server up almost alone has caused the faults of the others.
    let to_blame = memory.pending.get(flight.server).and_then(Pending::dominated_by).or(flight.asker);
    let asker = flight.asker;
    let Some(breaker) = memory.breakers.get_mut(flight.server) else { return Vec::new() };
    let change = match outcome {
        CalloutOutcome::Failed(Fault::Status(status)) if status < 500 && status != 429 => breaker.succeeded(asker),
        CalloutOutcome::Failed(Fault::TooLarge | Fault::Coded(_)) => breaker.succeeded(asker),
        CalloutOutcome::Failed(_) => breaker.failed(to_blame, now, jitter),
        CalloutOutcome::Answer { .. } => breaker.succeeded(asker),
    };
    let name = &server.name;
    match change {
        None => Vec::new(),
        Some(Change::Closed) => vec![Note::Info(format!("{name} answers again"))],
        Some(Change::Opened(pause)) => {
            vec![Note::Warn(format!("{name} has failed too often: it is not asked for {} s", pause.as_secs()))]
        }
        Some(Change::OpenedForOne(pause)) => vec![Note::Warn(format!(
            "{name} has failed too often for one user: it is not asked for that user for {} s",
            pause.as_secs()
        ))],
    }
}
