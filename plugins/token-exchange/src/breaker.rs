//! Leaving a server alone that has failed several times, so that requests are told at once and it can recover.
//!
//! Only faults of the server count: transport, 5xx and 429. What it refuses says nothing about it, and one user must not
//! cut off the others: while the faults are those of one, it is open for that one alone. The first fault of another opens it
//! for all.

use std::time::Duration;

use filter_kit::pending::Asker;
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
    /// The same for one user.
    OpenedForOne(Duration),
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

/// Whose attempts have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failing {
    One(Asker),
    /// Several users', or those of nobody in particular.
    Several,
}

/// The breaker of one server.
#[derive(Debug)]
pub(crate) struct Breaker {
    limits: BreakerLimits,
    state: State,
    /// Since it was closed, or has succeeded.
    failing: Option<Failing>,
    /// How often it opened without closing in between.
    opened: u32,
    /// Since it was asked last.
    entered: Entered,
}

impl Breaker {
    pub(crate) fn new(limits: BreakerLimits) -> Self {
        Self { limits, state: State::Closed { failures: 0 }, failing: None, opened: 0, entered: Entered::default() }
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

    /// Whether it concerns the questions of this user; `None` for those of nobody in particular.
    fn concerns(&self, asker: Option<Asker>) -> bool {
        match self.failing {
            Some(Failing::One(one)) => asker == Some(one),
            Some(Failing::Several) | None => true,
        }
    }

    /// Whether the server may be asked now, for this user. `patience` is the longest that an attempt takes.
    pub(crate) fn admit(&mut self, asker: Option<Asker>, now: UnixTime, patience: Duration) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Granted,
            State::Open { until } | State::HalfOpen { until } if now < until => {
                if !self.concerns(asker) {
                    return Admission::Granted;
                }
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

    /// The server has answered this user, whatever it said.
    pub(crate) fn succeeded(&mut self, asker: Option<Asker>) -> Option<Change> {
        let was_closed = matches!(self.state, State::Closed { .. });
        // While one user is to wait, the successes of others say nothing about that one.
        if matches!(self.state, State::Open { .. }) && !self.concerns(asker) {
            return None;
        }
        self.enter(State::Closed { failures: 0 });
        self.failing = None;
        self.opened = 0;
        (!was_closed).then_some(Change::Closed)
    }

    /// The server has failed this user. `jitter` is any number; it spreads the next attempts of many proxies.
    pub(crate) fn failed(&mut self, asker: Option<Asker>, now: UnixTime, jitter: u64) -> Option<Change> {
        let concerned = self.concerns(asker);
        let failures = match self.state {
            State::Closed { failures } => failures.saturating_add(1),
            // An answer that comes late says nothing new.
            State::Open { .. } if concerned => return None,
            State::Open { .. } | State::HalfOpen { .. } => self.limits.failures,
        };
        let failing = asker.filter(|_| concerned && self.failing != Some(Failing::Several));
        let failing = failing.map_or(Failing::Several, Failing::One);
        self.failing = Some(failing);
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
        Some(match failing {
            Failing::One(_) => Change::OpenedForOne(pause),
            Failing::Several => Change::Opened(pause),
        })
    }

    fn longest(&self) -> Duration {
        let pause = self.limits.open.saturating_mul(MOST_DOUBLED);
        pause.saturating_add(pause.checked_div(4).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use filter_kit::pending::{Bounds, Pending};

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
            assert_eq!(breaker.failed(None, at(0), 0), None);
        }
        assert_eq!(breaker.failed(None, at(0), 0), Some(Change::Opened(Duration::from_secs(10))));
        breaker
    }

    fn wait(breaker: &mut Breaker, now: UnixTime) -> Option<u64> {
        match breaker.admit(None, now, PATIENCE) {
            Admission::Granted => None,
            Admission::Refused(wait) => Some(u64::try_from(wait.as_millis()).unwrap()),
        }
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row_and_not_before() {
        let mut breaker = breaker();
        for _ in 0..10 {
            breaker.failed(None, at(0), 0);
            breaker.failed(None, at(0), 0);
            assert_eq!(wait(&mut breaker, at(0)), None);
            assert_eq!(breaker.succeeded(None), None);
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
        assert_eq!(breaker.succeeded(None), Some(Change::Closed));
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
        breaker.failed(None, at(0), 0);
        breaker.succeeded(None);
        assert_eq!(breaker.take_entered(), entered(0, 0, 0), "it was closed all the time");
        let mut breaker = opened();
        breaker.failed(None, at(1), 0);
        assert!(wait(&mut breaker, at(1)).is_some());
        assert_eq!(breaker.take_entered(), entered(0, 1, 0));
        assert_eq!(wait(&mut breaker, at(10_000)), None);
        // Nobody heard of it again, so another asks, and fails; then one that does not.
        assert_eq!(wait(&mut breaker, at(12_000)), None);
        breaker.failed(None, at(12_000), 0);
        assert_eq!(breaker.take_entered(), entered(0, 1, 1));
        assert_eq!(wait(&mut breaker, at(32_000)), None);
        breaker.succeeded(None);
        breaker.succeeded(None);
        assert_eq!(breaker.take_entered(), entered(1, 0, 1));
        assert_eq!(breaker.take_entered(), entered(0, 0, 0));
    }

    #[test]
    fn each_failed_attempt_doubles_the_pause_up_to_a_bound_and_an_answer_ends_all() {
        let mut breaker = opened();
        let mut now = at(10_000);
        for seconds in [20, 40, 80, 80, 80] {
            assert_eq!(wait(&mut breaker, now), None);
            assert_eq!(breaker.failed(None, now, 0), Some(Change::Opened(Duration::from_secs(seconds))));
            now = now.plus(Duration::from_secs(seconds));
        }
        for _ in 0..100 {
            let _ = breaker.admit(None, now, PATIENCE);
            breaker.failed(None, now, 0);
            now = now.plus(Duration::from_secs(100));
        }
        breaker.succeeded(None);
        breaker.failed(None, now, 0);
        breaker.failed(None, now, 0);
        assert_eq!(breaker.failed(None, now, 0), Some(Change::Opened(Duration::from_secs(10))));
    }

    #[test]
    fn the_pause_is_spread_by_up_to_a_quarter_and_late_failures_do_not_prolong_it() {
        for jitter in [0, 1, 2_500, 2_501, u64::MAX] {
            let mut breaker = breaker();
            breaker.failed(None, at(0), jitter);
            breaker.failed(None, at(0), jitter);
            let Some(Change::Opened(pause)) = breaker.failed(None, at(0), jitter) else { panic!() };
            assert!((10_000..=12_500).contains(&pause.as_millis()), "{jitter}");
            assert_eq!(breaker.failed(None, at(5_000), jitter), None);
            assert!(wait(&mut breaker, at(12_500)).is_none());
        }
    }

    #[test]
    fn a_clock_that_goes_back_shuts_nobody_out_for_long() {
        let mut breaker = opened();
        assert!(wait(&mut breaker, at(-86_400_000)).unwrap() <= 100_000);
        assert!(wait(&mut breaker, at(-86_390_000)).is_none());
    }

    fn askers() -> [Option<Asker>; 3] {
        let pending = Pending::new(Bounds { of_one: 1, in_all: 1 });
        [1, 2, 3].map(|number| Some(pending.client(IpAddr::from([192, 0, 2, number]))))
    }

    fn is_admitted(breaker: &mut Breaker, asker: Option<Asker>, now: UnixTime) -> bool {
        breaker.admit(asker, now, PATIENCE) == Admission::Granted
    }

    fn opened_for(one: Option<Asker>) -> Breaker {
        let mut breaker = breaker();
        breaker.failed(one, at(0), 0);
        breaker.failed(one, at(0), 0);
        assert_eq!(breaker.failed(one, at(0), 0), Some(Change::OpenedForOne(Duration::from_secs(10))));
        breaker
    }

    #[test]
    fn while_only_one_user_sees_faults_it_is_open_for_that_one_alone() {
        let [one, other, _] = askers();
        let mut breaker = opened_for(one);
        assert!(!is_admitted(&mut breaker, one, at(1)));
        assert!(is_admitted(&mut breaker, other, at(1)) && is_admitted(&mut breaker, None, at(1)));
        assert_eq!(breaker.succeeded(other), None, "says nothing about the one");
        assert!(!is_admitted(&mut breaker, one, at(2)));
        assert!(is_admitted(&mut breaker, one, at(10_000)) && !is_admitted(&mut breaker, one, at(10_001)));
        assert!(is_admitted(&mut breaker, other, at(10_001)));
        assert_eq!(breaker.succeeded(one), Some(Change::Closed));
        assert!(is_admitted(&mut breaker, one, at(10_002)));
    }

    #[test]
    fn the_first_fault_of_another_opens_it_for_all() {
        let [one, other, third] = askers();
        for now in [1, 10_000] {
            let mut breaker = opened_for(one);
            let _ = breaker.admit(one, at(now), PATIENCE);
            assert!(matches!(breaker.failed(other, at(now), 0), Some(Change::Opened(_))), "{now}");
            for asker in [one, other, third, None] {
                assert!(!is_admitted(&mut breaker, asker, at(now)), "{now}");
            }
        }
        let mut mixed = breaker();
        mixed.failed(one, at(0), 0);
        mixed.failed(other, at(0), 0);
        assert!(matches!(mixed.failed(other, at(0), 0), Some(Change::Opened(_))));
        assert!(!is_admitted(&mut mixed, third, at(0)));
    }
}
