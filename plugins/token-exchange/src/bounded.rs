//! A bounded map: what is asked for stays, what nobody asks for goes first.
//!
//! Two generations make it cheap: when the young one is full it becomes the old one, and what is asked for in the old one
//! moves back to the young.

use std::collections::HashMap;

use oauth_core::token_exchange::CacheKey;

/// At most so many values by key.
#[derive(Debug)]
pub(crate) struct Bounded<V> {
    most: usize,
    young: HashMap<CacheKey, V>,
    old: HashMap<CacheKey, V>,
}

impl<V> Bounded<V> {
    /// An empty map for at most `most` values, and for one at least: what has just come must be found by who waits for it.
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), young: HashMap::new(), old: HashMap::new() }
    }

    pub(crate) fn get(&mut self, key: &CacheKey) -> Option<&V> {
        if let Some(value) = self.old.remove(key) {
            self.insert(*key, value);
        }
        self.young.get(key)
    }

    pub(crate) fn insert(&mut self, key: CacheKey, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.most.div_ceil(2) && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &CacheKey) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    /// Drops what this does not hold for.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.young.retain(|_, value| keep(value));
        self.old.retain(|_, value| keep(value));
    }
}

#[cfg(test)]
mod tests {
    use oauth_core::token_exchange::KeyParts;

    use super::*;

    fn key(name: &str) -> CacheKey {
        let parts = KeyParts {
            configuration: &[],
            subject_token: Some(name),
            subject_token_type: "",
            actor_token: None,
            server: "",
            profile: "",
            client: None,
            target: "",
            audience: &[],
            resource: &[],
            scope: &[],
            requested_token_type: None,
            claims: None,
            connection: None,
        };
        parts.key()
    }

    #[test]
    fn the_map_stays_within_its_bound_and_keeps_what_is_in_use() {
        for most in [0, 1, 2, 10, 100] {
            let mut map = Bounded::new(most);
            map.insert(key("used"), 0);
            for number in 0..1000_u32 {
                map.insert(key(&number.to_string()), number);
                assert!(map.young.len() + map.old.len() <= most.max(2), "{most}");
                if most > 2 {
                    assert_eq!(map.get(&key("used")), Some(&0), "{most} {number}");
                }
            }
            assert_eq!(map.get(&key("999")), Some(&999));
            assert_eq!(map.get(&key("never")), None);
        }
    }

    #[test]
    fn a_value_is_replaced_and_removed_wherever_it_lies() {
        let mut map = Bounded::new(2);
        map.insert(key("a"), 1);
        map.insert(key("b"), 2);
        map.insert(key("a"), 3);
        assert_eq!(map.get(&key("a")), Some(&3));
        assert_eq!(map.remove(&key("a")), Some(3));
        assert_eq!(map.get(&key("a")), None);
        map.insert(key("c"), 4);
        map.retain(|value| *value == 4);
        assert_eq!((map.get(&key("b")).copied(), map.get(&key("c")).copied()), (None, Some(4)));
    }
}
