//! Names with `*` for any run of characters.

/// A configured name. `*` matches any run of characters, the empty one too; all else only itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether the pattern matches this name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut left) = name.strip_prefix(start) else { return false };
        let mut parts = rest.split('*');
        let Some(end) = parts.next_back() else { return true };
        for part in parts.filter(|part| !part.is_empty()) {
            // The first place is the best: what is left for the later parts is longest.
            let Some((_, after)) = left.split_once(part) else { return false };
            left = after;
        }
        left.ends_with(end)
    }

    /// Whether the pattern matches all that `other` does.
    ///
    /// The `*` of `other` is a character that no literal part of a pattern has, so that only a `*` matches it: if this
    /// pattern holds for the text of `other`, it holds whatever stands there; if it does not, it fails where each `*`
    /// stands for a character that occurs nowhere else.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.holds(&other.0)
    }

    /// Whether some name matches both patterns.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        // `reached[i]`: the part of `self` read so far and the first `i` characters of `other` match a common text.
        let other: Vec<char> = other.0.chars().collect();
        let mut reached = vec![true];
        for character in &other {
            let so_far = reached.last() == Some(&true) && *character == '*';
            reached.push(so_far);
        }
        for own in self.0.chars() {
            let mut next = vec![own == '*' && reached.first() == Some(&true)];
            for ((before, above), character) in reached.iter().zip(reached.iter().skip(1)).zip(&other) {
                let left = next.last() == Some(&true);
                next.push(match (own, *character) {
                    ('*', _) | (_, '*') => *above || left,
                    (own, character) => *before && own == character,
                });
            }
            reached = next;
        }
        reached.last() == Some(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All texts over these characters of at most this length.
    fn texts(characters: &[char], length: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..length {
            last = last.iter().flat_map(|text| characters.iter().map(move |next| format!("{text}{next}"))).collect();
            all.extend(last.clone());
        }
        all
    }

    /// The definition, slowly.
    fn matches(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) if matches(rest, name) => true,
            (Some(('*', _)), Some((_, left))) => matches(pattern, left),
            (Some((own, rest)), Some((character, left))) => own == character && matches(rest, left),
            _ => false,
        }
    }

    #[test]
    fn holding_covering_and_meeting_are_what_trying_every_name_says() {
        // No pattern has the `z`, as no pattern has all characters that names may have.
        let names = texts(&['a', 'b', 'z'], 5);
        let patterns: Vec<Pattern> = texts(&['a', 'b', '*'], 3).iter().map(|text| Pattern::new(text)).collect();
        let held: Vec<Vec<bool>> = patterns
            .iter()
            .map(|pattern| {
                let characters: Vec<char> = pattern.0.chars().collect();
                let slowly = |name: &String| matches(&characters, &name.chars().collect::<Vec<_>>());
                let held: Vec<bool> = names.iter().map(slowly).collect();
                for (name, held) in names.iter().zip(&held) {
                    assert_eq!(pattern.holds(name), *held, "{pattern:?} {name}");
                }
                held
            })
            .collect();
        for (a, held_by_a) in patterns.iter().zip(&held) {
            for (b, held_by_b) in patterns.iter().zip(&held) {
                let covers = held_by_a.iter().zip(held_by_b).all(|(a, b)| *a || !*b);
                let meets = held_by_a.iter().zip(held_by_b).any(|(a, b)| *a && *b);
                assert_eq!(a.covers(b), covers, "{a:?} {b:?}");
                assert_eq!(a.meets(b), meets, "{a:?} {b:?}");
            }
        }
    }
}
