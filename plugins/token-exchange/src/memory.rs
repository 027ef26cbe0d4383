//! What a worker remembers: results, refusals, and what it is asking right now. The root context owns it, so that it ends
//! with its configuration.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use filter_kit::{
    issuers,
    pending::{Asker, Bounds, Pending},
    policy::Callout,
};
use oauth_core::{
    reason::Reason,
    scope::ScopeToken,
    secret::Secret,
    time::UnixTime,
    token_exchange::{CacheKey, result::Misfit},
    verified_claims::VerifiedClaims,
};

use crate::{bounded::Bounded, breaker::Breaker, config::Settings};

/// Refusals that are remembered at once, so that nobody fills the memory with bad tokens.
const MOST_REFUSALS: usize = 1024;

/// For how long after an upstream refused a token another of the same name may not be given up for the same.
const DROP_COOLDOWN: Duration = Duration::from_secs(30);

/// Each combination of a user's token with what else makes a question is one, so a user can have as many as he likes.
const MOST_PENDING: Bounds = Bounds { of_one: 16, in_all: 1024 };

/// Longer than any flight takes: what is still noted as one then is none.
const LONGEST_FLIGHT: Duration = Duration::from_secs(120);

/// How long what is over may lie about; it is never used.
const TIDY_PAUSE: Duration = Duration::from_secs(1);

/// What a worker remembers.
#[derive(Debug)]
pub struct Memory {
    pub(crate) results: Bounded<Obtained>,
    refusals: Bounded<Refused>,
    dropped: Bounded<Dropped>,
    /// By the key of the callout.
    pub(crate) flights: HashMap<String, Flight>,
    /// The flight that was heard of last, for what other workers may have of it.
    pub(crate) last: Option<Flight>,
    pub(crate) breakers: Vec<Breaker>,
    /// By position of the server: the questions on their way.
    pub(crate) pending: Vec<Pending>,
    /// Whether their metrics are there.
    pub(crate) breakers_are_told: bool,
    pub(crate) issuers: Option<issuers::Learned>,
    tidied: Option<UnixTime>,
    /// With keys of its own that nobody can foresee.
    random: RandomState,
    drawn: u64,
}

/// A token for a next hop.
#[derive(Clone, Debug)]
pub(crate) struct Obtained {
    pub(crate) token: Secret,
    /// Names it in records.
    pub(crate) sha256: String,
    /// Who acts by it, the current one first.
    pub(crate) actors: Vec<String>,
    pub(crate) scope: Option<String>,
    /// `None`: it is for those who waited for it, and not kept.
    pub(crate) until: Option<UnixTime>,
    pub(crate) heard: UnixTime,
}

/// Why there is none.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    /// The claims to ask for, base64.
    pub(crate) claims: Option<String>,
    /// What about an issued token was not as it was wanted.
    pub(crate) detail: Option<Box<Misfit>>,
    heard: UnixTime,
    /// Until then the same question is answered so without asking.
    until: UnixTime,
    /// It was so before.
    again: bool,
}

impl Refused {
    /// How long the same question is not asked again.
    pub(crate) fn wait(&self, now: UnixTime) -> Duration {
        self.until.since(now)
    }
}

#[derive(Debug)]
struct Dropped {
    at: UnixTime,
    sha256: String,
}

/// A question that a server is being asked.
#[derive(Clone)]
pub(crate) struct Flight {
    pub(crate) key: CacheKey,
    /// The positions of the target and of the server.
    pub(crate) target: usize,
    pub(crate) server: usize,
    /// The user who wants it; nobody in particular with client credentials.
    pub(crate) asker: Option<Asker>,
    /// The token that is exchanged, and what it says; none with client credentials.
    pub(crate) subject: Option<(Secret, VerifiedClaims)>,
    pub(crate) asked: Vec<ScopeToken>,
    /// It is asked once; who comes meanwhile joins.
    pub(crate) callout: Callout,
    pub(crate) since: UnixTime,
}

/// Never prints a token.
impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flight({:?})", self.key)
    }
}

