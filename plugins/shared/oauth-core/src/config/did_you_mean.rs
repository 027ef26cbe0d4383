//! What somebody may have meant who wrote a member that there is not.

/// As an addition to what was expected, `` ; did you mean `scopes`? ``; empty if no name there is like this one. `expected`
/// holds the names in backticks, as serde lists them.
pub(super) fn did_you_mean(name: &str, expected: &str) -> String {
    let name = folded(name);
    let known = expected.split('`').skip(1).step_by(2);
    let near = known.map(|known| (distance(&name, &folded(known)), known)).min();
    // One slip in three letters is still the same word.
    match near {
        Some((distance, known)) if distance.saturating_mul(3) <= name.len() => format!("; did you mean `{known}`?"),
        _ => String::new(),
    }
}

/// `maxEntries` and `max-entries` are `max_entries`. Longer names than there are do not count in full.
fn folded(name: &str) -> Vec<u8> {
    const LONGEST: usize = 48;
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).take(LONGEST).collect()
}

/// How many letters have to be put in, taken out or replaced (Levenshtein).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (above, a) in a.iter().enumerate() {
        let (mut diagonal, mut left) = (above, above.saturating_add(1));
        for (b, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal.saturating_add(usize::from(a != b));
            diagonal = *cell;
            left = replaced.min(left.min(*cell).saturating_add(1));
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = above.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_letters_that_differ() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("scope", "scopes", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }

    #[test]
    fn names_what_is_most_like_it_or_nothing() {
        let expected = "expected one of `scopes`, `clients`, `max_entries`, `mcp`";
        for (name, meant) in [
            ("scope", "scopes"),
            ("Scopes", "scopes"),
            ("client", "clients"),
            ("clinets", "clients"),
            ("maxEntries", "max_entries"),
            ("mcps", "mcp"),
        ] {
            assert_eq!(did_you_mean(name, expected), format!("; did you mean `{meant}`?"), "{name}");
        }
        for name in ["", "extra", "a", "cors", "größe", &"s".repeat(100_000)] {
            assert_eq!(did_you_mean(name, expected), "", "{name}");
        }
        assert_eq!(did_you_mean("scope", "there are no fields"), "");
    }
}
