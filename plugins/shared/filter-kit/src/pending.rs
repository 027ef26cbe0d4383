//! Questions on their way to a service, and who asked them: bounded in all and for each who asks, so that nobody takes the
//! service, or the worker's memory, for himself.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher as _, Hash},
    net::IpAddr,
    time::Duration,
};

use oauth_core::{reason::Reason, time::UnixTime, verified_claims::VerifiedClaims};

/// Who asks: a hash under a secret of the [`Pending`] that made it, so that nobody can pass for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asker(u64);

/// How many questions may be on their way in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Of one who asks.
    pub of_one: usize,
    /// Of all together.
    pub in_all: usize,
}

/// Why no further question may be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    /// This one has as many on their way as one may have.
    ByOne,
    /// All together have.
    ByAll,
}

impl Crowded {
    /// What the request is denied with.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::ByOne => Reason::TooManyPending,
            Self::ByAll => Reason::Overloaded,
        }
    }
}

/// The questions that are on their way to one service.
#[derive(Debug)]
pub struct Pending {
    hashing: RandomState,
    bounds: Bounds,
    questions: HashMap<String, Question>,
    by_asker: HashMap<Asker, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    asker: Option<Asker>,
    /// It is over then, even if nothing was heard of it.
    until: UnixTime,
}

impl Pending {
    /// None yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { hashing: RandomState::new(), bounds, questions: HashMap::new(), by_asker: HashMap::new() }
    }

    /// The user of a verified token, whichever token of theirs it is; of a token without `sub`, the holder of this token.
    #[must_use]
    pub fn user(&self, claims: &VerifiedClaims, token: &str) -> Asker {
        self.asker((claims.issuer(), claims.subject().ok_or(token)))
    }

    /// A client by its address; of IPv6 by its network of 64 bits, which one subscriber has for itself (RFC 6177 §2).
    #[must_use]
    pub fn client(&self, address: IpAddr) -> Asker {
        self.asker(match address {
            IpAddr::V4(address) => (u64::from(u32::from(address)), false),
            IpAddr::V6(address) => (u64::try_from(u128::from(address) >> 64).unwrap_or_default(), true),
        })
    }

    fn asker(&self, name: impl Hash) -> Asker {
        Asker(self.hashing.hash_one(name))
    }

    /// Whether a question may be asked: one that is on its way already in any case.
    ///
    /// # Errors
    /// [`Crowded`] if there are too many.
    pub fn require_room(&mut self, key: &str, asker: Option<Asker>, now: UnixTime) -> Result<(), Crowded> {
        let found = self.room(key, asker);
        if found.is_ok() {
            return found;
        }
        // Those of which nothing was ever heard are looked for only where they are in the way.
        let over: Vec<String> =
            self.questions.iter().filter(|(_, question)| question.until <= now).map(key_of).collect();
        for key in over {
            self.ended(&key);
        }
        self.room(key, asker)
    }

    fn room(&self, key: &str, asker: Option<Asker>) -> Result<(), Crowded> {
        if self.questions.contains_key(key) {
            return Ok(());
        }
        if asker.and_then(|asker| self.by_asker.get(&asker)).is_some_and(|held| *held >= self.bounds.of_one) {
            return Err(Crowded::ByOne);
        }
        if self.questions.len() >= self.bounds.in_all { Err(Crowded::ByAll) } else { Ok(()) }
    }

    /// A question is asked; whoever asks the same joins. It ends after `longest` at the latest.
    pub fn begun(&mut self, key: &str, asker: Option<Asker>, longest: Duration, now: UnixTime) {
        if self.questions.contains_key(key) {
            return;
        }
        self.questions.insert(key.to_owned(), Question { asker, until: now.plus(longest) });
        if let Some(asker) = asker {
            let held = self.by_asker.entry(asker).or_default();
            *held = held.saturating_add(1);
        }
    }

    /// A question was answered, or never will be.
    pub fn ended(&mut self, key: &str) {
        let Some(Question { asker: Some(asker), .. }) = self.questions.remove(key) else { return };
        if let Some(held) = self.by_asker.get_mut(&asker) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.by_asker.remove(&asker);
            }
        }
    }

    /// Who has asked most of the questions that are on their way, if one has: more than half of them, and no fewer than
    /// half of what one may.
    #[must_use]
    pub fn dominated_by(&self) -> Option<Asker> {
        let (asker, held) = self.by_asker.iter().max_by_key(|(_, held)| **held)?;
        let is_most = held.saturating_mul(2) > self.questions.len();
        (is_most && *held >= self.bounds.of_one.div_ceil(2)).then_some(*asker)
    }
}

