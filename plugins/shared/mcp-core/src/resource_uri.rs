//! Resource URIs that have one reading only (RFC 3986 §6.2.2).
//!
//! A rule about `file:///private/*` must not be passed by `file:///public/../private/x`, nor by an escape that the
//! server undoes. So what is not in its normal form is refused, as it is in the path of a request.

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

fn fits(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\\\"<>^`|".contains(&byte)
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
    let before_query = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match before_query.strip_prefix("//") {
        Some(after) => {
            let (authority, path) =
                after.split_at_checked(after.find('/').unwrap_or(after.len())).unwrap_or((after, ""));
            (Some(authority), path)
        }
        None => (None, before_query),
    };
    // The parameters of a segment (`;`) are cut off by some before dots are looked at.
    let has_dots = before_query.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | "..")));
    if has_dots {
        return false;
    }
    if !SPECIAL.contains(&scheme) {
        return true;
    }
    let Some(authority) = authority else { return false };
    let host_fits = match scheme {
        // `file://localhost/a` is `file:///a` (RFC 8089 §2).
        "file" => authority.is_empty(),
        _ => {
            let default_port = if matches!(scheme, "http" | "ws") { ":80" } else { ":443" };
            !authority.is_empty()
                && !authority.bytes().any(|byte| byte.is_ascii_uppercase() || b"@%".contains(&byte))
                && !authority.ends_with([':', '.'])
                && !authority.ends_with(default_port)
        }
    };
    // Without a path it is the path `/`; empty segments are dropped by file systems and many servers.
    host_fits && path.starts_with('/') && !path.contains("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_uris_in_their_normal_form() {
        for uri in [
            "file:///projects/app/config.json",
            "https://tools.example/a/b?x=..&y=//#z",
            "https://tools.example:8443/",
            "note://Alice/list",
            "ui://MyApp/view",
            "db://a//b",
            "urn:isbn:0451450523",
            "memo:one",
            "file:///caf%C3%A9%20menu",
            "weather://{city}/now",
            "docs://https://tools.example/a",
        ] {
            assert!(is_plain(uri), "{uri}");
        }
    }

    #[test]
    fn a_pattern_is_one_of_uris_in_their_normal_form() {
        for pattern in ["*", "file:///private/*", "*.json", "*/secret/*", "file:///caf%C3%A9*"] {
            assert!(is_plain_pattern(pattern), "{pattern}");
        }
        for pattern in
            ["", "private", "file:///a b*", "file:///caf\u{e9}*", "file:///caf%c3%a9*", "*%", "file:///a/../b", "*%2F*"]
        {
            assert!(!is_plain_pattern(pattern), "{pattern}");
        }
    }

    #[test]
    fn refuses_uris_that_two_readers_could_take_differently() {
        for uri in [
            "",
            "file",
            "/etc/passwd",
            ":x",
            "file:",
            "FILE:///a",
            "file:/a",
            "file://localhost/a",
            "file:////a",
            "file:///a//b",
            "file:///a/../b",
            "file:///a/./b",
            "file:///a/..",
            "file:///a/..;x/b",
            "file:///a/%2e%2e/b",
            "file:///a/%2E%2E/b",
            "file:///a%2Fb",
            "file:///a%5Cb",
            "file:///%61",
            "file:///a%252e",
            "file:///a%00",
            "file:///a%0A",
            "file:///caf%c3%a9",
            "file:///caf\u{e9}",
            "file:///a%",
            "file:///a%4",
            "file:///a%zz",
            "file:///a b",
            "file:///a\\b",
            "file:///a\0",
            " file:///a",
            "note://a/../b",
            "note:../b",
            "http://h",
            "http://H/",
            "http://h:80/",
            "https://h:443/",
            "https://h./",
            "https://u@h/",
            "https:///a",
            "https:h/a",
        ] {
            assert!(!is_plain(uri), "{uri:?}");
        }
    }
}
