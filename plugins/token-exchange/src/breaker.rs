//! Leaving a server alone that has failed several times, so that requests are told at once and it can recover.
//!
//! Only faults of the server count: transport, 5xx and 429. What it refuses says nothing about it, and one user's bad token
//! must not cut off the others.

use std::time::Duration;

use oauth_core::time::UnixTime;

use crate::config::BreakerLimits;

/// The pause doubles with each failed attempt, up to this many times its configured length.
const MOST_DOUBLED: u32 = 8;

/// Whether a server may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Granted,
    /// Not before this time has gone by.
    Refused(Duration),
}

/// What became of the breaker, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It let requests through and does not any more, for so long.
    Opened(Duration),
    /// It lets requests through again.
    Closed,
}

/// How often each state was entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entered {
    pub(crate) closed: u32,
    pub(crate) open: u32,
    pub(crate) half_open: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed {
        failures: u64,
    },
    /// Until then nobody asks.
    Open {
        until: UnixTime,
    },
    /// One asks; if nothing is heard of it by then, another may.
    HalfOpen {
        until: UnixTime,
    },
}

/// The breaker of one server.
#[derive(Debug)]
pub(crate) struct Breaker {
    limits: BreakerLimits,
    state: State,
    /// How often it opened without closing in between.
    opened: u32,
    /// Since it was asked last.
    entered: Entered,
}

impl Breaker {
    pub(crate) fn new(limits: BreakerLimits) -> Self {
        Self { limits, state: State::Closed { failures: 0 }, opened: 0, entered: Entered::default() }
    }

    /// How often each state was entered since this was asked last. Beginning closed is no entry.
    pub(crate) fn take_entered(&mut self) -> Entered {
        std::mem::take(&mut self.entered)
    }

    fn enter(&mut self, state: State) {
        if std::mem::discriminant(&self.state) != std::mem::discriminant(&state) {
            let entered = match state {
                State::Closed { .. } => &mut self.entered.closed,
                State::Open { .. } => &mut self.entered.open,
                State::HalfOpen { .. } => &mut self.entered.half_open,
            };
            *entered = entered.saturating_add(1);
        }
        self.state = state;
    }

