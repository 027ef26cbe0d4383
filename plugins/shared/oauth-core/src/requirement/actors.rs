//! Who acts for the subject (`act`, RFC 8693 §4.1).
//!
//! The outermost actor is the one that acts now, and it alone decides. Those nested in it are history: they are counted
//! and searched for loops, but never grant anything.

use serde::Deserialize;

use crate::claims::{Claims, MAX_ACTORS};
use crate::config::{Problems, at};
use crate::reason::Reason;

/// `actors` as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"required\": true, \"allowed\": [\"agent-1\"]}")]
pub struct RawActors {
    required: Option<bool>,
    allowed: Option<Vec<String>>,
    max_depth: Option<u64>,
}

/// Which chains of actors are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actors {
    required: bool,
    /// `None`: whoever has a name.
    allowed: Option<Vec<String>>,
    max_depth: usize,
}

impl RawActors {
    /// Checks the member; notes every mistake below `place`.
    pub fn settings(&self, place: &str, problems: &mut Problems) -> Actors {
        let required = self.required.unwrap_or(false);
        super::require_names(self.allowed.as_deref(), &at(place, "allowed"), problems);
        let max_depth =
            self.max_depth.and_then(|depth| usize::try_from(depth).ok().filter(|depth| *depth <= MAX_ACTORS));
        if self.max_depth.is_some() && max_depth.is_none() {
            problems.add(at(place, "max_depth"), format!("is too large: expected 0 to {MAX_ACTORS}"));
        }
        if max_depth == Some(0) && (required || self.allowed.is_some()) {
            problems
                .add(at(place, "max_depth"), "leaves no actor: expected at least 1, or neither required nor allowed");
        }
        Actors { required, allowed: self.allowed.clone(), max_depth: max_depth.unwrap_or(MAX_ACTORS) }
    }
}

/// An actor is known by the pair of both; without an issuer of its own it is known to the issuer of the token.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Actor<'c> {
    issuer: &'c str,
    subject: &'c str,
}

impl Actors {
    /// Holds the chain of a token against it.
    ///
    /// # Errors
    /// [`Reason::ActorRequired`], [`Reason::ActorNotAllowed`], [`Reason::ActorChainTooDeep`] or [`Reason::ActorLoop`].
    pub fn check(&self, claims: &Claims) -> Result<(), Reason> {
        let chain: Vec<Option<Actor<'_>>> = claims
            .actors()
            .map(|actor| {
                let text = |name: &str| actor.get(name).and_then(serde_json::Value::as_str);
                Some(Actor { issuer: text("iss").unwrap_or(claims.issuer()), subject: text("sub")? })
            })
            .collect();
        match chain.first() {
            None if self.required => return Err(Reason::ActorRequired),
            None => {}
            // One without a name could be anyone.
            Some(None) => return Err(Reason::ActorNotAllowed),
            Some(Some(actor)) => {
                let is_allowed = |allowed: &Vec<String>| {
                    // A name in the configuration is one of the token's issuer.
                    actor.issuer == claims.issuer() && allowed.iter().any(|name| name == actor.subject)
                };
                if !self.allowed.as_ref().is_none_or(is_allowed) {
                    return Err(Reason::ActorNotAllowed);
                }
            }
        }
        if chain.len() > self.max_depth {
            return Err(Reason::ActorChainTooDeep);
        }
        let named: Vec<Actor<'_>> = chain.into_iter().flatten().collect();
        let is_repeated =
            |(place, actor): (usize, &Actor<'_>)| named.iter().take(place).any(|earlier| earlier == actor);
        if named.iter().enumerate().any(is_repeated) { Err(Reason::ActorLoop) } else { Ok(()) }
    }
}
