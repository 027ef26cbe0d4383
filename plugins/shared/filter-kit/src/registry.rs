//! The streams and flights of one root context.
//!
//! The root owns them all; an HTTP context holds only its id. So what a stream waits for, and who waits for a
//! flight, is in one place, and a stream that is gone can be forgotten everywhere at once.

use std::{collections::HashMap, rc::Rc};

use oauth_core::time::UnixTime;

use crate::{
    policy::{Callout, Policy},
    slots::{Slot, Slots},
};

/// One request on its way through the filter.
pub(crate) struct Stream<W> {
    pub(crate) phase: Phase<W>,
    /// With what the answer's head is judged, once the request was allowed.
    pub(crate) watched: Option<W>,
    /// The last byte of the request has arrived: by the headers' end of stream, the body's, or trailers.
    pub(crate) ended: bool,
    /// Bytes of body that the proxy holds for us.
    pub(crate) body_size: usize,
    /// Upgrade or CONNECT: its body never ends.
    pub(crate) upgrade: bool,
    /// The headers went on before the verdict ([`crate::policy::Hold::Body`]).
    pub(crate) headers_gone: bool,
    /// The proxy holds its body back until it is resumed.
    pub(crate) holds_all: bool,
    /// Fields that only Fourleg may set, to be taken out whatever the verdict.
    pub(crate) identity_fields: Vec<Vec<u8>>,
    /// Its fields that ask the proxy to send it again, to be taken out if a use is noted for it.
    pub(crate) repeating_fields: Vec<&'static str>,
    /// A use was noted for it.
    pub(crate) is_spent: bool,
    /// Steps taken so far; a policy that never comes to an end is a fault.
    pub(crate) steps: u8,
}

/// Where a stream is in its life. `Allowed` and `Denied` are final.
pub(crate) enum Phase<W> {
    /// A callback is at work on it.
    Deciding,
    ForCall {
        then: W,
        deadline: UnixTime,
    },
    ForBody {
        then: W,
        limit: usize,
        deadline: UnixTime,
        /// Its place among those that wait so.
        _slot: Slot,
    },
    Allowed,
    Denied,
}

impl<W> Phase<W> {
    pub(crate) fn deadline(&self) -> Option<UnixTime> {
        match self {
            Self::ForCall { deadline, .. } | Self::ForBody { deadline, .. } => Some(*deadline),
            Self::Deciding | Self::Allowed | Self::Denied => None,
        }
    }
}

/// A callout that another worker is making.
pub(crate) struct LeftToAnother {
    pub(crate) callout: Callout,
    /// Then it is made here after all.
    pub(crate) patience: UnixTime,
}

/// The right to make a call for all workers, as it stands in shared data.
pub(crate) struct Lease {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
}

/// A callout on its way.
pub(crate) struct Flight {
    /// `None`: it belongs to the one stream that waits for it.
    pub(crate) key: Option<String>,
    pub(crate) token: Option<u32>,
    /// It waits for another worker that is making the call.
    pub(crate) left_to_another: Option<LeftToAnother>,
    /// This worker makes the call for the others too.
    pub(crate) lease: Option<Lease>,
    pub(crate) expect: &'static [u16],
    pub(crate) deadline: UnixTime,
    pub(crate) waiting: Vec<u32>,
}

impl Flight {
    /// One that has not started and that nobody waits for.
    pub(crate) fn of(callout: &Callout, key: Option<String>, deadline: UnixTime) -> Self {
        let expect = callout.expect;
        Self { key, token: None, left_to_another: None, lease: None, expect, deadline, waiting: Vec::new() }
    }

    /// Whether it was started, here or by another worker.
    fn is_on(&self) -> bool {
        self.token.is_some() || self.left_to_another.is_some()
    }
}

/// Everything that one root context owns. Nothing of it is static: statics outlive a configuration update.
pub(crate) struct Registry<P: Policy> {
    pub(crate) root_id: u32,
    pub(crate) settings: Option<Rc<P::Settings>>,
    pub(crate) shared: Option<P::Shared>,
    pub(crate) streams: HashMap<u32, Stream<P::Waiting>>,
    /// Places for streams that wait for a body.
    pub(crate) for_body: Slots,
    pub(crate) flights: Vec<Flight>,
    /// Shared callouts that streams asked for and the root has not started yet.
    pub(crate) asked: Vec<Callout>,
    pub(crate) queue: Option<u32>,
    /// How the keys of this configuration in shared data begin.
    pub(crate) shared_prefix: String,
    /// Whether the root ticks at the short period.
    pub(crate) is_hurried: bool,
    /// Metrics that are defined: by decision and code, and by name.
    pub(crate) decisions: HashMap<(&'static str, &'static str), u32>,
    pub(crate) events: HashMap<String, u32>,
}

impl<P: Policy> Registry<P> {
    pub(crate) fn new(root_id: u32) -> Self {
        Self {
            root_id,
            settings: None,
            shared: None,
            streams: HashMap::new(),
            for_body: Slots::default(),
            flights: Vec::new(),
            asked: Vec::new(),
            queue: None,
            shared_prefix: String::new(),
            is_hurried: false,
            decisions: HashMap::new(),
            events: HashMap::new(),
        }
    }

    /// Forgets a stream everywhere. A shared flight goes on without it.
    pub(crate) fn forget(&mut self, id: u32) {
        self.streams.remove(&id);
        for flight in &mut self.flights {
            flight.waiting.retain(|waiting| *waiting != id);
        }
        self.flights.retain(|flight| flight.key.is_some() || !flight.waiting.is_empty());
    }

    pub(crate) fn flight_of(&mut self, key: &str) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| flight.key.as_deref() == Some(key))
    }

    /// Who waits for a shared flight that is yet to start, taken out with it. `None`: it is on already.
    pub(crate) fn take_unstarted(&mut self, key: &str) -> Option<Vec<u32>> {
        match self.flights.iter().position(|flight| flight.key.as_deref() == Some(key)) {
            None => Some(Vec::new()),
            Some(at) if self.flights.get(at).is_some_and(Flight::is_on) => None,
            Some(at) => Some(self.flights.swap_remove(at).waiting),
        }
    }

    /// Takes the flight of a call token out; `None` for a token that is not, or no longer, ours.
    pub(crate) fn land(&mut self, token: u32) -> Option<Flight> {
        let at = self.flights.iter().position(|flight| flight.token == Some(token))?;
        Some(self.flights.swap_remove(at))
    }

    /// Takes out the flights that wait for another worker, to look whether it is done.
    pub(crate) fn take_left_to_others(&mut self) -> Vec<Flight> {
        self.flights.extract_if(.., |flight| flight.left_to_another.is_some()).collect()
    }

    /// Takes out a flight whose deadline has passed.
    pub(crate) fn overdue(&mut self, now: UnixTime) -> Option<Flight> {
        let at = self.flights.iter().position(|flight| flight.deadline <= now)?;
        Some(self.flights.swap_remove(at))
    }
}
