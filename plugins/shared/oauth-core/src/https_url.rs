//! Absolute https URLs of configuration and metadata (RFC 9110 §4.2.2), taken apart without changing anything.

use std::net::{Ipv4Addr, Ipv6Addr};

/// An https URL without user information and fragment, in the characters of RFC 3986, with a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpsUrl {
    text: String,
    /// Where the authority begins.
    start: usize,
    /// Where the authority ends and path or query begin.
    rest: usize,
}

const SCHEME: &str = "https://";
const PLAIN_SCHEME: &str = "http://";

impl HttpsUrl {
    /// Reads a URL. Scheme in lower case, everything else as it comes; `None` if it is anything but such a URL.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_after(SCHEME, text)
    }

    /// Reads a URL that may be an http one, too, if its host is this machine: `localhost`, an IPv4 address in 127.0.0.0/8
    /// or `[::1]`. Nobody can listen in between, so that something can be tried out without a certificate.
    #[must_use]
    pub fn parse_or_loopback(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| Self::parse_after(PLAIN_SCHEME, text).filter(Self::is_loopback))
    }

    fn parse_after(scheme: &str, text: &str) -> Option<Self> {
        let after_scheme = text.strip_prefix(scheme)?;
        let length = after_scheme.find(['/', '?']).unwrap_or(after_scheme.len());
        let (authority, rest) = after_scheme.split_at_checked(length)?;
        let start = scheme.len();
        (is_authority(authority) && is_path_and_query(rest)).then(|| Self {
            text: text.to_owned(),
            start,
            rest: start.saturating_add(length),
        })
    }

    fn is_loopback(&self) -> bool {
        let host = self.host();
        match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => address.parse() == Ok(Ipv6Addr::LOCALHOST),
            None => host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        }
    }

    /// Whether it is an http one.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.text.starts_with(PLAIN_SCHEME)
    }

    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port in lower case, for `:authority`.
    #[must_use]
    pub fn authority(&self) -> String {
        self.text.get(self.start..self.rest).unwrap_or_default().to_ascii_lowercase()
    }

    /// The host in lower case without port.
    #[must_use]
    pub fn host(&self) -> String {
        let authority = self.authority();
        let host = match authority.rfind(':') {
            // In an IPv6 address all colons are inside the brackets.
            Some(colon) if !authority.ends_with(']') => authority.get(..colon),
            _ => None,
        };
        host.map_or(authority.clone(), str::to_owned)
    }

    /// Path and query for a request, at least `/` (RFC 9112 §3.2.1).
    #[must_use]
    pub fn target(&self) -> String {
        let rest = self.path_and_query();
        if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") }
    }

    /// Path and query as they were given; may be empty.
    pub(crate) fn path_and_query(&self) -> &str {
        self.text.get(self.rest..).unwrap_or_default()
    }

    /// Whether there is a query.
    pub(crate) fn has_query(&self) -> bool {
        self.path_and_query().contains('?')
    }

    /// The URL up to the authority.
    pub(crate) fn origin(&self) -> &str {
        self.text.get(..self.rest).unwrap_or_default()
    }
}

/// RFC 3986 §3.2 without user information: a name, an IPv4 address or an IPv6 one in brackets, and a port or none.
fn is_authority(authority: &str) -> bool {
    let (host_is_good, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            (address.parse::<Ipv6Addr>().is_ok(), port)
        }
        None => {
            let (host, port) =
                authority.split_at_checked(authority.find(':').unwrap_or(authority.len())).unwrap_or_default();
            let is_good = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
            (is_good && host.starts_with(|first: char| first.is_ascii_alphanumeric()), port)
        }
    };
    let port_is_good = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
        });
    host_is_good && port_is_good
}

/// RFC 3986 §3.3 and §3.4: only their characters, and every `%` with two hexadecimal digits.
fn is_path_and_query(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte);
    let is_escape = |part: &str| part.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    text.bytes().all(is_allowed) && text.split('%').skip(1).all(is_escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_as_it_was_given() {
        for (text, authority, host, target) in [
            ("https://h", "h", "h", "/"),
            ("https://h/", "h", "h", "/"),
            ("https://h?x=1", "h", "h", "/?x=1"),
            ("https://IdP.example:8443/A/jwks?x=%2F", "idp.example:8443", "idp.example", "/A/jwks?x=%2F"),
            ("https://[::1]/a", "[::1]", "[::1]", "/a"),
            ("https://[2001:DB8::1]:443/a", "[2001:db8::1]:443", "[2001:db8::1]", "/a"),
            ("https://169.254.169.254/latest", "169.254.169.254", "169.254.169.254", "/latest"),
            ("https://h/a?b?c/d", "h", "h", "/a?b?c/d"),
        ] {
            let url = HttpsUrl::parse(text).unwrap();
            assert_eq!(
                (url.as_str(), url.authority().as_str(), url.host().as_str(), url.target().as_str()),
                (text, authority, host, target)
            );
        }
    }

    #[test]
    fn without_tls_a_url_names_this_machine() {
        for (text, host, target) in [
            ("http://localhost:8080/mcp", "localhost", "/mcp"),
            ("http://LOCALHOST", "localhost", "/"),
            ("http://127.0.0.1:8080/mcp?x", "127.0.0.1", "/mcp?x"),
            ("http://127.9.9.9/", "127.9.9.9", "/"),
            ("http://[::1]:8080/mcp", "[::1]", "/mcp"),
            ("https://h/mcp", "h", "/mcp"),
        ] {
            let url = HttpsUrl::parse_or_loopback(text).unwrap();
            assert_eq!((url.host().as_str(), url.target().as_str()), (host, target));
            assert_eq!(url.is_plain(), HttpsUrl::parse(text).is_none());
        }
        for text in [
            "http://h/mcp",
            "http://localhost.example/",
            "http://localhost.",
            "http://x.localhost/",
            "http://127.0.0.1.example/",
            "http://127.1/",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost@h/",
            "http://h/localhost",
            "http://localhost:0",
            "http://localhost#x",
            "HTTP://localhost",
            "ws://localhost",
        ] {
            assert_eq!(HttpsUrl::parse_or_loopback(text), None, "{text}");
        }
    }

    #[test]
    fn anything_but_a_plain_https_url_is_refused() {
        for text in [
            "",
            "h",
            "http://h",
            "HTTPS://h",
            "https:h",
            "https:/h",
            "https://",
            "https:///x",
            "https://?x",
            "https://u@h",
            "https://u:p@h",
            "https://h@evil/",
            "https://h#f",
            "https://h/#f",
            "https://h/a b",
            "https://h/\\x",
            "https://h\\x",
            "https://h/{x}",
            "https://h/\u{e9}",
            "https://\u{e9}/",
            "https://h/\"",
            "https://h/<",
            "https://h:",
            "https://h:0",
            "https://h:65536",
            "https://h:+1",
            "https://h:8a",
            "https://:443",
            "https://[::1",
            "https://[x]",
            "https://[]",
            "https://[::1]x",
            "https://::1/",
            "https://.h",
            "https://-h",
            "https://h/%",
            "https://h/%2",
            "https://h/%zz",
            "https://h/\n",
            " https://h",
            "https://h ",
            "https://h%41/",
        ] {
            assert_eq!(HttpsUrl::parse(text), None, "{text:?}");
        }
    }
}
