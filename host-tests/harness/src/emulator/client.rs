//! The client's side: a request comes in, a response goes out.

use super::{
    engine::Engine,
    header_map::HeaderMap,
    incoming::{incoming_headers, is_tunnel, watch_bearer_tokens},
    refusal::{Refusal, refuse},
    stream::{BodyAt, Filter, Half, Stream, StreamId, Way},
};
use crate::{
    http::{Field, Protocol, Request, Response},
    routes::{self, DEFAULT_CLUSTER},
};

impl Engine {
    /// Opens a stream with a request's headers. `end`: they are all of it.
    pub(crate) fn open(&mut self, request: &Request, end: bool) -> StreamId {
        let id = self.new_stream(request);
        let upgrades = self.w().gateway.upgrades;
        match refuse(request, upgrades) {
            Some(Refusal::Codec(status, body, details)) => {
                self.w().stream(id).half(Way::Request).headers = None;
                self.proxy_replies(id, Response::text(status, body), details);
                return id;
            }
            Some(Refusal::Reply(status, details)) => {
                self.proxy_replies(id, Response::text(status, ""), details);
                return id;
            }
            Some(Refusal::Reset) => {
                // The codec breaks it off before there is a stream: no filter hears of it.
                self.w().stream(id).destroyed = true;
                self.break_off(id);
                return id;
            }
            None => {}
        }
        let tunnel = self.w().stream(id).tunnel;
        let end = end && !tunnel;
        self.w().stream(id).half(Way::Request).complete = end;
        self.headers(id, Way::Request, None, end);
        id
    }

    /// A piece of the request's body.
    pub(crate) fn feed(&mut self, id: StreamId, piece: Vec<u8>, end: bool) {
        {
            let mut world = self.w();
            let stream = world.stream(id);
            let end = end && !stream.tunnel;
            let half = stream.half(Way::Request);
            half.size += piece.len();
            half.complete = half.complete || end;
            half.in_flight = piece;
        }
        if !self.stopped(id, Way::Request) {
            let end = self.w().stream(id).half(Way::Request).complete;
            self.data(id, Way::Request, None, BodyAt::InFlight, end);
        }
    }

    /// The request's trailers, which end it.
    pub(crate) fn feed_trailers(&mut self, id: StreamId, fields: &[Field]) {
        if self.stopped(id, Way::Request) {
            return;
        }
        {
            let mut world = self.w();
            let policy = world.gateway.duplicate_headers;
            let half = world.stream(id).half(Way::Request);
            half.complete = true;
            half.trailers = Some(HeaderMap::of(policy, fields));
        }
        self.trailers(id, Way::Request, None);
    }

    /// A whole request, piece by piece as its protocol frames it: HTTP/1 ends a body with an empty last piece.
    pub(crate) fn take_in(&mut self, request: &Request) -> StreamId {
        let id = self.open(request, request.chunks.is_empty() && request.trailers.is_none());
        let last = request.chunks.len().saturating_sub(1);
        for (index, piece) in request.chunks.iter().enumerate() {
            let ends = index == last && request.trailers.is_none() && request.protocol == Protocol::Http2;
            self.feed(id, piece.clone(), ends);
        }
        if let Some(fields) = &request.trailers {
            self.feed_trailers(id, fields);
        } else if !request.chunks.is_empty() && request.protocol == Protocol::Http1 {
            self.feed(id, Vec::new(), true);
        }
        id
    }

