//! One callback of one filter: what opens and closes around it, and what its result means.

use super::{
    engine::Engine,
    stream::{BodyAt, Iteration, StreamId, Way},
    world::Context,
};
use crate::http::Response;

/// What a filter wants done with a piece of body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataStatus {
    Continue,
    StopAndBuffer,
    StopAndWatermark,
    StopNoBuffer,
}

/// Where one filter is, for a callback.
struct Place {
    vm: usize,
    context: u32,
    created: bool,
    failed: bool,
}

impl Engine {
    fn place(&self, id: StreamId, filter: usize) -> Place {
        let mut world = self.w();
        let filter = &world.stream(id).filters[filter];
        Place { vm: filter.vm, context: filter.context, created: filter.created, failed: filter.failed }
    }

    /// Makes the filter's context known to its VM.
    pub(crate) fn create_context(&mut self, id: StreamId, filter: usize) {
        let (vm, root, context) = {
            let mut world = self.w();
            let entry = &mut world.stream(id).filters[filter];
            if entry.created {
                return;
            }
            entry.created = true;
            (entry.vm, entry.root, entry.context)
        };
        self.w().contexts.insert((vm, context), Context::Http { root, stream: id, filter });
        self.call(vm, "proxy_on_context_create", &[context, root]);
        self.run_actions(vm);
    }

    /// The header callback. The result is how the chain goes on.
    pub(crate) fn filter_headers(&mut self, id: StreamId, filter: usize, way: Way, end: bool) -> Iteration {
        if way == Way::Request && !self.is_dead(self.place(id, filter).vm) {
            self.create_context(id, filter);
        }
        let place = self.place(id, filter);
        if way == Way::Response && (!place.created || place.failed) {
            return Iteration::Continue;
        }
        if self.is_dead(place.vm) {
            self.fail_stream(id, filter);
            return Iteration::StopAllWatermark;
        }
        let callback = match way {
            Way::Request => "proxy_on_request_headers",
            Way::Response => "proxy_on_response_headers",
        };
        let count = {
            let mut world = self.w();
            let stream = world.stream(id);
            stream.filters[filter].end_of_stream = end;
            stream.side(filter, way).headers_open = true;
            stream.half(way).headers.as_ref().map_or(0, |headers| headers.len())
        };
        let status = if self.vms[place.vm].exports(callback) {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            let result = self.call(place.vm, callback, &[place.context, count, u32::from(end)]);
            let status = self.headers_status(id, filter, place.vm, result);
            self.run_actions(place.vm);
            status
        } else {
            Iteration::Continue
        };
        let mut world = self.w();
        let side = world.stream(id).side(filter, way);
        if status == Iteration::Continue {
            side.headers_open = false;
        } else {
            side.paused_in = callback;
        }
        status
    }

    fn headers_status(&mut self, id: StreamId, filter: usize, vm: usize, result: Option<u32>) -> Iteration {
        let Some(result) = result else {
            self.fail_stream(id, filter);
            return Iteration::StopAllWatermark;
        };
        let mut world = self.w();
        if world.stop_next.get(&vm).copied().unwrap_or(false) {
            return Iteration::StopAllWatermark;
        }
        let plugin = world.stream(id).filters[filter].plugin;
        let body_still_comes = world.gateway.plugins[plugin].allow_on_headers_stop_iteration;
        match result {
            0 | 2 => Iteration::Continue,
            1 if body_still_comes => Iteration::StopSingle,
            3 => Iteration::StopAllBuffer,
            _ => Iteration::StopAllWatermark,
        }
    }

