//! HTTP messages as bytes, as they were on the wire.

pub(crate) mod http1;
pub(crate) mod http2;

/// Field name and value as raw bytes.
pub type Field = (Vec<u8>, Vec<u8>);

/// The protocol of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1
    #[default]
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// A request that was or will be on the wire.
#[derive(Clone, Debug, Default)]
pub struct WireRequest {
    /// As it is on the wire, in any case.
    pub method: String,
    /// Path and query, raw.
    pub path: Vec<u8>,
    /// `Host` or `:authority`; empty: none.
    pub authority: Vec<u8>,
    /// In wire order, duplicates separate, without pseudo-header fields and `Host`. (HTTP/2 keeps duplicates together.)
    pub headers: Vec<Field>,
    /// The body in its pieces; none: the headers end the request.
    pub chunks: Vec<Vec<u8>>,
    /// Present: trailers end the request.
    pub trailers: Option<Vec<Field>>,
    /// The protocol that carries it.
    pub version: Version,
}

/// A response that was on the wire. `Default` is "none came": status 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireResponse {
    /// 0: the connection broke before a response.
    pub status: u16,
    /// In wire order, duplicates separate. (HTTP/2 keeps duplicates together.)
    pub headers: Vec<Field>,
    /// What came of the body, without its framing.
    pub body: Vec<u8>,
    /// The fields after the body, if there were any.
    pub trailers: Option<Vec<Field>>,
    /// Whether the response came whole: false when the connection or stream broke first.
    pub complete: bool,
}

impl WireResponse {
    /// The first value of a field, lossy, by case-insensitive name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        find(&self.headers, name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The body as text, lossy.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The first value of a field by case-insensitive name.
#[must_use]
pub fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value.as_slice())
}
