//! Details that the authorization server keeps for a token instead of writing them into it (RFC 9396 §9.2).

use std::time::Duration;

use oauth_core::{reason::Reason, time::UnixTime};

use super::{Asked, Introspection, Learned};
use crate::{
    policy::Callout,
    token_source::{HandedOver, Refused},
};

/// What became of the wish to know them.
#[derive(Debug)]
pub enum Details {
    /// The token, with them if there are any.
    Known(Box<HandedOver>),
    /// Nothing more is to be known of this token than it says.
    AsTheTokenSays,
    /// Ask again after this callout.
    Await(Box<Callout>),
    /// The token is not to be accepted.
    Refused(Refused),
}

impl Introspection {
    /// Asks for the details of a token that was verified and says none, and whose issuer is the one that is asked: nobody
    /// else is shown it.
    ///
    /// `credential` is the token's text, if the request still has it; for `has_waited_for` see [`Introspection::ask`].
    pub fn details(
        &self,
        learned: &mut Learned,
        token: &HandedOver,
        credential: Option<&str>,
        has_waited_for: impl FnOnce(&str) -> bool,
        now: UnixTime,
    ) -> Details {
        let Some(issuer) = self.issuer().filter(|issuer| issuer.is_named(token.issuer())) else {
            return Details::AsTheTokenSays;
        };
        if token.claims().has_authorization_details() {
            return Details::AsTheTokenSays;
        }
        let refused = |reason, retry_after: Option<Duration>| {
            let resource = token.resource().map(str::to_owned);
            Details::Refused(Refused { resource, retry_after, ..Refused::because(reason) })
        };
        let Some(credential) = credential.filter(|credential| token.is_of(credential)) else {
            return refused(Reason::CredentialChanged, None);
        };
        let asker = learned.pending.user(token.as_ref(), credential);
        let active = match self.ask(learned, credential, Some(asker), has_waited_for, now) {
            Asked::Active(active) => active,
            Asked::Await(callout) => return Details::Await(Box::new(callout)),
            Asked::Refused(reason, retry_after) => return refused(reason, retry_after),
        };
        match active.details_for(token.as_ref(), issuer.profile, now, self.clock_skew()) {
            Ok(claims) => Details::Known(Box::new(token.with_claims(claims))),
            Err(reason) => refused(reason, None),
        }
    }
}
