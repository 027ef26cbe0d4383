//! The head of a request, as a policy sees it.

mod forms;
mod named;

use std::net::Ipv6Addr;

use mcp_core::Operation;
use oauth_core::reason::Reason;

use crate::{
    fields::Fields,
    matching::{Match, Target},
    path::SafePath,
};
pub use forms::Forms;

/// Method, target and header fields. Bytes that a client chose stay bytes.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    fields: Fields,
    ends_with_headers: bool,
    properties: Vec<Property>,
}

/// A property of the request that a policy asked for ([`crate::policy::Policy::properties`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Property {
    /// The proxy has it.
    Value(Vec<u8>),
    /// The proxy says that there is none.
    Absent,
    /// The proxy gave no answer. Whatever the property would have said, it must be taken for the worst.
    Unreadable,
}

/// What rules look at in a request, each with one reading only.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The method as sent.
    pub method: String,
    /// See [`RequestHead::host`].
    pub host: Option<String>,
    /// The path. If it has an encoded slash, the block that decides must expect one
    /// ([`crate::matching::require_expected_slash`]).
    pub path: SafePath,
    /// Whether it is a POST whose body a server may read as a form, in which another method may be named.
    pub may_be_overridden: bool,
}

impl Parts {
    /// What a match looks at.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        Target { method: &self.method, host: self.host.as_deref(), path: &self.path, operation: None }
    }

    /// The same for one thing that the request does in MCP.
    #[must_use]
    pub fn target_of<'a>(&'a self, operation: &'a Operation) -> Target<'a> {
        Target { operation: Some(operation), ..self.target() }
    }
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
        Self { fields, ends_with_headers, properties: Vec::new() }
    }

    /// With the properties that the policy asked for, in its order.
    #[must_use]
    pub fn with_properties(mut self, properties: Vec<Property>) -> Self {
        self.properties = properties;
        self
    }

    /// A property, by its position among those that the policy asked for.
    #[must_use]
    pub fn property(&self, position: usize) -> &Property {
        self.properties.get(position).unwrap_or(&Property::Unreadable)
    }

    /// What rules look at.
    ///
    /// # Errors
    /// [`Reason::MethodOverride`], [`Reason::PathOverride`], [`Reason::PathRefused`], [`Reason::HeadersUnreadable`].
    pub fn parts(&self) -> Result<Parts, Reason> {
        if self.overrides_method() {
            return Err(Reason::MethodOverride);
        }
        if self.overrides_path() {
            return Err(Reason::PathOverride);
        }
        let unfit = |unfit| match unfit {
            Unfit::Path => Reason::PathRefused,
            Unfit::Head => Reason::HeadersUnreadable,
        };
        let method = self.method().map_err(unfit)?.to_owned();
        let path = self.path_with_encoded_slash().map_err(unfit)?;
        // Frameworks take a method from the form of a POST, and of nothing else.
        let may_be_overridden = method == "POST" && self.may_bring_a_form();
        Ok(Parts { method, path, host: self.host(), may_be_overridden })
    }

    /// The host of the request without port, case and trailing dot (RFC 9110 §4.2.3); `None` without one, or with
    /// one that is no plain host name or address.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        let authority = std::str::from_utf8(self.fields.only(":authority")?).ok()?;
        let (host, port) = match authority.strip_prefix('[') {
            // RFC 3986 §3.2.2: in brackets there is an address, never a name.
            Some(rest) => rest.split_once(']').filter(|(address, _)| address.parse::<Ipv6Addr>().is_ok())?,
            None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
        };
        let port = port.strip_prefix(':').unwrap_or(port);
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':'));
        let has_labels = host.split('.').all(|label| !label.is_empty());
        (plain && has_labels).then(|| host.to_ascii_lowercase())
    }

    /// Whether the request may be for one of these blocks by its host and path, whatever else is wrong with it; `None` is
    /// for every request. A path that cannot be read may be that of any. It is for how a denial is told, never for a
    /// decision.
    pub fn may_be_for<'a>(&self, mut blocks: impl Iterator<Item = Option<&'a Match>>) -> bool {
        let Ok(path) = self.path_with_encoded_slash() else { return blocks.next().is_some() };
        let host = self.host();
        let target = Target { method: "", host: host.as_deref(), path: &path, operation: None };
        blocks.any(|block| block.is_none_or(|block| block.may_be_at(target)))
    }

    /// The header fields, pseudo-header fields included.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The method as sent (case-sensitive, RFC 9110 §9.1).
    ///
    /// # Errors
    /// [`Unfit::Head`] if there is not exactly one, or it is not in capitals as every registered one is.
    pub fn method(&self) -> Result<&str, Unfit> {
        let method = self.fields.only(":method").ok_or(Unfit::Head)?;
        // Over HTTP/2 the proxy forwards `post` as it comes, and many a framework takes it for POST.
        let standard = method.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-');
        std::str::from_utf8(method).ok().filter(|_| standard).ok_or(Unfit::Head)
    }

    /// The path, if it has one reading only.
    ///
    /// # Errors
    /// [`Unfit::Head`] without exactly one `:path` (CONNECT has none), [`Unfit::Path`] if it is ambiguous.
    pub fn path(&self) -> Result<SafePath, Unfit> {
        let path = self.fields.only(":path").ok_or(Unfit::Head)?;
        SafePath::parse(path).map_err(|_| Unfit::Path)
    }

    /// Like [`RequestHead::path`], where a template may expect an encoded slash; see
    /// [`SafePath::parse_with_encoded_slash`].
    ///
    /// # Errors
    /// As there.
    pub fn path_with_encoded_slash(&self) -> Result<SafePath, Unfit> {
        let path = self.fields.only(":path").ok_or(Unfit::Head)?;
        SafePath::parse_with_encoded_slash(path).map_err(|_| Unfit::Path)
    }

    /// Whether there is neither body nor trailers.
    #[must_use]
    pub fn ends_with_headers(&self) -> bool {
        self.ends_with_headers
    }

    /// Whether a field, or a parameter of the query, asks a server behind us to treat the request as another method than
    /// the one judged here.
    #[must_use]
    pub fn overrides_method(&self) -> bool {
        self.has_one_of(&METHOD_OVERRIDES) || self.has_parameter(&METHOD_PARAMETERS)
    }

    /// Whether a field asks a server behind us to treat the request as one for another path than the one judged here.
    #[must_use]
    pub fn overrides_path(&self) -> bool {
        self.has_one_of(&PATH_OVERRIDES)
    }

    /// Whether the request asks to leave HTTP, so that what follows its headers is no request any more.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        self.method() == Ok("CONNECT") || self.fields.has("upgrade") || self.fields.has(":protocol")
    }

    fn has_one_of(&self, names: &[&str]) -> bool {
        self.fields.iter().any(|(field, _)| names.iter().any(|name| same_name(field, name)))
    }

    /// The names of fields that only Fourleg may set (`x-fourleg-…`), look-alikes with `_` or other signs for `-` included,
    /// since CGI-like servers read them as one.
    pub fn identity_fields(&self) -> impl Iterator<Item = &[u8]> {
        identity_fields(&self.fields)
    }
}

