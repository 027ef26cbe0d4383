//! Verifying tokens other than the request's own: results, and those that callers bring.

use filter_kit::{
    flow::Waited,
    issuers::{Issuers, Learned, Verification},
    policy::Callout,
};
use oauth_core::{secret::Secret, time::UnixTime};

/// Before the keys of callouts that fetch keys for us, so that they are not those of the token's own source.
const KEYS: &str = "results.";

/// Verifies a token as one of the issuers at these positions. A callout for keys comes under a key of our own, and an
/// unknown key is refused once the request has waited for it.
pub(crate) fn prove(
    (issuers, learned): (&Issuers, &mut Learned),
    token: &Secret,
    accepts: impl Fn(usize) -> bool,
    waited: &Waited,
    now: UnixTime,
) -> Verification {
    let has_waited = |callout: &Callout| callout.key.as_deref().is_some_and(|key| waited.has_waited_for(key));
    let first = keyed(issuers.authenticate(learned, token.expose(), &accepts, false, now));
    match first {
        Verification::AwaitKeys(callout) if has_waited(&callout) => {
            keyed(issuers.authenticate(learned, token.expose(), &accepts, true, now))
        }
        other => other,
    }
}

fn keyed(verification: Verification) -> Verification {
    match verification {
        Verification::AwaitKeys(callout) => Verification::AwaitKeys(ours(callout)),
        other => other,
    }
}

/// The same under a key of our own.
pub(crate) fn ours(callout: Callout) -> Callout {
    Callout { key: callout.key.map(|key| format!("{KEYS}{key}")), ..callout }
}

/// The key that it had before.
pub(crate) fn theirs(key: &str) -> Option<&str> {
    key.strip_prefix(KEYS)
}
