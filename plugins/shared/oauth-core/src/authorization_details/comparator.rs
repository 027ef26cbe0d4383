//! How a granted value is compared with one that is needed (RFC 9396 §6.1: there is no rule for all types).

mod raw;

use std::collections::{BTreeMap, BTreeSet};

use super::decimal::Decimal;
use super::unmet::{self, Fields, Unmet, Why};
use super::wanted::is_empty;
use crate::config::{Problems, at};
use crate::json::{Exact, same_number};
use crate::path::SafePath;
use crate::requirement::require_names;

/// A comparator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// The same value.
    Equal,
    /// A list of texts that holds all that are needed.
    Superset,
    /// A decimal that is not smaller than the one that is needed.
    Ceiling,
    /// A path at or above the one that is needed.
    PrefixPath,
    /// A text, or a list of texts, and for each what else it stands for.
    Subsumes(BTreeMap<String, Vec<String>>),
    /// An object, of which each member is compared by its own comparator, as those of the whole object are.
    Fields(Fields),
    /// Whatever it says, it is no restriction.
    Ignored,
}

impl Comparator {
    /// Those that are nothing but a name.
    const NAMED: [Self; 5] = [Self::Equal, Self::Superset, Self::Ceiling, Self::PrefixPath, Self::Ignored];
    const NAMES: &'static [&'static str] = &["equal", "superset", "ceiling", "prefix_path", "ignored"];

    /// Its name in configuration and records.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Superset => "superset",
            Self::Ceiling => "ceiling",
            Self::PrefixPath => "prefix_path",
            Self::Subsumes(_) => "subsumes",
            Self::Fields(_) => "fields",
            Self::Ignored => "ignored",
        }
    }

    /// Notes every mistake below `place`.
    pub(super) fn check(&self, place: &str, problems: &mut Problems) {
        if let Self::Fields(fields) = self {
            if fields.is_empty() {
                problems.add(place, "is empty: expected how each member of the object is compared");
            }
            check_fields(fields, place, problems);
        }
        let Self::Subsumes(table) = self else { return };
        let place = at(place, "subsumes");
        for (name, others) in table {
            if name.is_empty() {
                problems.add(&place, "holds an empty name: expected what each value also stands for");
            }
            require_names(Some(others), &at(&place, name), problems);
        }
    }

    /// What a needed value must be for any granted one to suffice; `None` if this one is.
    pub(super) fn expects(&self, wanted: &Exact) -> Option<&'static str> {
        let (is_fit, expected) = match self {
            Self::Equal => (true, ""),
            Self::Superset => (texts(wanted).is_some(), "a list of texts that are not empty"),
            Self::Ceiling => {
                (decimal(wanted).is_some(), "a decimal of at most 18 digits without sign and exponent, as \"12.50\"")
            }
            Self::PrefixPath => (
                wanted.as_str().is_some_and(|path| segments(path).is_some()),
                "a path with one reading only, as \"/a/b\"",
            ),
            Self::Subsumes(_) => {
                (wanted.as_str().is_some() || texts(wanted).is_some(), "a text, or a list of texts that are not empty")
            }
            Self::Fields(fields) => {
                let fits = |(name, value): (&String, &Exact)| {
                    !is_empty(value) && fields.get(name).is_some_and(|comparator| comparator.expects(value).is_none())
                };
                let all_fit = wanted.as_object().is_some_and(|members| members.iter().all(fits));
                (all_fit, "an object of members that the type compares, each as it compares it")
            }
            Self::Ignored => (false, "no such member, since what is granted is ignored"),
        };
        (!is_fit).then_some(expected)
    }

    /// The same needed value, as cheap to compare as can be: of a list that stands for a set, each text once.
    pub(super) fn in_normal_form(&self, wanted: Exact) -> Exact {
        match (self, wanted) {
            (Self::Superset | Self::Subsumes(_), Exact::Array(mut texts)) => {
                texts.sort_unstable_by(|one, other| one.as_str().cmp(&other.as_str()));
                texts.dedup();
                Exact::Array(texts)
            }
            (Self::Fields(fields), Exact::Object(members)) => {
                let normal = |(name, value): (String, Exact)| {
                    let value = match fields.get(&name) {
                        Some(comparator) => comparator.in_normal_form(value),
                        None => value,
                    };
                    (name, value)
                };
                Exact::Object(members.into_iter().map(normal).collect())
            }
            (_, wanted) => wanted,
        }
    }

    /// Whether a text from the request can be a needed value.
    pub(super) const fn takes_texts(&self) -> bool {
        !matches!(self, Self::Superset | Self::Fields(_) | Self::Ignored)
    }

    /// Whether no value can be a needed one.
    pub(super) const fn takes_nothing(&self) -> bool {
        matches!(self, Self::Ignored)
    }

    /// Adds what of a granted value does not suffice.
    pub(super) fn compare(&self, granted: &Exact, wanted: &Exact, field: &str, unmet: &mut Vec<Unmet>) {
        let why = match (self, granted, wanted) {
            (Self::Fields(fields), Exact::Object(granted), Exact::Object(wanted)) => {
                return unmet::of_object(fields, granted, wanted, &[], field, unmet);
            }
            _ if self.holds(granted, wanted) => return,
            _ if self.is_comparable(granted, wanted) => Why::Exceeds,
            _ => Why::Type,
        };
        unmet.push(Unmet { field: field.to_owned(), comparator: Some(self.name()), why });
    }

    /// Whether the granted value is of the kind that is compared with this one.
    fn is_comparable(&self, granted: &Exact, wanted: &Exact) -> bool {
        let are_alike = std::mem::discriminant(granted) == std::mem::discriminant(wanted);
        are_alike
            && match self {
                Self::Equal => true,
                Self::Superset => texts(granted).is_some(),
                Self::Ceiling => decimal(granted).is_some(),
                Self::PrefixPath => granted.as_str().and_then(segments).is_some(),
                Self::Subsumes(_) => granted.as_str().is_some() || texts(granted).is_some(),
                Self::Fields(_) | Self::Ignored => false,
            }
    }

    /// Whether the granted value suffices. Values of another type than this one compares never do.
    fn holds(&self, granted: &Exact, wanted: &Exact) -> bool {
        match self {
            Self::Equal => are_equal(granted, wanted),
            Self::Superset => match (texts(granted), texts(wanted)) {
                (Some(granted), Some(wanted)) => holds_all(granted.into_iter(), &wanted),
                _ => false,
            },
            Self::Ceiling => match (granted, wanted) {
                // As text or as number: the type declares it by what it grants, and nothing is converted.
                (Exact::String(granted), Exact::String(wanted)) | (Exact::Number(granted), Exact::Number(wanted)) => {
                    matches!((Decimal::read(granted), Decimal::read(wanted)), (Some(most), Some(wanted)) if wanted <= most)
                }
                _ => false,
            },
            Self::PrefixPath => match (granted.as_str().and_then(segments), wanted.as_str().and_then(segments)) {
                (Some(granted), Some(wanted)) => granted.holds(&wanted),
                _ => false,
            },
            Self::Subsumes(table) => {
                let stands_for = |granted| {
                    let others = table.get(granted).into_iter().flatten().map(String::as_str);
                    std::iter::once(granted).chain(others)
                };
                match (granted, wanted) {
                    (Exact::String(granted), Exact::String(wanted)) => stands_for(granted).any(|text| text == wanted),
                    _ => match (texts(granted), texts(wanted)) {
                        (Some(granted), Some(wanted)) => holds_all(granted.into_iter().flat_map(stands_for), &wanted),
                        _ => false,
                    },
                }
            }
            // The one has members to be compared one by one, the other is never needed.
            Self::Fields(_) | Self::Ignored => false,
        }
    }
}

