//! JSON that is written as text at once: for each request a tree of values would cost more than the decision.

use std::fmt::Write as _;

use serde_json::Value;

/// Writes a JSON string.
pub(crate) fn string(out: &mut String, text: &str) {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
        return;
    }
    // Writing to a string cannot fail.
    let _ = write!(out, "{}", Value::from(text));
}

/// Writes a JSON array of strings.
pub(crate) fn strings(out: &mut String, texts: impl Iterator<Item = impl AsRef<str>>) {
    out.push('[');
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.push(',');
        }
        string(out, text.as_ref());
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LOG-03
    #[test]
    fn every_text_comes_back_from_json_as_it_was() {
        let every: String = (0..=0x300).filter_map(char::from_u32).chain("\u{2028}\u{feff}\u{1f600}".chars()).collect();
        let each = every.chars().map(String::from).chain([String::new(), every.clone(), "a\"b\\c\r\n".to_owned()]);
        for text in each {
            let mut out = String::new();
            string(&mut out, &text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            assert!(!out.chars().any(|c| c < ' '), "{out:?}");
        }
    }

    #[test]
    fn a_list_is_json_however_long() {
        for texts in [&[][..], &["a"], &["a", "b\"", ""]] {
            let mut out = String::new();
            strings(&mut out, texts.iter());
            assert_eq!(serde_json::from_str::<Vec<String>>(&out).unwrap(), texts);
        }
    }
}
