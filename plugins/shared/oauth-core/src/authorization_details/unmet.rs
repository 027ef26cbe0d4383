//! What of a granted object does not suffice, and why.

use std::collections::BTreeMap;

use super::comparator::Comparator;
use crate::config::at;
use crate::json::Exact;

/// How the members of an object are compared, by their names.
pub(super) type Fields = BTreeMap<String, Comparator>;

/// A field that keeps an object from granting what is needed. Names and kinds only, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The field, as `instructedAmount.amount`.
    pub field: String,
    /// How it is compared; `None` if no comparator is known for it.
    pub comparator: Option<&'static str>,
    /// What is wrong.
    pub why: Why,
}

/// Why a field does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is needed, and the object does not have it.
    Absent,
    /// What it has is not of the JSON type, or not of the form, that is compared with what is needed.
    Type,
    /// More is needed, or something else, than it grants.
    Exceeds,
    /// The object has it, and nothing that is needed is compared with it: it may be a restriction.
    ExtraField,
}

impl Why {
    /// Its name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Type => "type",
            Self::Exceeds => "exceeds",
            Self::ExtraField => "extra_field",
        }
    }
}

/// Adds what of an object does not suffice: each of its members must be compared (RFC 9396 §5), and none that is needed may
/// be missing. `elsewhere` names members that the caller compares; `place` is the object's own.
pub(super) fn of_object(
    fields: &Fields,
    granted: &BTreeMap<String, Exact>,
    wanted: &BTreeMap<String, Exact>,
    elsewhere: &[&str],
    place: &str,
    unmet: &mut Vec<Unmet>,
) {
    for (name, value) in granted.iter().filter(|(name, _)| !elsewhere.contains(&name.as_str())) {
        match (fields.get(name), wanted.get(name)) {
            (Some(Comparator::Ignored), _) => {}
            (Some(comparator), Some(wanted)) => comparator.compare(value, wanted, &at(place, name), unmet),
            (comparator, _) => unmet.push(Unmet {
                field: at(place, name),
                comparator: comparator.map(Comparator::name),
                why: Why::ExtraField,
            }),
        }
    }
    for name in wanted.keys().filter(|name| !granted.contains_key(*name)) {
        let comparator = fields.get(name).map(Comparator::name);
        unmet.push(Unmet { field: at(place, name), comparator, why: Why::Absent });
    }
}