fn identity_fields(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    fields
        .iter()
        .map(|(name, _)| name)
        .filter(|name| name.get(..IDENTITY_PREFIX.len()).is_some_and(|start| same_name(start, IDENTITY_PREFIX)))
}

const IDENTITY_PREFIX: &str = "x-fourleg-";

/// The names of trailers that go no further: those that only Fourleg may set, `for_us`, and credentials, which have no
/// place there (RFC 9110 §6.5.1), but which some servers put among the headers.
pub fn refused_trailers<'f>(trailers: &'f Fields, for_us: &'f [String]) -> impl Iterator<Item = &'f [u8]> {
    let is_refused = move |name: &[u8]| {
        let for_us = for_us.iter().map(String::as_str);
        CREDENTIALS.into_iter().chain(for_us).any(|refused| same_name(name, refused))
    };
    let others = trailers.iter().map(|(name, _)| name).filter(move |name| is_refused(name));
    identity_fields(trailers).chain(others)
}

/// Fields that hold credentials.
pub const CREDENTIALS: [&str; 4] = ["authorization", "proxy-authorization", "dpop", "cookie"];

/// What common frameworks read as another method.
const METHOD_OVERRIDES: [&str; 4] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-http-methodoverride"];

/// The parameters that common frameworks read as another method, wherever they find them.
const METHOD_PARAMETERS: [&str; 2] = ["_method", "_httpmethod"];

/// What common frameworks read as another path.
const PATH_OVERRIDES: [&str; 2] = ["x-original-url", "x-rewrite-url"];

