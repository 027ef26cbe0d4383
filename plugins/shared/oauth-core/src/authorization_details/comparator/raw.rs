//! Comparators as configured: a name, or an object.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::Comparator;

/// The one member of an object that is a comparator itself.
const SUBSUMES: &str = "subsumes";

impl<'de> Deserialize<'de> for Comparator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Comparator;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a comparator as \"equal\", or for the members of an object one each")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Comparator, E> {
        let named = Comparator::NAMED.iter().find(|comparator| comparator.name() == name);
        named.cloned().ok_or_else(|| E::unknown_variant(name, Comparator::NAMES))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Comparator, A::Error> {
        let mut fields = BTreeMap::new();
        let mut subsumes = None;
        while let Some(name) = members.next_key::<String>()? {
            if name == SUBSUMES {
                subsumes = Some(members.next_value()?);
            } else {
                fields.insert(name, members.next_value()?);
            }
        }
        match subsumes {
            None => Ok(Comparator::Fields(fields)),
            Some(table) if fields.is_empty() => Ok(Comparator::Subsumes(table)),
            Some(_) => Err(A::Error::custom("subsumes beside fields, expected subsumes alone, or fields alone")),
        }
    }
}

#[cfg(not(target_family = "wasm"))]
impl schemars::JsonSchema for Comparator {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Comparator".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let inner = generator.subschema_for::<Self>();
        schemars::json_schema!({
            "description": "How a field is compared: by a name, by a table of what each value also stands for, or for the members of an object by one comparator each.",
            "oneOf": [
                { "enum": Self::NAMES },
                {
                    "type": "object",
                    "properties": {
                        SUBSUMES: {
                            "type": "object",
                            "additionalProperties": { "type": "array", "items": { "type": "string" } }
                        }
                    },
                    "required": [SUBSUMES],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": { SUBSUMES: false },
                    "additionalProperties": inner,
                    "minProperties": 1
                }
            ]
        })
    }
}
