//! Member names that lenient readers take for one another.
//!
//! Go's encoding/json ignores case (with the Kelvin sign for `k` and the long s for `s`), its successor can ignore
//! `-` and `_` too, and other libraries have such switches. So a name that is almost a known one is refused: some
//! reader would act on it while we do not.

/// Whether some reader could take `name` for `known`, although it is another.
#[must_use]
pub fn resembles(name: &str, known: &str) -> bool {
    // A body may have very many members, and most names are such.
    if is_plain(name) && is_plain(known) {
        return name != known && plainly_folded(name).eq(plainly_folded(known));
    }
    name != known && folded(name) == folded(known)
}

/// A NUL ends a name, as it does in C.
fn folded(name: &str) -> String {
    name.chars().take_while(|character| *character != '\0').flat_map(fold).collect()
}

/// What is left of a character of a name: no case, and nothing of `-`, `_`, white space and other characters that are
/// not seen. Names fold character by character, so the fold of a prefix is a prefix of the fold.
pub fn fold(character: char) -> impl Iterator<Item = char> {
    let is_left_out = matches!(character, '-' | '_' | '\u{307}') || character.is_whitespace() || is_unseen(character);
    let kept = (!is_left_out).then_some(character).into_iter();
    // By way of upper case, so that characters of one upper case fall together: `s` and the long s, `i` and the
    // dotless i. The dot of the Turkish capital I is a character of its own then, and left out above.
    kept.flat_map(char::to_uppercase).flat_map(char::to_lowercase).filter(|character| *character != '\u{307}')
}

/// JavaScript trims the byte order mark, and older systems more that is not seen and that Unicode does not call white
/// space any more.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control() || matches!(character, '\u{feff}' | '\u{200b}' | '\u{180e}')
}

/// Whether a member of this name is one of `known`, or nobody takes it for one: MCP gives none of its own a name that is
/// not visible ASCII.
pub(crate) fn fits(name: &str, known: &[&str]) -> bool {
    is_plain(name) && !known.iter().any(|known| resembles(name, known))
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What [`folded`] makes of visible ASCII.
fn plainly_folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(|byte| !matches!(byte, b'-' | b'_')).map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SMG-09
    #[test]
    fn sees_every_spelling_that_some_reader_takes_for_the_name() {
        for (name, known) in [
            ("Method", "method"),
            ("METHOD", "method"),
            ("param\u{17f}", "params"),
            ("to\u{212a}en", "token"),
            ("ur\u{131}", "uri"),
            ("ur\u{130}", "uri"),
            ("task_id", "taskId"),
            ("TaskID", "taskId"),
            ("meta", "_meta"),
            ("noti\u{fb01}cations", "notifications"),
            ("name ", "name"),
            ("name\0", "name"),
            ("name\0x", "name"),
            ("\u{feff}name", "name"),
            ("na\u{200b}me", "name"),
        ] {
            assert!(resembles(name, known), "{name:?} {known}");
        }
        for (name, known) in
            [("method", "method"), ("names", "name"), ("nam", "name"), ("", "id"), ("n\u{e4}me", "name")]
        {
            assert!(!resembles(name, known), "{name:?} {known}");
        }
    }
}