    /// Whether the server may be asked now. `patience` is the longest that an attempt takes.
    pub(crate) fn admit(&mut self, now: UnixTime, patience: Duration) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Granted,
            State::Open { until } | State::HalfOpen { until } if now < until => {
                // A clock that went back must not shut the server out for longer than was meant.
                if until.since(now) > self.longest().max(patience) {
                    self.enter(State::Open { until: now.plus(self.limits.open) });
                }
                Admission::Refused(until.since(now).min(self.longest()))
            }
            State::Open { .. } | State::HalfOpen { .. } => {
                self.enter(State::HalfOpen { until: now.plus(patience) });
                Admission::Granted
            }
        }
    }

    /// The server has answered, whatever it said.
    pub(crate) fn succeeded(&mut self) -> Option<Change> {
        let was_closed = matches!(self.state, State::Closed { .. });
        self.enter(State::Closed { failures: 0 });
        self.opened = 0;
        (!was_closed).then_some(Change::Closed)
    }

    /// The server has failed. `jitter` is any number; it spreads the next attempts of many proxies.
    pub(crate) fn failed(&mut self, now: UnixTime, jitter: u64) -> Option<Change> {
        let failures = match self.state {
            State::Closed { failures } => failures.saturating_add(1),
            // An answer that comes late says nothing new.
            State::Open { .. } => return None,
            State::HalfOpen { .. } => self.limits.failures,
        };
        if failures < self.limits.failures {
            self.enter(State::Closed { failures });
            return None;
        }
        let factor = 1_u32.checked_shl(self.opened).unwrap_or(MOST_DOUBLED).min(MOST_DOUBLED);
        let pause = self.limits.open.saturating_mul(factor);
        // Up to a quarter more.
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let more = jitter.checked_rem((millis / 4).saturating_add(1)).unwrap_or(0);
        let pause = pause.saturating_add(Duration::from_millis(more));
        self.opened = self.opened.saturating_add(1);
        self.enter(State::Open { until: now.plus(pause) });
        Some(Change::Opened(pause))
    }

    fn longest(&self) -> Duration {
        let pause = self.limits.open.saturating_mul(MOST_DOUBLED);
        pause.saturating_add(pause.checked_div(4).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    fn at(millis: i64) -> UnixTime {
        UnixTime::from_millis(1_900_000_000_000_i64.saturating_add(millis))
    }

    fn breaker() -> Breaker {
        Breaker::new(BreakerLimits { failures: 3, open: Duration::from_secs(10) })
    }

    fn opened() -> Breaker {
        let mut breaker = breaker();
        for _ in 0..2 {
            assert_eq!(breaker.failed(at(0), 0), None);
        }
        assert_eq!(breaker.failed(at(0), 0), Some(Change::Opened(Duration::from_secs(10))));
        breaker
    }

    fn wait(breaker: &mut Breaker, now: UnixTime) -> Option<u64> {
        match breaker.admit(now, PATIENCE) {
            Admission::Granted => None,
            Admission::Refused(wait) => Some(u64::try_from(wait.as_millis()).unwrap()),
        }
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row_and_not_before() {
        let mut breaker = breaker();
        for _ in 0..10 {
            breaker.failed(at(0), 0);
            breaker.failed(at(0), 0);
            assert_eq!(wait(&mut breaker, at(0)), None);
            assert_eq!(breaker.succeeded(), None);
        }
        assert_eq!(wait(&mut opened(), at(0)), Some(10_000));
        assert_eq!(wait(&mut opened(), at(9_999)), Some(1));
    }

    #[test]
    fn after_the_pause_one_asks_and_the_others_wait_for_what_it_hears() {
        let mut breaker = opened();
        assert_eq!(wait(&mut breaker, at(10_000)), None);
        for now in [10_000, 11_999] {
            assert!(wait(&mut breaker, at(now)).is_some());
        }
        assert_eq!(breaker.succeeded(), Some(Change::Closed));
        assert_eq!(wait(&mut breaker, at(12_000)), None);
        assert_eq!(wait(&mut breaker, at(12_000)), None);
        // One that is never heard of again gives way to another.
        let mut breaker = opened();
        assert_eq!(wait(&mut breaker, at(10_000)), None);
        assert_eq!(wait(&mut breaker, at(12_000)), None);
    }

    #[test]
    fn each_entry_into_a_state_is_told_once() {
        let entered = |closed, open, half_open| Entered { closed, open, half_open };
        let mut breaker = breaker();
        breaker.failed(at(0), 0);
        breaker.succeeded();
        assert_eq!(breaker.take_entered(), entered(0, 0, 0), "it was closed all the time");
        let mut breaker = opened();
        breaker.failed(at(1), 0);
        assert!(wait(&mut breaker, at(1)).is_some());
        assert_eq!(breaker.take_entered(), entered(0, 1, 0));
        assert_eq!(wait(&mut breaker, at(10_000)), None);
        // Nobody heard of it again, so another asks, and fails; then one that does not.
        assert_eq!(wait(&mut breaker, at(12_000)), None);
        breaker.failed(at(12_000), 0);
        assert_eq!(breaker.take_entered(), entered(0, 1, 1));
        assert_eq!(wait(&mut breaker, at(32_000)), None);
        breaker.succeeded();
        breaker.succeeded();
        assert_eq!(breaker.take_entered(), entered(1, 0, 1));
        assert_eq!(breaker.take_entered(), entered(0, 0, 0));
    }

    #[test]
    fn each_failed_attempt_doubles_the_pause_up_to_a_bound_and_an_answer_ends_all() {
        let mut breaker = opened();
        let mut now = at(10_000);
        for seconds in [20, 40, 80, 80, 80] {
            assert_eq!(wait(&mut breaker, now), None);
            assert_eq!(breaker.failed(now, 0), Some(Change::Opened(Duration::from_secs(seconds))));
            now = now.plus(Duration::from_secs(seconds));
        }
        for _ in 0..100 {
            let _ = breaker.admit(now, PATIENCE);
            breaker.failed(now, 0);
            now = now.plus(Duration::from_secs(100));
        }
        breaker.succeeded();
        breaker.failed(now, 0);
        breaker.failed(now, 0);
        assert_eq!(breaker.failed(now, 0), Some(Change::Opened(Duration::from_secs(10))));
    }

    #[test]
    fn the_pause_is_spread_by_up_to_a_quarter_and_late_failures_do_not_prolong_it() {
        for jitter in [0, 1, 2_500, 2_501, u64::MAX] {
            let mut breaker = breaker();
            breaker.failed(at(0), jitter);
            breaker.failed(at(0), jitter);
            let Some(Change::Opened(pause)) = breaker.failed(at(0), jitter) else { panic!() };
            assert!((10_000..=12_500).contains(&pause.as_millis()), "{jitter}");
            assert_eq!(breaker.failed(at(5_000), jitter), None);
            assert!(wait(&mut breaker, at(12_500)).is_none());
        }
    }

    #[test]
    fn a_clock_that_goes_back_shuts_nobody_out_for_long() {
        let mut breaker = opened();
        assert!(wait(&mut breaker, at(-86_400_000)).unwrap() <= 100_000);
        assert!(wait(&mut breaker, at(-86_390_000)).is_none());
    }
}
