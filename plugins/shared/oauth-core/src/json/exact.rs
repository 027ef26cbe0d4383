//! JSON whose numbers keep their text, for values that must not pass through a double.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::strict::Tree;

/// A JSON value with every number as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exact {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number's text (RFC 8259 §6), within the range of a double.
    Number(String),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Self>),
    /// An object; no name occurs twice.
    Object(BTreeMap<String, Self>),
}

impl Exact {
    /// The text, if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members, if it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// A member, taken out of an object that has it.
    #[must_use]
    pub fn take(self, name: &str) -> Option<Self> {
        match self {
            Self::Object(mut members) => members.remove(name),
            _ => None,
        }
    }

    /// A member, if it is an object that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }
}

impl fmt::Display for Exact {
    /// Its JSON text without white space, numbers as they were written, members in the order of their names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(text) => f.write_str(text),
            Self::String(text) => write_string(f, text),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    element.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    write_string(f, name)?;
                    f.write_str(":")?;
                    value.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "{}", Value::from(text))
}

impl Tree for Exact {
    type Members<'t> = BTreeMap<String, Self>;

    fn null() -> Self {
        Self::Null
    }

    fn bool(value: bool) -> Self {
        Self::Bool(value)
    }

    fn number(_value: serde_json::Number, texts: &NumberTexts<'_>) -> Option<Self> {
        texts.next().map(|text| Self::Number(text.to_owned()))
    }

    fn string(value: &str) -> Self {
        Self::String(value.to_owned())
    }

    fn array(elements: Vec<Self>) -> Self {
        Self::Array(elements)
    }

    fn has(members: &Self::Members<'_>, name: &str) -> bool {
        members.contains_key(name)
    }

    fn insert<'t>(members: &mut Self::Members<'t>, name: Cow<'t, str>, value: Self) {
        members.insert(name.into_owned(), value);
    }

    fn object(members: Self::Members<'_>) -> Self {
        Self::Object(members)
    }
}

/// The texts of a document's numbers, in its order. The parser hands over values only, so this walks along with it:
/// what lies before the number that it is at was found to be JSON.
pub(super) struct NumberTexts<'t>(Cell<&'t str>);

impl<'t> NumberTexts<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self(Cell::new(text))
    }

    /// The next one.
    fn next(&self) -> Option<&'t str> {
        let text = self.0.get();
        let mut in_string = false;
        let mut escaped = false;
        for (at, byte) in text.bytes().enumerate() {
            if in_string {
                in_string = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
                continue;
            }
            in_string = byte == b'"';
            if byte == b'-' || byte.is_ascii_digit() {
                let tail = text.get(at..)?;
                let ends = |byte: char| !(byte.is_ascii_digit() || matches!(byte, '-' | '+' | '.' | 'e' | 'E'));
                let (number, rest) = tail.split_at_checked(tail.find(ends).unwrap_or(tail.len()))?;
                self.0.set(rest);
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::{JsonError, MAX_DEPTH, parse, parse_exact};
    use super::*;

    fn exact(text: &str) -> Exact {
        parse_exact(text.as_bytes(), MAX_DEPTH).unwrap()
    }

    #[test]
    fn numbers_keep_their_text() {
        for number in
            ["0", "-0", "1.10", "1E5", "1e-2", "12345678901234567890123", "0.1000000000000000000001", "-1.5E+3"]
        {
            assert_eq!(exact(number), Exact::Number(number.into()));
            let nested = exact(&format!(r#"{{"b-1":[{number},"2\\",true , {number}],"a\"3":{{"x":{number}}}}}"#));
            assert_eq!(nested.get("a\"3").unwrap().get("x"), Some(&Exact::Number(number.into())));
            let Some(Exact::Array(elements)) = nested.get("b-1") else { panic!("{nested:?}") };
            assert_eq!(elements[0], Exact::Number(number.into()));
            assert_eq!(elements[3], Exact::Number(number.into()));
        }
    }

    #[test]
    fn its_text_is_the_same_value_again() {
        for text in [
            r#"{"a":[1.10,{"b":null}],"c":"d\"\\\né","e\u0001":{}}"#,
            "[]",
            "[true,false,-0.5E+3,12345678901234567890.10]",
        ] {
            assert_eq!(exact(&exact(text).to_string()), exact(text), "{text}");
        }
        assert_eq!(exact(r#" { "b" : [ 1.10 , "x" ] , "a" : null } "#).to_string(), r#"{"a":null,"b":[1.10,"x"]}"#);
    }

    #[test]
    fn a_number_beyond_a_double_is_refused() {
        assert_eq!(parse_exact(b"[1e400]", MAX_DEPTH), Err(JsonError::Syntax));
    }

    #[test]
    fn it_is_the_same_value_and_as_strict_as_the_plain_reading() {
        fn plain(exact: &Exact) -> serde_json::Value {
            match exact {
                Exact::Null => serde_json::Value::Null,
                Exact::Bool(value) => (*value).into(),
                Exact::Number(text) => serde_json::from_str(text).unwrap(),
                Exact::String(text) => text.clone().into(),
                Exact::Array(elements) => elements.iter().map(plain).collect(),
                Exact::Object(members) => serde_json::Value::Object(
                    members.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
                ),
            }
        }
        for text in [
            "null",
            " [1,-2.5,\"-3\",{\"4\":5}] ",
            r#"{"a\\":1,"\"":[2,[3]],"c":"\\\"9","d":-4e1}"#,
            "[[],{},0]",
            r#"{"a":1,"a":2}"#,
            "[1,]",
            "{} 1",
            "\u{feff}1",
            "",
        ] {
            let found = parse_exact(text.as_bytes(), 3);
            assert_eq!(found.as_ref().map(plain).map_err(|error| *error), parse(text.as_bytes(), 3), "{text}");
        }
        assert_eq!(parse_exact(b"[[[[]]]]", 3), Err(JsonError::TooDeep));
    }
}
