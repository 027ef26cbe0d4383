//! Strict JSON (RFC 8259): one reading only, so that no two parsers on the way can disagree.

mod exact;
mod number;
mod place;
mod strict;

pub use exact::Exact;
pub use number::same_number;
pub use place::{Elements, InPlace, Members, OwnText};
use serde_json::{Map, Value};
use strict::Tree;

/// Nesting that a token or key set may have. Real ones stay below ten.
pub const MAX_DEPTH: usize = 32;

/// Why a text is not acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// Bytes that are not UTF-8 (RFC 8259 §8.1).
    NotUtf8,
    /// Not JSON: bad syntax, a byte order mark, a number beyond a double, or anything after the first value.
    Syntax,
    /// A member name occurs twice in one object, compared after unescaping (RFC 8259 §4).
    DuplicateMember,
    /// More levels of arrays and objects than allowed (RFC 8259 §9).
    TooDeep,
    /// Valid JSON, but not an object.
    NotAnObject,
}

/// Parses one JSON value and nothing after it.
///
/// `max_depth` is the number of arrays and objects that may be open at once. It holds before anything is entered,
/// so a text of any depth uses a bounded stack; the parser below has a bound of its own at 128.
///
/// # Errors
/// See [`JsonError`].
pub fn parse(text: &[u8], max_depth: usize) -> Result<Value, JsonError> {
    Value::read(text, max_depth)
}

/// Like [`parse`], for who may be told what is wrong and where.
///
/// # Errors
/// What is wrong, with line and column. It may quote the text.
pub(crate) fn parse_told(text: &[u8], max_depth: usize) -> Result<Value, String> {
    Value::read_told(text, max_depth)
        .map_err(|(_, error)| error.map_or_else(|| "it is not UTF-8".to_owned(), |error| error.to_string()))
}

/// Like [`parse`], with every number as its text.
///
/// # Errors
/// See [`JsonError`].
pub fn parse_exact(text: &[u8], max_depth: usize) -> Result<Exact, JsonError> {
    Exact::read(text, max_depth)
}

/// Like [`parse`], for a text that must be an object.
///
/// # Errors
/// See [`JsonError`].
pub fn parse_object(text: &[u8], max_depth: usize) -> Result<Map<String, Value>, JsonError> {
    match parse(text, max_depth)? {
        Value::Object(members) => Ok(members),
        _ => Err(JsonError::NotAnObject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_json_reads_as_serde_json_reads_it() {
        for text in [
            "null",
            "true",
            "1",
            "-1",
            "1.5",
            "1e3",
            "18446744073709551615",
            "\"\\u00e9\\n\"",
            "[]",
            "{}",
            " [ 1 , {} ] ",
            r#"{"a":[1,{"b":null}],"c":"d"}"#,
            r#"{"$serde_json::private::Number":"1"}"#,
        ] {
            assert_eq!(
                parse(text.as_bytes(), MAX_DEPTH).unwrap(),
                serde_json::from_str::<Value>(text).unwrap(),
                "{text}"
            );
        }
    }

    /// SMG-07
    #[test]
    fn duplicate_member_names_are_refused_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"alg":"RS256","alg":"none"}"#,
            r#"{"aud":"a","aud":"a"}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"[[{"x":{"b":1,"b":2}}]]"#,
            r#"{"aud":1,"\u0061ud":2}"#,
            r#"{"":1,"":2}"#,
        ] {
            assert_eq!(parse(text.as_bytes(), MAX_DEPTH), Err(JsonError::DuplicateMember), "{text}");
        }
        assert!(parse(br#"{"a":{"b":1},"c":{"b":1},"A":1}"#, MAX_DEPTH).is_ok());
    }

    /// SMG-10, JWT-27
    #[test]
    fn the_depth_bound_holds_without_using_the_stack() {
        let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(parse(&nested(32), 32).is_ok());
        assert_eq!(parse(&nested(33), 32), Err(JsonError::TooDeep));
        assert_eq!(parse(b"[]", 0), Err(JsonError::TooDeep));
        assert_eq!(parse(b"1", 0), Ok(Value::from(1)));
        // Twelve times smaller than a filter's stack.
        std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(move || {
                for depth in [200, 10_000, 1_000_000] {
                    assert_eq!(parse(&b"[".repeat(depth), MAX_DEPTH), Err(JsonError::TooDeep));
                    assert_eq!(parse(&br#"{"a":"#.repeat(depth), MAX_DEPTH), Err(JsonError::TooDeep));
                    assert_eq!(parse(&br#"[{"act":"#.repeat(depth), MAX_DEPTH), Err(JsonError::TooDeep));
                }
            })
            .unwrap()
            .join()
            .unwrap();
    }

    /// SMG-10
    #[test]
    fn bom_other_encodings_trailing_data_and_loose_syntax_are_refused() {
        for text in [
            "\u{feff}{}",
            "{}{}",
            "{} x",
            "{},",
            "",
            " ",
            "{a:1}",
            "{'a':1}",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "+1",
            "NaN",
            "Infinity",
            "1e400",
            "-1e400",
            "\"\n\"",
            "\"\\ud800\"",
            "\"\\x41\"",
            "tru",
            "// c\n1",
            "{\"a\"}",
            "[",
        ] {
            assert_eq!(parse(text.as_bytes(), MAX_DEPTH), Err(JsonError::Syntax), "{text:?}");
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}", MAX_DEPTH), Err(JsonError::NotUtf8));
        assert_eq!(parse(b"\xfe\xff\0{\0}", MAX_DEPTH), Err(JsonError::NotUtf8));
        assert_eq!(parse(b"{\0}\0", MAX_DEPTH), Err(JsonError::Syntax));
    }

    #[test]
    fn only_an_object_is_an_object() {
        for text in ["[]", "null", "\"{}\"", "1", "[{}]"] {
            assert_eq!(parse_object(text.as_bytes(), MAX_DEPTH), Err(JsonError::NotAnObject), "{text}");
        }
        assert_eq!(parse_object(br#"{"a":1}"#, MAX_DEPTH).unwrap().len(), 1);
    }
}
