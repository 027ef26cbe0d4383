//! JSON Pointers (RFC 6901) to something below an object.

use serde_json::{Map, Value};

use crate::json::InPlace;

/// A pointer to something below an object, never to all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Reads a pointer. `None` unless each step begins with `/` and each `~` is part of `~0` or `~1` (RFC 6901 §3).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = text.split('/');
        (steps.next() == Some("")).then_some(())?;
        let steps: Vec<String> = steps.map(unescape).collect::<Option<_>>()?;
        (!steps.is_empty()).then_some(Self(steps))
    }

    /// Its steps, the names of members or positions; at least one.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.0
    }

    /// The first step: the name of a claim.
    pub(crate) fn claim(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// What it points to (RFC 6901 §4).
    #[must_use]
    pub fn find<'m>(&self, members: &'m Map<String, Value>) -> Option<&'m Value> {
        let (claim, steps) = self.0.split_first()?;
        steps.iter().try_fold(members.get(claim)?, |value, step| match value {
            Value::Object(members) => members.get(step),
            Value::Array(elements) => elements.get(index(step)?),
            _ => None,
        })
    }

    /// The same below an object that is read in place.
    #[must_use]
    pub fn find_in_place<'t>(&self, object: InPlace<'t>) -> Option<InPlace<'t>> {
        let (member, steps) = self.0.split_first()?;
        steps.iter().try_fold(object.get(member)?, |value, step| match value.elements() {
            Some(mut elements) => elements.nth(index(step)?),
            None => value.get(step),
        })
    }
}

/// RFC 6901 §4: `~1` is a slash, `~0` a tilde, and `~01` the text `~1`.
fn unescape(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        if let Some(rest) = part.strip_prefix('0') {
            text.push('~');
            text.push_str(rest);
        } else {
            text.push('/');
            text.push_str(part.strip_prefix('1')?);
        }
    }
    Some(text)
}

/// RFC 6901 §4: digits without leading zero.
fn index(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    plain.then(|| step.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The examples of RFC 6901 §5.
    #[test]
    fn finds_what_the_rfc_says() {
        let document = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7,
            "m~n": 8, "~1": 9,
        });
        let find = |text: &str| Pointer::parse(text).unwrap().find(document.as_object().unwrap()).cloned();
        let written = document.to_string();
        let in_place = InPlace::check(written.as_bytes(), 9).unwrap();
        let same = |text: &str| {
            let found = Pointer::parse(text).unwrap().find_in_place(in_place);
            let found = found.and_then(|found| found.to_exact(9, 99)).map(|exact| exact.to_string());
            assert_eq!(found, find(text).map(|value| value.to_string()), "{text}");
        };
        for text in ["/foo", "/foo/1", "/foo/01", "/foo/2", "/foo/-", "/foo/x", "/", "/a~1b", "/~01", "/nope", "//"] {
            same(text);
        }
        assert_eq!(find("/foo"), Some(json!(["bar", "baz"])));
        assert_eq!(find("/foo/0"), Some(json!("bar")));
        for (text, number) in [
            ("/", 0),
            ("/a~1b", 1),
            ("/c%d", 2),
            ("/e^f", 3),
            ("/g|h", 4),
            ("/i\\j", 5),
            ("/k\"l", 6),
            ("/ ", 7),
            ("/m~0n", 8),
            ("/~01", 9),
        ] {
            assert_eq!(find(text), Some(json!(number)), "{text}");
        }
        for text in [
            "/foo/2",
            "/foo/-",
            "/foo/00",
            "/foo/01",
            "/foo/+1",
            "/foo/",
            "/foo/0/0",
            "/nope",
            "/a/b",
            "//",
            "/foo/99999999999999999999999",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for text in ["", "foo", "foo/bar", "#/foo", "/a~", "/a~2", "/~~0", " /a"] {
            assert_eq!(Pointer::parse(text), None, "{text:?}");
        }
        assert_eq!(Pointer::parse("/a~1b/c").unwrap().claim(), "a/b");
    }
}
