//! The manual gear: one step at a time, for races.

use std::time::Duration;

use super::{
    Emulated,
    callout::{reset, timed_out},
    events::CalloutEnd,
    stream::{Iteration, StreamId},
    world::Context,
};
use crate::{
    http::{Field, Request, Response},
    outcome::Outcome,
};

/// A callout that waits for its answer.
#[derive(Clone, Debug)]
pub struct PendingCallout {
    /// Names it for [`Emulated::complete`] and the like.
    pub id: u64,
    /// The cluster that was called.
    pub cluster: String,
    /// What the filter sent there.
    pub request: Request,
}

/// Where a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// A filter holds it.
    Paused,
    /// Nothing holds it: it waits for more from the client, or for the upstream.
    Flowing,
    /// Its headers have reached the upstream.
    Forwarded,
    /// A filter or the proxy has answered.
    Replied,
    /// The upstream's answer has reached the client.
    Answered,
    /// The client left, or the connection broke.
    Gone,
}

impl Emulated {
    /// Sends the head of a request: its body and trailers, if it has any, are left out and come by
    /// [`Emulated::stream_body`] and [`Emulated::stream_trailers`]. A request without both ends here.
    pub fn open(&self, request: Request) -> StreamId {
        let end = request.chunks.is_empty() && request.trailers.is_none();
        self.open_head(request, end)
    }

    /// Sends the head of a request whose body is not known yet.
    pub fn open_with_body_to_come(&self, request: Request) -> StreamId {
        self.open_head(request, false)
    }

    fn open_head(&self, request: Request, end: bool) -> StreamId {
        let mut engine = self.engine.borrow_mut();
        let id = engine.open(&request, end);
        engine.settle();
        id
    }

    /// Sends a piece of body.
    pub fn stream_body(&self, id: StreamId, bytes: impl Into<Vec<u8>>, end: bool) {
        let mut engine = self.engine.borrow_mut();
        engine.feed(id, bytes.into(), end);
        engine.settle();
    }

    /// Ends the request with trailers.
    pub fn stream_trailers(&self, id: StreamId, fields: &[Field]) {
        let mut engine = self.engine.borrow_mut();
        engine.feed_trailers(id, fields);
        engine.settle();
    }

    /// The client leaves.
    pub fn reset(&self, id: StreamId) {
        let mut engine = self.engine.borrow_mut();
        engine.break_off(id);
        engine.settle();
    }

    /// The callouts that wait, oldest first.
    pub fn pending_callouts(&self) -> Vec<PendingCallout> {
        let engine = self.engine.borrow();
        let world = engine.w();
        world
            .callouts
            .iter()
            .map(|(id, callout)| PendingCallout {
                id: *id,
                cluster: callout.cluster.clone(),
                request: callout.request.clone(),
            })
            .collect()
    }

    /// Answers a callout.
    pub fn complete(&self, callout: u64, response: Response) {
        self.end_callout(callout, CalloutEnd::Response(response));
    }

    /// Lets a callout time out.
    pub fn time_out(&self, callout: u64) {
        self.end_callout(callout, timed_out());
    }

    /// Breaks a callout's connection before an answer: the filter sees a 503 of the proxy.
    pub fn fail(&self, callout: u64) {
        self.end_callout(callout, reset());
    }

    /// Breaks a callout's connection within the answer: the filter sees zero headers.
    pub fn fail_without_headers(&self, callout: u64) {
        self.end_callout(callout, CalloutEnd::Nothing);
    }

    fn end_callout(&self, callout: u64, end: CalloutEnd) {
        let mut engine = self.engine.borrow_mut();
        assert!(engine.w().callouts.contains_key(&callout), "no callout {callout} waits");
        engine.callout_ends(callout, end);
        engine.settle();
    }

    /// Ticks every root that wants ticks, now.
    pub fn tick(&self) {
        let mut engine = self.engine.borrow_mut();
        let mut roots: Vec<(usize, u32)> = engine
            .w()
            .contexts
            .iter()
            .filter_map(|((vm, id), context)| match context {
                Context::Root(root) => root.next_tick.map(|_| (*vm, *id)),
                Context::Http { .. } => None,
            })
            .collect();
        roots.sort_unstable();
        for (vm, root) in roots {
            engine.tick(vm, root);
        }
        engine.settle();
    }

    /// Lets time pass, with all that is due in it.
    pub fn advance(&self, time: Duration) {
        crate::runner::Running::pass(self, time);
    }

    /// Where a stream is.
    pub fn state(&self, id: StreamId) -> StreamState {
        let engine = self.engine.borrow();
        let mut world = engine.w();
        let stream = world.stream(id);
        if stream.replied_by.is_some() {
            StreamState::Replied
        } else if stream.reset {
            StreamState::Gone
        } else if stream.over {
            StreamState::Answered
        } else if stream
            .filters
            .iter()
            .any(|filter| filter.sides.iter().any(|side| side.iteration != Iteration::Continue))
        {
            StreamState::Paused
        } else if stream.upstream.requests.is_empty() {
            StreamState::Flowing
        } else {
            StreamState::Forwarded
        }
    }

    /// What became of a stream so far.
    pub fn outcome(&self, id: StreamId) -> Outcome {
        self.engine.borrow().outcome(id)
    }
}

impl super::engine::Engine {
    /// Runs what is due at this very moment.
    fn settle(&mut self) {
        let now = self.w().now;
        self.run_to(now);
    }
}
