//! Tokens that were verified before.
//!
//! Bounded by entries and bytes. The whole token is the key, so that a hash alone never decides; what is not verified
//! is never kept. Two generations make eviction cheap: when the young one is full it becomes the old one, and what is
//! asked for in the old one moves back to the young.

use std::{collections::HashMap, rc::Rc};

use super::Authenticated;

/// The most bytes that tokens and their claims may take, roughly.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Parsed claims take about this many times the bytes of their token.
const BYTES_FOR_A_BYTE: usize = 4;

/// Verified tokens by their text.
#[derive(Debug, Default)]
pub(super) struct TokenCache {
    most_entries: usize,
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    tokens: HashMap<Box<str>, Rc<Authenticated>>,
    bytes: usize,
}

impl TokenCache {
    /// A cache of at most so many entries; none at all with 0.
    pub(super) fn new(most_entries: usize) -> Self {
        Self { most_entries, ..Self::default() }
    }

    pub(super) fn get(&mut self, token: &str) -> Option<Rc<Authenticated>> {
        if let Some(known) = self.young.tokens.get(token) {
            return Some(Rc::clone(known));
        }
        let known = self.old.tokens.remove(token)?;
        self.insert(token, Rc::clone(&known));
        Some(known)
    }

    pub(super) fn insert(&mut self, token: &str, authenticated: Rc<Authenticated>) {
        if self.most_entries == 0 {
            return;
        }
        let full = self.young.tokens.len() >= self.most_entries.div_ceil(2) || self.young.bytes >= MOST_BYTES / 2;
        if full {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.bytes = self.young.bytes.saturating_add(token.len().saturating_mul(BYTES_FOR_A_BYTE));
        self.young.tokens.insert(token.into(), authenticated);
    }

    /// The keys of this issuer are others now.
    pub(super) fn forget_issuer(&mut self, issuer: usize) {
        for generation in [&mut self.young, &mut self.old] {
            generation.tokens.retain(|_, known| known.issuer != issuer);
        }
    }
}
