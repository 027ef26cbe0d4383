//! How a granted value is compared with one that is needed (RFC 9396 §6.1: there is no rule for all types).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::decimal::Decimal;
use crate::config::Problems;
use crate::json::{Exact, same_number};
use crate::path::SafePath;
use crate::requirement::require_names;

/// A comparator as configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
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
    /// Whatever it says, it is no restriction.
    Ignored,
}

impl Comparator {
    /// Notes every mistake below `place`.
    pub(super) fn check(&self, place: &str, problems: &mut Problems) {
        let Self::Subsumes(table) = self else { return };
        let place = crate::config::at(place, "subsumes");
        for (name, others) in table {
            if name.is_empty() {
                problems.add(&place, "holds an empty name: expected what each value also stands for");
            }
            require_names(Some(others), &crate::config::at(&place, name), problems);
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
            Self::Ignored => (false, "no such member, since what is granted is ignored"),
        };
        (!is_fit).then_some(expected)
    }

    /// Whether a text from the request can be a needed value.
    pub(super) const fn takes_texts(&self) -> bool {
        !matches!(self, Self::Superset | Self::Ignored)
    }

    /// Whether no value can be a needed one.
    pub(super) const fn takes_nothing(&self) -> bool {
        matches!(self, Self::Ignored)
    }

    /// Whether the granted value suffices. Values of another type than this one compares never do.
    pub(super) fn holds(&self, granted: &Exact, wanted: &Exact) -> bool {
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
            // It is never needed.
            Self::Ignored => false,
        }
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
fn holds_all<'t>(granted: impl Iterator<Item = &'t str>, wanted: &[&str]) -> bool {
    let granted: BTreeSet<&str> = granted.collect();
    wanted.iter().all(|text| granted.contains(text))
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
    if path.contains(['%', '?']) {
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
