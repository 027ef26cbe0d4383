//! Paths are not normalised but refused.
//!
//! The filter cannot see how the proxy and the hops behind it rewrite a path. A path that any of them could read
//! differently would let a rule be tried against one resource and the request reach another, so it is a 400
//! (RFC 3986 §6.2.2, §3.3). What is left has one reading, and rules match on its percent-decoded segments.

use std::borrow::Cow;

/// A request path that has one reading only, split into decoded segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafePath {
    segments: Vec<String>,
    /// The segments if every encoded slash were a slash, where there is one: the other reading of the path.
    split_at_encoded: Option<Vec<String>>,
}

/// The path could be read in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

impl SafePath {
    /// In: the `:path` pseudo-header, raw, with its query.
    ///
    /// # Errors
    /// [`Ambiguous`] for anything but an absolute path in plain ASCII without dot segments (raw or encoded), empty
    /// segments, `\` and `;` (raw or encoded), encoded `/`, `?`, `#` and control characters, escapes of letters, digits,
    /// `-`, `.` and `_`, anything encoded twice, broken escapes, escapes that are not UTF-8, segments that end with a dot
    /// or a space, or a fragment. The query may not hold control characters, spaces or non-ASCII bytes.
    pub fn parse(path_and_query: &[u8]) -> Result<Self, Ambiguous> {
        Self::parse_with_encoded_slash(path_and_query)
            .and_then(|path| if path.split_at_encoded.is_some() { Err(Ambiguous) } else { Ok(path) })
    }

    /// Like [`SafePath::parse`], but an encoded slash may be part of a segment. Such a path has two readings, since some
    /// hop may decode it too early; each of them must be one that would pass. Whoever takes one must see to it that a
    /// template that expects it decides (filter-kit, `require_expected_slash`).
    ///
    /// # Errors
    /// [`Ambiguous`]
    pub fn parse_with_encoded_slash(path_and_query: &[u8]) -> Result<Self, Ambiguous> {
        let (path, query) = match path_and_query.iter().position(|byte| *byte == b'?') {
            Some(at) => path_and_query.split_at_checked(at).ok_or(Ambiguous)?,
            None => (path_and_query, &[][..]),
        };
        if !path.iter().chain(query).all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
            return Err(Ambiguous);
        }
        let path = std::str::from_utf8(path).map_err(|_| Ambiguous)?;
        let path = path.strip_prefix('/').ok_or(Ambiguous)?;
        let segments = path.split('/').map(decode_segment).collect::<Result<Vec<_>, _>>()?;
        // Where an encoded slash is at an end of its segment, or two follow each other, the other reading has an empty one.
        let parts = || segments.iter().flat_map(|segment| segment.split('/'));
        let last = parts().count().saturating_sub(1);
        // A single slash at the end is a segment of its own: `/a/` is not `/a`.
        let sound = |(index, part): (usize, &str)| (!part.is_empty() || index == last) && is_sound(part);
        let ends_with_one = segments.iter().any(|segment| segment.ends_with('/'));
        if ends_with_one || !parts().enumerate().all(sound) {
            return Err(Ambiguous);
        }
        let split_at_encoded = (last >= segments.len()).then(|| parts().map(str::to_owned).collect());
        Ok(Self { segments, split_at_encoded })
    }

    /// The segments if its encoded slashes were slashes; `None` if it has none.
    #[must_use]
    pub fn split_at_encoded(&self) -> Option<&[String]> {
        self.split_at_encoded.as_deref()
    }

    /// The decoded segments: `/a%20b/` → `["a b", ""]`; `/` → `[""]`.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }
}

fn decode_segment(segment: &str) -> Result<String, Ambiguous> {
    if escapes(segment).any(needs_no_escape) {
        return Err(Ambiguous);
    }
    let decoded = decode_once(segment)?;
    if escapes(&decoded).next().is_some() { Err(Ambiguous) } else { Ok(decoded.into_owned()) }
}

/// Whether a part of a path between two slashes means the same to everybody.
fn is_sound(part: &str) -> bool {
    let dots = part == "." || part == "..";
    // `;` starts parameters that some servers cut off, and some systems drop dots and spaces at the end of a name.
    let special = part.chars().any(|c| matches!(c, '\\' | ';' | '?' | '#') || c.is_control());
    !dots && !special && !part.ends_with(['.', ' '])
}

/// The bytes that escapes stand for. Where a decoded text still has one, a hop that decodes twice reads it differently.
fn escapes(text: &str) -> impl Iterator<Item = u8> {
    let escape = |three: &[u8]| match three {
        [b'%', high, low] => Some(hex(*high)? << 4 | hex(*low)?),
        _ => None,
    };
    text.as_bytes().windows(3).filter_map(escape)
}

