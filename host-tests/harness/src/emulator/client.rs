//! The client's side: a request comes in, a response goes out.

use super::{
    engine::Engine,
    header_map::HeaderMap,
    stream::{BodyAt, Filter, Half, Stream, StreamId, Way},
};
use crate::http::{Field, Protocol, Request, Response};

/// Envoy's default for all request headers together.
const MOST_HEADER_BYTES: usize = 60 << 10;
/// Fields that belong to one connection; Envoy takes them away before any filter.
const HOP_BY_HOP: &[&[u8]] = &[b"connection", b"upgrade", b"keep-alive", b"proxy-connection", b"transfer-encoding"];

/// Fields that steer the proxy; at the edge nobody outside may send them.
const INTERNAL: &[&[u8]] = &[
    b"x-envoy-decorator-operation",
    b"x-envoy-downstream-service-cluster",
    b"x-envoy-downstream-service-node",
    b"x-envoy-expected-rq-timeout-ms",
    b"x-envoy-external-address",
    b"x-envoy-force-trace",
    b"x-envoy-hedge-on-per-try-timeout",
    b"x-envoy-internal",
    b"x-envoy-ip-tags",
    b"x-envoy-max-retries",
    b"x-envoy-original-path",
    b"x-envoy-original-url",
    b"x-envoy-retriable-header-names",
    b"x-envoy-retriable-status-codes",
    b"x-envoy-retry-grpc-on",
    b"x-envoy-retry-on",
    b"x-envoy-upstream-alt-stat-name",
    b"x-envoy-upstream-rq-per-try-timeout-ms",
    b"x-envoy-upstream-rq-timeout-alt-response",
    b"x-envoy-upstream-rq-timeout-ms",
    b"x-forwarded-client-cert",
];

