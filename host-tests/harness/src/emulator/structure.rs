//! A configuration as a `google.protobuf.Struct`, which Envoy hands to a plugin in protobuf's own form.

use serde_json::{Map, Value};

use super::abi::length;

/// The bytes of a Struct that says what this JSON text says.
///
/// # Panics
/// If the text is no JSON object.
pub(super) fn of_json(text: &[u8]) -> Vec<u8> {
    let members = serde_json::from_slice::<Map<String, Value>>(text);
    fields(&members.unwrap_or_else(|error| panic!("only a JSON object can be a Struct: {error}")))
}

fn fields(members: &Map<String, Value>) -> Vec<u8> {
    let field = |(name, value): (&String, &Value)| {
        let entry = [message(1, name.as_bytes()), message(2, &element(value))].concat();
        message(1, &entry)
    };
    members.iter().flat_map(field).collect()
}

/// `google.protobuf.Value`.
fn element(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![1 << 3, 0],
        Value::Number(number) => [&[2 << 3 | 1], &number.as_f64().unwrap_or(f64::NAN).to_le_bytes()[..]].concat(),
        Value::String(text) => message(3, text.as_bytes()),
        Value::Bool(truth) => vec![4 << 3, u8::from(*truth)],
        Value::Object(members) => message(5, &fields(members)),
        Value::Array(elements) => {
            let elements: Vec<u8> = elements.iter().flat_map(|value| message(1, &element(value))).collect();
            message(6, &elements)
        }
    }
}

/// A field whose value has a length.
fn message(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2], &*length(bytes.len()), bytes].concat()
}
