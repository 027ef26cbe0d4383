//! Between a scenario's messages and what goes over the wire.

use fourleg_lab::{
    echo_upstream::{Answer, Responding},
    wire::{Field, Version, WireRequest, WireResponse, find},
};

use crate::http::{Protocol, Reply, Request, Response};

/// Numbers a request, so that its arrival upstream is told from that of others.
const NUMBER: &[u8] = b"x-harness-request";

/// A request as it is sent, with its number.
pub(super) fn request_to_wire(request: Request, number: u64) -> WireRequest {
    let mut headers = request.headers;
    headers.push((NUMBER.to_vec(), number.to_string().into_bytes()));
    WireRequest {
        method: request.method,
        path: request.path,
        authority: request.authority,
        headers,
        chunks: request.chunks,
        trailers: request.trailers,
        version: match request.protocol {
            Protocol::Http1 => Version::Http1,
            Protocol::Http2 => Version::Http2,
        },
    }
}

/// A request as it arrived, without its number.
pub(super) fn request_from_wire(request: &WireRequest) -> Request {
    Request {
        method: request.method.clone(),
        path: request.path.clone(),
        authority: request.authority.clone(),
        headers: request.headers.iter().filter(|(name, _)| name != NUMBER).cloned().collect(),
        chunks: request.chunks.clone(),
        trailers: request.trailers.clone(),
        protocol: match request.version {
            Version::Http1 => Protocol::Http1,
            Version::Http2 => Protocol::Http2,
        },
    }
}

/// The number of a request; `None` for one that no scenario sent.
pub(super) fn number_of(headers: &[Field]) -> Option<u64> {
    std::str::from_utf8(find(headers, "x-harness-request")?).ok()?.parse().ok()
}

pub(super) fn response_from_wire(response: WireResponse) -> Response {
    Response { status: response.status, headers: response.headers, body: response.body }
}

/// What a server does for a handler's reply.
pub(super) fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::Response(response) => Answer::Respond(responding(response)),
        Reply::After(time, response) => Answer::After(time, responding(response)),
        Reply::Hang => Answer::Hang,
        Reply::Reset => Answer::Reset,
        Reply::Garbage => Answer::Garbage,
        Reply::Truncated(response) => Answer::Truncated(responding(response)),
    }
}

fn responding(response: Response) -> Responding {
    Responding { status: response.status, headers: response.headers, body: response.body }
}
