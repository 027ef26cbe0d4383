//! The head of a request, as a policy sees it.

use crate::{fields::Fields, path::SafePath};

/// Method, target and header fields. Bytes that a client chose stay bytes.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    fields: Fields,
    ends_with_headers: bool,
}

/// Why a head cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The path can be read in more than one way.
    Path,
    /// A pseudo-header field is missing, doubled or not text.
    Head,
}

impl RequestHead {
    /// In: all fields, pseudo-header fields included, and whether the headers end the request.
    #[must_use]
    pub fn new(fields: Fields, ends_with_headers: bool) -> Self {
        Self { fields, ends_with_headers }
    }

    /// The header fields, pseudo-header fields included.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The method as sent (case-sensitive, RFC 9110 §9.1).
    ///
    /// # Errors
    /// [`Unfit::Head`] if there is not exactly one, or it is no text.
    pub fn method(&self) -> Result<&str, Unfit> {
        let method = self.fields.only(":method").ok_or(Unfit::Head)?;
        std::str::from_utf8(method).map_err(|_| Unfit::Head)
    }

    /// The path, if it has one reading only.
    ///
    /// # Errors
    /// [`Unfit::Head`] without exactly one `:path` (CONNECT has none), [`Unfit::Path`] if it is ambiguous.
    pub fn path(&self) -> Result<SafePath, Unfit> {
        let path = self.fields.only(":path").ok_or(Unfit::Head)?;
        SafePath::parse(path).map_err(|_| Unfit::Path)
    }

    /// Whether there is neither body nor trailers.
    #[must_use]
    pub fn ends_with_headers(&self) -> bool {
        self.ends_with_headers
    }

    /// Whether a field asks a server behind us to treat the request as another method than the one judged here.
    #[must_use]
    pub fn overrides_method(&self) -> bool {
        METHOD_OVERRIDES.iter().any(|name| self.fields.iter().any(|(field, _)| same_name(field, name)))
    }

    /// The names of fields that only Fourleg may set (`x-fourleg-…`), look-alikes with `_` for `-` included, since
    /// CGI-like servers read both as one.
    pub fn identity_fields(&self) -> impl Iterator<Item = &[u8]> {
        identity_fields(&self.fields)
    }
}

/// See [`RequestHead::identity_fields`]; for trailers.
pub fn identity_fields(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    fields
        .iter()
        .map(|(name, _)| name)
        .filter(|name| name.get(..IDENTITY_PREFIX.len()).is_some_and(|start| same_name(start, IDENTITY_PREFIX)))
}

const IDENTITY_PREFIX: &str = "x-fourleg-";

/// What common frameworks read as another method.
const METHOD_OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Compares without case and with `_` equal to `-`.
fn same_name(field: &[u8], name: &str) -> bool {
    field.len() == name.len()
        && field.iter().zip(name.bytes()).all(|(a, b)| {
            let a = if *a == b'_' { b'-' } else { a.to_ascii_lowercase() };
            a == b
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> RequestHead {
        let fields = fields.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        RequestHead::new(fields, true)
    }

    #[test]
    fn connect_without_a_path_cannot_be_judged() {
        assert_eq!(head(&[(":method", "CONNECT"), (":authority", "h")]).path(), Err(Unfit::Head));
    }

    #[test]
    fn doubled_pseudo_headers_cannot_be_judged() {
        assert_eq!(head(&[(":path", "/a"), (":path", "/b")]).path(), Err(Unfit::Head));
        assert_eq!(head(&[(":method", "GET"), (":method", "POST")]).method(), Err(Unfit::Head));
    }

    #[test]
    fn sees_method_overrides_in_any_spelling() {
        for name in ["x-http-method-override", "X-HTTP-Method", "x_http_method_override", "X-Method_Override"] {
            assert!(head(&[(name, "DELETE")]).overrides_method(), "{name}");
        }
        assert!(!head(&[("x-http-methods", "DELETE")]).overrides_method());
    }

    /// SMG-06
    #[test]
    fn finds_identity_fields_and_their_look_alikes() {
        let head =
            head(&[("x-fourleg-claims", "a"), ("X_Fourleg_claims", "b"), ("x-fourlegs", "c"), ("x-fourleg", "d")]);
        assert_eq!(head.identity_fields().collect::<Vec<_>>(), [&b"x-fourleg-claims"[..], b"X_Fourleg_claims"]);
    }
}