/// What the proxy itself thinks of a request before any filter sees it.
enum Refusal {
    /// The codec's answer: there is no request that anybody could look at.
    Codec(u16, &'static str, &'static [u8]),
    /// The connection manager's answer.
    Reply(u16, &'static [u8]),
    Reset,
}

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
        let policy = world.gateway.duplicate_headers;
        let headers = incoming_headers(request, policy, tunnel, id, world.gateway.surroundings.source);
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
            if end && !bodiless && headers.get(b"content-length").is_none() {
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

/// What the codec and the connection manager refuse by themselves.
fn refuse(request: &Request, upgrades: bool) -> Option<Refusal> {
    match request.protocol {
        Protocol::Http1 => refuse_http1(request),
        Protocol::Http2 => refuse_http2(request),
    }
    .or_else(|| refuse_in_connection_manager(request, upgrades))
}

fn refuse_http1(request: &Request) -> Option<Refusal> {
    let bad_request = |details| Some(Refusal::Codec(400, "Bad Request", details));
    let mut fields = request.headers.iter().chain(request.trailers.iter().flatten());
    if fields.clone().any(|(name, _)| !is_token(name)) {
        return bad_request(b"http1.codec_error");
    }
    if fields.any(|(_, value)| value.iter().any(is_forbidden_in_value))
        || request.authority.iter().any(is_forbidden_in_value)
    {
        return bad_request(b"http1.invalid_characters");
    }
    if request.path.iter().any(|byte| matches!(byte, 0..=8 | 10 | 11 | 13..=b' ' | 127)) {
        return bad_request(b"http1.invalid_characters");
    }
    if !request.path.is_ascii() {
        return bad_request(b"http1.codec_error");
    }
    match (request.method.as_str(), request.path.first()) {
        ("CONNECT", _) | (_, Some(b'/')) => {}
        ("OPTIONS", _) if request.path == b"*" => {}
        _ if request.path == b"*" => return bad_request(b"http1.invalid_url"),
        _ => return bad_request(b"http1.codec_error"),
    }
    if head_size(request) > MOST_HEADER_BYTES {
        return Some(Refusal::Codec(431, "Request Header Fields Too Large", b"http1.headers_too_large"));
    }
    let has = |name| request.header_text(name).is_some();
    if has("transfer-encoding") && has("content-length") {
        return bad_request(b"http1.content_length_and_chunked_not_allowed");
    }
    None
}

/// There is no response to a frame that breaks the protocol: the stream is reset.
fn refuse_http2(request: &Request) -> Option<Refusal> {
    let mut fields = request.headers.iter().chain(request.trailers.iter().flatten());
    let broken = fields.any(|(name, value)| !is_token(name) || value.iter().any(is_forbidden_in_value))
        || request.path.iter().any(|byte| matches!(byte, 0..=b' ' | 127))
        || request.authority.iter().any(is_forbidden_in_value)
        || head_size(request) > MOST_HEADER_BYTES;
    broken.then_some(Refusal::Reset)
}

fn refuse_in_connection_manager(request: &Request, upgrades: bool) -> Option<Refusal> {
    if request.authority.is_empty() {
        return Some(Refusal::Reply(400, b"missing_host_header"));
    }
    if request.method == "CONNECT" {
        return None;
    }
    if !request.path.starts_with(b"/") {
        return Some(Refusal::Reply(404, b"absolute_path_rejected"));
    }
    if request.path.contains(&b'#') {
        return Some(Refusal::Reply(400, b"path_normalization_failed"));
    }
    (is_tunnel(request) && !upgrades).then_some(Refusal::Reply(403, b"upgrade_failed"))
}

fn head_size(request: &Request) -> usize {
    let fields: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    fields + request.path.len() + request.authority.len()
}

fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn is_forbidden_in_value(byte: &u8) -> bool {
    matches!(byte, 0..=8 | 10..=31 | 127)
}

fn is_tunnel(request: &Request) -> bool {
    let upgrades = request
        .headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case(b"connection") && lower(value).contains("upgrade"));
    request.method == "CONNECT" || (upgrades && request.header_text("upgrade").is_some())
}

fn lower(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_ascii_lowercase()
}

/// The map that the first filter sees.
fn incoming_headers(
    request: &Request,
    policy: crate::gateway::DuplicateHeaders,
    tunnel: bool,
    id: StreamId,
    source: std::net::SocketAddr,
) -> HeaderMap {
    let mut headers = HeaderMap::new(policy);
    headers.add(b":authority", &request.authority);
    if request.method != "CONNECT" {
        headers.add(b":path", &request.path);
    }
    headers.add(b":method", request.method.as_bytes());
    headers.add(b":scheme", b"http");
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        let hop_by_hop = HOP_BY_HOP.contains(&name.as_slice()) && !tunnel;
        let hop_by_hop = hop_by_hop || (name == b"te" && trim(value) != b"trailers");
        if name != b"host" && !hop_by_hop && !INTERNAL.contains(&name.as_slice()) {
            headers.add(&name, trim(value));
        }
    }
    let sized = headers.get(b"content-length").is_some();
    if let [body] = request.chunks.as_slice()
        && request.trailers.is_none()
        && request.protocol == Protocol::Http1
        && !sized
        && !tunnel
    {
        headers.add(b"content-length", body.len().to_string().as_bytes());
    }
    // As at the edge: the client's own word on who and where it is counts for nothing.
    let source = source.ip().to_string();
    headers.add(b"x-forwarded-for", source.as_bytes());
    headers.set(b"x-forwarded-proto", b"http");
    headers.set(b"x-envoy-external-address", source.as_bytes());
    headers.set(b"x-request-id", format!("00000000-0000-4000-8000-{:012x}", id.0).as_bytes());
    headers
}

fn trim(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

/// Every bearer token that a client sends is a secret to everybody but the upstream.
fn watch_bearer_tokens(canaries: &mut Vec<String>, request: &Request) {
    for (name, value) in &request.headers {
        if !name.eq_ignore_ascii_case(b"authorization") {
            continue;
        }
        let value = String::from_utf8_lossy(value);
        let Some((scheme, token)) = value.split_once(' ') else { continue };
        // Something as short as `x` would be found everywhere.
        let token = token.trim();
        if scheme.eq_ignore_ascii_case("bearer") && token.len() >= 16 && !canaries.iter().any(|known| known == token) {
            canaries.push(token.to_owned());
        }
    }
}
