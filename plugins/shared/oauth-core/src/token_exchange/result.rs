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

/// In place of a claim that is not there.
const NOTHING: &str = "absent";

/// No text about a misfit is longer: refusals are remembered, and what is in them comes from an answer.
const MOST_CHARACTERS: usize = 256;

/// What about an issued token is not as it was wanted. For the operator's log alone: it names scopes, users and resources, but
/// never holds a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Why the token is not used.
    pub reason: Reason,
    /// The claim, or `form`, or `scope`.
    pub check: &'static str,
    /// What was wanted.
    pub expected: String,
    /// What was there.
    pub found: String,
}

impl Misfit {
    /// Shortens texts that are long.
    pub fn new(reason: Reason, check: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let short = |mut text: String| {
            if let Some((end, _)) = text.char_indices().nth(MOST_CHARACTERS) {
                text.truncate(end);
                text.push('…');
            }
            text
        };
        Self { reason, check, expected: short(expected.into()), found: short(found.into()) }
    }

    fn unfit(check: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(Reason::IssuedTokenUnfit, check, expected, found)
    }

    fn of_scopes(reason: Reason, expected: &Expected<'_>, granted: &Scopes) -> Self {
        let wanted = expected.asked.iter().chain(expected.further_scopes);
        Self::new(reason, "scope", list(wanted.map(ScopeToken::as_str)), list(granted.iter().map(ScopeToken::as_str)))
    }
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.collect::<Vec<_>>().join(" ")
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
/// What does not fit, with one of these reasons:
/// - [`Reason::IssuedTokenUnfit`]: it cannot be read and may not pass so, is no access token, is over, has not begun, outlives
///   the subject token too far, is another issuer's, another subject's, meant for somebody else or for others too, or allows
///   more than was asked for.
/// - [`Reason::IssuedScopeTooNarrow`]: it allows less than was asked for (TEX-09).
/// - What the requirement on actors says: the one who acts is another.
pub fn check(issued: &Issued, expected: &Expected<'_>, now: UnixTime) -> Result<Checked, Misfit> {
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
pub fn check_claims(claims: &Claims, expected: &Expected<'_>, now: UnixTime) -> Result<(), Misfit> {
    let end = claims.expires_at();
    if end <= now {
        return Err(Misfit::unfit("exp", format!("after {}", now.as_secs()), end.as_secs().to_string()));
    }
    require_meant_for(claims, expected.audiences)?;
    let latest = now.plus(expected.clock_skew);
    for (claim, begin) in [("nbf", claims.not_before()), ("iat", claims.issued_at())] {
        if let Some(begin) = begin.filter(|begin| *begin > latest) {
            return Err(Misfit::unfit(claim, format!("at most {}", latest.as_secs()), begin.as_secs().to_string()));
        }
    }
    if let Some(subject) = expected.subject {
        require_same_subject(subject, claims, expected)?;
        let last = expected.longest_beyond.map(|most| subject.expires_at().plus(most));
        if let Some(last) = last.filter(|last| end > *last) {
            return Err(Misfit::unfit("exp", format!("at most {}", last.as_secs()), end.as_secs().to_string()));
        }
    }
    if let Some(actors) = expected.actors {
        actors.check(claims).map_err(|reason| {
            let current = claims.actors().next().and_then(|actor| actor.get("sub")?.as_str());
            Misfit::new(reason, "act", "an actor that the target allows", current.unwrap_or(NOTHING))
        })?;
    }
    Ok(())
}

fn read(issued: &Issued, expected: &Expected<'_>) -> Result<Option<Claims>, Misfit> {
    let unfit = |reason: Reason| Misfit::unfit("form", "an access token that can be read", reason.code());
    match Unverified::parse(issued.access_token.expose()) {
        Ok(token) => token.access_token_claims(expected.profile.tokens()).map(Some).map_err(unfit),
        // No JWT, or one that only its audience can read.
        Err(Reason::TokenMalformed | Reason::TokenEncrypted) if expected.opaque => Ok(None),
        Err(reason) => Err(unfit(reason)),
    }
}

fn require_meant_for(claims: &Claims, audiences: &Audiences) -> Result<(), Misfit> {
    let Audiences { expected, further } = audiences;
    let is_among = |list: &[String], audience: &String| list.iter().any(|known| same_resource(known, audience));
    let named = claims.audiences();
    let fits = named.iter().any(|audience| is_among(expected, audience))
        && named.iter().all(|audience| is_among(expected, audience) || is_among(further, audience));
    let accepted = || expected.iter().chain(further).map(String::as_str);
    if fits { Ok(()) } else { Err(Misfit::unfit("aud", list(accepted()), list(named.iter().map(String::as_str)))) }
}

/// Entra gives the same user another `sub` for each client, and an issuer by the version that the next hop wants; `oid` and
/// `tid` stay. Everywhere else the name stays, and the issuer: the one that named the user before, or the server that was
/// asked, where it is another one and speaks for the user in its own tokens.
fn require_same_subject(before: &Claims, after: &Claims, expected: &Expected<'_>) -> Result<(), Misfit> {
    let same = |claim: &'static str, before: Option<&str>, after: Option<&str>| {
        let is_same = before.is_some() && before == after;
        let misfit = || Misfit::unfit(claim, before.unwrap_or(NOTHING), after.unwrap_or(NOTHING));
        if is_same { Ok(()) } else { Err(misfit()) }
    };
    if expected.profile == ServerProfile::EntraObo {
        return ["oid", "tid"].into_iter().try_for_each(|claim| same(claim, name(before, claim), name(after, claim)));
    }
    if after.issuer() != before.issuer() {
        same("iss", Some(expected.issuer), Some(after.issuer()))?;
    }
    same("sub", before.subject(), after.subject())
}

/// A claim that names somebody.
fn name<'c>(claims: &'c Claims, claim: &str) -> Option<&'c str> {
    claims.members().get(claim)?.as_str().filter(|text| !text.is_empty())
}

fn require_asked(granted: &Scopes, expected: &Expected<'_>) -> Result<(), Misfit> {
    let is_known = |scope: &ScopeToken| {
        expected.asked.iter().any(|asked| expected.profile.is_scope_of(scope, asked))
            || expected.further_scopes.iter().any(|further| expected.profile.is_same_scope(scope, further))
    };
    if granted.iter().all(is_known) {
        return Ok(());
    }
    Err(Misfit::of_scopes(Reason::IssuedTokenUnfit, expected, granted))
}

fn require_granted(granted: &Scopes, expected: &Expected<'_>) -> Result<(), Misfit> {
    let is_there = |asked: &ScopeToken| {
        expected.profile.is_open_scope(asked) || granted.iter().any(|scope| expected.profile.is_scope_of(scope, asked))
    };
    if expected.asked.iter().all(is_there) {
        return Ok(());
    }
    Err(Misfit::of_scopes(Reason::IssuedScopeTooNarrow, expected, granted))
}
