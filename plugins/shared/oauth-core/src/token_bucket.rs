//! How often something may happen: a few times at once, and in the long run at a rate.

use std::time::Duration;

use crate::time::UnixTime;

/// A token bucket: full at first, and refilled one by one.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    size: u32,
    left: u32,
    /// Since when it has been refilled.
    since: Option<UnixTime>,
}

impl TokenBucket {
    /// A full one.
    #[must_use]
    pub const fn new(size: u32) -> Self {
        Self { size, left: size, since: None }
    }

    /// Takes one out, if there is one; each `refill` has put one in.
    pub fn take(&mut self, refill: Duration, now: UnixTime) -> bool {
        self.take_many(1, refill, now)
    }

    /// The same for so many, or none of them.
    pub fn take_many(&mut self, wanted: u32, refill: Duration, now: UnixTime) -> bool {
        // A clock that went back refills from now on.
        let since = self.since.map_or(now, |since| since.min(now));
        let gained = now.since(since).as_millis().checked_div(refill.as_millis()).unwrap_or(u128::MAX);
        let gained = u32::try_from(gained).unwrap_or(u32::MAX);
        let left = self.left.saturating_add(gained).min(self.size);
        // What is over the brim is lost.
        self.since = Some(if left == self.size { now } else { since.plus(refill.saturating_mul(gained)) });
        let enough = left.checked_sub(wanted);
        self.left = enough.unwrap_or(left);
        enough.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFILL: Duration = Duration::from_secs(10);

    fn at(millis: i64) -> UnixTime {
        UnixTime::from_millis(1_000_000_000_i64.saturating_add(millis))
    }

    fn taken(bucket: &mut TokenBucket, now: UnixTime) -> usize {
        (0..100).filter(|_| bucket.take(REFILL, now)).count()
    }

    #[test]
    fn it_gives_what_it_holds_and_then_one_for_each_time_that_has_gone_by() {
        let mut bucket = TokenBucket::new(3);
        for (now, expected) in
            [(0, 3), (9_999, 0), (10_000, 1), (19_999, 0), (20_001, 1), (30_000, 1), (49_999, 1), (50_000, 1)]
        {
            assert_eq!(taken(&mut bucket, at(now)), expected, "{now}");
        }
        assert_eq!(taken(&mut bucket, at(10_000_000)), 3, "never more than its size");
    }

    #[test]
    fn what_is_too_much_takes_nothing() {
        let mut bucket = TokenBucket::new(3);
        assert!(!bucket.take_many(4, REFILL, at(0)));
        assert!(bucket.take_many(2, REFILL, at(0)) && !bucket.take_many(2, REFILL, at(0)));
        assert!(bucket.take(REFILL, at(0)) && !bucket.take(REFILL, at(0)));
    }

    #[test]
    fn a_clock_that_goes_back_neither_fills_it_nor_stops_it() {
        let mut bucket = TokenBucket::new(1);
        assert!(bucket.take(REFILL, at(0)));
        assert!(!bucket.take(REFILL, at(-500_000)));
        assert!(!bucket.take(REFILL, at(-490_001)));
        assert!(bucket.take(REFILL, at(-490_000)));
    }

    #[test]
    fn without_a_time_to_refill_it_is_always_full() {
        let mut bucket = TokenBucket::new(2);
        assert_eq!((0..10).filter(|_| bucket.take(Duration::ZERO, at(0))).count(), 10);
    }
}