    /// The body callback for a piece that is in flight, or for what the chain has buffered.
    pub(crate) fn filter_data(
        &mut self,
        id: StreamId,
        filter: usize,
        way: Way,
        source: BodyAt,
        end: bool,
    ) -> DataStatus {
        let place = self.place(id, filter);
        if !place.created || (way == Way::Response && place.failed) {
            return DataStatus::Continue;
        }
        if self.is_dead(place.vm) {
            self.fail_stream(id, filter);
            return DataStatus::StopNoBuffer;
        }
        if self.w().stream(id).side(filter, way).buffering {
            self.buffer(id, way, source);
            if self.stopped(id, way) {
                // The piece was one too many, and the client has its answer.
                return DataStatus::StopAndBuffer;
            }
        }
        let callback = match way {
            Way::Request => "proxy_on_request_body",
            Way::Response => "proxy_on_response_body",
        };
        if !self.vms[place.vm].exports(callback) {
            self.w().stream(id).side(filter, way).buffering = false;
            return DataStatus::Continue;
        }
        let size = {
            let mut world = self.w();
            let stream = world.stream(id);
            stream.filters[filter].end_of_stream = end;
            let side = stream.side(filter, way);
            side.body = source;
            let from = if side.buffering { BodyAt::Buffered } else { source };
            let half = stream.half(way);
            match from {
                BodyAt::Buffered => half.buffered.as_ref().map_or(0, Vec::len),
                BodyAt::InFlight => half.in_flight.len(),
                BodyAt::Nowhere => 0,
            }
        };
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let result = self.call(place.vm, callback, &[place.context, size, u32::from(end)]);
        let replied = self.w().stop_next.get(&place.vm).copied().unwrap_or(false);
        let status = match result {
            None => {
                self.fail_stream(id, filter);
                DataStatus::StopNoBuffer
            }
            Some(_) if replied => DataStatus::StopNoBuffer,
            Some(0) => DataStatus::Continue,
            Some(1) => DataStatus::StopAndBuffer,
            Some(2) => DataStatus::StopAndWatermark,
            Some(_) => DataStatus::StopNoBuffer,
        };
        self.run_actions(place.vm);
        let mut world = self.w();
        let side = world.stream(id).side(filter, way);
        side.buffering = status == DataStatus::StopAndBuffer;
        side.body = BodyAt::Nowhere;
        if status != DataStatus::Continue {
            side.paused_in = callback;
        }
        status
    }

    /// The trailers callback; `true`: they go on.
    pub(crate) fn filter_trailers(&mut self, id: StreamId, filter: usize, way: Way) -> bool {
        let place = self.place(id, filter);
        if !place.created || (way == Way::Response && place.failed) {
            return true;
        }
        if self.is_dead(place.vm) {
            self.fail_stream(id, filter);
            return false;
        }
        let callback = match way {
            Way::Request => "proxy_on_request_trailers",
            Way::Response => "proxy_on_response_trailers",
        };
        let count = {
            let mut world = self.w();
            let stream = world.stream(id);
            stream.side(filter, way).trailers_open = true;
            stream.half(way).trailers.as_ref().map_or(0, |trailers| trailers.len())
        };
        let goes_on = if self.vms[place.vm].exports(callback) {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            let result = self.call(place.vm, callback, &[place.context, count]);
            let replied = self.w().stop_next.get(&place.vm).copied().unwrap_or(false);
            if result.is_none() {
                self.fail_stream(id, filter);
            }
            self.run_actions(place.vm);
            result == Some(0) && !replied
        } else {
            true
        };
        let mut world = self.w();
        let side = world.stream(id).side(filter, way);
        if goes_on {
            side.trailers_open = false;
        } else {
            side.paused_in = callback;
        }
        goes_on
    }

    /// A dead VM answers 503 to every stream that comes to it; streams that wait in it hang.
    pub(crate) fn fail_stream(&mut self, id: StreamId, filter: usize) {
        {
            let mut world = self.w();
            let entry = &mut world.stream(id).filters[filter];
            if entry.failed {
                return;
            }
            entry.failed = true;
        }
        if !self.has_answer(id) {
            self.proxy_replies(id, Response::text(503, ""), b"wasm_fail_stream");
        }
    }
}
