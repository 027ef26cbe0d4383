//! How frames walk through the filters, as in Envoy's filter manager: one shared buffer for each way, and for each
//! filter whether it holds what comes.

use super::{
    engine::Engine,
    filter::DataStatus,
    stream::{BodyAt, Iteration, StreamId, Way},
};

impl Engine {
    /// Nothing goes this way any more.
    pub(crate) fn stopped(&self, id: StreamId, way: Way) -> bool {
        let mut world = self.w();
        let stream = world.stream(id);
        if stream.reset {
            return true;
        }
        match way {
            Way::Request => stream.over || stream.request_aborted,
            Way::Response => stream.over,
        }
    }

    /// The filter after `from` on this way (the first one, if there is none), or `from` itself if it is to see
    /// again what it had stopped.
    fn entry(&self, id: StreamId, way: Way, from: Option<usize>, may_repeat: bool) -> Option<usize> {
        let mut world = self.w();
        let stream = world.stream(id);
        match from {
            Some(from) if may_repeat && stream.side(from, way).iterate_from_current => Some(from),
            Some(from) => after(way, from, stream.filters.len()),
            None => match way {
                Way::Request => (!stream.filters.is_empty()).then_some(0),
                Way::Response => stream.filters.len().checked_sub(1),
            },
        }
    }

    /// Headers go from filter to filter, and out at the end.
    pub(crate) fn headers(&mut self, id: StreamId, way: Way, from: Option<usize>, end: bool) {
        let mut entry = self.entry(id, way, from, false);
        while let Some(filter) = entry {
            if self.stopped(id, way) {
                return;
            }
            self.w().stream(id).side(filter, way).end_stream = end;
            let status = self.filter_headers(id, filter, way, end);
            if self.stopped(id, way) {
                return;
            }
            let next = {
                let mut world = self.w();
                let stream = world.stream(id);
                let side = stream.side(filter, way);
                if status != Iteration::Continue {
                    side.iteration = status;
                    return;
                }
                if std::mem::replace(&mut side.headers_continued, true) {
                    // A resume within the callback has sent them on.
                    return;
                }
                after(way, filter, stream.filters.len())
            };
            entry = next;
        }
        if self.stopped(id, way) {
            return;
        }
        match way {
            Way::Request => self.upstream_headers(id, end),
            Way::Response => self.client_headers(id, end),
        }
    }

    /// A piece of body goes from filter to filter: the one in flight, or all that is buffered.
    pub(crate) fn data(&mut self, id: StreamId, way: Way, from: Option<usize>, source: BodyAt, end: bool) {
        let had_trailers = self.w().stream(id).half(way).trailers.is_some();
        let mut trailers_added_by = None;
        let mut entry = self.entry(id, way, from, true);
        while let Some(filter) = entry {
            if self.stopped(id, way) {
                return;
            }
            let filter_end = {
                let mut world = self.w();
                let stream = world.stream(id);
                let side = *stream.side(filter, way);
                if side.iteration.stopped_all() {
                    stream.half(way).streaming = side.iteration == Iteration::StopAllWatermark;
                    drop(world);
                    self.buffer(id, way, source);
                    return;
                }
                if side.end_stream {
                    return;
                }
                let filter_end = end && stream.half(way).trailers.is_none();
                stream.side(filter, way).end_stream = filter_end;
                filter_end
            };
            let status = self.filter_data(id, filter, way, source, filter_end);
            if self.stopped(id, way) {
                return;
            }
            if !had_trailers && trailers_added_by.is_none() && self.w().stream(id).half(way).trailers.is_some() {
                trailers_added_by = Some(filter);
            }
            if !self.after_data(id, filter, way, source, status) {
                return;
            }
            let mut world = self.w();
            entry = after(way, filter, world.stream(id).filters.len());
        }
        if self.stopped(id, way) {
            return;
        }
        let ends = end && self.w().stream(id).half(way).trailers.is_none();
        match way {
            Way::Request => self.upstream_data(id, source, ends),
            Way::Response => self.client_data(id, source, ends),
        }
        if let Some(filter) = trailers_added_by {
            self.trailers(id, way, Some(filter));
        }
    }

    /// Whether the loop goes on with the next filter.
    fn after_data(&mut self, id: StreamId, filter: usize, way: Way, source: BodyAt, status: DataStatus) -> bool {
        let iteration = self.w().stream(id).side(filter, way).iteration;
        if status == DataStatus::Continue {
            if iteration == Iteration::Continue {
                return true;
            }
            // The filter lets go: headers and body that it had held go on together.
            self.buffer(id, way, source);
            self.continue_from(id, filter, way);
            return false;
        }
        {
            let mut world = self.w();
            let stream = world.stream(id);
            stream.side(filter, way).iteration = Iteration::StopSingle;
            let half = stream.half(way);
            if status == DataStatus::StopNoBuffer {
                if half.complete && half.trailers.is_none() && half.buffered.is_none() {
                    half.buffered = Some(Vec::new());
                }
                return false;
            }
            half.streaming = status == DataStatus::StopAndWatermark;
        }
        self.buffer(id, way, source);
        false
    }

