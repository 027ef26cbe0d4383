//! How many signatures the guest may verify: garbage takes it milliseconds, and whoever sends it needs no token.

use std::{cell::Cell, time::Duration};

use crate::{time::UnixTime, token_bucket::TokenBucket};

/// What there is for a second, and at once: the cheapest kind costs one, and takes less than a millisecond.
const PER_SECOND: u32 = 250;

/// The second divided by [`PER_SECOND`].
const ONE_COMES_BACK_IN: Duration = Duration::from_millis(4);

/// What a worker may spend on verifications that the host does not make.
#[derive(Debug)]
pub struct GuestBudget(Cell<TokenBucket>);

impl Default for GuestBudget {
    fn default() -> Self {
        Self(Cell::new(TokenBucket::new(PER_SECOND)))
    }
}

impl GuestBudget {
    /// Whether one more of this cost may be made; it then counts.
    pub(crate) fn take(&self, cost: u32, now: UnixTime) -> bool {
        let mut bucket = self.0.get();
        let taken = bucket.take_many(cost, ONE_COMES_BACK_IN, now);
        self.0.set(bucket);
        taken
    }
}
