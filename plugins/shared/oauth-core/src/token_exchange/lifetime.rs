//! How long the result of an exchange may be used again.

use std::time::Duration;

use crate::time::UnixTime;

/// How long a result may be kept when nothing else bounds it: its server said nothing of its life (RFC 8693 §2.2.1 only
/// recommends `expires_in`), and it cannot be read.
const UNKNOWN_LIFE: Duration = Duration::from_secs(60);

/// What bounds the life of a kept result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The longest, whatever the server says.
    pub max: Duration,
    /// It ends so much earlier than the token, so that none goes out that ends on its way.
    pub margin: Duration,
}

/// When a result that came at `now` must not be used any more: the earliest of `expires_in`, the `exp` of the result, the
/// `exp` of the subject token and the configured bound, less the margin. `None`: it must not be kept at all (TEX-08).
#[must_use]
pub fn keep_until(
    now: UnixTime,
    expires_in: Option<Duration>,
    expires_at: Option<UnixTime>,
    subject_expires_at: Option<UnixTime>,
    bounds: Bounds,
) -> Option<UnixTime> {
    let said = [expires_in.map(|life| now.plus(life)), expires_at].into_iter().flatten().min();
    let said = said.unwrap_or_else(|| now.plus(UNKNOWN_LIFE));
    let end = subject_expires_at.map_or(said, |end| said.min(end)).minus(bounds.margin);
    let end = end.min(now.plus(bounds.max));
    (end > now).then_some(end)
}
