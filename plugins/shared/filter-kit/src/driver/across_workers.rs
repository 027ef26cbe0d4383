//! Callouts that one worker makes for all: shared data holds the lease, and then what was published.
//!
//! Every fault here costs a call or a wait, and nothing else: whatever is wrong with shared data, the call is made.

use std::time::Duration;

use oauth_core::time::UnixTime;

use super::{Handle, callouts::CALL_GRACE, root::TICK_MILLISECONDS};
use crate::{
    host::{self, Level},
    lease::{self, Next, Tag},
    policy::{Callout, Input, Policy},
    registry::{Flight, Lease, LeftToAnother},
};

/// How often the root looks while it waits for another worker.
const HURRIED_TICK_MILLISECONDS: u32 = 25;

/// What became of the wish to make a call for all workers.
enum Claim {
    /// It is made here, with a lease or without one.
    Granted(Option<Lease>),
    LeftToAnother,
    Adopted,
}

/// How long a call may take in all.
fn longest(callout: &Callout) -> Duration {
    callout.timeout.saturating_add(CALL_GRACE)
}

impl<P: Policy> Handle<P> {
    /// Until when a flight that another worker may be on is waited for; the streams know their deadline by it.
    pub(super) fn patience(callout: &Callout, now: UnixTime) -> UnixTime {
        if callout.across_workers { now.plus(longest(callout)) } else { now }
    }

    /// Starts a flight for all workers, or waits for the one that has.
    pub(super) fn claim(&self, mut flight: Flight, callout: Callout, patience: UnixTime, now: UnixTime) {
        match self.claimed(&callout, now) {
            Claim::Granted(lease) => {
                flight.lease = lease;
                self.take_off(flight, &callout, now);
            }
            Claim::Adopted => self.resume_all(flight.waiting, Input::Adopted),
            Claim::LeftToAnother if patience <= now => self.take_off(flight, &callout, now),
            Claim::LeftToAnother => {
                flight.deadline = patience.plus(longest(&callout));
                flight.left_to_another = Some(LeftToAnother { callout, patience });
                self.0.borrow_mut().flights.push(flight);
                self.keep_pace();
            }
        }
    }

    /// Looks whether other workers have made the calls that are left to them.
    pub(super) fn look_at_others(&self, now: UnixTime) {
        let flights = self.0.borrow_mut().take_left_to_others();
        for mut flight in flights {
            if let Some(LeftToAnother { callout, patience }) = flight.left_to_another.take() {
                self.claim(flight, callout, patience, now);
            }
        }
        self.keep_pace();
    }

    /// Tells the other workers what came of a call, and that it is over.
    pub(super) fn publish(&self, lease: &Lease, key: &str) {
        let Ok(Some((value, cas))) = host::shared_data(&lease.key) else { return };
        if value != lease.value {
            return;
        }
        let sealed = host::random().ok().and_then(|nonce| {
            self.now_with(|settings, shared, now| P::publish(settings, shared, key, nonce, now)).flatten()
        });
        let slot = lease::published(Tag::of(key), sealed.as_deref());
        // Whoever wrote in between has its reasons; a lease that is not given back runs out.
        let _ = host::set_shared_data(&lease.key, &slot, cas);
    }

    fn claimed(&self, callout: &Callout, now: UnixTime) -> Claim {
        let Some(key) = callout.key.as_deref() else { return Claim::Granted(None) };
        let tag = Tag::of(key);
        let slot_key = format!("{}{}", self.0.borrow().shared_prefix, tag.slot());
        // A value that is not there yet is created by any number but 0; one that no value has makes the second of two
        // who create it at once lose.
        let (slot, cas) = match host::shared_data(&slot_key) {
            Ok(found) => found.unwrap_or((Vec::new(), u32::MAX)),
            Err(_) => return Claim::Granted(None),
        };
        match lease::next(&slot, tag, now, longest(callout)) {
            Next::Wait => return Claim::LeftToAnother,
            Next::Alone => return Claim::Granted(None),
            Next::Adopt(sealed) => {
                let adopted = self.now_with(|settings, shared, now| P::adopt(settings, shared, key, sealed, now));
                if adopted == Some(true) {
                    return Claim::Adopted;
                }
            }
            Next::Take => {}
        }
        let Ok(nonce) = host::random() else { return Claim::Granted(None) };
        let value = lease::lease(tag, now.plus(longest(callout)), nonce);
        match host::set_shared_data(&slot_key, &value, cas) {
            Ok(true) => Claim::Granted(Some(Lease { key: slot_key, value })),
            Ok(false) => Claim::LeftToAnother,
            Err(_) => Claim::Granted(None),
        }
    }

    /// Ticks faster while other workers are waited for.
    fn keep_pace(&self) {
        let (wanted, is_hurried) = {
            let registry = self.0.borrow();
            (registry.flights.iter().any(|flight| flight.left_to_another.is_some()), registry.is_hurried)
        };
        if wanted == is_hurried {
            return;
        }
        let period = if wanted { HURRIED_TICK_MILLISECONDS } else { TICK_MILLISECONDS };
        match host::set_tick_period(period) {
            Ok(()) => self.0.borrow_mut().is_hurried = wanted,
            Err(_) => host::log(Level::Warn, "the proxy did not change its tick"),
        }
    }
}
