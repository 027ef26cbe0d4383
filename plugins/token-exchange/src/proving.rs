//! Verifying tokens other than the request's own: results, and those that callers bring.

use std::time::Duration;

use filter_kit::{
    flow::Waited,
    issuers::{Issuers, Learned, Verification},
    policy::Callout,
};
use oauth_core::{
    reason::Reason,
    secret::Secret,
    time::UnixTime,
    token_exchange::result::{Misfit, check_claims},
};

use crate::{
    config::Settings,
    exchanging::{self, Wanted},
    memory::{Memory, Obtained},
};

/// Before the keys of callouts that fetch keys for us, so that they are not those of the token's own source.
const KEYS: &str = "results.";

/// Why a result is not proven to be its issuer's.
pub(crate) enum Unproven {
    /// The keys cannot be had before this time.
    KeysUnavailable(Duration),
    /// It is not what was wanted.
    Unfit(Misfit),
}

/// Requires that a result is its issuer's, where the target asks for that. Out: the callout to wait for first.
///
/// # Errors
/// [`Unproven`]
pub(crate) fn require_proven(
    settings: &Settings,
    memory: &mut Memory,
    wanted: &Wanted<'_>,
    obtained: &Obtained,
    waited: &Waited,
    now: UnixTime,
) -> Result<Option<Callout>, Unproven> {
    let Some(position) = wanted.grant.verified_by else { return Ok(None) };
    let (Some(issuers), Some(learned)) = (&settings.issuers, &mut memory.issuers) else {
        return Err(Unproven::Unfit(Misfit::new(Reason::InternalFault, "keys", "those of the issuer", "none")));
    };
    let accepts = |issuer| issuer == position;
    match prove((issuers, learned), &obtained.token, accepts, waited, now) {
        Verification::Verified(known) => {
            let subject = wanted.subject.map(|(_, claims)| claims);
            let expected = exchanging::expected(settings, wanted.grant, wanted.server, subject, &wanted.scope);
            check_claims(known.token.claims(), &expected, now).map_err(Unproven::Unfit)?;
            Ok(None)
        }
        Verification::Refused(reason) => {
            let expected = "a token of the configured issuer";
            Err(Unproven::Unfit(Misfit::new(Reason::IssuedTokenUnfit, "verify_result", expected, reason.code())))
        }
        Verification::AwaitKeys(callout) => Ok(Some(callout)),
        Verification::KeysUnavailable(wait) => Err(Unproven::KeysUnavailable(wait)),
    }
}

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