fn key_of((key, _): (&String, &Question)) -> String {
    key.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000_000);
    const LONGEST: Duration = Duration::from_secs(4);

    fn pending() -> Pending {
        Pending::new(Bounds { of_one: 4, in_all: 10 })
    }

    fn ask(pending: &mut Pending, key: &str, asker: Option<Asker>, now: UnixTime) -> Result<(), Crowded> {
        pending.require_room(key, asker, now)?;
        pending.begun(key, asker, LONGEST, now);
        Ok(())
    }

    fn client(pending: &Pending, address: &str) -> Option<Asker> {
        Some(pending.client(address.parse().unwrap()))
    }

    #[test]
    fn each_has_a_bound_and_so_have_all_together() {
        let mut pending = pending();
        let one = client(&pending, "192.0.2.1");
        let mut asked = 0;
        while ask(&mut pending, &format!("one {asked}"), one, NOW).is_ok() {
            asked += 1;
        }
        assert_eq!((asked, pending.require_room("one more", one, NOW)), (4, Err(Crowded::ByOne)));
        assert_eq!(pending.require_room("one 3", one, NOW), Ok(()), "who joins adds nothing");
        for number in 0..6 {
            assert_eq!(ask(&mut pending, &format!("unknown {number}"), None, NOW), Ok(()));
        }
        let other = client(&pending, "192.0.2.2");
        assert_eq!(ask(&mut pending, "other", other, NOW), Err(Crowded::ByAll));
        pending.ended("one 0");
        assert_eq!(ask(&mut pending, "other", other, NOW), Ok(()));
    }

    #[test]
    fn an_end_counts_once_and_a_question_of_which_nothing_is_heard_ends_in_time() {
        let mut pending = pending();
        let one = client(&pending, "192.0.2.1");
        for number in 0..4 {
            assert_eq!(ask(&mut pending, &number.to_string(), one, NOW), Ok(()));
        }
        (0..3).for_each(|_| pending.ended("0"));
        assert_eq!(ask(&mut pending, "4", one, NOW), Ok(()));
        assert_eq!(ask(&mut pending, "5", one, NOW), Err(Crowded::ByOne));
        assert_eq!(ask(&mut pending, "5", one, NOW.plus(LONGEST)), Ok(()));
        assert_eq!((pending.questions.len(), pending.by_asker.len()), (1, 1));
        pending.ended("5");
        assert!(pending.questions.is_empty() && pending.by_asker.is_empty());
    }

    #[test]
    fn who_has_most_on_the_way_is_named_and_nobody_where_it_is_little() {
        let mut pending = pending();
        let (one, other) = (client(&pending, "192.0.2.1"), client(&pending, "192.0.2.2"));
        ask(&mut pending, "a", one, NOW).unwrap();
        assert_eq!(pending.dominated_by(), None, "one question is no crowd");
        ask(&mut pending, "b", one, NOW).unwrap();
        assert_eq!(pending.dominated_by(), one);
        ask(&mut pending, "c", other, NOW).unwrap();
        assert_eq!(pending.dominated_by(), one);
        ask(&mut pending, "d", None, NOW).unwrap();
        assert_eq!(pending.dominated_by(), None, "half of them is not most");
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let pending = pending();
        assert_eq!(client(&pending, "2001:db8::1"), client(&pending, "2001:db8::ffff:1"));
        assert_ne!(client(&pending, "2001:db8::1"), client(&pending, "2001:db8:0:1::1"));
        assert_ne!(client(&pending, "192.0.2.1"), client(&pending, "192.0.2.2"));
    }
}
