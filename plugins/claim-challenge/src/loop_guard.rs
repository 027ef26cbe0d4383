//! Ends loops: a client that comes back again and again with tokens that do not meet the same rule is told so, instead of
//! being sent off once more. Some issuers never put `acr` into their tokens, and some clients never ask for it.
//!
//! Each round brings a new token, so what counts is who holds it, and a token that meets the rule ends the count. What is
//! remembered is bounded, and so is what one holder can take of it: the rules of one user and client push out each other
//! only, and when all places are taken nobody's is given away; who then finds none goes on being challenged, which is safe.
//! Each worker of the proxy counts for itself.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use filter_kit::token_source::HandedOver;
use oauth_core::time::UnixTime;

/// Users with their clients that are watched at once.
const MOST_HOLDERS: usize = 1024;

/// Rules that are watched of one of them.
const MOST_OF_ONE: usize = 8;

/// How long the full store is not searched again for what is over.
const SEARCH_PAUSE: Duration = Duration::from_secs(1);

/// How often the same user and client may be challenged for the same rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// So many challenges; the next answer is final.
    pub(crate) attempts: u64,
    /// From the first of them on.
    pub(crate) window: Duration,
}

/// What was challenged lately.
#[derive(Debug)]
pub struct LoopGuard {
    limits: Limits,
    /// With keys of its own, so that nobody can choose what falls together.
    hasher: RandomState,
    holders: HashMap<u64, Vec<Watched>>,
    searched: Option<UnixTime>,
}

/// One rule, by hash, and how often it was the reason.
#[derive(Debug)]
struct Watched {
    rule: u64,
    since: UnixTime,
    challenges: u64,
}

impl LoopGuard {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, hasher: RandomState::new(), holders: HashMap::new(), searched: None }
    }

    /// Counts a challenge for a rule that a token does not meet. True if there have been enough: then it is not to be made.
    pub(crate) fn has_had_enough(&mut self, token: &HandedOver, rule: &str, now: UnixTime) -> bool {
        self.count(self.holder(token), self.hasher.hash_one(rule), now)
    }

    /// Notes that a token meets these rules: whatever was challenged before has led somewhere.
    pub(crate) fn are_met<'r>(&mut self, token: &HandedOver, rules: impl IntoIterator<Item = &'r str>) {
        if self.holders.is_empty() {
            return;
        }
        let holder = self.holder(token);
        for rule in rules {
            self.forget(holder, self.hasher.hash_one(rule));
        }
    }

    /// Who holds a token: its user and client, or whoever has this very token if it names neither.
    fn holder(&self, token: &HandedOver) -> u64 {
        let claims = token.claims();
        let (subject, client) = (claims.subject(), claims.client_id());
        let unnamed = (subject.is_none() && client.is_none()).then(|| token.credential_sha256());
        self.hasher.hash_one((claims.issuer(), subject, client, unnamed))
    }

    fn forget(&mut self, holder: u64, rule: u64) {
        let Some(watched) = self.holders.get_mut(&holder) else { return };
        watched.retain(|watched| watched.rule != rule);
        if watched.is_empty() {
            self.holders.remove(&holder);
        }
    }

    fn count(&mut self, holder: u64, rule: u64, now: UnixTime) -> bool {
        let Limits { attempts, window } = self.limits;
        if !self.holders.contains_key(&holder) && !self.has_room(now) {
            return false;
        }
        let watched = self.holders.entry(holder).or_default();
        watched.retain(|watched| watched.holds(window, now));
        if let Some(known) = watched.iter_mut().find(|watched| watched.rule == rule) {
            let enough = known.challenges >= attempts;
            known.challenges = known.challenges.saturating_add(1);
            return enough;
        }
        if watched.len() >= MOST_OF_ONE {
            // The oldest of the same holder.
            watched.remove(0);
        }
        watched.push(Watched { rule, since: now, challenges: 1 });
        false
    }

    /// Whether one more holder can be watched; what is over makes room.
    fn has_room(&mut self, now: UnixTime) -> bool {
        if self.holders.len() < MOST_HOLDERS {
            return true;
        }
        if self.searched.is_none_or(|searched| now < searched || now.since(searched) >= SEARCH_PAUSE) {
            self.searched = Some(now);
            let window = self.limits.window;
            self.holders.retain(|_, watched| watched.iter().any(|watched| watched.holds(window, now)));
        }
        self.holders.len() < MOST_HOLDERS
    }
}

