//! Who of several workers makes a call, and what they tell each other: the form of a slot in shared data.
//!
//! Any module with the same VM id can write there, so a slot is believed in nothing that matters: what is published is
//! sealed by the policy and opened by it, and a lease only ever delays.

use std::time::Duration;

use oauth_core::time::UnixTime;
use sha2::{Digest, Sha256};

/// Shared data is never evicted, so there is a fixed number of keys.
const SLOTS: u16 = 1024;

/// More is not published; the workers then each make the call.
const MOST_BYTES: usize = 64 * 1024;

const LEASE: u8 = 1;
const PUBLISHED: u8 = 2;

/// What a call is known by in shared data. It tells nothing of the call's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag([u8; 32]);

impl Tag {
    /// The tag of the shared callout with this key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// The number of its slot.
    #[must_use]
    pub fn slot(self) -> u16 {
        let [first, second, ..] = self.0;
        u16::from_be_bytes([first, second]) % SLOTS
    }
}

/// What there is to do about a call, by what its slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// Nobody is at it: write a lease, and make the call if that was in time.
    Take,
    /// Another worker is at it: look again later.
    Wait,
    /// Another worker has published this.
    Adopt(&'a [u8]),
    /// The slot serves another call just now: make the call without a lease.
    Alone,
}

/// Reads a slot. A lease that would last longer than `longest` from now was not written by a worker of ours whose clock
/// is sound, and holds nobody up.
#[must_use]
pub fn next(slot: &[u8], tag: Tag, now: UnixTime, longest: Duration) -> Next<'_> {
    let Some((kind, rest)) = slot.split_first() else { return Next::Take };
    let Some((of, rest)) = rest.split_first_chunk::<32>() else { return Next::Take };
    let is_ours = *of == tag.0;
    match *kind {
        LEASE => {
            let until = rest.first_chunk::<8>().map(|millis| UnixTime::from_millis(i64::from_be_bytes(*millis)));
            let is_alive = until.is_some_and(|until| until > now && until <= now.plus(longest));
            match (is_alive, is_ours) {
                (false, _) => Next::Take,
                (true, true) => Next::Wait,
                (true, false) => Next::Alone,
            }
        }
        PUBLISHED if is_ours => Next::Adopt(rest),
        _ => Next::Take,
    }
}

/// A lease on the call until then. The nonce tells one from any other.
#[must_use]
pub fn lease(tag: Tag, until: UnixTime, nonce: [u8; 16]) -> Vec<u8> {
    [&[LEASE][..], &tag.0, &until.as_millis().to_be_bytes(), &nonce].concat()
}

/// A slot with what the other workers may have; an empty one if there is nothing, or too much.
#[must_use]
pub fn published(tag: Tag, sealed: Option<&[u8]>) -> Vec<u8> {
    match sealed.filter(|sealed| sealed.len() <= MOST_BYTES) {
        Some(sealed) => [&[PUBLISHED][..], &tag.0, sealed].concat(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_millis(1_000_000);
    const LONGEST: Duration = Duration::from_secs(2);

    fn said(slot: &[u8]) -> Next<'_> {
        next(slot, Tag::of("a"), NOW, LONGEST)
    }

    fn leased(key: &str, milliseconds: i64) -> Vec<u8> {
        lease(Tag::of(key), UnixTime::from_millis(NOW.as_millis().saturating_add(milliseconds)), [7; 16])
    }

    #[test]
    fn a_call_is_left_to_who_holds_the_lease_as_long_as_it_lasts() {
        assert_eq!(said(&[]), Next::Take);
        assert_eq!(said(&leased("a", 1)), Next::Wait);
        assert_eq!(said(&leased("a", 2000)), Next::Wait);
        assert_eq!(said(&leased("a", 0)), Next::Take);
        assert_eq!(said(&leased("a", -1)), Next::Take);
    }

    /// Whoever writes into the slot can make nobody wait for longer than a call may take.
    #[test]
    fn a_lease_without_end_holds_nobody_up() {
        for milliseconds in [2001, 3_600_000, i64::MAX] {
            assert_eq!(said(&leased("a", milliseconds)), Next::Take, "{milliseconds}");
        }
    }

    #[test]
    fn two_calls_of_one_slot_do_not_wait_for_each_other() {
        assert_eq!(said(&leased("b", 1000)), Next::Alone);
        assert_eq!(said(&leased("b", -1000)), Next::Take);
        assert_eq!(said(&published(Tag::of("b"), Some(b"theirs"))), Next::Take);
    }

    #[test]
    fn what_was_published_for_a_call_is_adopted_for_that_call() {
        assert_eq!(said(&published(Tag::of("a"), Some(b"sealed"))), Next::Adopt(b"sealed"));
        assert_eq!(said(&published(Tag::of("a"), None)), Next::Take);
        assert_eq!(said(&published(Tag::of("a"), Some(&vec![0; MOST_BYTES.saturating_add(1)]))), Next::Take);
    }

    #[test]
    fn rubbish_in_a_slot_is_nothing() {
        let whole = leased("a", 1000);
        for end in 0..41 {
            assert_eq!(said(&whole[..end]), Next::Take, "{end}");
        }
        for kind in [0, 3, 255] {
            let other = [&[kind], &whole[1..]].concat();
            assert_eq!(said(&other), Next::Take);
        }
    }
}
