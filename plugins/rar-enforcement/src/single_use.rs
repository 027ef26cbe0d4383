//! By what the use of a grant is known that is good for one request.

use std::time::Duration;

use filter_kit::single_use::Use;
use oauth_core::{authorization_details::Granted, claims::Claims, time::UnixTime};

/// How long after its end a token may still pass somewhere: the largest difference between clocks that is tolerated.
const LONGEST_SKEW: Duration = Duration::from_secs(60);

/// The uses that one token allows.
pub(crate) struct SingleUses<'t> {
    issuer: &'t str,
    token: &'t str,
    until: UnixTime,
}

impl<'t> SingleUses<'t> {
    /// `None` for a token whose uses cannot be told from others: it has no `jti`, which alone stays the same however the
    /// token is written; or it has ended so long ago that its uses are forgotten.
    pub(crate) fn of(claims: &'t Claims, now: UnixTime) -> Option<Self> {
        let until = claims.expires_at().plus(LONGEST_SKEW);
        let token = claims.jwt_id()?;
        (now < until).then_some(Self { issuer: claims.issuer(), token, until })
    }

    /// The use of one object. Objects that say the same, in whatever order, are one.
    pub(crate) fn of_object(&self, granted: Granted<'_>) -> Use {
        Use::of(&[self.issuer, self.token, &granted.canonical()], self.until)
    }
}
