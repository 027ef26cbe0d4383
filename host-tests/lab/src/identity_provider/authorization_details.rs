//! Rich authorization requests (RFC 9396): the types that the provider knows, and what may be asked and granted of them.

use serde_json::{Map, Value};
use url::Url;

/// What a field of a type holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text, not empty.
    Text,
    /// A list of texts, none of them empty, and not without any.
    Texts,
    /// A number that is not negative.
    Number,
}

impl Shape {
    fn fits(self, value: &Value) -> bool {
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        match self {
            Self::Text => is_text(value),
            Self::Texts => value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_text)),
            Self::Number => value.as_f64().is_some_and(|number| number >= 0.0),
        }
    }
}

/// A type of `authorization_details`. Every type may have `locations`, a list of absolute URIs, besides.
#[derive(Clone, Debug)]
pub struct DetailsType {
    name: String,
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    shape: Shape,
    is_required: bool,
}

impl DetailsType {
    /// A type without fields of its own.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), fields: Vec::new() }
    }

    /// A field that every object of the type has.
    #[must_use]
    pub fn required(self, name: &str, shape: Shape) -> Self {
        self.field(name, shape, true)
    }

    /// A field that an object may have.
    #[must_use]
    pub fn optional(self, name: &str, shape: Shape) -> Self {
        self.field(name, shape, false)
    }

    fn field(mut self, name: &str, shape: Shape, is_required: bool) -> Self {
        self.fields.push(Field { name: name.to_owned(), shape, is_required });
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether every field is known and right, and none is missing (section 5).
    fn fits(&self, object: &Map<String, Value>) -> bool {
        let is_complete = self.fields.iter().all(|field| !field.is_required || object.contains_key(&field.name));
        is_complete
            && object.iter().all(|(name, value)| match name.as_str() {
                "type" => true,
                "locations" => Shape::Texts.fits(value) && texts(value).all(|text| Url::parse(text).is_ok()),
                _ => self.fields.iter().any(|field| field.name == *name && field.shape.fits(value)),
            })
    }
}

/// Not what a client may ask for: `invalid_authorization_details`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

/// Reads the parameter: a list of objects, each of a type that the provider knows, and as that type has it.
pub(super) fn parse(text: &str, types: &[DetailsType]) -> Result<Vec<Value>, Invalid> {
    let details: Vec<Value> = serde_json::from_str(text).map_err(|_| Invalid)?;
    let is_known = |detail: &Value| {
        let found = types.iter().find(|known| detail.get("type").and_then(Value::as_str) == Some(&known.name));
        detail.as_object().zip(found).is_some_and(|(object, known)| known.fits(object))
    };
    if !details.is_empty() && details.iter().all(is_known) { Ok(details) } else { Err(Invalid) }
}

/// Whether each object of `part` allows no more than one of `whole`. That is for each type to say (section 6.1); all the
/// types here say the same: lists may lose entries, numbers may shrink, fields may be added, everything else stays.
pub(super) fn is_within(part: &[Value], whole: &[Value]) -> bool {
    part.iter().all(|part| whole.iter().any(|whole| is_narrower(part, whole)))
}

fn is_narrower(part: &Value, whole: &Value) -> bool {
    let (Some(part), Some(whole)) = (part.as_object(), whole.as_object()) else { return false };
    whole.iter().all(|(name, whole)| {
        part.get(name).is_some_and(|part| match (part, whole) {
            (Value::Array(part), Value::Array(whole)) => {
                !part.is_empty() && part.iter().all(|entry| whole.contains(entry))
            }
            (Value::Number(part), Value::Number(whole)) => part.as_f64() <= whole.as_f64(),
            _ => part == whole,
        })
    })
}

/// Of what is held, the part that a token request asks for (section 6), or all of it if it asks for none.
pub(super) fn part(asked: Option<&str>, types: &[DetailsType], held: &[Value]) -> Result<Vec<Value>, Invalid> {
    let Some(asked) = asked else { return Ok(held.to_vec()) };
    parse(asked, types).and_then(|part| if is_within(&part, held) { Ok(part) } else { Err(Invalid) })
}

