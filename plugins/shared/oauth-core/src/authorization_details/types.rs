//! `types`: which types of objects are known, and how their fields are compared.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::comparator::{check_fields, texts};
use super::unmet::{self, Fields, Unmet, Why};
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
    fields: Option<Fields>,
    single_use: Option<bool>,
}

/// The known types by name. A type that is not among them grants nothing, and takes nothing from others (RFC 9396 §9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types(BTreeMap<String, Type>);

/// How the fields of one type are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) fields: Fields,
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
            for field in fields.keys().filter(|field| *field == TYPE || *field == LOCATIONS) {
                problems.add(at(&fields_place, field), "is compared in any case: remove it");
            }
            check_fields(&fields, &fields_place, problems);
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
        details.0.iter().filter(move |granted| self.unmet(granted, wanted, resource).is_empty()).copied()
    }

    /// What keeps the token from granting it: of the object of the type that comes closest, the fields that do not
    /// suffice; the type itself, if there is none of it. Empty if an object grants it.
    #[must_use]
    pub fn closest_unmet(
        &self,
        details: &AuthorizationDetails<'_>,
        wanted: &Wanted,
        resource: Option<&str>,
    ) -> Vec<Unmet> {
        let of_the_type = details.0.iter().filter(|granted| granted.type_name == wanted.type_name);
        let closest = of_the_type.map(|granted| self.unmet(granted, wanted, resource)).min_by_key(Vec::len);
        closest.unwrap_or_else(|| vec![no_such_type()])
    }

    /// What of one object does not suffice.
    fn unmet(&self, granted: &Granted<'_>, wanted: &Wanted, resource: Option<&str>) -> Vec<Unmet> {
        let Some(known) = self.get(&wanted.type_name).filter(|_| granted.type_name == wanted.type_name) else {
            return vec![no_such_type()];
        };
        let mut unmet = Vec::new();
        unmet::of_object(&known.fields, granted.members, &wanted.fields, &[TYPE, LOCATIONS], "", &mut unmet);
        if let Some(locations) = granted.members.get(LOCATIONS) {
            let why = match (texts(locations), resource) {
                (Some(all), Some(here)) if all.iter().any(|location| same_resource(location, here)) => None,
                (Some(_), _) => Some(Why::Exceeds),
                (None, _) => Some(Why::Type),
            };
            let location = |why| Unmet { field: LOCATIONS.to_owned(), comparator: Some("superset"), why };
            unmet.extend(why.map(location));
        }
        unmet
    }
}

fn no_such_type() -> Unmet {
    Unmet { field: TYPE.to_owned(), comparator: Some("equal"), why: Why::Absent }
}
