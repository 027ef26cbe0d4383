//! Reading a plugin's configuration: every mistake at once, each with its place and what was expected there.
//!
//! Raw structs derive `Deserialize` with `deny_unknown_fields` and only optional members; what must be there, and
//! what values make sense, is checked when raw becomes settings. So one pass over a broken file finds everything.

mod did_you_mean;
mod reader;

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::json;
use did_you_mean::did_you_mean;
use reader::Step;

/// One mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as `resources[0].match.path`; empty for the document itself.
    pub path: String,
    /// What is wrong and what was expected. Never a configured value: it may be a secret.
    pub message: String,
}

/// All mistakes found so far, and notes on what is allowed but hardly meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    mistakes: Vec<Problem>,
    notes: Vec<Problem>,
}

impl Problems {
    /// Notes a mistake at `path`.
    pub fn add(&mut self, path: impl fmt::Display, message: impl Into<String>) {
        self.mistakes.push(Problem { path: path.to_string(), message: message.into() });
    }

    /// Notes something at `path` that the operator should know. The configuration stays valid.
    pub fn note(&mut self, path: impl fmt::Display, message: impl Into<String>) {
        self.notes.push(Problem { path: path.to_string(), message: message.into() });
    }

    /// The value, or a noted mistake that the member is missing.
    pub fn required<T>(&mut self, path: impl fmt::Display, value: Option<T>, expected: &str) -> Option<T> {
        if value.is_none() && !self.is_noted(&path.to_string()) {
            self.add(path, format!("is missing: expected {expected}"));
        }
        value
    }

    /// Notes a member of the configuration contract that this version cannot enforce yet: it is refused, since
    /// ignoring it would enforce less than was asked for.
    pub fn not_supported<T>(&mut self, path: impl fmt::Display, value: Option<&T>) {
        if value.is_some() {
            self.add(path, "is not supported by this version: remove it");
        }
    }

    /// Whether a mistake at or below `place` was noted already: then what is missing there may be its consequence.
    #[must_use]
    pub fn has_below(&self, place: &str) -> bool {
        self.mistakes.iter().any(|problem| {
            let rest = problem.path.strip_prefix(place);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// The notes, for the log; [`Problems::into_result`] drops them.
    #[must_use]
    pub fn notes(&self) -> &[Problem] {
        &self.notes
    }

    /// The mistakes in the order in which they were found.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.mistakes
    }

    /// Each mistake as a line for the log, with its place.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.mistakes.iter().map(|Problem { path, message }| {
            let place = if path.is_empty() { "the document" } else { path };
            format!("configuration error: {place} {message}")
        })
    }

    /// `Ok(settings)` if nothing is wrong.
    ///
    /// # Errors
    /// The mistakes.
    pub fn into_result<T>(self, settings: Option<T>) -> Result<T, Self> {
        match settings {
            Some(settings) if self.is_empty() => Ok(settings),
            _ => Err(self),
        }
    }

    fn is_noted(&self, path: &str) -> bool {
        self.mistakes.iter().any(|problem| problem.path == path)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().collect::<Vec<_>>().join("\n"))
    }
}

/// Parses a configuration document into its raw form.
///
/// Out: what could be read (members with mistakes are left out), and the mistakes. `None` only if the document is
/// no JSON object at all.
pub fn read<T: DeserializeOwned>(document: &[u8]) -> (Option<T>, Problems) {
    let mut problems = Problems::default();
    let mut value = match json::parse_told(document, json::MAX_DEPTH) {
        Ok(value @ Value::Object(_)) => value,
        Ok(_) => {
            problems.add("", "is not a JSON object: expected {\"…\": …}");
            return (None, problems);
        }
        // Envoy hands over any other message in its own form, as bytes.
        Err(told) if std::str::from_utf8(document).is_err() => {
            problems.add(
                "",
                format!(
                    "is no text ({told}): expected one JSON object, in Envoy as a google.protobuf.Struct or StringValue"
                ),
            );
            return (None, problems);
        }
        Err(told) => {
            problems.add("", format!("is not valid JSON ({told}): expected one JSON object"));
            return (None, problems);
        }
    };
    refuse_nulls(&mut value, "", &mut problems);
    let mut removed = Removed::default();
    // Each round takes out the member that serde stumbled over and tries again, so that all are found.
    for _ in 0..MOST_MISTAKES {
        let (mut steps, error) = match reader::read::<T>(&value) {
            // Without an element the later ones of its list have other places than in the document, so what is said
            // of them would be misleading.
            Ok(_) if !removed.0.is_empty() => return (None, problems),
            Ok(raw) => return (Some(raw), problems),
            Err(error) => error,
        };
        let mut message = error.to_string();
        if let Some(name) = between_backticks(&message, "unknown field ") {
            message = match message.split_once(", ") {
                Some((_, expected)) => format!("is not known here: {expected}{}", did_you_mean(&name, expected)),
                None => "is not known here".to_owned(),
            };
            if steps.last() != Some(&Step::Member(name.clone())) {
                steps.push(Step::Member(name));
            }
        } else {
            message = without_values(&message);
        }
        problems.add(removed.original(&steps), message);
        if !removed.remove(&mut value, &steps) {
            return (None, problems);
        }
    }
    (None, problems)
}

