//! How the proxy hands over a configuration: as the text that it was written in, or as a `google.protobuf.Struct`, so that
//! it can be a part of the proxy's own YAML. Envoy hands over every message but a StringValue or BytesValue in its own form.

use std::borrow::Cow;

use oauth_core::config::{Problems, at, at_index};
use prost::{Message, Oneof};
use serde_json::{Map, Number, Value};

/// `google.protobuf.Struct`. Its map is a list here, so that a member that is there twice shows.
#[derive(Clone, PartialEq, Message)]
struct Struct {
    #[prost(message, repeated, tag = "1")]
    fields: Vec<Field>,
}

#[derive(Clone, PartialEq, Message)]
struct Field {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Element>,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
struct Element {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Kind {
    #[prost(int32, tag = "1")]
    Null(i32),
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Bool(bool),
    #[prost(message, tag = "5")]
    Object(Struct),
    #[prost(message, tag = "6")]
    List(List),
}

/// `google.protobuf.ListValue`.
#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(message, repeated, tag = "1")]
    elements: Vec<Element>,
}

/// The JSON text of a configuration, however it was handed over. What is no Struct is text.
///
/// # Errors
/// Every number of a Struct that JSON cannot say or a double cannot hold exactly, every value that is none, and every
/// member that is there twice.
pub fn json_text(document: &[u8]) -> Result<Cow<'_, [u8]>, Problems> {
    let Some(decoded) = decode(document) else { return Ok(Cow::Borrowed(document)) };
    let mut problems = Problems::default();
    let value = object(decoded, "", &mut problems);
    problems.into_result(Some(Cow::Owned(value.to_string().into_bytes())))
}

/// No text is taken for a Struct: each value in one follows the byte 0x12, which JSON has nowhere.
fn decode(document: &[u8]) -> Option<Struct> {
    if !document.starts_with(b"\n") || !document.contains(&0x12) {
        return None;
    }
    let decoded = Struct::decode(document).ok()?;
    // What is not of a Struct is skipped when it is read. A document with more in it is another message.
    (decoded.encoded_len() == document.len()).then_some(decoded)
}

fn object(Struct { fields }: Struct, place: &str, problems: &mut Problems) -> Value {
    let mut members = Map::new();
    for Field { name, value } in fields {
        let place = at(place, &name);
        let value = element(value.unwrap_or_default(), &place, problems);
        if members.insert(name, value).is_some() {
            problems.add(place, "is there twice: expected each member once");
        }
    }
    Value::Object(members)
}

fn element(Element { kind }: Element, place: &str, problems: &mut Problems) -> Value {
    match kind {
        Some(Kind::Null(_)) => Value::Null,
        Some(Kind::Number(number)) => match exact(number) {
            Some(number) => Value::Number(number),
            None => {
                problems.add(
                    place,
                    "is no number that a Struct holds exactly: expected at most 9007199254740991 (2^53 - 1), or the whole \
                     configuration as text",
                );
                Value::Null
            }
        },
        Some(Kind::Text(text)) => Value::String(text),
        Some(Kind::Bool(truth)) => Value::Bool(truth),
        Some(Kind::Object(members)) => object(members, place, problems),
        Some(Kind::List(List { elements })) => {
            let elements = elements.into_iter().enumerate();
            Value::Array(elements.map(|(index, value)| element(value, &at_index(place, index), problems)).collect())
        }
        None => {
            problems.add(place, "has no value: expected one");
            Value::Null
        }
    }
}

