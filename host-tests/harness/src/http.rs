//! Requests and responses as bytes: nothing here refuses what an attacker may send.

use std::time::Duration;

use serde_json::Value;

/// Field name and value, both as raw bytes, in wire order; duplicates stay separate.
pub type Field = (Vec<u8>, Vec<u8>);

/// The protocol between client and gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1
    #[default]
    Http1,
    /// HTTP/2 with prior knowledge (no TLS).
    Http2,
}

/// A request as a client sends it, or as an upstream or a callout's cluster received it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// As it is on the wire, in any case.
    pub method: String,
    /// Path and query, raw.
    pub path: Vec<u8>,
    /// `Host` or `:authority`; empty: none.
    pub authority: Vec<u8>,
    /// Without pseudo-header fields.
    pub headers: Vec<Field>,
    /// The body in the pieces in which it is sent; empty: the headers end the request.
    pub chunks: Vec<Vec<u8>>,
    /// Present: trailers end the request.
    pub trailers: Option<Vec<Field>>,
    /// The protocol that carries it.
    pub protocol: Protocol,
}

/// A GET of `path`.
pub fn get(path: impl AsRef<[u8]>) -> Request {
    request("GET", path)
}

/// A POST to `path`.
pub fn post(path: impl AsRef<[u8]>) -> Request {
    request("POST", path)
}

/// Any method on `path`, to the authority `tools.example`.
pub fn request(method: &str, path: impl AsRef<[u8]>) -> Request {
    Request {
        method: method.to_owned(),
        path: path.as_ref().to_vec(),
        authority: b"tools.example".to_vec(),
        ..Request::default()
    }
}

impl Request {
    /// Adds `Authorization: Bearer <token>`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Adds a field; one that is there already stays.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Sets `Host` or `:authority`.
    #[must_use]
    pub fn host(mut self, authority: impl AsRef<[u8]>) -> Self {
        self.authority = authority.as_ref().to_vec();
        self
    }

    /// A JSON body in one piece, with its content type.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// A body in one piece.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        self.chunked([body.into()])
    }

    /// A body in these pieces, each a DATA frame or a chunk.
    #[must_use]
    pub fn chunked<B: Into<Vec<u8>>>(mut self, chunks: impl IntoIterator<Item = B>) -> Self {
        self.chunks = chunks.into_iter().map(Into::into).collect();
        self
    }

    /// Ends the request with trailers.
    #[must_use]
    pub fn trailers<N: AsRef<[u8]>, V: AsRef<[u8]>>(mut self, fields: impl IntoIterator<Item = (N, V)>) -> Self {
        self.trailers = Some(fields.into_iter().map(|(n, v)| (n.as_ref().to_vec(), v.as_ref().to_vec())).collect());
        self
    }

    /// Sends the request over this protocol.
    #[must_use]
    pub fn over(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The first value of a field as text (lossy), by case-insensitive name.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<String> {
        field_text(&self.headers, name)
    }

    /// The whole body.
    #[must_use]
    pub fn whole_body(&self) -> Vec<u8> {
        self.chunks.concat()
    }
}

/// A response as a cluster gives it or as the client saw it.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// Without pseudo-header fields.
    pub headers: Vec<Field>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// A response with a JSON body and its content type.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string()).header("content-type", "application/json")
    }

    /// A response with this body and no content type.
    #[must_use]
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// Adds a field; one that is there already stays.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// The first value of a field as text (lossy), by case-insensitive name.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<String> {
        field_text(&self.headers, name)
    }
}

/// How a cluster behaves towards one request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A whole response.
    Response(Response),
    /// The response comes only after this time.
    After(Duration, Response),
    /// Never answers; the caller's timeout ends it.
    Hang,
    /// The connection breaks before any response byte.
    Reset,
    /// Bytes that are not HTTP.
    Garbage,
    /// The headers promise more body than comes before the connection breaks.
    Truncated(Response),
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

fn field_text(fields: &[Field], name: &str) -> Option<String> {
    fields
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, v)| String::from_utf8_lossy(v).into_owned())
}
