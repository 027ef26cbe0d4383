//! `types`: which types of objects are known, and how their fields are compared.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::comparator::{Comparator, texts};
use super::wanted::Wanted;
use super::{AuthorizationDetails, Granted, LOCATIONS, TYPE};
use crate::audience::same_resource;
use crate::config::{Problems, at};

/// A type as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"fields\": {\"actions\": \"superset\"}}")]
pub struct RawType {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    fields: Option<BTreeMap<String, Comparator>>,
    single_use: Option<bool>,
}

/// The known types by name. A type that is not among them grants nothing, and takes nothing from others (RFC 9396 §9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types(BTreeMap<String, Type>);

/// How the fields of one type are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) fields: BTreeMap<String, Comparator>,
    single_use: bool,
}

impl Types {
    /// Checks `types` as configured; notes every mistake below `place`.
    pub fn settings(raw: &BTreeMap<String, RawType>, place: &str, problems: &mut Problems) -> Self {
        if raw.is_empty() && !problems.has_below(place) {
            problems.add(place, "is empty: expected at least one type");
        }
        let mut types = BTreeMap::new();
        for (name, raw) in raw {
            let place = at(place, name);
            if name.is_empty() {
                problems.add(&place, "has no name: expected the type as tokens name it");
            }
            let fields_place = at(&place, "fields");
            let fields = problems.required(&fields_place, raw.fields.clone(), "how each field is compared");
            let fields = fields.unwrap_or_default();
            for (field, comparator) in &fields {
                let place = at(&fields_place, field);
                if field == TYPE || field == LOCATIONS {
                    problems.add(&place, "is compared in any case: remove it");
                }
                comparator.check(&place, problems);
            }
            types.insert(name.clone(), Type { fields, single_use: raw.single_use.unwrap_or_default() });
        }
        Self(types)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Type> {
        self.0.get(name)
    }

    /// The names of all types, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether an object of this type is good for one request only.
    #[must_use]
    pub fn is_single_use(&self, name: &str) -> bool {
        self.get(name).is_some_and(|found| found.single_use)
    }

    /// The objects that grant all that is wanted, each by itself. `resource` is the one that the request is about, if that
    /// is known.
    pub fn granting<'a, 'd: 'a>(
        &'a self,
        details: &'a AuthorizationDetails<'d>,
        wanted: &'a Wanted,
        resource: Option<&'a str>,
    ) -> impl Iterator<Item = Granted<'d>> + 'a {
        details.0.iter().filter(move |granted| self.grants(granted, wanted, resource)).copied()
    }

    fn grants(&self, granted: &Granted<'_>, wanted: &Wanted, resource: Option<&str>) -> bool {
        let Some(known) = self.get(&wanted.type_name).filter(|_| granted.type_name == wanted.type_name) else {
            return false;
        };
        let is_no_restriction = |(name, value): (&String, _)| {
            name == TYPE
                || (name == LOCATIONS
                    && resource.is_some_and(|here| {
                        texts(value).is_some_and(|all| all.iter().any(|location| same_resource(location, here)))
                    }))
                || match (known.fields.get(name), wanted.fields.get(name)) {
                    (Some(Comparator::Ignored), _) => true,
                    (Some(comparator), Some(wanted)) => comparator.holds(value, wanted),
                    // It may restrict what nobody has looked at.
                    _ => false,
                }
        };
        granted.members.iter().all(is_no_restriction)
            && wanted.fields.keys().all(|name| granted.members.contains_key(name))
    }
}