/// All numbers of a Struct are doubles. Of those from 2^53 on, several whole numbers are one.
fn exact(number: f64) -> Option<Number> {
    const BEYOND: f64 = 9_007_199_254_740_992.0;
    if !number.is_finite() || number.abs() >= BEYOND {
        return None;
    }
    if number.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
        return Some(Number::from(number as i64));
    }
    Number::from_f64(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn element_of(value: &Value) -> Element {
        let kind = match value {
            Value::Null => Kind::Null(0),
            Value::Bool(truth) => Kind::Bool(*truth),
            Value::Number(number) => Kind::Number(number.as_f64().unwrap()),
            Value::String(text) => Kind::Text(text.clone()),
            Value::Array(elements) => Kind::List(List { elements: elements.iter().map(element_of).collect() }),
            Value::Object(_) => Kind::Object(struct_of(value)),
        };
        Element { kind: Some(kind) }
    }

    fn struct_of(value: &Value) -> Struct {
        let members = value.as_object().unwrap().iter();
        let field = |(name, value): (&String, &Value)| Field { name: name.clone(), value: Some(element_of(value)) };
        Struct { fields: members.map(field).collect() }
    }

    fn read(document: &[u8]) -> Value {
        serde_json::from_slice(&json_text(document).unwrap()).unwrap()
    }

    fn mistakes(message: &Struct) -> Vec<String> {
        let problems = json_text(&message.encode_to_vec()).unwrap_err();
        problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
    }

    #[test]
    fn a_struct_says_what_the_same_json_says() {
        for document in [
            json!({"issuers": [{"issuer": "https://idp.example", "jwks": {"inline": {"keys": []}}}], "strict": true}),
            json!({"seconds": 300, "negative": -1, "zero": 0, "half": 0.5, "small": 0.1, "most": 9_007_199_254_740_991_i64}),
            json!({"null": null, "empty": {}, "list": [[], {}, "", null], "\u{e9}\n\u{12}": "\u{12}\n{}"}),
        ] {
            assert_eq!(read(&struct_of(&document).encode_to_vec()), document);
        }
    }

    #[test]
    fn whole_numbers_are_written_without_a_fraction() {
        let text = json_text(&struct_of(&json!({"seconds": 300.0})).encode_to_vec()).unwrap().into_owned();
        assert_eq!(text, br#"{"seconds":300}"#);
    }

    #[test]
    fn text_stays_as_it_is_whatever_it_begins_with() {
        for text in [
            "{}",
            "\n{\"a\": 1}",
            "\n\n\n\n{}",
            "",
            "\n",
            "no json",
            "\n\u{12}",
            "\n\n\u{12}",
            "\n\u{2}\n\u{0}",
            "{\"a\":\"\u{12}\"}",
        ] {
            assert_eq!(&*json_text(text.as_bytes()).unwrap(), text.as_bytes(), "{text:?}");
        }
        // Cut off, with more behind it, or another message: the reader of JSON says that it is none.
        let whole = struct_of(&json!({"a": 1, "b": "c"})).encode_to_vec();
        for end in 0..whole.len() {
            assert!(
                matches!(json_text(&whole[..end]), Ok(text) if decode(&text).is_none_or(|read| read.fields.len() == 1))
            );
        }
        let more = [&whole[..], &[0x1a, 1, b'x']].concat();
        assert_eq!(&*json_text(&more).unwrap(), more);
    }

    #[test]
    fn what_a_double_does_not_hold_exactly_is_told_with_its_place() {
        for number in [9_007_199_254_740_992.0, -9_007_199_254_740_992.0, 1e300, f64::NAN, f64::INFINITY] {
            let list = Kind::List(List {
                elements: vec![element_of(&json!(1)), Element { kind: Some(Kind::Number(number)) }],
            });
            let field = Field { name: "list".to_owned(), value: Some(Element { kind: Some(list) }) };
            let found = mistakes(&Struct { fields: vec![field] });
            assert!(
                found.len() == 1 && found[0].starts_with("list[1] is no number that a Struct holds exactly"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_member_is_there_once_and_has_a_value() {
        let field = |value| Field { name: "a".to_owned(), value: Some(value) };
        let twice = Struct { fields: vec![field(element_of(&json!(1))), field(element_of(&json!(2)))] };
        assert_eq!(mistakes(&twice), ["a is there twice: expected each member once"]);
        assert_eq!(mistakes(&Struct { fields: vec![field(Element { kind: None })] }), ["a has no value: expected one"]);
    }

    #[test]
    fn what_is_nested_without_end_is_no_struct() {
        let mut deep = json!({"a": 1});
        for _ in 0..200 {
            deep = json!({"a": deep});
        }
        let bytes = struct_of(&deep).encode_to_vec();
        assert_eq!(&*json_text(&bytes).unwrap(), bytes);
    }
}
