//! What will happen, in order of virtual time.

use std::collections::BTreeMap;

use super::{shared_queue::Listener, stream::StreamId};
use crate::http::Response;

/// Something that is due at some time.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The cluster gets a callout's request.
    CalloutArrives(u64),
    /// The callout ends this way.
    CalloutEnds(u64, CalloutEnd),
    /// The upstream gets the whole request.
    UpstreamArrives(StreamId),
    /// The upstream's answer is there.
    UpstreamEnds(StreamId, UpstreamEnd),
    /// A shared queue has something for a root context.
    QueueReady(Listener, u32),
}

/// How a callout ends.
#[derive(Clone, Debug)]
pub(crate) enum CalloutEnd {
    /// With a response, the cluster's or the proxy's own.
    Response(Response),
    /// With zero headers.
    Nothing,
}

/// How the upstream answers.
#[derive(Clone, Debug)]
pub(crate) enum UpstreamEnd {
    Response(Response),
    /// The connection breaks after the headers and this much body.
    Truncated(Response),
    /// The proxy answers instead, with this body and these details.
    Proxy(u16, &'static str, &'static str),
}

#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: BTreeMap<(u64, u64), Event>,
    sequence: u64,
}

impl Events {
    pub(crate) fn at(&mut self, time: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((time, self.sequence), event);
    }

    /// When the next one is due.
    pub(crate) fn next_time(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((time, _), _)| *time)
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.queue.pop_first().map(|(_, event)| event)
    }
}