    fn new_stream(&mut self, request: &Request) -> StreamId {
        self.next_stream += 1;
        let id = StreamId(self.next_stream);
        let workers = self.roots.len().saturating_sub(1).max(1);
        let worker = self.next_worker % workers;
        self.next_worker += 1;
        let homes = self.roots[worker].clone();
        let mut world = self.w();
        let filters = homes
            .iter()
            .enumerate()
            .map(|(plugin, (vm, root))| {
                let context = world.allocate_context(*vm);
                Filter { plugin, vm: *vm, root: *root, context, ..Filter::default() }
            })
            .collect();
        let tunnel = is_tunnel(request);
        let route = routes::find(&world.gateway.routes, &request.authority, &request.path);
        let cluster = route.map_or(DEFAULT_CLUSTER, |route| &route.cluster).to_owned();
        let policy = world.gateway.duplicate_headers;
        let headers = incoming_headers(request, policy, tunnel, id, &world.gateway.surroundings);
        let stream = Stream {
            protocol: request.protocol,
            method: request.method.clone(),
            tunnel,
            filters,
            halves: [Half { headers: Some(headers), ..Half::default() }, Half::default()],
            over: false,
            reset: false,
            replied_by: None,
            request_aborted: false,
            filter_state: std::collections::HashMap::new(),
            upstream: super::stream::Upstream::default(),
            cluster,
            client: Response::default(),
            client_started: false,
            code_details: Vec::new(),
            received_at: world.now,
            logging: false,
            destroyed: false,
        };
        watch_bearer_tokens(&mut world.gateway.canaries, request);
        world.streams.insert(id, stream);
        id
    }

    /// Response headers leave the proxy.
    pub(crate) fn client_headers(&mut self, id: StreamId, end: bool) {
        let ends = {
            let mut world = self.w();
            let stream = world.stream(id);
            let headers = stream.halves[Way::Response as usize].headers.clone().unwrap_or_default();
            let status = headers.get(b":status").unwrap_or_default();
            stream.client.status = String::from_utf8_lossy(status).parse().unwrap_or_default();
            stream.client.headers = headers.regular();
            let bodiless = matches!(stream.client.status, 204 | 304);
            if end && !bodiless && stream.protocol == Protocol::Http1 && headers.get(b"content-length").is_none() {
                stream.client.headers.push((b"content-length".to_vec(), b"0".to_vec()));
            }
            if headers.get(b"server").is_none() {
                stream.client.headers.push((b"server".to_vec(), b"envoy".to_vec()));
            }
            stream.client_started = true;
            end
        };
        if ends {
            self.finish(id);
        }
    }

    pub(crate) fn client_data(&mut self, id: StreamId, source: BodyAt, end: bool) {
        {
            let mut world = self.w();
            let stream = world.stream(id);
            let half = stream.half(Way::Response);
            let piece = match source {
                BodyAt::InFlight => std::mem::take(&mut half.in_flight),
                BodyAt::Buffered => half.buffered.take().unwrap_or_default(),
                BodyAt::Nowhere => Vec::new(),
            };
            if !stream.is_head() {
                stream.client.body.extend(piece);
            }
        }
        if end {
            self.finish(id);
        }
    }

    pub(crate) fn client_trailers(&mut self, id: StreamId) {
        self.finish(id);
    }

    /// The client has its whole response.
    fn finish(&mut self, id: StreamId) {
        let newly = {
            let mut world = self.w();
            let stream = world.stream(id);
            !std::mem::replace(&mut stream.over, true) && !stream.reset
        };
        if newly {
            self.ended.push(id);
        }
    }

    /// Logs and deletes the contexts of streams that have ended.
    pub(crate) fn bury(&mut self) {
        while let Some(id) = self.ended.pop() {
            let places: Vec<(usize, u32)> = {
                let mut world = self.w();
                let stream = world.stream(id);
                if std::mem::replace(&mut stream.destroyed, true) {
                    continue;
                }
                stream.filters.iter().map(|filter| (filter.vm, filter.context)).collect()
            };
            for (filter, (vm, context)) in places.iter().enumerate() {
                if self.is_dead(*vm) {
                    continue;
                }
                // Envoy logs through filters that never saw the request, too.
                self.create_context(id, filter);
                self.w().stream(id).logging = true;
                self.call(*vm, "proxy_on_log", &[*context]);
                self.run_actions(*vm);
                self.w().stream(id).logging = false;
            }
            for (vm, context) in &places {
                if !self.is_dead(*vm) {
                    self.call(*vm, "proxy_on_done", &[*context]);
                    self.run_actions(*vm);
                    self.call(*vm, "proxy_on_delete", &[*context]);
                    self.run_actions(*vm);
                }
                self.w().contexts.remove(&(*vm, *context));
            }
        }
    }
}
