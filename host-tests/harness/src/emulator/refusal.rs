//! What the proxy refuses before any filter sees it.

use super::incoming::is_tunnel;
use crate::http::{Protocol, Request};

/// Envoy's default for all request headers together.
const MOST_HEADER_BYTES: usize = 60 << 10;

/// What the proxy itself thinks of a request before any filter sees it.
pub(super) enum Refusal {
    /// The codec's answer: there is no request that anybody could look at.
    Codec(u16, &'static str, &'static [u8]),
    /// The connection manager's answer.
    Reply(u16, &'static [u8]),
    Reset,
}

/// What the codec and the connection manager refuse by themselves.
pub(super) fn refuse(request: &Request, upgrades: bool) -> Option<Refusal> {
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
        _ if is_server_wide(request) => {}
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
        || !(request.method == "CONNECT" || request.path.starts_with(b"/") || is_server_wide(request))
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

/// `OPTIONS *`.
fn is_server_wide(request: &Request) -> bool {
    request.method == "OPTIONS" && request.path == b"*"
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
