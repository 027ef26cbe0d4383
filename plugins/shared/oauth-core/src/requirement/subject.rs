//! Whose data a request is about (`subject_equals`).

use super::Facts;

/// What `sub` must equal: a text, or a value captured from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Template {
    Literal(String),
    /// A named part of the path.
    Path(String),
}

impl Template {
    /// Reads `{path.name}` or a text without braces. There is nothing in between: a captured value next to other text
    /// could complete it to another user's name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_name = |name: &&str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        if !text.contains(['{', '}']) {
            return (!text.is_empty()).then(|| Self::Literal(text.to_owned()));
        }
        let name = text.strip_prefix("{path.")?.strip_suffix('}').filter(is_name)?;
        Some(Self::Path(name.to_owned()))
    }

    /// Whether it equals the subject. A template without exactly one value equals nothing.
    pub(super) fn equals(&self, subject: &str, facts: &Facts<'_>) -> bool {
        match self {
            Self::Literal(text) => text == subject,
            Self::Path(name) => {
                let mut values = facts.captures.iter().filter(|(captured, _)| captured == name);
                match (values.next(), values.next()) {
                    (Some((_, value)), None) => !value.is_empty() && value == subject,
                    _ => false,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_one_captured_value_or_a_text() {
        assert_eq!(Template::parse("alice"), Some(Template::Literal("alice".into())));
        assert_eq!(Template::parse("auth0|1 2/3"), Some(Template::Literal("auth0|1 2/3".into())));
        assert_eq!(Template::parse("{path.user}"), Some(Template::Path("user".into())));
        for text in [
            "",
            "{}",
            "{path.}",
            "{path}",
            "{user}",
            "{path.user",
            "path.user}",
            "{path.user}x",
            "x{path.user}",
            "{path.user}{path.user}",
            "{path.a.b}",
            "{path.a b}",
            "{{path.user}}",
            "{mcp.user}",
            "{path.us\u{e9}r}",
            "{",
        ] {
            assert_eq!(Template::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_template_that_cannot_be_filled_equals_nothing() {
        let equals = |captures: &[(&str, &str)], subject: &str| {
            let captures: Vec<(String, String)> =
                captures.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Template::Path("user".into()).equals(subject, &Facts { captures: &captures, source: None })
        };
        assert!(equals(&[("user", "alice")], "alice"));
        assert!(equals(&[("other", "bob"), ("user", "alice")], "alice"));
        for captures in [
            &[] as &[(&str, &str)],
            &[("other", "alice")],
            &[("USER", "alice")],
            &[("user", "Alice")],
            &[("user", "alice ")],
            &[("user", "")],
            &[("user", "alice"), ("user", "bob")],
            &[("user", "alice"), ("user", "alice")],
        ] {
            assert!(!equals(captures, "alice"), "{captures:?}");
        }
        assert!(!equals(&[("user", "")], ""));
    }
}