impl Watched {
    /// A clock that went back ends it, too.
    fn holds(&self, window: Duration, now: UnixTime) -> bool {
        now >= self.since && now.since(self.since) < window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> LoopGuard {
        LoopGuard::new(Limits { attempts: 3, window: Duration::from_secs(60) })
    }

    fn at(seconds: i64) -> UnixTime {
        UnixTime::from_secs(1_900_000_000_i64.saturating_add(seconds))
    }

    /// How many of so many challenges are made.
    fn challenged(guard: &mut LoopGuard, holder: u64, rule: u64, times: usize, now: UnixTime) -> usize {
        (0..times).filter(|_| !guard.count(holder, rule, now)).count()
    }

    #[test]
    fn after_so_many_challenges_the_answer_is_final_until_the_window_ends() {
        let mut guard = guard();
        assert_eq!(challenged(&mut guard, 1, 1, 10, at(0)), 3);
        assert!(guard.count(1, 1, at(59)));
        assert_eq!(challenged(&mut guard, 1, 1, 10, at(60)), 3);
        // A clock that goes back locks nobody out.
        assert_eq!(challenged(&mut guard, 1, 1, 10, at(-1000)), 3);
    }

    #[test]
    fn two_holders_share_nothing_and_neither_do_two_rules() {
        let mut guard = guard();
        for (holder, rule) in [(1, 1), (1, 2), (2, 1), (2, 3)] {
            assert_eq!(challenged(&mut guard, holder, rule, 5, at(0)), 3, "{holder} {rule}");
        }
    }

    #[test]
    fn a_token_that_meets_the_rule_ends_the_count_for_that_rule_alone() {
        let mut guard = guard();
        for rule in [1, 2] {
            assert_eq!(challenged(&mut guard, 1, rule, 5, at(0)), 3);
        }
        guard.forget(1, 1);
        guard.forget(2, 2);
        assert_eq!(challenged(&mut guard, 1, 1, 5, at(0)), 3);
        assert!(guard.count(1, 2, at(0)));
        guard.forget(1, 1);
        guard.forget(1, 2);
        assert!(guard.holders.is_empty());
    }

    #[test]
    fn many_rules_of_one_holder_push_out_each_other_only() {
        let mut guard = guard();
        assert_eq!(challenged(&mut guard, 1, 1, 3, at(0)), 3);
        for rule in 0..100_000 {
            assert!(!guard.count(2, rule, at(0)));
        }
        assert!(guard.count(1, 1, at(0)));
        assert_eq!(guard.holders.get(&2).map(Vec::len), Some(MOST_OF_ONE));
        // The eldest went first.
        assert_eq!(challenged(&mut guard, 2, 99_999, 5, at(0)), 2);
        assert_eq!(challenged(&mut guard, 2, 1, 5, at(0)), 3);
    }

    #[test]
    fn many_holders_push_out_nobody_and_the_store_stays_bounded() {
        let mut guard = guard();
        assert_eq!(challenged(&mut guard, 1, 1, 3, at(0)), 3);
        for holder in 0..10_000 {
            guard.count(holder, 7, at(1));
        }
        assert_eq!(guard.holders.len(), MOST_HOLDERS);
        assert!(guard.count(1, 1, at(1)));
        // Who finds no place is challenged for ever, and denied all the same.
        assert_eq!(challenged(&mut guard, 5_000, 7, 10, at(1)), 10);
        // Room comes back with time.
        assert_eq!(challenged(&mut guard, 5_000, 7, 10, at(70)), 3);
        assert!(guard.holders.len() < 3);
    }
}