impl Memory {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            results: Bounded::new(settings.cache.max_entries),
            refusals: Bounded::new(MOST_REFUSALS),
            dropped: Bounded::new(MOST_REFUSALS),
            flights: HashMap::new(),
            last: None,
            breakers: settings.servers.iter().map(|server| Breaker::new(server.breaker)).collect(),
            pending: settings.servers.iter().map(|_| Pending::new(MOST_PENDING)).collect(),
            breakers_are_told: false,
            issuers: settings.issuers.as_ref().map(issuers::Issuers::nothing_learned),
            tidied: None,
            random: RandomState::new(),
            drawn: 0,
        }
    }

    /// A number that was never drawn before, and that nobody can foresee.
    pub(crate) fn draw(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        self.random.hash_one(self.drawn)
    }

    /// The token for a key, if there is one that may be used: by everybody while it is kept, else by who waited for it.
    pub(crate) fn result(&mut self, key: &CacheKey, since: Option<UnixTime>, now: UnixTime) -> Option<Obtained> {
        let obtained = self.results.get(key)?;
        // What was heard in the future was heard before the clock went back.
        let is_kept = obtained.until.is_some_and(|until| now < until && obtained.heard <= now);
        let was_waited_for = since.is_some_and(|since| since <= obtained.heard && obtained.heard <= now);
        (is_kept || was_waited_for).then(|| obtained.clone())
    }

    /// Why there is none, if that is known.
    pub(crate) fn refusal(&mut self, key: &CacheKey, since: Option<UnixTime>, now: UnixTime) -> Option<Refused> {
        let mut refused = self.refusals.get(key)?.clone();
        let was_waited_for = since.is_some_and(|since| since <= refused.heard && refused.heard <= now);
        let still_holds = now < refused.until && refused.heard <= now;
        if !was_waited_for && !still_holds {
            return None;
        }
        let is_again = refused.again || !was_waited_for;
        if refused.reason == Reason::SubjectTokenRefused && is_again {
            // TEX-12: who comes back with the same token would go round in circles.
            refused.reason = Reason::SubjectTokenRefusedAgain;
        }
        Some(refused)
    }

    pub(crate) fn obtained(&mut self, key: CacheKey, obtained: Obtained) {
        self.refusals.remove(&key);
        self.results.insert(key, obtained);
    }

    /// Notes that there is no token. `hold` is how long that is answered without asking again.
    pub(crate) fn refused(
        &mut self,
        key: CacheKey,
        reason: Reason,
        (claims, detail): (Option<String>, Option<Box<Misfit>>),
        hold: Duration,
        now: UnixTime,
    ) {
        let before = self.refusals.get(&key).map(|before| before.reason);
        let again = before == Some(Reason::SubjectTokenRefused) && reason == Reason::SubjectTokenRefused;
        self.refusals.insert(key, Refused { reason, claims, detail, heard: now, until: now.plus(hold), again });
    }

    /// Gives up a token that is not its issuer's, whoever gave it to us, and answers so for a while.
    pub(crate) fn unfit(&mut self, key: CacheKey, misfit: Misfit, hold: Duration, now: UnixTime) {
        if let Some(obtained) = self.results.remove(&key) {
            self.dropped.insert(key, Dropped { at: now, sha256: obtained.sha256 });
        }
        self.refused(key, misfit.reason, (None, Some(Box::new(misfit))), hold, now);
    }

    /// Gives up a token that the upstream has refused: the one that was heard then, and not too often. Whether so.
    pub(crate) fn drop_result(&mut self, key: &CacheKey, heard: UnixTime, now: UnixTime) -> bool {
        let lately = |dropped: &Dropped| dropped.at <= now && now.since(dropped.at) < DROP_COOLDOWN;
        if self.dropped.get(key).is_some_and(lately) {
            return false;
        }
        // Another one may have come since.
        if self.results.get(key).is_none_or(|obtained| obtained.heard != heard) {
            return false;
        }
        let Some(obtained) = self.results.remove(key) else { return false };
        self.dropped.insert(*key, Dropped { at: now, sha256: obtained.sha256 });
        true
    }

    /// A flight is over.
    pub(crate) fn ended(&mut self, flight: &Flight) {
        if let (Some(pending), Some(key)) = (self.pending.get_mut(flight.server), &flight.callout.key) {
            pending.ended(key);
        }
    }

    /// Forgets what is over, and flights of which nothing was ever heard.
    pub(crate) fn tidy(&mut self, now: UnixTime) {
        if self.tidied.is_some_and(|tidied| tidied <= now && now.since(tidied) < TIDY_PAUSE) {
            return;
        }
        self.tidied = Some(now);
        let is_young = |since: UnixTime| since <= now && now.since(since) < LONGEST_FLIGHT;
        self.flights.retain(|_, flight| is_young(flight.since));
        self.results.retain(|obtained| match obtained.until {
            Some(until) => now < until,
            None => is_young(obtained.heard),
        });
    }

    /// Whether a token was given up.
    pub(crate) fn was_dropped(&mut self, key: &CacheKey, sha256: &str) -> bool {
        self.dropped.get(key).is_some_and(|dropped| dropped.sha256 == sha256)
    }
}
