//! The life of an issuer's keys that are fetched: when to fetch, which keys hold, and when none do.
//!
//! A pure state machine. The root context of a filter feeds it time and answers.

use std::time::Duration;

use crate::{jose::KeySet, time::UnixTime};

/// How often keys are fetched and how long they hold (`jwks.remote`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySchedule {
    /// After a success the next fetch is due after this time.
    pub refresh: Duration,
    /// After a failure the next fetch is due after this time.
    pub cooldown: Duration,
    /// Keys of the last success hold this long; then a failing endpoint means no keys.
    pub max_stale: Duration,
}

/// Fetched keys and what is known of their endpoint.
#[derive(Debug, Default)]
pub struct FetchedKeys {
    last_good: Option<(KeySet, UnixTime)>,
    last_failure: Option<UnixTime>,
    /// When the fetch that is on its way started.
    under_way: Option<UnixTime>,
}

/// What can be said about an issuer's keys at one moment.
#[derive(Debug)]
pub enum KeyState<'a> {
    /// These hold.
    Ready(&'a KeySet),
    /// None yet, and no fetch has failed: waiting for the one under way, or starting it, is worth it.
    Loading,
    /// None, and the last fetch failed or the last good keys are too old. Deny until a fetch succeeds (JWT-28).
    Unavailable,
}

impl FetchedKeys {
    /// What holds now.
    #[must_use]
    pub fn state(&self, schedule: KeySchedule, now: UnixTime) -> KeyState<'_> {
        match &self.last_good {
            Some((keys, at)) if now.since(*at) < schedule.max_stale => KeyState::Ready(keys),
            None if self.last_failure.is_none() => KeyState::Loading,
            _ => KeyState::Unavailable,
        }
    }

    /// Whether a fetch should start now. Marks it as under way if so; one at a time.
    pub fn start_if_due(&mut self, schedule: KeySchedule, now: UnixTime) -> bool {
        let due = self.under_way.is_none()
            && match (&self.last_good, self.last_failure) {
                (_, Some(failed)) => now.since(failed) >= schedule.cooldown,
                (Some((_, at)), None) => now.since(*at) >= schedule.refresh,
                (None, None) => true,
            };
        if due {
            self.under_way = Some(now);
        }
        due
    }

    /// A fetch succeeded: its keys replace all earlier ones, so a key that was removed ends at once.
    pub fn succeeded(&mut self, keys: KeySet, now: UnixTime) {
        *self = Self { last_good: Some((keys, now)), last_failure: None, under_way: None };
    }

    /// A fetch failed: the last good keys go on until they are too old.
    pub fn failed(&mut self, now: UnixTime) {
        self.under_way = None;
        self.last_failure = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: KeySchedule = KeySchedule {
        refresh: Duration::from_secs(300),
        cooldown: Duration::from_secs(10),
        max_stale: Duration::from_secs(3600),
    };

    fn at(seconds: i64) -> UnixTime {
        UnixTime::from_secs(1_000_000_i64.saturating_add(seconds))
    }

    fn keys() -> KeySet {
        KeySet::parse(br#"{"keys":[]}"#).unwrap()
    }

    fn ready(fetched: &FetchedKeys, seconds: i64) -> bool {
        matches!(fetched.state(SCHEDULE, at(seconds)), KeyState::Ready(_))
    }

    #[test]
    fn the_first_fetch_is_due_at_once_and_only_one_is_under_way() {
        let mut fetched = FetchedKeys::default();
        assert!(matches!(fetched.state(SCHEDULE, at(0)), KeyState::Loading));
        assert!(fetched.start_if_due(SCHEDULE, at(0)));
        assert!(!fetched.start_if_due(SCHEDULE, at(1000)));
    }

    /// JWT-28
    #[test]
    fn keys_that_were_never_loaded_are_unavailable_until_a_fetch_succeeds() {
        let mut fetched = FetchedKeys::default();
        fetched.start_if_due(SCHEDULE, at(0));
        fetched.failed(at(2));
        assert!(matches!(fetched.state(SCHEDULE, at(2)), KeyState::Unavailable));
        assert!(!fetched.start_if_due(SCHEDULE, at(11)));
        assert!(fetched.start_if_due(SCHEDULE, at(12)));
        fetched.succeeded(keys(), at(12));
        assert!(ready(&fetched, 12));
    }

    /// JWT-28
    #[test]
    fn the_last_good_keys_hold_during_an_outage_up_to_max_stale() {
        let mut fetched = FetchedKeys::default();
        fetched.start_if_due(SCHEDULE, at(0));
        fetched.succeeded(keys(), at(0));
        assert!(!fetched.start_if_due(SCHEDULE, at(299)));
        assert!(fetched.start_if_due(SCHEDULE, at(300)));
        fetched.failed(at(301));
        assert!(ready(&fetched, 3599));
        assert!(matches!(fetched.state(SCHEDULE, at(3600)), KeyState::Unavailable));
        assert!(fetched.start_if_due(SCHEDULE, at(311)));
    }

    #[test]
    fn a_clock_that_goes_back_neither_expires_keys_nor_starts_a_storm() {
        let mut fetched = FetchedKeys::default();
        fetched.start_if_due(SCHEDULE, at(0));
        fetched.succeeded(keys(), at(0));
        assert!(ready(&fetched, -5000));
        assert!(!fetched.start_if_due(SCHEDULE, at(-5000)));
    }
}