/// Whether some server could take a field of this name for the one called `name`: compares without case, and as CGI-like
/// servers do, to some of which whatever is no letter and no digit is the same.
#[must_use]
pub fn same_name(field: &[u8], name: &str) -> bool {
    field.len() == name.len()
        && field.iter().zip(name.bytes()).all(|(a, b)| {
            let a = if a.is_ascii_alphanumeric() { a.to_ascii_lowercase() } else { b'-' };
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
    fn a_host_loses_port_case_and_trailing_dot() {
        let host = |authority| head(&[(":authority", authority)]).host();
        for authority in ["tools.example", "Tools.Example:8443", "tools.example.", "tools.example.:80"] {
            assert_eq!(host(authority).as_deref(), Some("tools.example"), "{authority}");
        }
        assert_eq!(host("[::1]:80").as_deref(), Some("::1"));
        for authority in [
            "",
            ":80",
            ".",
            "a b",
            "a,b",
            "user@tools.example",
            "tools.example/x",
            "[::1",
            "[tools.example]",
            "[tools.example]:80",
            "caf\u{e9}",
            "tools.example:80@evil.example",
            "[::1]evil:80",
            "t:x",
            "t:80:90",
            "[::1]80x",
            "tools.example..",
            ".tools.example",
            "tools..example",
        ] {
            assert_eq!(host(authority), None, "{authority}");
        }
        assert_eq!(head(&[(":authority", "a"), (":authority", "b")]).host(), None);
    }

    #[test]
    fn a_method_is_in_capitals() {
        assert_eq!(head(&[(":method", "M-SEARCH")]).method(), Ok("M-SEARCH"));
        for method in ["post", "Post", "pOST", "PO ST", "P\u{d6}ST"] {
            assert_eq!(head(&[(":method", method)]).method(), Err(Unfit::Head), "{method}");
        }
    }

    #[test]
    fn sees_method_overrides_in_any_spelling() {
        for name in
            ["x-http-method-override", "X-HTTP-Method", "x_http_method_override", "X-Method_Override", "x.http.method"]
        {
            assert!(head(&[(name, "DELETE")]).overrides_method(), "{name}");
        }
        assert!(!head(&[("x-http-methods", "DELETE")]).overrides_method());
        for query in [
            "_method=DELETE",
            "a=1&_method=PUT",
            "_METHOD=DELETE",
            "%5fmethod=DELETE",
            "a=1;_method=DELETE",
            ".method=DELETE",
            "+_method=DELETE",
            "[method=DELETE",
            "[_method]=DELETE",
            "_method%00x=DELETE",
            "_HttpMethod=PATCH",
            "_method",
        ] {
            assert!(head(&[(":path", &format!("/a?{query}"))]).overrides_method(), "{query}");
        }
        for path in ["/a", "/a?method=DELETE", "/_method=DELETE", "/a?x=_method", "/a?my_method=x", "/a?_methods=x"] {
            assert!(!head(&[(":path", path)]).overrides_method(), "{path}");
        }
        assert!(head(&[("X_Original_URL", "/x")]).overrides_path() && !head(&[("x-original", "/x")]).overrides_path());
    }

    /// SMG-06
    #[test]
    fn finds_identity_fields_and_their_look_alikes() {
        let head = head(&[
            ("x-fourleg-claims", "a"),
            ("X_Fourleg_claims", "b"),
            ("x.fourleg!claims", "c"),
            ("x-fourlegs", "d"),
        ]);
        let found: Vec<&[u8]> = head.identity_fields().collect();
        assert_eq!(found, [&b"x-fourleg-claims"[..], b"X_Fourleg_claims", b"x.fourleg!claims"]);
    }

    /// TEX-14, RFC 9110 §6.5.1
    #[test]
    fn no_credential_goes_on_as_a_trailer() {
        let names = [
            "x-end",
            "Authorization",
            "proxy.authorization",
            "cookie",
            "dpop",
            "X_Bank_Token",
            "x-banks",
            "x-fourleg-a",
        ];
        let trailers = names.iter().map(|name| (name.as_bytes().to_vec(), b"x".to_vec())).collect();
        let for_us = ["x-bank-token".to_owned()];
        let mut refused: Vec<&[u8]> = refused_trailers(&trailers, &for_us).collect();
        refused.sort_unstable();
        let expected = ["Authorization", "X_Bank_Token", "cookie", "dpop", "proxy.authorization", "x-fourleg-a"];
        assert_eq!(refused, expected.map(str::as_bytes));
    }
}
