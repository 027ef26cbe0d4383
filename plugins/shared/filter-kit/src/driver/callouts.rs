//! Callouts: who waits for which, and what becomes of an answer.
//!
//! A shared callout is started by the root, so that it outlives the streams that wait for it: a stream's own callout dies
//! with its client.

use std::time::Duration;

use oauth_core::time::UnixTime;

use super::{At, Handle, outcome::Wait};
use crate::{
    host::{self, Buffer, Level, Map},
    policy::{Callout, CalloutOutcome, Fault, Input, MAX_ANSWER, Note, Policy},
    registry::{Flight, Phase, Registry},
};

/// The proxy's own timeout comes first; ours is for the case that it never does.
pub(super) const CALL_GRACE: Duration = Duration::from_secs(1);

impl<P: Policy> Handle<P> {
    pub(super) fn start_asked(&self, queue: u32) {
        if self.0.borrow().queue != Some(queue) {
            return;
        }
        // One wake-up for each request; the list is worked off at the first.
        let _ = host::take_wake(queue);
        self.start_all_asked();
    }

    pub(super) fn start_all_asked(&self) {
        let asked = std::mem::take(&mut self.0.borrow_mut().asked);
        for callout in asked {
            self.start_shared(callout);
        }
    }

    /// Starts a shared callout, unless its flight is on already. The root is at work, so that the flight outlives
    /// the streams that wait for it.
    pub(super) fn start_shared(&self, callout: Callout) {
        let (Some(key), Ok(now)) = (callout.key.clone(), host::now()) else { return };
        let Some(waiting) = self.0.borrow_mut().take_unstarted(&key) else { return };
        let flight = Flight { waiting, ..Flight::of(&callout, Some(key), now) };
        if callout.across_workers {
            let patience = Self::patience(&callout, now);
            self.claim(flight, callout, patience, now);
        } else {
            self.take_off(flight, &callout, now);
        }
    }

    /// Sends the callout of a flight.
    pub(super) fn take_off(&self, flight: Flight, callout: &Callout, now: UnixTime) {
        let token = dispatch(callout);
        let flight = Flight { token, deadline: now.plus(callout.timeout).plus(CALL_GRACE), ..flight };
        match token {
            Some(_) => self.0.borrow_mut().flights.push(flight),
            None => self.finish(flight, CalloutOutcome::Failed(Fault::NotSent)),
        }
    }

    /// A callout's answer has come.
    pub(super) fn land(&self, token: u32, headers: usize, body_size: usize) {
        let Some(flight) = self.0.borrow_mut().land(token) else { return };
        match read_answer(&flight, headers, body_size) {
            Ok((status, body)) => self.finish(flight, CalloutOutcome::Answer { status, body: &body }),
            Err(fault) => self.finish(flight, CalloutOutcome::Failed(fault)),
        }
        // What was learned may make the next callout due: a document that says where the keys are.
        self.upkeep();
    }

    /// Tells the root, then every stream that waits.
    pub(super) fn finish(&self, flight: Flight, outcome: CalloutOutcome<'_>) {
        if let Some(key) = &flight.key {
            let notes = self.now_with(|settings, shared, now| P::learn(settings, shared, key, outcome, now));
            for note in notes.unwrap_or_default() {
                match note {
                    Note::Info(text) => host::log(Level::Info, &text),
                    Note::Warn(text) => host::log(Level::Warn, &text),
                }
            }
            if let Some(lease) = &flight.lease {
                self.publish(lease, key);
            }
        }
        self.resume_all(flight.waiting, Input::Callout(outcome));
    }

    /// Goes on with every stream that waited.
    pub(super) fn resume_all(&self, ids: Vec<u32>, input: Input<'_>) {
        for id in ids {
            let Some(waiting) = self.take_waiting_for_call(id) else { continue };
            if !self.enter(id) {
                continue;
            }
            let step = self.now_with(|settings, shared, now| P::resume(settings, shared, waiting, input, now));
            self.settle(id, step, At::Elsewhere);
        }
        self.leave();
    }

