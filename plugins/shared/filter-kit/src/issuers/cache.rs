//! Tokens that were verified before.
//!
//! Bounded by entries and bytes. The whole token is compared, so that a hash alone never decides; what is not verified
//! is never kept. A token is kept from the second time on that it is verified: one that never comes again costs a hash,
//! and no flood of valid tokens drives out those in use. Two generations make eviction cheap: when the young one is full
//! it becomes the old one, and what is asked for in the old one moves back to the young.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    rc::Rc,
};

/// The most bytes that tokens and their claims may take, roughly.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Parsed claims take about this many times the bytes of their token.
const BYTES_FOR_A_BYTE: usize = 4;

/// What is known of verified tokens, by their text.
#[derive(Debug)]
pub(super) struct TokenCache<T> {
    most_entries: usize,
    hashing: RandomState,
    /// The hash of a token that was verified and is not kept yet, at the place that follows from it.
    seen_once: Box<[u64]>,
    young: Generation<T>,
    old: Generation<T>,
}

/// What a token is found by. Made by [`TokenCache::key`], under a secret of the cache's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(u64);

#[derive(Debug)]
struct Generation<T> {
    tokens: HashMap<u64, Kept<T>>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept<T> {
    token: Box<str>,
    known: Rc<T>,
}

impl<T> Default for Generation<T> {
    fn default() -> Self {
        Self { tokens: HashMap::new(), bytes: 0 }
    }
}

impl<T> TokenCache<T> {
    /// A cache of at most so many entries; none at all with 0.
    pub(super) fn new(most_entries: usize) -> Self {
        Self {
            most_entries,
            hashing: RandomState::new(),
            seen_once: vec![0; most_entries].into(),
            young: Generation::default(),
            old: Generation::default(),
        }
    }

    pub(super) fn key(&self, token: &str) -> Key {
        Key(if self.most_entries == 0 { 0 } else { self.hashing.hash_one(token) })
    }

    pub(super) fn get(&mut self, key: Key, token: &str) -> Option<Rc<T>> {
        let is_it = |kept: &Kept<T>| *kept.token == *token;
        if let Some(kept) = self.young.tokens.get(&key.0) {
            return is_it(kept).then(|| Rc::clone(&kept.known));
        }
        let kept = self.old.tokens.remove(&key.0).filter(is_it)?;
        let known = Rc::clone(&kept.known);
        self.keep(key, kept);
        Some(known)
    }

    /// Takes in that a token was verified.
    pub(super) fn verified(&mut self, key: Key, token: &str, known: &Rc<T>) {
        let slots = u64::try_from(self.seen_once.len()).unwrap_or(u64::MAX);
        let slot = key.0.checked_rem(slots).and_then(|slot| self.seen_once.get_mut(usize::try_from(slot).ok()?));
        let Some(slot) = slot else { return };
        if std::mem::replace(slot, key.0) == key.0 {
            self.keep(key, Kept { token: token.into(), known: Rc::clone(known) });
        }
    }

    fn keep(&mut self, key: Key, kept: Kept<T>) {
        let full = self.young.tokens.len() >= self.most_entries.div_ceil(2) || self.young.bytes >= MOST_BYTES / 2;
        if full {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.bytes = self.young.bytes.saturating_add(kept.token.len().saturating_mul(BYTES_FOR_A_BYTE));
        self.young.tokens.insert(key.0, kept);
    }

    /// Forgets what this holds for.
    pub(super) fn forget(&mut self, ended: impl Fn(&T) -> bool) {
        for generation in [&mut self.young, &mut self.old] {
            generation.tokens.retain(|_, kept| !ended(&kept.known));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(cache: &mut TokenCache<usize>, token: &str, known: usize) {
        let key = cache.key(token);
        cache.verified(key, token, &Rc::new(known));
    }

    fn get(cache: &mut TokenCache<usize>, token: &str) -> Option<usize> {
        let key = cache.key(token);
        cache.get(key, token).map(|known| *known)
    }

    fn kept(cache: &TokenCache<usize>) -> usize {
        [&cache.young, &cache.old].iter().map(|generation| generation.tokens.len()).sum()
    }

    #[test]
    fn a_token_is_kept_from_the_second_time_on() {
        let mut cache = TokenCache::new(16);
        verify(&mut cache, "a", 1);
        assert_eq!(get(&mut cache, "a"), None);
        verify(&mut cache, "a", 1);
        assert_eq!(get(&mut cache, "a"), Some(1));
        assert_eq!(get(&mut cache, "b"), None);
    }

    #[test]
    fn a_flood_of_other_valid_tokens_drives_none_out() {
        let mut cache = TokenCache::new(16);
        (0..2).for_each(|_| verify(&mut cache, "in use", 1));
        for flood in 0..10_000 {
            verify(&mut cache, &format!("token {flood}"), 0);
        }
        assert_eq!(get(&mut cache, "in use"), Some(1));
        assert_eq!(kept(&cache), 1);
    }

    #[test]
    fn entries_are_bounded_and_what_is_in_use_stays() {
        let mut cache = TokenCache::new(16);
        (0..2).for_each(|_| verify(&mut cache, "in use", 1));
        for other in 0..1_000 {
            (0..2).for_each(|_| verify(&mut cache, &format!("token {other}"), 0));
            assert_eq!(get(&mut cache, "in use"), Some(1));
            assert!(kept(&cache) <= 16);
        }
    }

    #[test]
    fn bytes_are_bounded() {
        let mut cache = TokenCache::new(100_000);
        let long = "x".repeat(16 * 1024);
        for other in 0..1_000 {
            (0..2).for_each(|_| verify(&mut cache, &format!("{long}{other}"), 0));
            let held: usize = [&cache.young, &cache.old].iter().map(|generation| generation.bytes).sum();
            assert!(held <= MOST_BYTES + 2 * BYTES_FOR_A_BYTE * (long.len() + 4), "{held}");
        }
        assert!(kept(&cache) < 200);
    }

    /// The hash is made equal by force: it must never decide.
    #[test]
    fn a_token_of_the_same_hash_is_another_token() {
        let mut cache = TokenCache::new(16);
        let key = cache.key("a");
        (0..2).for_each(|_| cache.verified(key, "a", &Rc::new(1)));
        assert_eq!(cache.get(key, "b"), None);
        (0..2).for_each(|_| cache.verified(key, "b", &Rc::new(2)));
        assert_eq!(cache.get(key, "a"), None);
        assert_eq!(cache.get(key, "b").map(|known| *known), Some(2));
    }

    #[test]
    fn nothing_is_kept_without_entries_and_what_has_ended_is_forgotten() {
        let mut none = TokenCache::new(0);
        (0..3).for_each(|_| verify(&mut none, "a", 1));
        assert_eq!(get(&mut none, "a"), None);
        let mut cache = TokenCache::new(16);
        for (token, issuer) in [("a", 1), ("b", 2)] {
            (0..2).for_each(|_| verify(&mut cache, token, issuer));
        }
        cache.forget(|issuer| *issuer == 1);
        assert_eq!((get(&mut cache, "a"), get(&mut cache, "b")), (None, Some(2)));
    }
}