/// Those that a token for these audiences may show: without objects for other places alone (section 6.2).
pub(super) fn for_audiences(details: &[Value], audiences: &[&str]) -> Vec<Value> {
    let is_for_them = |detail: &&Value| {
        detail.get("locations").is_none_or(|locations| texts(locations).any(|location| audiences.contains(&location)))
    };
    details.iter().filter(is_for_them).cloned().collect()
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn types() -> [DetailsType; 2] {
        [
            DetailsType::new("file_access").required("actions", Shape::Texts).required("identifier", Shape::Text),
            DetailsType::new("payment").required("max_amount", Shape::Number).optional("note", Shape::Text),
        ]
    }

    #[test]
    fn objects_of_a_known_type_are_taken_as_they_are() {
        for details in [
            json!([{"type": "file_access", "actions": ["read"], "identifier": "a"}]),
            json!([{"type": "payment", "max_amount": 0}, {"type": "payment", "max_amount": 1.5, "note": "x"}]),
            json!([{"type": "payment", "max_amount": 1, "locations": ["https://a.example/x"]}]),
        ] {
            assert_eq!(parse(&details.to_string(), &types()), Ok(details.as_array().unwrap().clone()));
        }
    }

    #[test]
    fn everything_else_is_invalid() {
        let sound = || json!({"type": "file_access", "actions": ["read"], "identifier": "a"});
        let but = |name: &str, value: Value| {
            let mut object = sound();
            object[name] = value;
            json!([object])
        };
        for details in [
            sound(),
            json!([]),
            json!("x"),
            json!([sound(), 1]),
            json!([[sound()]]),
            json!([sound(), {"type": "file_access", "actions": ["read"]}]),
            but("type", json!("other")),
            but("type", json!(null)),
            but("type", json!(["file_access"])),
            but("actions", json!("read")),
            but("actions", json!([])),
            but("actions", json!(["read", ""])),
            but("actions", json!(["read", 1])),
            but("identifier", json!("")),
            but("more", json!("x")),
            but("locations", json!([])),
            but("locations", json!(["files"])),
            json!([{"type": "payment", "max_amount": "1"}]),
            json!([{"type": "payment", "max_amount": -1}]),
        ] {
            assert_eq!(parse(&details.to_string(), &types()), Err(Invalid), "{details}");
        }
        assert_eq!(parse("", &types()), Err(Invalid));
        assert_eq!(parse("[", &types()), Err(Invalid));
    }

    #[test]
    fn a_part_allows_no_more_than_one_object_of_the_whole() {
        let whole = [json!({"type": "t", "actions": ["read", "write"], "most": 10, "of": "a"}), json!({"type": "t"})];
        let within = |part: Value| is_within(&[part], &whole[..1]);
        assert!(within(whole[0].clone()));
        assert!(within(json!({"type": "t", "actions": ["write"], "most": 9.5, "of": "a", "until": "noon"})));
        for part in [
            json!({"type": "t", "actions": ["delete"], "most": 1, "of": "a"}),
            json!({"type": "t", "actions": [], "most": 1, "of": "a"}),
            json!({"type": "t", "actions": ["read"], "most": 11, "of": "a"}),
            json!({"type": "t", "actions": ["read"], "most": "1", "of": "a"}),
            json!({"type": "t", "actions": ["read"], "most": 1, "of": "b"}),
            json!({"type": "t", "actions": ["read"], "most": 1}),
            json!({"type": "u", "actions": ["read"], "most": 1, "of": "a"}),
            json!(1),
        ] {
            assert!(!within(part.clone()), "{part}");
        }
        assert!(is_within(&[], &whole) && !is_within(&whole, &[]));
        assert!(
            is_within(&[json!({"type": "t", "actions": ["delete"]})], &whole),
            "the second object allows everything"
        );
    }

    #[test]
    fn a_token_shows_nothing_that_is_for_another_place_alone() {
        let details =
            [json!({"locations": ["https://a", "https://b"]}), json!({"locations": ["https://c"]}), json!({})];
        assert_eq!(for_audiences(&details, &["https://b"]), [details[0].clone(), details[2].clone()]);
        assert_eq!(for_audiences(&details, &[]), [details[2].clone()]);
    }
}
