//! The field map that the first filter sees: what the proxy takes away from a request and adds to it.

use super::{header_map::HeaderMap, stream::StreamId};
use crate::{
    gateway::{DuplicateHeaders, Surroundings},
    http::{Protocol, Request},
};

/// Fields that belong to one connection; Envoy takes them away before any filter.
const HOP_BY_HOP: &[&[u8]] = &[b"connection", b"upgrade", b"keep-alive", b"proxy-connection", b"transfer-encoding"];

/// Fields that steer the proxy; at the edge nobody outside may send them.
const INTERNAL: &[&[u8]] = &[
    b"x-envoy-decorator-operation",
    b"x-envoy-downstream-service-cluster",
    b"x-envoy-downstream-service-node",
    b"x-envoy-expected-rq-timeout-ms",
    b"x-envoy-force-trace",
    b"x-envoy-hedge-on-per-try-timeout",
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
];

/// Fields that the proxy alone sets, whoever asks.
const OF_THE_PROXY: &[&[u8]] = &[b"x-envoy-internal", b"x-forwarded-client-cert"];

/// An upgrade or CONNECT: its body never ends.
pub(super) fn is_tunnel(request: &Request) -> bool {
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
pub(super) fn incoming_headers(
    request: &Request,
    policy: DuplicateHeaders,
    tunnel: bool,
    id: StreamId,
    surroundings: &Surroundings,
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
        let is_steering = INTERNAL.contains(&name.as_slice()) && !surroundings.internal_clients;
        if name != b"host" && !hop_by_hop && !is_steering && !OF_THE_PROXY.contains(&name.as_slice()) {
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
    let source = surroundings.source.ip().to_string();
    headers.add(b"x-forwarded-for", source.as_bytes());
    headers.set(b"x-forwarded-proto", b"http");
    if surroundings.internal_clients {
        headers.set(b"x-envoy-internal", b"true");
    } else {
        headers.set(b"x-envoy-external-address", source.as_bytes());
    }
    headers.set(b"x-request-id", format!("00000000-0000-4000-8000-{:012x}", id.0).as_bytes());
    headers
}

fn trim(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

/// Every bearer token that a client sends is a secret to everybody but the upstream.
pub(super) fn watch_bearer_tokens(canaries: &mut Vec<String>, request: &Request) {
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
