//! What is good for one request only: the form in which its use is noted in shared data.
//!
//! Notes are spread over a fixed number of buckets, since shared data is never evicted. A bucket is changed by
//! compare-and-swap as a whole, so of two workers with the same use one wins. A note is never overwritten before its time
//! is over: a bucket without room denies.

use oauth_core::time::UnixTime;
use sha2::{Digest, Sha256};

/// How many buckets there are.
const BUCKETS: u16 = 1024;

/// How many notes a bucket holds: 65536 in all.
const NOTES: usize = 64;

/// The first byte of a bucket.
const VERSION: u8 = 1;

/// An id and a time.
const NOTE_BYTES: usize = 32 + 8;

/// The fields by which a client tells Envoy's router to send a request again, or twice at once. A use was noted for the
/// request once, so the upstream must get it once. Envoy itself heeds them from internal addresses alone.
pub const REPEATING_FIELDS: [&str; 7] = [
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-hedge-on-per-try-timeout",
];

/// One use of something. Who has the same parts, has the same use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    id: [u8; 32],
    until: UnixTime,
}

/// What became of a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was not used before, and nobody can use it again.
    Now,
    /// It was used before.
    Before,
    /// That it is used cannot be noted, so it must not be.
    NoRoom,
}

impl Use {
    /// What can be used once. It is remembered until then: after that it must be worth nothing anyway.
    #[must_use]
    pub fn of(parts: &[&str], until: UnixTime) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // The length first, so that no two lists of parts are one text.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Self { id: hash.finalize().into(), until }
    }

    /// The number of its bucket.
    #[must_use]
    pub fn bucket(self) -> u16 {
        let [first, second, ..] = self.id;
        u16::from_be_bytes([first, second]) % BUCKETS
    }

    fn note(self) -> Vec<u8> {
        [&self.id[..], &self.until.as_millis().to_be_bytes()].concat()
    }
}

/// The bucket with the use noted in it; empty ones are buckets that were never written.
///
/// # Errors
/// [`Spent::Before`] or [`Spent::NoRoom`]; the latter also for a bucket that is none of ours.
pub fn note(bucket: &[u8], wanted: Use, now: UnixTime) -> Result<Vec<u8>, Spent> {
    let notes = match bucket.split_first() {
        None => &[][..],
        Some((&VERSION, notes)) => notes,
        Some(_) => return Err(Spent::NoRoom),
    };
    let (notes, []) = notes.as_chunks::<NOTE_BYTES>() else { return Err(Spent::NoRoom) };
    let mut kept = vec![VERSION];
    let mut count = 0_usize;
    for noted in notes {
        let (Some(id), Some(until)) = (noted.first_chunk::<32>(), noted.last_chunk::<8>()) else {
            return Err(Spent::NoRoom);
        };
        if *id == wanted.id {
            return Err(Spent::Before);
        }
        if UnixTime::from_millis(i64::from_be_bytes(*until)) > now {
            kept.extend_from_slice(noted);
            count = count.saturating_add(1);
        }
    }
    // What is over already could be used again and again.
    if count >= NOTES || wanted.until <= now {
        return Err(Spent::NoRoom);
    }
    kept.extend(wanted.note());
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_000_000);

    fn one(name: &str, seconds: u64) -> Use {
        Use::of(&[name], NOW.plus(Duration::from_secs(seconds)))
    }

    fn after(seconds: u64) -> UnixTime {
        NOW.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_use_is_noted_once() {
        let bucket = note(&[], one("a", 60), NOW).unwrap();
        assert_eq!(note(&bucket, one("a", 60), NOW), Err(Spent::Before));
        assert_eq!(note(&bucket, one("a", 90), after(59)), Err(Spent::Before), "whatever end it is said to have");
        let both = note(&bucket, one("b", 60), NOW).unwrap();
        assert_eq!(note(&both, one("a", 60), NOW), Err(Spent::Before));
        assert_eq!(note(&both, one("b", 60), NOW), Err(Spent::Before));
    }

    #[test]
    fn a_note_gives_way_only_when_its_time_is_over_and_a_full_bucket_takes_no_more() {
        let mut bucket = Vec::new();
        for number in 0..NOTES {
            bucket = note(&bucket, one(&number.to_string(), if number == 0 { 10 } else { 60 }), NOW).unwrap();
        }
        assert_eq!(note(&bucket, one("more", 60), NOW), Err(Spent::NoRoom));
        assert_eq!(note(&bucket, one("more", 60), after(9)), Err(Spent::NoRoom));
        let later = note(&bucket, one("more", 60), after(10)).unwrap();
        assert_eq!(later.len(), bucket.len());
        assert_eq!(note(&later, one("1", 60), after(10)), Err(Spent::Before));
        assert_eq!(note(&later, one("0", 10), after(10)), Err(Spent::NoRoom), "its own time is over, too");
    }

    #[test]
    fn what_is_no_bucket_of_ours_denies() {
        let good = note(&[], one("a", 60), NOW).unwrap();
        for bucket in [&[0][..], b"x", &[VERSION, 1], &good[..good.len() - 1], &[&good[..], &[0]].concat()] {
            assert_eq!(note(bucket, one("b", 60), NOW), Err(Spent::NoRoom), "{bucket:?}");
        }
    }

    #[test]
    fn parts_are_never_joined_text() {
        let of = |parts: &[&str]| Use::of(parts, NOW);
        assert_ne!(of(&["a", "b"]), of(&["ab"]));
        assert_ne!(of(&["a", "b"]), of(&["", "ab"]));
        assert_ne!(of(&["a", ""]), of(&["a"]));
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert!(of(&["x"]).bucket() < BUCKETS);
    }
}