    pub(super) fn take_waiting_for_call(&self, id: u32) -> Option<P::Waiting> {
        let mut registry = self.0.borrow_mut();
        let stream = registry.streams.get_mut(&id)?;
        match std::mem::replace(&mut stream.phase, Phase::Deciding) {
            Phase::ForCall { then, .. } => Some(then),
            other => {
                stream.phase = other;
                None
            }
        }
    }

    pub(super) fn wait_for_call(&self, id: u32, callout: Callout, then: P::Waiting, at: At) -> Wait<P::Waiting> {
        let Ok(now) = host::now() else { return Wait::Over(None) };
        let deadline = Self::patience(&callout, now).plus(callout.timeout).plus(CALL_GRACE);
        let park = |registry: &mut Registry<P>, then, deadline| match registry.streams.get_mut(&id) {
            Some(stream) => stream.phase = Phase::ForCall { then, deadline },
            None => registry.forget(id),
        };
        let Some(key) = callout.key.clone() else {
            let Some(token) = dispatch(&callout) else { return self.call_failed(then) };
            let mut registry = self.0.borrow_mut();
            registry.flights.push(Flight {
                token: Some(token),
                waiting: vec![id],
                ..Flight::of(&callout, None, deadline)
            });
            park(&mut registry, then, deadline);
            return Wait::Parked;
        };
        let mut registry = self.0.borrow_mut();
        if let Some(flight) = registry.flight_of(&key) {
            flight.waiting.push(id);
            let deadline = flight.deadline.max(deadline);
            park(&mut registry, then, deadline);
            return Wait::Parked;
        }
        // The place is taken at once, so that the next stream joins; the root starts the call.
        registry.flights.push(Flight { waiting: vec![id], ..Flight::of(&callout, Some(key), deadline) });
        registry.asked.push(callout);
        park(&mut registry, then, deadline);
        let queue = registry.queue;
        drop(registry);
        // From elsewhere than the stream's own callback the root is at work already and looks at its list by itself;
        // a queue that cannot be written to means that the next tick does.
        if let (At::Headers | At::Body, Some(queue)) = (at, queue) {
            let _ = host::wake(queue);
        } else if at == At::Elsewhere {
            self.leave();
            self.start_all_asked();
        }
        Wait::Parked
    }

    pub(super) fn call_failed(&self, then: P::Waiting) -> Wait<P::Waiting> {
        let outcome = Input::Callout(CalloutOutcome::Failed(Fault::NotSent));
        Wait::Over(self.now_with(|settings, shared, now| P::resume(settings, shared, then, outcome, now)))
    }
}

/// Sends a callout; its answer comes with the token that this gives.
fn dispatch(callout: &Callout) -> Option<u32> {
    let mut headers = vec![
        (":method", callout.method),
        (":authority", callout.authority.as_str()),
        (":path", callout.path.as_str()),
        (":scheme", "https"),
        // Nothing here decodes, and servers may code an answer if no field says otherwise (RFC 9110 §12.5.3).
        ("accept-encoding", "identity"),
    ];
    headers.extend(callout.headers.iter().map(|(name, value)| (*name, value.as_str())));
    host::http_call(&callout.cluster, &headers, &callout.body, callout.timeout).ok()
}

/// Reads an answer; its size is checked before any of it is copied.
fn read_answer(flight: &Flight, headers: usize, body_size: usize) -> Result<(u16, Vec<u8>), Fault> {
    if headers == 0 {
        return Err(Fault::NoHeaders);
    }
    let fields = host::fields(Map::CallResponseHeaders).map_err(|_| Fault::NoHeaders)?;
    let status = fields.only(":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
    let status: u16 = status.ok_or(Fault::NoHeaders)?;
    if !flight.expect.contains(&status) {
        return Err(Fault::of_status(status, fields.only("retry-after")));
    }
    if let Some(coded) = Fault::of_coding(&fields) {
        return Err(coded);
    }
    if body_size > MAX_ANSWER {
        return Err(Fault::TooLarge);
    }
    let body = if body_size == 0 {
        Vec::new()
    } else {
        host::buffer(Buffer::CallResponseBody, body_size).map_err(|_| Fault::NoHeaders)?
    };
    Ok((status, body))
}
