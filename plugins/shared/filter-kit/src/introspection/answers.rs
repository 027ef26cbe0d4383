//! Answers that still hold (RFC 7662 §4).
//!
//! Found by the SHA-256 of the token, all of it; the tokens themselves are not kept. Active and inactive ones have room
//! of their own, so that a flood of invented tokens drives out no answer about a real one. Two generations make eviction
//! cheap: when the young one is full it becomes the old one, and what is asked for in the old one moves back.

use std::{collections::HashMap, rc::Rc, time::Duration};

use oauth_core::{introspection::Active, time::UnixTime};

/// The most bytes of JSON that answers about active tokens may have been read from, roughly.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// SHA-256 of a token.
pub(super) type Digest = [u8; 32];

/// How many answers are kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Of each kind.
    pub(crate) entries: usize,
    /// An active token is believed to be so for this long, and never longer than it says.
    pub(crate) active: Duration,
    /// The same for one that is not.
    pub(crate) inactive: Duration,
}

/// The answers that a worker keeps.
#[derive(Debug)]
pub(super) struct Answers {
    limits: Limits,
    active: Generations<Rc<Active>>,
    inactive: Generations<()>,
}

/// The server's word on a token.
#[derive(Clone, Debug)]
pub(super) enum Word {
    Active(Rc<Active>),
    Inactive,
}

impl Answers {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, active: Generations::default(), inactive: Generations::default() }
    }

    pub(super) fn get(&mut self, token: &Digest, now: UnixTime) -> Option<Word> {
        let most = self.limits.entries;
        if let Some(active) = self.active.get(token, most, now) {
            return Some(Word::Active(active));
        }
        self.inactive.get(token, most, now).map(|()| Word::Inactive)
    }

    pub(super) fn keep(&mut self, token: Digest, word: &Word, now: UnixTime) {
        let most = self.limits.entries;
        match word {
            Word::Active(active) => {
                let until = now.plus(self.limits.active);
                let until = active.expires_at().map_or(until, |end| end.min(until));
                self.active.keep(token, Kept { from: now, until, bytes: active.size(), word: Rc::clone(active) }, most);
            }
            Word::Inactive => {
                let until = now.plus(self.limits.inactive);
                self.inactive.keep(token, Kept { from: now, until, bytes: 0, word: () }, most);
            }
        }
    }
}

#[derive(Debug)]
struct Generations<W> {
    young: HashMap<Digest, Kept<W>>,
    old: HashMap<Digest, Kept<W>>,
    young_bytes: usize,
}

#[derive(Clone, Debug)]
struct Kept<W> {
    /// A clock that goes back must not make it hold longer.
    from: UnixTime,
    until: UnixTime,
    bytes: usize,
    word: W,
}

impl<W> Default for Generations<W> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), young_bytes: 0 }
    }
}

impl<W: Clone> Generations<W> {
    fn get(&mut self, token: &Digest, most: usize, now: UnixTime) -> Option<W> {
        let holds = |kept: &&Kept<W>| kept.from <= now && now < kept.until;
        if let Some(kept) = self.young.get(token) {
            return Some(kept).filter(holds).map(|kept| kept.word.clone());
        }
        let kept = self.old.remove(token)?;
        if !holds(&&kept) {
            return None;
        }
        let word = kept.word.clone();
        self.keep(*token, kept, most);
        Some(word)
    }

    fn keep(&mut self, token: Digest, kept: Kept<W>, most: usize) {
        if most == 0 || kept.until <= kept.from || kept.bytes > MOST_BYTES / 2 {
            return;
        }
        if self.young.len() >= most.div_ceil(2) || self.young_bytes.saturating_add(kept.bytes) > MOST_BYTES / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes = self.young_bytes.saturating_add(kept.bytes);
        self.young.insert(token, kept);
    }
}

#[cfg(test)]
mod tests {
    use oauth_core::introspection::{Introspected, process_response};

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000_000);
    const LIMITS: Limits = Limits { entries: 16, active: Duration::from_secs(60), inactive: Duration::from_secs(5) };

    fn active(more: &str) -> Word {
        let text = format!("{{\"active\":true{more}}}");
        match process_response(text.as_bytes()) {
            Ok(Introspected::Active(active)) => Word::Active(Rc::new(active)),
            _ => Word::Inactive,
        }
    }

    fn token(number: usize) -> Digest {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        digest
    }

    fn after(answers: &mut Answers, token: Digest, seconds: u64) -> Option<bool> {
        let word = answers.get(&token, NOW.plus(Duration::from_secs(seconds)));
        word.map(|word| matches!(word, Word::Active(_)))
    }

    fn kept(answers: &Answers) -> (usize, usize) {
        (
            [&answers.active.young, &answers.active.old].map(HashMap::len).iter().sum(),
            [&answers.inactive.young, &answers.inactive.old].map(HashMap::len).iter().sum(),
        )
    }

    /// REV-04
    #[test]
    fn an_answer_holds_for_its_time_and_never_past_exp() {
        let mut answers = Answers::new(LIMITS);
        answers.keep(token(1), &active(""), NOW);
        answers.keep(token(2), &active(r#","exp":1000002"#), NOW);
        answers.keep(token(3), &Word::Inactive, NOW);
        answers.keep(token(4), &active(r#","exp":999999"#), NOW);
        assert_eq!((after(&mut answers, token(1), 59), after(&mut answers, token(1), 60)), (Some(true), None));
        assert_eq!((after(&mut answers, token(2), 1), after(&mut answers, token(2), 2)), (Some(true), None));
        assert_eq!((after(&mut answers, token(3), 4), after(&mut answers, token(3), 5)), (Some(false), None));
        assert_eq!(after(&mut answers, token(4), 0), None);
        assert_eq!(after(&mut answers, token(5), 0), None);
        let before = NOW.minus(Duration::from_secs(1));
        assert!(answers.get(&token(1), before).is_none(), "a clock that went back");
    }

    /// REV-04
    #[test]
    fn invented_tokens_drive_out_no_answer_about_a_real_one() {
        let mut answers = Answers::new(LIMITS);
        answers.keep(token(0), &active(""), NOW);
        for number in 1..10_000 {
            answers.keep(token(number), &Word::Inactive, NOW);
        }
        assert_eq!(after(&mut answers, token(0), 1), Some(true));
        assert!(kept(&answers).1 <= 16, "{:?}", kept(&answers));
    }

    /// REV-04
    #[test]
    fn entries_and_bytes_are_bounded_and_what_is_in_use_stays() {
        let mut answers = Answers::new(LIMITS);
        for number in 0..1000 {
            answers.keep(token(number), &active(""), NOW);
            assert_eq!(after(&mut answers, token(0), 1), Some(true), "{number}");
            assert!(kept(&answers).0 <= 17);
        }
        let mut answers = Answers::new(Limits { entries: 100_000, ..LIMITS });
        let long = active(&format!(r#","x":"{}""#, "x".repeat(200_000)));
        for number in 0..100 {
            answers.keep(token(number), &long, NOW);
        }
        assert!(kept(&answers).0 <= 10, "{:?}", kept(&answers));
    }

    #[test]
    fn without_entries_or_time_nothing_is_kept() {
        let none = Limits { entries: 0, ..LIMITS };
        let never = Limits { entries: 16, active: Duration::ZERO, inactive: Duration::ZERO };
        for limits in [none, never] {
            let mut answers = Answers::new(limits);
            answers.keep(token(1), &active(""), NOW);
            answers.keep(token(2), &Word::Inactive, NOW);
            assert_eq!(kept(&answers), (0, 0));
        }
    }
}