    /// Trailers go from filter to filter, and out at the end.
    pub(crate) fn trailers(&mut self, id: StreamId, way: Way, from: Option<usize>) {
        let mut entry = self.entry(id, way, from, true);
        while let Some(filter) = entry {
            if self.stopped(id, way) {
                return;
            }
            if self.w().stream(id).side(filter, way).iteration.stopped_all() {
                return;
            }
            let goes_on = self.filter_trailers(id, filter, way);
            if self.stopped(id, way) {
                return;
            }
            let held = {
                let mut world = self.w();
                let side = world.stream(id).side(filter, way);
                side.end_stream = true;
                let held = side.iteration == Iteration::StopSingle;
                if !goes_on {
                    side.iteration = Iteration::StopSingle;
                }
                held
            };
            if !goes_on {
                return;
            }
            if held {
                self.continue_from(id, filter, way);
                return;
            }
            let mut world = self.w();
            entry = after(way, filter, world.stream(id).filters.len());
        }
        if self.stopped(id, way) {
            return;
        }
        match way {
            Way::Request => self.upstream_trailers(id),
            Way::Response => self.client_trailers(id),
        }
    }

    /// Sends on what `filter` has held.
    pub(crate) fn continue_from(&mut self, id: StreamId, filter: usize, way: Way) {
        if self.stopped(id, way) {
            return;
        }
        let send_headers = {
            let mut world = self.w();
            let stream = world.stream(id);
            let side = stream.side(filter, way);
            side.iterate_from_current = side.iteration.stopped_all();
            side.iteration = Iteration::Continue;
            // What was held goes on now, so a piece that comes later is no addition to it.
            side.buffering = false;
            !std::mem::replace(&mut side.headers_continued, true)
        };
        if send_headers {
            let end = {
                let mut world = self.w();
                let half = world.stream(id).half(way);
                half.complete && half.buffered.is_none() && half.trailers.is_none()
            };
            self.headers(id, way, Some(filter), end);
        }
        let (has_data, has_trailers, complete) = {
            let mut world = self.w();
            let half = world.stream(id).half(way);
            (half.buffered.is_some(), half.trailers.is_some(), half.complete)
        };
        if has_data {
            self.data(id, way, Some(filter), BodyAt::Buffered, complete && !has_trailers);
        }
        if has_trailers {
            self.trailers(id, way, Some(filter));
        }
        self.w().stream(id).side(filter, way).iterate_from_current = false;
    }

    /// A filter asked to resume. Only what is held can be resumed.
    pub(crate) fn resume(&mut self, id: StreamId, way: Way, filter: usize, with_reply: bool) {
        let (held, answered, name) = {
            let mut world = self.w();
            let stream = world.stream(id);
            let held = stream.side(filter, way).iteration != Iteration::Continue;
            let answered = stream.over || stream.reset || (way == Way::Request && stream.request_aborted);
            let plugin = stream.filters[filter].plugin;
            (held, answered, world.plugins[plugin].name.clone())
        };
        if answered && with_reply {
            // Already noted as a contradiction, and the reply was first.
            return;
        }
        if answered || !held {
            let what = way.name();
            let why = if answered { "that was already answered or gone" } else { "that it did not hold" };
            self.w().fault(format!("'{name}' resumed a {what} {why}"));
        }
        // What is not held yet goes on all the same, even if the filter then asks to hold it.
        let goes_on = held || !self.w().stream(id).side(filter, way).headers_continued;
        if goes_on && !answered {
            self.continue_from(id, filter, way);
        }
    }

    /// Adds a piece to what is buffered; over the limit the proxy gives up by itself, unless it can stop reading.
    pub(crate) fn buffer(&mut self, id: StreamId, way: Way, source: BodyAt) {
        if source != BodyAt::InFlight {
            return;
        }
        let over = {
            let mut world = self.w();
            let limits = world.gateway.limits;
            let stream = world.stream(id);
            let limit = match stream.protocol {
                crate::http::Protocol::Http1 => limits.http1_buffer,
                crate::http::Protocol::Http2 => limits.http2_buffer,
            };
            let half = stream.half(way);
            let piece = std::mem::take(&mut half.in_flight);
            let buffered = half.buffered.get_or_insert_default();
            buffered.extend(piece);
            buffered.len() > limit && !half.streaming
        };
        if over && !self.has_answer(id) {
            match way {
                Way::Request => {
                    let response = crate::http::Response::text(413, "Payload Too Large");
                    self.proxy_replies(id, response, b"request_payload_too_large");
                }
                Way::Response => {
                    let response = crate::http::Response::text(500, "Internal Server Error");
                    self.proxy_replies(id, response, b"response_payload_too_large");
                }
            }
        }
    }
}

fn after(way: Way, filter: usize, count: usize) -> Option<usize> {
    match way {
        Way::Request => (filter + 1 < count).then_some(filter + 1),
        Way::Response => filter.checked_sub(1),
    }
}
