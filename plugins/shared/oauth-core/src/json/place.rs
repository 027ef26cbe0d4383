//! JSON read where it stands: the text was found strict as a whole, and no tree is made of it.
//!
//! A tree takes many times the room of its text, and clients choose the text: `[{"":0},{"":0},…` takes 57 times its length
//! as maps. What is read here takes none but for texts with escapes, and each look is one walk over the text of the value.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::exact::NumberTexts;
use super::strict::Tree;
use super::{Exact, JsonError};

/// A value in a text that was found strict; see [`InPlace::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InPlace<'t>(&'t str);

/// The text of a value that outlives the text around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnText(Box<str>);

/// RFC 8259 §2
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

impl<'t> InPlace<'t> {
    /// Checks that a text is one JSON value and nothing after it, as strictly as [`super::parse`]; `max_depth` as there.
    /// That takes room for the names of the objects that are open at a time, and for nothing else.
    ///
    /// # Errors
    /// See [`JsonError`].
    pub fn check(text: &'t [u8], max_depth: usize) -> Result<Self, JsonError> {
        <() as Tree>::read(text, max_depth)?;
        std::str::from_utf8(text).map(|text| Self(text.trim_matches(WHITE_SPACE))).map_err(|_| JsonError::NotUtf8)
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Its value, if it is `true` or `false`.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The text as it was written, if it is a number.
    #[must_use]
    pub fn as_number(self) -> Option<&'t str> {
        self.0.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then_some(self.0)
    }

    /// The text, unescaped, if it is a string.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'t, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            serde_json::from_str(self.0).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }

    /// The elements in their order, if it is an array.
    #[must_use]
    pub fn elements(self) -> Option<Elements<'t>> {
        self.0.strip_prefix('[').map(Elements)
    }

    /// Names and values in their order, if it is an object. No name occurs twice.
    #[must_use]
    pub fn members(self) -> Option<Members<'t>> {
        self.0.strip_prefix('{').map(Members)
    }

    /// A member, if it is an object that has it.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Self> {
        self.members()?.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The value as a tree, if it has at most `max_values` values in it, itself included, and `max_length` bytes of text.
    #[must_use]
    pub fn to_exact(self, max_values: usize, max_length: usize) -> Option<Exact> {
        // Each but the first of its array or object follows a comma; a few too many are counted for empty ones.
        let is_begin = |byte: &u8| matches!(byte, b',' | b'[' | b'{');
        let mut outside = true;
        let mut escaped = false;
        let begins = |byte: &u8| {
            let was_outside = outside;
            outside = if was_outside { *byte != b'"' } else { !escaped && *byte == b'"' };
            escaped = !was_outside && !escaped && *byte == b'\\';
            was_outside && is_begin(byte)
        };
        let fits = self.0.len() <= max_length && self.0.as_bytes().iter().copied().filter(begins).count() < max_values;
        // The depth was checked with all of the text.
        if fits { Exact::read(self.0.as_bytes(), usize::MAX).ok() } else { None }
    }

    /// Its text, to be kept.
    #[must_use]
    pub fn to_own_text(self) -> OwnText {
        OwnText(self.0.into())
    }
}

impl OwnText {
    /// The value.
    #[must_use]
    pub fn value(&self) -> InPlace<'_> {
        InPlace(&self.0)
    }

    /// The memory that it takes, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.len()
    }
}

/// The elements of an array; what is left of its text.
#[derive(Clone, Debug)]
pub struct Elements<'t>(&'t str);

impl<'t> Iterator for Elements<'t> {
    type Item = InPlace<'t>;

    fn next(&mut self) -> Option<InPlace<'t>> {
        let (element, rest) = cut(next_item(self.0))?;
        self.0 = rest;
        Some(element)
    }
}

/// The members of an object; what is left of its text.
#[derive(Clone, Debug)]
pub struct Members<'t>(&'t str);

impl<'t> Iterator for Members<'t> {
    type Item = (Cow<'t, str>, InPlace<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = cut(next_item(self.0))?;
        let rest = rest.trim_start_matches(WHITE_SPACE).strip_prefix(':')?;
        let (value, rest) = cut(rest.trim_start_matches(WHITE_SPACE))?;
        self.0 = rest;
        Some((name.as_str()?, value))
    }
}

/// The text from the next element or name on, or from the end of the array or object.
fn next_item(text: &str) -> &str {
    let text = text.trim_start_matches(WHITE_SPACE);
    text.strip_prefix(',').unwrap_or(text).trim_start_matches(WHITE_SPACE)
}

/// Cuts off the value that a text begins with; `None` if it begins with the end of an array or object.
fn cut(text: &str) -> Option<(InPlace<'_>, &str)> {
    let end = match text.as_bytes().first()? {
        b']' | b'}' => return None,
        b'"' | b'[' | b'{' => end_of_enclosed(text)?,
        _ => text.find(|byte| WHITE_SPACE.contains(&byte) || matches!(byte, ',' | ']' | '}')).unwrap_or(text.len()),
    };
    text.split_at_checked(end).map(|(value, rest)| (InPlace(value), rest))
}

/// The end of a string, array or object.
fn end_of_enclosed(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if in_string => {
                in_string = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
            }
            b'"' => in_string = true,
            b'[' | b'{' => depth = depth.saturating_add(1),
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && !in_string {
            return at.checked_add(1);
        }
    }
    None
}

/// Nothing is kept of what is only checked.
impl Tree for () {
    type Members<'t> = BTreeSet<Cow<'t, str>>;

