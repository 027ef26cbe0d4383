//! Resource URIs that have one reading only (RFC 3986 §6.2.2).
//!
//! A rule about `file:///private/*` must not be passed by `file:///public/../private/x`, nor by an escape that the
//! server undoes. So what is not in its normal form is refused, as it is in the path of a request.

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
};

/// Schemes whose URIs every library rewrites.
const SPECIAL: [&str; 5] = ["file", "http", "https", "ws", "wss"];

/// Whether no reader takes the URI for another one.
pub(crate) fn is_plain(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let scheme_fits = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
    scheme_fits && !rest.is_empty() && rest.bytes().all(fits) && has_plain_escapes(rest) && is_plain_rest(scheme, rest)
}

/// Whether a pattern (with `*` for any run of characters) can match a URI in its normal form.
pub(crate) fn is_plain_pattern(pattern: &str) -> bool {
    if !pattern.contains('*') {
        return is_plain(pattern);
    }
    pattern.bytes().all(fits) && pattern.split('*').all(has_plain_escapes)
}

/// Characters that some libraries escape and others do not, and what their escapes are: `a(1)` and `a%281%29` are one
/// file. Those that separate the parts of a query are not among them.
const ESCAPED_BY_SOME: [(&str, &str); 8] =
    [("%21", "!"), ("%24", "$"), ("%27", "'"), ("%28", "("), ("%29", ")"), ("%2C", ","), ("%3A", ":"), ("%40", "@")];

/// What a pattern is compared by; a `*` stays what it is.
pub(crate) fn comparable_pattern(pattern: &str) -> String {
    ESCAPED_BY_SOME.iter().fold(pattern.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

/// What a URI is compared by with patterns, in which a `*` of its own cannot be written but as an escape.
pub(crate) fn comparable(uri: &str) -> Cow<'_, str> {
    if uri.contains(['%', '*']) { Cow::Owned(comparable_pattern(uri).replace('*', "%2A")) } else { Cow::Borrowed(uri) }
}

/// A fragment (`#`) is no part of what is asked for (RFC 3986 §3.5), and most servers cut it off.
fn fits(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\\\"<>^`|{}#".contains(&byte)
}

/// An escape that stands for a delimiter of paths, a control character, `%` itself, or for a character that needs
/// none, has two readings; and hexadecimal digits are in capitals (§6.2.2.1).
fn has_plain_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|escape| {
        let Some(digits) = escape.get(..2) else { return false };
        let digits_fit = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F'));
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let plain = |byte: u8| !(byte.is_ascii_control() || unreserved(byte) || b"%/\\".contains(&byte));
        digits_fit && u8::from_str_radix(digits, 16).is_ok_and(plain)
    })
}

fn is_plain_rest(scheme: &str, rest: &str) -> bool {
    let (hierarchy, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    let (authority, path) = match hierarchy.strip_prefix("//") {
        Some(after) => {
            let (authority, path) =
                after.split_at_checked(after.find('/').unwrap_or(after.len())).unwrap_or((after, ""));
            (Some(authority), path)
        }
        None => (None, hierarchy),
    };
    // The parameters of a segment (`;`) are cut off by some before dots are looked at.
    let has_dots = hierarchy.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | "..")));
    // An empty query says nothing, so some leave it away.
    if has_dots || query.is_some_and(str::is_empty) {
        return false;
    }
    if !SPECIAL.contains(&scheme) {
        return match authority {
            Some(authority) => is_plain_authority(authority),
            // `note:/a` is `note:///a` to who looks at the path alone.
            None => !path.is_empty() && !path.starts_with('/'),
        };
    }
    let Some(authority) = authority else { return false };
    let host_fits = match scheme {
        // `file://localhost/a` is `file:///a`, and a query is no part of a file's name (RFC 8089 §2).
        "file" => authority.is_empty() && query.is_none(),
        _ => {
            let default_port = if matches!(scheme, "http" | "ws") { ":80" } else { ":443" };
            !authority.ends_with(default_port)
                && is_plain_server(authority)
                // Libraries escape it in the query of these schemes only.
                && query.is_none_or(|query| !query.contains('\''))
        }
    };
    // Without a path it is the path `/`; empty segments are dropped by file systems and many servers.
    host_fits && path.starts_with('/') && !path.contains("//")
}

/// Whether the authority of a scheme that libraries do not know has one spelling: what is empty in it is left away by
/// some, and so are zeros before a port (RFC 3986 §6.2.3).
fn is_plain_authority(authority: &str) -> bool {
    let (user, server) = authority.rsplit_once('@').map_or((None, authority), |(user, server)| (Some(user), server));
    let user_fits = |user: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,%:".contains(&byte);
        user.bytes().all(fits) && user.split(':').all(|part| !part.is_empty()) && user.split(':').count() <= 2
    };
    let Some((host, port)) = split_port(server) else { return false };
    user.is_none_or(user_fits)
        && port.is_none_or(is_plain_port)
        && (!host.is_empty() || (user.is_none() && port.is_none()))
}

/// Whether host and port of a scheme that libraries know have one spelling: no user, a name in lower case or an address
/// in its normal form.
fn is_plain_server(authority: &str) -> bool {
    let Some((host, port)) = split_port(authority) else { return false };
    let name_fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    let last = host.rsplit('.').next().unwrap_or_default();
    let host_fits = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(_) => true,
        // `127.1` and `0x7f000001` are addresses, too.
        None if last.starts_with(|first: char| first.is_ascii_digit()) => host.parse::<Ipv4Addr>().is_ok(),
        None => !last.is_empty() && host.bytes().all(name_fits),
    };
    host_fits && port.is_none_or(is_plain_port)
}

/// Host and port; `None` if what is in brackets is no address in its normal form (RFC 5952).
fn split_port(server: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (server, None),
    };
    let plain = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address)),
        None => !host.contains(['[', ']', ':']),
    };
    plain.then_some((host, port))
}

fn is_plain_port(port: &str) -> bool {
    !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests;
