//! Whether the token that came is the one that was wanted.
//!
//! A server may be misconfigured, and a cache in front of it too: what goes upstream under a user's name is looked at again.
//! Claims are read without their signature: the server was reached by a cluster of ours, and [`super::super::token`]
//! verifies them where that is not enough.

use std::time::Duration;

use super::answer::Issued;
use super::profile::ServerProfile;
use crate::audience::same_resource;
use crate::claims::Claims;
use crate::reason::Reason;
use crate::requirement::Actors;
use crate::scope::{ScopeToken, Scopes};
use crate::time::UnixTime;
use crate::token::Unverified;

/// What was wanted.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Whose dialect the token is in.
    pub profile: ServerProfile,
    /// The issuer identifier of the server.
    pub issuer: &'a str,
    /// The claims of the subject token; `None` where the client speaks for itself.
    pub subject: Option<&'a Claims>,
    /// Whom the token may be meant for.
    pub audiences: &'a Audiences,
    /// The scopes that were asked for; each must have been granted.
    pub asked: &'a [ScopeToken],
    /// Scopes that a server adds, and that are no harm.
    pub further_scopes: &'a [ScopeToken],
    /// What the chain of actors must be.
    pub actors: Option<&'a Actors>,
    /// Whether a token may pass that cannot be read.
    pub opaque: bool,
    /// The tolerance for `nbf` and `iat`.
    pub clock_skew: Duration,
    /// By how much the token may outlive the subject's; `None`: by any time. Whoever exchanges tokens again and again must not
    /// make a right out of it that never ends.
    pub longest_beyond: Option<Duration>,
}

/// Whom the token may be meant for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audiences {
    /// It must name one of these.
    pub expected: Vec<String>,
    /// It may name these, too.
    pub further: Vec<String>,
}

/// What is known of a token that passed.
#[derive(Debug)]
pub struct Checked {
    /// Its claims, if it can be read.
    pub claims: Option<Claims>,
}

impl Checked {
    /// `exp`, if it can be read.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.claims.as_ref().map(Claims::expires_at)
    }
}

/// Holds an issued token against what was wanted.
///
/// # Errors
/// - [`Reason::IssuedTokenUnfit`]: it cannot be read and may not pass so, is no access token, is over, has not begun, outlives
///   the subject token too far, is another issuer's, another subject's, meant for somebody else or for others too, or allows
///   more than was asked for.
/// - [`Reason::IssuedScopeTooNarrow`]: it allows less than was asked for (TEX-09).
/// - What the requirement on actors says: the one who acts is another.
pub fn check(issued: &Issued, expected: &Expected<'_>, now: UnixTime) -> Result<Checked, Reason> {
    let claims = read(issued, expected)?;
    if let Some(claims) = &claims {
        check_claims(claims, expected, now)?;
    }
    // The next hop may read another dialect than the one that was configured for the server.
    let in_token = claims.as_ref().filter(|claims| claims.says_scopes()).map(Claims::scopes_in_any_claim);
    for granted in [issued.scope.as_ref(), in_token.as_ref()].into_iter().flatten() {
        require_asked(granted, expected)?;
    }
    for granted in [issued.scope.as_ref(), in_token.as_ref()].into_iter().flatten() {
        require_granted(granted, expected)?;
    }
    Ok(Checked { claims })
}

/// The same for claims that were verified, which say what the readable ones said.
///
/// # Errors
/// As [`check`].
pub fn check_claims(claims: &Claims, expected: &Expected<'_>, now: UnixTime) -> Result<(), Reason> {
    let unfit = Err(Reason::IssuedTokenUnfit);
    if claims.expires_at() <= now || !is_meant_for(claims, expected.audiences) {
        return unfit;
    }
    let mut begins = [claims.not_before(), claims.issued_at()].into_iter().flatten();
    if begins.any(|begin| begin > now.plus(expected.clock_skew)) {
        return unfit;
    }
    if let Some(subject) = expected.subject {
        let outlives = |most| claims.expires_at() > subject.expires_at().plus(most);
        if !has_kept_its_subject(subject, claims, expected) || expected.longest_beyond.is_some_and(outlives) {
            return unfit;
        }
    }
    if let Some(actors) = expected.actors {
        actors.check(claims)?;
    }
    Ok(())
}

fn read(issued: &Issued, expected: &Expected<'_>) -> Result<Option<Claims>, Reason> {
    match Unverified::parse(issued.access_token.expose()) {
        Ok(token) => match token.access_token_claims(expected.profile.tokens()) {
            Ok(claims) => Ok(Some(claims)),
            Err(_) => Err(Reason::IssuedTokenUnfit),
        },
        // No JWT, or one that only its audience can read.
        Err(Reason::TokenMalformed | Reason::TokenEncrypted) if expected.opaque => Ok(None),
        Err(_) => Err(Reason::IssuedTokenUnfit),
    }
}

fn is_meant_for(claims: &Claims, audiences: &Audiences) -> bool {
    let Audiences { expected, further } = audiences;
    let is_among = |list: &[String], audience: &String| list.iter().any(|known| same_resource(known, audience));
    let named = claims.audiences();
    named.iter().any(|audience| is_among(expected, audience))
        && named.iter().all(|audience| is_among(expected, audience) || is_among(further, audience))
}

/// Entra gives the same user another `sub` for each client, and an issuer by the version that the next hop wants; `oid` and
/// `tid` stay. Everywhere else the name stays, and the issuer: the one that named the user before, or the server that was
/// asked, where it is another one and speaks for the user in its own tokens.
fn has_kept_its_subject(before: &Claims, after: &Claims, expected: &Expected<'_>) -> bool {
    if expected.profile == ServerProfile::EntraObo {
        let same = |name: &str| {
            let text = |claims: &'_ Claims| -> Option<String> {
                claims.members().get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
            };
            text(before).is_some() && text(before) == text(after)
        };
        return same("oid") && same("tid");
    }
    let is_known = after.issuer() == before.issuer() || after.issuer() == expected.issuer;
    is_known && before.subject().is_some() && before.subject() == after.subject()
}

fn require_asked(granted: &Scopes, expected: &Expected<'_>) -> Result<(), Reason> {
    let is_known = |scope: &ScopeToken| {
        expected.asked.iter().any(|asked| expected.profile.is_scope_of(scope, asked))
            || expected.further_scopes.contains(scope)
    };
    if granted.iter().all(is_known) { Ok(()) } else { Err(Reason::IssuedTokenUnfit) }
}

fn require_granted(granted: &Scopes, expected: &Expected<'_>) -> Result<(), Reason> {
    let is_there = |asked: &ScopeToken| {
        expected.profile.is_open_scope(asked) || granted.iter().any(|scope| expected.profile.is_scope_of(scope, asked))
    };
    if expected.asked.iter().all(is_there) { Ok(()) } else { Err(Reason::IssuedScopeTooNarrow) }
}