    fn null() -> Self {}

    fn bool(_value: bool) -> Self {}

    fn number(_value: serde_json::Number, _texts: &NumberTexts<'_>) -> Option<Self> {
        Some(())
    }

    fn string(_value: &str) -> Self {}

    fn array(_elements: Vec<Self>) -> Self {}

    fn has(members: &Self::Members<'_>, name: &str) -> bool {
        members.contains(name)
    }

    fn insert<'t>(members: &mut Self::Members<'t>, name: Cow<'t, str>, (): Self) {
        members.insert(name);
    }

    fn object(_members: Self::Members<'_>) -> Self {}
}

#[cfg(test)]
mod tests {
    use plugin_checks::Dice;

    use super::super::{MAX_DEPTH, parse_exact};
    use super::*;

    /// The tree of a value, by looking at it in place.
    fn tree(value: InPlace<'_>) -> Exact {
        if let Some(text) = value.as_str() {
            return Exact::String(text.into_owned());
        }
        if let Some(elements) = value.elements() {
            return Exact::Array(elements.map(tree).collect());
        }
        if let Some(members) = value.members() {
            return Exact::Object(members.map(|(name, value)| (name.into_owned(), tree(value))).collect());
        }
        match (value.as_bool(), value.as_number()) {
            (Some(value), _) => Exact::Bool(value),
            (_, Some(text)) => Exact::Number(text.to_owned()),
            _ => {
                assert!(value.is_null(), "{value:?}");
                Exact::Null
            }
        }
    }

    fn random(dice: &mut Dice, depth: usize, out: &mut String) {
        let space = ["", "", " ", "\n\t", "\r "];
        let texts =
            ["\"\"", r#""a""#, r#""]""#, r#""\"}""#, r#""\\""#, r#""\u00e9,\\\"""#, r#""{é""#, r#""\ud83d\ude00""#];
        out.push_str(dice.pick(&space));
        let kind = if depth == 0 { dice.roll(3) } else { dice.roll(5) };
        match kind {
            0 => out.push_str(dice.pick(&texts)),
            1 => out.push_str(dice.pick(&["null", "true", "false"])),
            2 => out.push_str(dice.pick(&["0", "-1.50", "1E+2", "12345678901234567890123"])),
            kind => {
                let is_array = kind == 3;
                out.push(if is_array { '[' } else { '{' });
                out.push_str(dice.pick(&space));
                for index in 0..dice.roll(4) {
                    out.push_str(if index == 0 { "" } else { "," });
                    if !is_array {
                        out.push_str(dice.pick(&space));
                        out.push_str(&format!("\"{}\"", dice.pick(&["", "a", "b\\n", "\\u0061b", "}", "\\\""])));
                        out.push_str(dice.pick(&space));
                        out.push(':');
                    }
                    random(dice, depth.saturating_sub(1), out);
                }
                out.push(if is_array { ']' } else { '}' });
            }
        }
        out.push_str(dice.pick(&space));
    }

    #[test]
    fn it_is_as_strict_as_a_tree_and_reads_the_same() {
        let mut dice = Dice::new(0x5eed_0010);
        let (mut read, mut refused) = (0, 0);
        for round in 0..40_000_usize {
            let mut text = String::new();
            random(&mut dice, 4, &mut text);
            let mut bytes = text.into_bytes();
            if round.is_multiple_of(3) {
                let at = dice.roll(bytes.len());
                bytes[at] = dice.pick(&["\"", "{", "]", ",", "\\", "0", " ", "\u{7f}"]).as_bytes()[0];
            }
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            let in_place = InPlace::check(&bytes, 3);
            let expected = parse_exact(&bytes, 3);
            assert_eq!(in_place.map(tree), expected, "{shown}");
            assert_eq!(in_place.ok().and_then(|value| value.to_exact(1000, 9000)), expected.clone().ok(), "{shown}");
            assert_eq!(in_place.map(|value| tree(value.to_own_text().value())), expected, "{shown}");
            if expected.is_ok() { read += 1 } else { refused += 1 }
        }
        assert!(read > 10_000 && refused > 5_000, "{read} {refused}");
    }

    #[test]
    fn a_tree_is_made_of_no_more_values_and_text_than_allowed() {
        let exact = |text: &str, values| {
            let place = InPlace::check(text.as_bytes(), MAX_DEPTH).unwrap();
            place.to_exact(values, 20).map(|exact| exact.to_string())
        };
        for (text, values) in
            [("0", 1), ("[0]", 2), ("[0,0,0]", 4), (r#"{"a,[{":[1]}"#, 3), (r#"["\",",","]"#, 3), ("\"[[[[,,,,\"", 1)]
        {
            assert_eq!(exact(text, values).as_deref(), Some(text));
            assert_eq!(exact(text, values - 1), None, "{text}");
        }
        assert!(exact("\"123456789012345678\"", 1).is_some() && exact("\"1234567890123456789\"", 1).is_none());
    }

    #[test]
    fn a_member_is_found_by_its_unescaped_name() {
        let place = InPlace::check(br#" {"a":{"b":0}, "\u0062" : "x" } "#, MAX_DEPTH).unwrap();
        assert_eq!(place.get("b").and_then(InPlace::as_str).as_deref(), Some("x"));
        assert_eq!(place.get("a").and_then(|inner| inner.get("b")).and_then(InPlace::as_number), Some("0"));
        assert_eq!(place.get("c"), None);
        assert_eq!(place.get("b").and_then(|inner| inner.get("b")), None);
    }
}