/// Members of the contract for which `null` says the same as leaving them out. Of all others it is unclear what it
/// means: often a value that a template did not fill in.
const NULLABLE: [&str; 3] = ["metadata_uri", "introspection", "actor_token"];

fn refuse_nulls(value: &mut Value, place: &str, problems: &mut Problems) {
    match value {
        Value::Object(members) => {
            members.retain(|name, value| {
                let place = at(place, name);
                if value.is_null() && !NULLABLE.contains(&name.as_str()) {
                    problems.add(place, "is null: expected a value, or no such member");
                    return false;
                }
                refuse_nulls(value, &place, problems);
                true
            });
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                refuse_nulls(element, &at_index(place, index), problems);
            }
        }
        _ => {}
    }
}

/// More than this many mistakes are no longer a help.
const MOST_MISTAKES: usize = 100;

/// Remembers which array elements were taken out, so that later mistakes keep their original index.
#[derive(Default)]
struct Removed(Vec<(String, usize)>);

impl Removed {
    fn original(&self, steps: &[Step]) -> String {
        let mut path = String::new();
        for step in steps {
            match step {
                Step::Member(name) => path = at(&path, name),
                Step::Element(index) => {
                    let mut index = *index;
                    let mut gone: Vec<usize> =
                        self.0.iter().filter(|(array, _)| *array == path).map(|(_, gone)| *gone).collect();
                    gone.sort_unstable();
                    for gone in gone {
                        if gone <= index {
                            index = index.saturating_add(1);
                        }
                    }
                    path = at_index(&path, index);
                }
            }
        }
        path
    }

    fn remove(&mut self, value: &mut Value, steps: &[Step]) -> bool {
        let Some((last, parents)) = steps.split_last() else { return false };
        let original = self.original(steps);
        let mut parent = value;
        for step in parents {
            let next = match (step, parent) {
                (Step::Member(name), Value::Object(members)) => members.get_mut(name),
                (Step::Element(index), Value::Array(elements)) => elements.get_mut(*index),
                _ => None,
            };
            match next {
                Some(next) => parent = next,
                None => return false,
            }
        }
        match (last, parent) {
            (Step::Member(name), Value::Object(members)) => members.remove(name).is_some(),
            (Step::Element(index), Value::Array(elements)) if *index < elements.len() => {
                elements.remove(*index);
                if let Some((array, index)) = original.rsplit_once('[') {
                    let index = index.trim_end_matches(']').parse().unwrap_or(usize::MAX);
                    self.0.push((array.to_owned(), index));
                }
                true
            }
            // A variant of an enum that is a plain string: the member that holds it is the mistake.
            (Step::Member(_), _) if !parents.is_empty() => false,
            _ => false,
        }
    }
}

/// Whether a token can say this name. What is empty or has white space around it is a slip of the pen: it would equal
/// nothing, so that what it should hold for would never be.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.trim() == text
}

/// The path of a member.
#[must_use]
pub fn at(path: &str, member: &str) -> String {
    if path.is_empty() { member.to_owned() } else { format!("{path}.{member}") }
}

