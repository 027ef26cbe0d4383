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

use super::Authenticated;

/// The most bytes that tokens and their claims may take, roughly.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Parsed claims take about this many times the bytes of their token.
const BYTES_FOR_A_BYTE: usize = 4;

/// Verified tokens by their text.
#[derive(Debug, Default)]
pub(super) struct TokenCache {
    most_entries: usize,
    hashing: RandomState,
    /// The hash of a token that was verified and is not kept yet, at the place that follows from it.
    seen_once: Box<[u64]>,
    young: Generation,
    old: Generation,
}

/// What a token is found by. Made by [`TokenCache::key`], under a secret of the cache's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(u64);

#[derive(Debug, Default)]
struct Generation {
    tokens: HashMap<u64, Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    token: Box<str>,
    authenticated: Rc<Authenticated>,
}

impl TokenCache {
    /// A cache of at most so many entries; none at all with 0.
    pub(super) fn new(most_entries: usize) -> Self {
        Self { most_entries, seen_once: vec![0; most_entries].into(), ..Self::default() }
    }

    pub(super) fn key(&self, token: &str) -> Key {
        Key(if self.most_entries == 0 { 0 } else { self.hashing.hash_one(token) })
    }

    pub(super) fn get(&mut self, key: Key, token: &str) -> Option<Rc<Authenticated>> {
        let is_it = |kept: &Kept| *kept.token == *token;
        if let Some(kept) = self.young.tokens.get(&key.0) {
            return is_it(kept).then(|| Rc::clone(&kept.authenticated));
        }
        let kept = self.old.tokens.remove(&key.0).filter(is_it)?;
        let authenticated = Rc::clone(&kept.authenticated);
        self.keep(key, kept);
        Some(authenticated)
    }

    /// Takes in that a token was verified.
    pub(super) fn verified(&mut self, key: Key, token: &str, authenticated: &Rc<Authenticated>) {
        let slots = u64::try_from(self.seen_once.len()).unwrap_or(u64::MAX);
        let slot = key.0.checked_rem(slots).and_then(|slot| self.seen_once.get_mut(usize::try_from(slot).ok()?));
        let Some(slot) = slot else { return };
        if std::mem::replace(slot, key.0) == key.0 {
            self.keep(key, Kept { token: token.into(), authenticated: Rc::clone(authenticated) });
        }
    }

    fn keep(&mut self, key: Key, kept: Kept) {
        let full = self.young.tokens.len() >= self.most_entries.div_ceil(2) || self.young.bytes >= MOST_BYTES / 2;
        if full {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.bytes = self.young.bytes.saturating_add(kept.token.len().saturating_mul(BYTES_FOR_A_BYTE));
        self.young.tokens.insert(key.0, kept);
    }

    /// The keys of this issuer are others now.
    pub(super) fn forget_issuer(&mut self, issuer: usize) {
        for generation in [&mut self.young, &mut self.old] {
            generation.tokens.retain(|_, kept| kept.authenticated.issuer != issuer);
        }
    }
}