/// Proxies route by the bytes that they were sent, so `/%61dmin` is another path to them than `/admin`, and the same to
/// who decodes it (RFC 3986 §2.3). Some clients escape `~`, which older standards did not call unreserved.
fn needs_no_escape(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// Percent-decodes once (RFC 3986 §2.1).
///
/// # Errors
/// [`Ambiguous`] for broken escapes, and if the result is not UTF-8.
pub fn decode_once(text: &str) -> Result<Cow<'_, str>, Ambiguous> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        match (bytes.next().and_then(hex), bytes.next().and_then(hex)) {
            (Some(high), Some(low)) => decoded.push(high << 4 | low),
            _ => return Err(Ambiguous),
        }
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| Ambiguous)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(path: &str) -> Vec<String> {
        SafePath::parse(path.as_bytes()).unwrap().segments
    }

    #[test]
    fn reads_plain_paths() {
        assert_eq!(segments("/"), [""]);
        assert_eq!(segments("/a/b"), ["a", "b"]);
        assert_eq!(segments("/a/"), ["a", ""]);
        assert_eq!(segments("/mcp?x=1&y=//../%2f"), ["mcp"]);
        assert_eq!(segments("/a%20b/%7Ec"), ["a b", "~c"]);
        assert_eq!(segments("/caf%C3%A9"), ["café"]);
        assert_eq!(segments("/100%25"), ["100%"]);
        assert_eq!(segments("/.well-known/a.b"), [".well-known", "a.b"]);
        assert_eq!(segments("/v1:batch/a@b/~x"), ["v1:batch", "a@b", "~x"]);
    }

    /// SMG-14
    #[test]
    fn refuses_every_path_that_a_later_hop_could_read_differently() {
        for path in [
            "",
            "*",
            "a",
            "http://h/a",
            "//mcp",
            "/a//b",
            "/a//",
            "//",
            "/public/../admin",
            "/..",
            "/.",
            "/a/.",
            "/public/%2e%2e/admin",
            "/public/%2E%2e/admin",
            "/public/.%2e/admin",
            "/public/%252e%252e/admin",
            "/public/%25252e%25252e/x",
            "/public/..;/admin",
            "/public/..%3b/admin",
            "/public/.;a=b/admin",
            "/a;b",
            "/mcp%2fx",
            "/mcp%2Fx",
            "/mcp%252fx",
            "/x%00",
            "/x%0a",
            "/x%7f",
            "/x%2500",
            "/a\\b",
            "/a%5cb",
            "/a%5Cb",
            "/a%255cb",
            "/%",
            "/%4",
            "/%zz",
            "/a%",
            "/%c0%ae%c0%ae/x",
            "/%c0%af",
            "/%ff",
            "/a#b",
            "/a b",
            "/%2561",
            "/%61dmin",
            "/mcp/%41",
            "/%6Dcp",
            "/v%31",
            "/a%2db",
            "/a%2Eb",
            "/a%5fb",
            "/caf%C3%A9%61",
            "/x%252f..%252fadmin%25",
            "/%2541%",
            "/a%3f",
            "/a%23",
            "/a.",
            "/a%20",
            "/...",
            "/a/..%20/b",
            "/a?b c",
            "/a?b#c",
            "/a\tb",
            "/a\r\nb",
        ] {
            assert_eq!(SafePath::parse(path.as_bytes()), Err(Ambiguous), "{path:?}");
        }
        for path in [&b"/caf\xc3\xa9"[..], b"/\xff", b"/a?\xff", b"/a\0", b"/a?\0"] {
            assert_eq!(SafePath::parse(path), Err(Ambiguous), "{path:?}");
        }
    }

    #[test]
    fn an_encoded_slash_is_part_of_a_segment_only_where_it_is_asked_for() {
        let read = |path: &str| SafePath::parse_with_encoded_slash(path.as_bytes());
        let path = read("/repos/group%2Fname/x%2fy").unwrap();
        assert_eq!(path.segments(), ["repos", "group/name", "x/y"]);
        assert_eq!(path.split_at_encoded().unwrap(), ["repos", "group", "name", "x", "y"]);
        assert_eq!(read("/repos/name/").unwrap().split_at_encoded(), None);
        assert!(SafePath::parse(b"/repos/group%2Fname").is_err());
        for path in [
            "/a%2f..%2fb",
            "/a%2f%2e%2e",
            "/..%2fa",
            "/a%2f.",
            "/a%2f%2fb",
            "/a/%2fb",
            "/%2fa",
            "/a%2f",
            "/a%2f/b",
            "/a%252fb",
            "/a%2f%252e",
            "/a%2fb.",
            "/a%2fb%20/c",
            "/a%2f;b",
            "/a%5cb",
            "/a%2fb%00",
            "/%2f",
            "/a%2f..;/b",
        ] {
            assert_eq!(read(path), Err(Ambiguous), "{path}");
        }
    }

    #[test]
    fn never_panics_on_any_two_byte_escape_or_short_path() {
        for a in 0..=255_u8 {
            for b in 0..=255_u8 {
                let _ = SafePath::parse(&[b'/', a, b]);
                let _ = SafePath::parse(&[b'/', b'%', a, b]);
            }
        }
    }
}
