//! The far end: what has passed all filters arrives at the upstream, which answers.

use std::sync::Arc;

use super::{
    engine::Engine,
    events::{Event, UpstreamEnd},
    header_map::HeaderMap,
    stream::{BodyAt, StreamId, Way},
};
use crate::{
    http::{Reply, Request, Response},
    routes,
};

impl Engine {
    /// Headers arrive at the upstream as soon as the last filter lets them go, whatever becomes of the body.
    pub(crate) fn upstream_headers(&mut self, id: StreamId, end: bool) {
        let unroutable = {
            let mut world = self.w();
            !world.gateway.upgrades && world.stream(id).method == "CONNECT"
        };
        if unroutable {
            // The router has no route for it.
            self.proxy_replies(id, Response::text(404, ""), b"route_not_found");
            return;
        }
        let asks = {
            let mut world = self.w();
            let timeout = world.gateway.surroundings.upstream_timeout.as_millis().to_string();
            let stream = world.stream(id);
            let headers = stream.halves[Way::Request as usize].headers.clone().unwrap_or_default();
            let text = |name: &[u8]| headers.get(name).unwrap_or_default().to_vec();
            let mut fields = headers.regular();
            let sized = headers.get(b"content-length").is_some();
            if !end && !sized && !stream.tunnel {
                fields.push((b"transfer-encoding".to_vec(), b"chunked".to_vec()));
            }
            fields.push((b"x-envoy-expected-rq-timeout-ms".to_vec(), timeout.into_bytes()));
            stream.upstream.requests.push(Request {
                method: String::from_utf8_lossy(&text(b":method")).into_owned(),
                path: text(b":path"),
                authority: text(b":authority"),
                headers: fields,
                chunks: Vec::new(),
                trailers: None,
                protocol: stream.protocol,
            });
            end || stream.tunnel
        };
        if asks {
            self.ask_upstream(id);
        }
    }

    pub(crate) fn upstream_data(&mut self, id: StreamId, source: BodyAt, end: bool) {
        {
            let mut world = self.w();
            let stream = world.stream(id);
            let half = stream.half(Way::Request);
            let piece = match source {
                BodyAt::InFlight => std::mem::take(&mut half.in_flight),
                BodyAt::Buffered => half.buffered.take().unwrap_or_default(),
                BodyAt::Nowhere => Vec::new(),
            };
            if let Some(request) = stream.upstream.requests.last_mut()
                && !piece.is_empty()
            {
                request.chunks.push(piece);
            }
        }
        if end {
            self.ask_upstream(id);
        }
    }

    pub(crate) fn upstream_trailers(&mut self, id: StreamId) {
        {
            let mut world = self.w();
            let stream = world.stream(id);
            let trailers = stream.halves[Way::Request as usize].trailers.as_ref().map(|map| map.fields().to_vec());
            if let Some(request) = stream.upstream.requests.last_mut() {
                request.trailers = trailers;
            }
        }
        self.ask_upstream(id);
    }

    fn ask_upstream(&mut self, id: StreamId) {
        let mut world = self.w();
        let now = world.now;
        let stream = world.stream(id);
        if !std::mem::replace(&mut stream.upstream.asked, true) {
            world.events.at(now, Event::UpstreamArrives(id));
        }
    }

    /// The upstream has the whole request.
    pub(crate) fn upstream_arrives(&mut self, id: StreamId) {
        let (handler, request) = {
            let mut world = self.w();
            let request = world.stream(id).upstream.requests.last().cloned();
            // Edits make the proxy look for the route again.
            let to = |request: &Request| routes::find(&world.gateway.routes, &request.authority, &request.path);
            let handler = request.as_ref().and_then(to).map_or(&world.gateway.upstream, |route| &route.handler);
            (Arc::clone(handler), request)
        };
        let Some(request) = request else { return };
        let reply = handler(&request);
        let mut world = self.w();
        let now = world.now;
        let timeout = nanoseconds(world.gateway.surroundings.upstream_timeout);
        let gone = UpstreamEnd::Proxy(
            503,
            "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            "upstream_reset_before_response_started{connection_termination}",
        );
        let garbage = UpstreamEnd::Proxy(
            502,
            "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
            "upstream_reset_before_response_started{protocol_error}",
        );
        let late = UpstreamEnd::Proxy(504, "upstream request timeout", "response_timeout");
        let (after, end) = match reply {
            Reply::Response(response) => (0, UpstreamEnd::Response(response)),
            Reply::After(delay, response) if nanoseconds(delay) < timeout => {
                (nanoseconds(delay), UpstreamEnd::Response(response))
            }
            Reply::After(..) | Reply::Hang => (timeout, late),
            Reply::Reset => (0, gone),
            Reply::Garbage => (0, garbage),
            Reply::Truncated(response) => (0, UpstreamEnd::Truncated(response)),
        };
        world.events.at(now + after, Event::UpstreamEnds(id, end));
    }

    /// The upstream's answer goes back through the filters.
    pub(crate) fn upstream_ends(&mut self, id: StreamId, end: UpstreamEnd) {
        if self.has_answer(id) {
            return;
        }
        match end {
            UpstreamEnd::Proxy(status, body, details) => {
                self.proxy_replies(id, Response::text(status, body), details.as_bytes());
            }
            UpstreamEnd::Response(response) => self.respond(id, &response, false),
            UpstreamEnd::Truncated(response) => self.respond(id, &response, true),
        }
    }

    fn respond(&mut self, id: StreamId, response: &Response, breaks: bool) {
        let end = {
            let mut world = self.w();
            let policy = world.gateway.duplicate_headers;
            let stream = world.stream(id);
            let empty = matches!(response.status, 204 | 304);
            let bodiless = stream.is_head() || empty;
            let end = !breaks && (response.body.is_empty() || bodiless);
            let mut headers = HeaderMap::new(policy);
            headers.add(b":status", response.status.to_string().as_bytes());
            for (name, value) in &response.headers {
                headers.add(name, value);
            }
            if headers.get(b"content-length").is_none() && !response.body.is_empty() && !empty {
                headers.add(b"content-length", response.body.len().to_string().as_bytes());
            }
            headers.add(b"x-envoy-upstream-service-time", b"0");
            stream.code_details = b"via_upstream".to_vec();
            stream.upstream.answered = true;
            let half = stream.half(Way::Response);
            half.headers = Some(headers);
            half.complete = end;
            half.size = response.body.len();
            end
        };
        self.headers(id, Way::Response, None, end);
        if end {
            return;
        }
        if breaks {
            self.w().stream(id).half(Way::Response).in_flight.clone_from(&response.body);
            self.data(id, Way::Response, None, BodyAt::InFlight, false);
            self.break_off(id);
            return;
        }
        // Like HTTP/1: the body, then an empty last piece.
        for (piece, ends) in [(response.body.clone(), false), (Vec::new(), true)] {
            if self.stopped(id, Way::Response) {
                return;
            }
            {
                let mut world = self.w();
                let half = world.stream(id).half(Way::Response);
                half.in_flight = piece;
                half.complete = ends;
            }
            self.data(id, Way::Response, None, BodyAt::InFlight, ends);
        }
    }
}

pub(crate) fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 4)
}