/// The path of an array's element.
#[must_use]
pub fn at_index(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

fn between_backticks(message: &str, prefix: &str) -> Option<String> {
    let rest = message.strip_prefix(prefix)?.strip_prefix('`')?;
    rest.split_once('`').map(|(name, _)| name.to_owned())
}

/// `invalid type: string "hunter2", expected u64` → `is a string: expected u64`.
fn without_values(message: &str) -> String {
    let (found, expected) = match message.rsplit_once(", expected ") {
        Some((found, expected)) => (found, expected),
        None => return "has a wrong value".to_owned(),
    };
    let kind = found.split(": ").nth(1).unwrap_or("").split(['`', '"']).next().unwrap_or("").trim();
    let kind = match kind {
        "map" => "object",
        "sequence" => "list",
        other => other,
    };
    let expected = match expected {
        "a sequence" => "a list",
        "a map" => "an object",
        "u64" | "u32" | "u16" | "u8" | "usize" => "a whole number that is not negative",
        other => other,
    };
    if kind.is_empty() || found.starts_with("unknown variant") {
        format!("has a wrong value: expected {expected}")
    } else {
        format!("is of type {kind}: expected {expected}")
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Raw {
        name: Option<String>,
        seconds: Option<u64>,
        mode: Option<Mode>,
        list: Vec<Inner>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        size: Option<u64>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        Enforce,
        Shadow,
    }

    #[test]
    fn what_is_no_json_is_told_with_its_line_and_column() {
        let deep = "[".repeat(40);
        for (document, told) in [
            (
                "{\"name\": \"a\",\n \"list\": [{\"size\": 1, \"si\\u007ae\": 2}]}",
                "the member \"size\" is there twice at line 2 column",
            ),
            ("{\"name\":\n \"a\",}", "trailing comma at line 2 column"),
            ("{\"name\": 1e999}", "number out of range at line 1 column"),
            ("{} {}", "trailing characters at line 1 column"),
            (&*deep, "it is nested too deep at line 1 column"),
            ("[]", "is not a JSON object"),
        ] {
            let [(path, message)] = &*problems(document) else { panic!("{document}") };
            assert!(path.is_empty() && message.contains(told), "{message}");
        }
        let (_, problems) = read::<Raw>(b"{\"name\": \"\xff\"}");
        assert!(problems.mistakes[0].message.contains("it is not UTF-8"));
    }

    fn problems(document: &str) -> Vec<(String, String)> {
        let (_, problems) = read::<Raw>(document.as_bytes());
        problems.mistakes.into_iter().map(|Problem { path, message }| (path, message)).collect()
    }

    #[test]
    fn reads_a_sound_document() {
        let (raw, problems) = read::<Raw>(br#"{"name":"a","seconds":3,"mode":"shadow","list":[{"size":1}]}"#);
        let raw = raw.unwrap();
        assert_eq!(problems, Problems::default());
        assert_eq!((raw.name.as_deref(), raw.seconds, raw.list[0].size), (Some("a"), Some(3), Some(1)));
        assert!(matches!(raw.mode, Some(Mode::Shadow)));
    }

    #[test]
    fn names_every_mistake_with_its_place_and_what_was_expected() {
        let found = problems(
            r#"{"name": 5, "seconds": -1, "mode": "off", "list": [{"size": "x"}, {"sise": 1}, 7, {"size": []}], "extra": {}}"#,
        );
        let expected = [
            ("name", "is of type integer: expected a string"),
            ("seconds", "is of type integer: expected a whole number that is not negative"),
            ("mode", "has a wrong value: expected `enforce` or `shadow`"),
            ("list[0].size", "is of type string: expected a whole number that is not negative"),
            ("list[1].sise", "is not known here: expected `size`; did you mean `size`?"),
            ("list[2]", "is of type integer: expected struct Inner"),
            ("list[3].size", "is of type list: expected a whole number that is not negative"),
            ("extra", "is not known here: expected one of `name`, `seconds`, `mode`, `list`"),
        ];
        for (path, message) in expected {
            assert!(found.contains(&(path.into(), message.into())), "{path} {message} not in {found:#?}");
        }
        assert_eq!(found.len(), expected.len(), "{found:#?}");
    }

    #[test]
    fn an_object_is_never_a_list_and_a_member_never_null() {
        for (document, place) in [
            (r#"{"list": [[1]]}"#, "list[0]"),
            (r#"{"list": [{"size": null}]}"#, "list[0].size"),
            (r#"{"name": null}"#, "name"),
        ] {
            assert_eq!(problems(document).first().map(|(path, _)| path.as_str()), Some(place), "{document}");
        }
        assert!(read::<Raw>(br#"["a", 1]"#).0.is_none());
    }

    #[test]
    fn never_repeats_a_configured_value() {
        let found = problems(r#"{"seconds": "hunter2", "mode": "hunter2"}"#);
        assert_eq!(found.len(), 2);
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn a_note_leaves_the_configuration_valid() {
        let mut problems = Problems::default();
        problems.note("a.b", "is unusual");
        assert!(problems.is_empty());
        assert_eq!(problems.notes(), [Problem { path: "a.b".into(), message: "is unusual".into() }]);
        assert_eq!(problems.into_result(Some(1)), Ok(1));
    }

    #[test]
    fn refuses_what_is_no_json_object() {
        for document in ["", "[]", "null", "{", "{} {}", "\u{feff}{}", r#"{"name":"a","name":"b"}"#] {
            let (raw, problems) = read::<Raw>(document.as_bytes());
            assert!(raw.is_none() && !problems.is_empty(), "{document}");
        }
    }
}
