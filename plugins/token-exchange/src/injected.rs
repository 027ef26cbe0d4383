//! A second token that the caller brings for the next hop: accepted only if it is about the same user and client.

use filter_kit::{
    flow::Waited,
    issuers::{Issuers, Learned, Verification},
    policy::Callout,
    token_source::HandedOver,
};
use oauth_core::{audience::require_audience, claims::Claims, reason::Reason, secret::Secret, time::UnixTime};

use crate::{config::Injected, proving};

/// What became of it.
pub(crate) enum Second {
    /// It may go on in place of the first.
    Accepted(Secret),
    Refused(Reason),
    /// Its issuer's keys are being fetched.
    AwaitKeys(Callout),
}

/// Judges the token that the caller brings in a field of ours.
pub(crate) fn judge(
    injected: &Injected,
    brought: Option<&Secret>,
    first: &HandedOver,
    (issuers, learned): (&Issuers, &mut Learned),
    waited: &Waited,
    now: UnixTime,
) -> Second {
    let refused = Second::Refused(Reason::SecondTokenRefused);
    let Some(token) = brought else { return refused };
    let accepts = |issuer| injected.issuers.contains(&issuer);
    let verified = proving::prove((issuers, learned), token, accepts, waited, now);
    let known = match verified {
        Verification::Verified(known) => known,
        Verification::Refused(_) => return refused,
        Verification::AwaitKeys(callout) => return Second::AwaitKeys(callout),
        Verification::KeysUnavailable(_) => return Second::Refused(Reason::KeysUnavailable),
    };
    let is_for_the_target = require_audience(&known.token, &injected.audiences, true).is_ok();
    if is_for_the_target && is_of_the_same(injected, first.claims(), known.token.claims()) {
        Second::Accepted(token.clone())
    } else {
        refused
    }
}

/// The same user, as declared or by name, issuer and tenant, and the same client. What neither says is not the same.
fn is_of_the_same(injected: &Injected, first: &Claims, second: &Claims) -> bool {
    let same_user = if injected.same.is_empty() {
        let of = |claims: &'_ Claims| (claims.subject().map(str::to_owned), claims.tenant().map(str::to_owned));
        first.subject().is_some() && of(first) == of(second) && first.issuer() == second.issuer()
    } else {
        injected.same.iter().all(|(of_first, of_second)| {
            let (first, second) = (of_first.find(first.members()), of_second.find(second.members()));
            first.is_some_and(|value| value.is_string() && value != "") && first == second
        })
    };
    same_user && first.client_id().is_some() && first.client_id() == second.client_id()
}
