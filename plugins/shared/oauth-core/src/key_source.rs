//! The life of an issuer's keys that are fetched: when to fetch, which keys hold, and when none do.
//!
//! A pure state machine. The root context of a filter feeds it time and answers.

use std::time::Duration;

use crate::{jose::KeySet, time::UnixTime, token_bucket::TokenBucket};

/// So often an unknown key is looked for without a pause: one that was just invented must not make a new one wait.
pub const MAX_LOOKUPS: u32 = 3;

/// How often keys are fetched and how long they hold (`jwks.remote`, `jwks.discovery`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySchedule {
    /// After a success the next fetch is due after this time.
    pub refresh: Duration,
    /// After a failure the next fetch is due after this time. Unknown keys are looked for [`MAX_LOOKUPS`] times at once, and
    /// then once in this time.
    pub cooldown: Duration,
    /// Keys of the last success hold this long; then a failing endpoint means no keys.
    pub max_stale: Duration,
}

/// Fetched keys and what is known of their endpoint.
#[derive(Debug, Default)]
pub struct FetchedKeys {
    last_good: Option<(KeySet, UnixTime)>,
    last_failure: Option<UnixTime>,
    under_way: bool,
    lookups: Lookups,
}

#[derive(Debug)]
struct Lookups(TokenBucket);

impl Default for Lookups {
    fn default() -> Self {
        Self(TokenBucket::new(MAX_LOOKUPS))
    }
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

    /// Whether a fetch is on its way.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Whether a fetch is on its way once this returns: by schedule. One at a time.
    pub fn start_if_due(&mut self, schedule: KeySchedule, now: UnixTime) -> bool {
        // A clock that went back would keep old keys until it has caught up: count from now on instead.
        if let Some((_, at)) = &mut self.last_good {
            *at = (*at).min(now);
        }
        self.last_failure = self.last_failure.map(|at| at.min(now));
        let due = match (&self.last_good, self.last_failure) {
            (_, Some(failed)) => now.since(failed) >= schedule.cooldown,
            (Some((_, at)), None) => now.since(*at) >= schedule.refresh,
            (None, None) => true,
        };
        self.under_way |= due;
        self.under_way
    }

    /// Whether a fetch is on its way once this returns: because a token names a key that is not there (JWT-07). Their
    /// number is bounded, so that invented names cannot flood the endpoint, and after a failure it is left alone.
    pub fn start_for_unknown_key(&mut self, schedule: KeySchedule, now: UnixTime) -> bool {
        let failed_lately = self.last_failure.is_some_and(|failed| now.since(failed) < schedule.cooldown);
        self.under_way = self.under_way || (!failed_lately && self.lookups.0.take(schedule.cooldown, now));
        self.under_way
    }

    /// A fetch succeeded: its keys replace all earlier ones, so a key that was removed ends at once. Out: whether they
    /// are other keys than before.
    pub fn succeeded(&mut self, keys: KeySet, now: UnixTime) -> bool {
        let changed = self.last_good.as_ref().is_none_or(|(before, _)| !before.is_same_as(&keys));
        (self.last_good, self.last_failure, self.under_way) = (Some((keys, now)), None, false);
        changed
    }

    /// A fetch failed: the last good keys go on until they are too old.
    pub fn failed(&mut self, now: UnixTime) {
        self.under_way = false;
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

    fn other_keys() -> KeySet {
        let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        KeySet::parse(format!("{{\"keys\":[{key}]}}").as_bytes()).unwrap()
    }

    fn ready(fetched: &FetchedKeys, seconds: i64) -> bool {
        matches!(fetched.state(SCHEDULE, at(seconds)), KeyState::Ready(_))
    }

    #[test]
    fn the_first_fetch_is_due_at_once() {
        let mut fetched = FetchedKeys::default();
        assert!(matches!(fetched.state(SCHEDULE, at(0)), KeyState::Loading));
        assert!(!fetched.is_under_way());
        assert!(fetched.start_if_due(SCHEDULE, at(0)));
        assert!(fetched.is_under_way());
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

    /// JWT-07
    #[test]
    fn unknown_keys_are_looked_for_three_times_and_then_once_in_a_cool_down() {
        let mut fetched = FetchedKeys::default();
        fetched.succeeded(keys(), at(0));
        for (now, starts) in
            [(0, true), (0, true), (1, true), (9, false), (10, true), (19, false), (20, true), (29, false)]
        {
            assert_eq!(fetched.start_for_unknown_key(SCHEDULE, at(now)), starts, "{now}");
            if starts {
                assert!(fetched.start_for_unknown_key(SCHEDULE, at(now)), "it is on its way");
                fetched.succeeded(keys(), at(now));
            }
        }
    }

    /// JWT-07
    #[test]
    fn after_a_failure_no_unknown_key_is_looked_for_within_the_cool_down() {
        let mut fetched = FetchedKeys::default();
        fetched.succeeded(keys(), at(0));
        assert!(fetched.start_for_unknown_key(SCHEDULE, at(1)));
        fetched.failed(at(1));
        assert!(!fetched.start_for_unknown_key(SCHEDULE, at(10)));
        assert!(fetched.start_for_unknown_key(SCHEDULE, at(11)));
    }

    #[test]
    fn a_success_tells_whether_the_keys_are_others() {
        let mut fetched = FetchedKeys::default();
        assert!(fetched.succeeded(keys(), at(0)));
        assert!(!fetched.succeeded(keys(), at(1)));
        assert!(fetched.succeeded(other_keys(), at(2)));
        assert!(!fetched.succeeded(other_keys(), at(3)));
    }

    #[test]
    fn a_clock_that_goes_back_neither_expires_keys_nor_starts_a_storm() {
        let mut fetched = FetchedKeys::default();
        fetched.start_if_due(SCHEDULE, at(0));
        fetched.succeeded(keys(), at(0));
        assert!(ready(&fetched, -5000));
        assert!(!fetched.start_if_due(SCHEDULE, at(-5000)));
        assert!(fetched.start_if_due(SCHEDULE, at(-4700)), "the schedule goes on from the new time");
    }
}
