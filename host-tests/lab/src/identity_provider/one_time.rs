//! Texts that stand for something once, and soon: authorization codes, and requests that were pushed.

use std::collections::BTreeMap;

use super::unguessable::unguessable;

/// What nobody has redeemed yet, and until when it can be.
#[derive(Debug)]
pub(super) struct OneTime<T>(BTreeMap<String, (u64, T)>);

impl<T> Default for OneTime<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> OneTime<T> {
    /// A fresh text for a value, good for this many seconds.
    pub(super) fn issue(&mut self, value: T, now: u64, lifetime: u64) -> String {
        let text = unguessable();
        self.0.retain(|_, (expires_at, _)| *expires_at > now);
        self.0.insert(text.clone(), (now.saturating_add(lifetime), value));
        text
    }

    /// Takes the value out. Whatever becomes of the request, the text is used then.
    pub(super) fn redeem(&mut self, text: &str, now: u64) -> Option<T> {
        self.0.remove(text).filter(|(expires_at, _)| *expires_at > now).map(|(_, value)| value)
    }
}