/// Checks how fields are compared; notes every mistake below `place`.
pub(super) fn check_fields(fields: &Fields, place: &str, problems: &mut Problems) {
    for (name, comparator) in fields {
        let place = at(place, name);
        if name.contains(['.', '/']) {
            problems.note(
                &place,
                "is the name of one member and no path: the member of an object is compared inside the object's own \
                 comparator, as {\"instructedAmount\": {\"amount\": \"ceiling\"}}",
            );
        }
        comparator.check(&place, problems);
    }
}

/// The texts of a list that has some, and nothing else.
pub(super) fn texts(list: &Exact) -> Option<Vec<&str>> {
    let Exact::Array(elements) = list else { return None };
    if elements.is_empty() {
        return None;
    }
    elements.iter().map(|element| element.as_str().filter(|text| !text.is_empty())).collect()
}

/// As a set: lists of tokens and calls may be long, and each of the one must not be compared with each of the other.
/// `wanted` has each text once, so a token of many short lists is not compared with a long one again and again.
fn holds_all<'t>(granted: impl Iterator<Item = &'t str>, wanted: &[&str]) -> bool {
    let granted: BTreeSet<&str> = granted.collect();
    wanted.len() <= granted.len() && wanted.iter().all(|text| granted.contains(text))
}

fn decimal(value: &Exact) -> Option<Decimal> {
    match value {
        Exact::String(text) | Exact::Number(text) => Decimal::read(text),
        _ => None,
    }
}

/// RFC 9396 §12: code point by code point, nothing normalised. Numbers by value, without passing through a double.
fn are_equal(one: &Exact, other: &Exact) -> bool {
    match (one, other) {
        (Exact::Number(one), Exact::Number(other)) => same_number(one, other),
        (Exact::Array(one), Exact::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_equal(one, other))
        }
        (Exact::Object(one), Exact::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|((name, one), (other_name, other))| name == other_name && are_equal(one, other))
        }
        (Exact::Null, Exact::Null) => false,
        _ => one == other,
    }
}

/// Longer ones no token grants, and no file system has.
const MAX_PATH_BYTES: usize = 8192;

/// A path by its segments, which begins with a slash or does not.
#[derive(PartialEq, Eq)]
struct Segments {
    is_absolute: bool,
    list: Vec<String>,
}

impl Segments {
    fn holds(&self, other: &Self) -> bool {
        self.is_absolute == other.is_absolute && other.list.starts_with(&self.list)
    }
}

/// The segments of a path that has one reading only, whoever reads it: what could be decoded or cut is refused as
/// well, since a value is no request target.
fn segments(path: &str) -> Option<Segments> {
    if path.len() > MAX_PATH_BYTES || path.contains(['%', '?']) {
        return None;
    }
    if path == "/" {
        return Some(Segments { is_absolute: true, list: Vec::new() });
    }
    let is_absolute = path.starts_with('/');
    let absolute = if is_absolute { path.to_owned() } else { format!("/{path}") };
    let list = SafePath::parse(absolute.as_bytes()).ok()?.segments().to_vec();
    // `/a/` and `/a` are not one path, and a prefix says which of them it is by its own segments.
    list.iter().all(|segment| !segment.is_empty()).then_some(Segments { is_absolute, list })
}
