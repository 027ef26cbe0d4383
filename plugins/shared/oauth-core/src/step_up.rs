//! How strongly and how recently a user must have authenticated for a request (RFC 9470), beyond holding a valid token.
//!
//! [`RawStepUp`] is a `require` block as configured, [`StepUp`] the block made ready, [`Unmet`] what a token lacks of it,
//! and [`Asking`] turns that into the challenge that the client's library understands.

mod asking;
mod unmet;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use self::unmet::Claim;
use crate::challenge::can_be_listed;
use crate::config::{Problems, at};
use crate::requirement::{require_names, scopes};
use crate::scope::{ScopeHierarchy, ScopeToken, require_scopes_within};
use crate::time::UnixTime;
use crate::verified_claims::VerifiedClaims;

pub use asking::{Asking, RawStyle, Style, Styles};
pub use unmet::Unmet;

/// A step-up requirement as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"acr_values\": […]}")]
pub struct RawStepUp {
    acr_values: Option<Vec<String>>,
    max_age_seconds: Option<u64>,
    amr: Option<Vec<String>>,
    auth_context: Option<String>,
    scopes: Option<Vec<String>>,
}

/// What a token must show; every member that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// One of these, best first; none if empty.
    acr_values: Vec<String>,
    max_age: Option<Duration>,
    /// All of these.
    amr: Vec<String>,
    auth_context: Option<String>,
    /// All of these.
    scopes: Vec<ScopeToken>,
    /// What a client can ask for to get the rest; a token need not hold it.
    step_up_scope: Option<ScopeToken>,
}

/// By what tokens are measured, for all rules alike.
#[derive(Clone, Debug, Default)]
pub struct Measure {
    /// What each `acr` also satisfies.
    pub acr_levels: AcrLevels,
    /// What each scope includes.
    pub scope_hierarchy: ScopeHierarchy,
    /// How far the issuer's clock may be from ours.
    pub clock_skew: Duration,
}

/// Which other values an `acr` satisfies. There is no order among them but this (RFC 9470 §2), and each list is
/// complete: nothing follows over several steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcrLevels(BTreeMap<String, Vec<String>>);

impl AcrLevels {
    /// Checks `acr_levels` as configured; notes every mistake below `place`.
    pub fn settings(raw: &BTreeMap<String, Vec<String>>, place: &str, problems: &mut Problems) -> Self {
        for (level, others) in raw {
            if level.is_empty() {
                problems.add(place, "holds an empty name: expected acr values");
            }
            require_names(Some(others), &at(place, level), problems);
        }
        Self(raw.clone())
    }

    /// Whether an `acr` is one of the wanted values, or stands for one of them.
    #[must_use]
    pub fn satisfies<S: AsRef<str>>(&self, acr: &str, wanted: &[S]) -> bool {
        let also = self.0.get(acr).into_iter().flatten().map(String::as_str);
        std::iter::once(acr).chain(also).any(|value| wanted.iter().any(|wanted| wanted.as_ref() == value))
    }
}

impl RawStepUp {
    /// Checks the block; notes every mistake below `place`. If there is one, the settings are not to be used.
    pub fn settings(&self, place: &str, problems: &mut Problems) -> StepUp {
        for (name, list) in [("acr_values", &self.acr_values), ("amr", &self.amr)] {
            require_names(list.as_deref(), &at(place, name), problems);
        }
        let acr_place = at(place, "acr_values");
        if !problems.has_below(&acr_place) && self.acr_values.as_deref().is_some_and(|values| !can_be_listed(values)) {
            // RFC 9470 §3: they are told in one list with spaces between.
            problems.add(
                acr_place,
                "cannot be told in a challenge: expected values without spaces, quotes and backslashes, in ASCII",
            );
        }
        let auth_context = self.auth_context.as_deref();
        if auth_context.is_some_and(|id| id.is_empty() || id.len() > MAX_AUTH_CONTEXT_BYTES) {
            problems.add(
                at(place, "auth_context"),
                "is empty or too long: expected the identifier of an authentication context, as \"c1\"",
            );
        }
        let scopes_place = at(place, "scopes");
        let scopes = scopes(self.scopes.as_deref(), &scopes_place, problems);
        if !can_be_listed(&scopes) {
            problems.add(scopes_place, "is too long: expected as many scopes as fit a challenge");
        }
        StepUp {
            acr_values: self.acr_values.clone().unwrap_or_default(),
            max_age: self.max_age_seconds.map(Duration::from_secs),
            amr: self.amr.clone().unwrap_or_default(),
            auth_context: self.auth_context.clone(),
            scopes,
            step_up_scope: None,
        }
    }
}

/// Entra's have two or three.
const MAX_AUTH_CONTEXT_BYTES: usize = 256;

impl StepUp {
    /// The scopes that this block requires, all of them.
    #[must_use]
    pub fn scopes(&self) -> &[ScopeToken] {
        &self.scopes
    }

    /// With a scope that the issuer grants only after the authentication that this block requires ([`Style::Scope`]).
    #[must_use]
    pub fn with_step_up_scope(self, step_up_scope: Option<ScopeToken>) -> Self {
        Self { step_up_scope, ..self }
    }

    /// Whether this block requires more than scopes.
    #[must_use]
    pub fn is_about_authentication(&self) -> bool {
        !self.acr_values.is_empty() || self.max_age.is_some() || !self.amr.is_empty() || self.auth_context.is_some()
    }

    /// What a token lacks. A claim that is missing or of another type is unmet, never satisfied (RFC 9470 §6).
    #[must_use]
    pub fn unmet(&self, token: &impl AsRef<VerifiedClaims>, measure: &Measure, now: UnixTime) -> Unmet {
        let members = token.as_ref().members();
        let mut unmet = Unmet::none_of(self);
        let acr = members.get("acr").and_then(Value::as_str);
        if !self.acr_values.is_empty() && !acr.is_some_and(|acr| measure.acr_levels.satisfies(acr, &self.acr_values)) {
            unmet.lacks(Claim::Acr);
        }
        if let Some(max_age) = self.max_age
            && !is_recent(members.get("auth_time"), max_age, measure.clock_skew, now)
        {
            unmet.lacks(Claim::AuthTime);
        }
        let methods = members.get("amr");
        if !self.amr.iter().all(|method| holds(methods, method)) {
            unmet.lacks(Claim::Amr);
        }
        let contexts = members.get("acrs");
        if let Some(id) = self.auth_context.as_deref().filter(|id| !holds(contexts, id)) {
            unmet.lacks_context(id);
        }
        if require_scopes_within(token, &self.scopes, &measure.scope_hierarchy).is_err() {
            unmet.lacks(Claim::Scope);
        }
        unmet
    }

    /// The members that no challenge of these styles can ask for: a token without them is denied, and the client is not
    /// told how to get one with them.
    #[must_use]
    pub fn cannot_be_asked(&self, styles: Styles) -> Vec<&'static str> {
        let Styles { rfc9470, entra, scope } = styles;
        if scope && self.step_up_scope.is_some() {
            return Vec::new();
        }
        let given = [
            ("acr_values", !self.acr_values.is_empty() && !rfc9470),
            ("max_age_seconds", self.max_age.is_some() && !rfc9470),
            // No parameter says it, but an acr can stand for it at the issuer.
            ("amr", !self.amr.is_empty() && (self.acr_values.is_empty() || !rfc9470)),
            ("auth_context", self.auth_context.is_some() && !entra),
        ];
        given.into_iter().filter_map(|(name, silent)| silent.then_some(name)).collect()
    }
}

/// Whether a JSON array has this string as one of its elements. A string is no array.
fn holds(list: Option<&Value>, wanted: &str) -> bool {
    list.and_then(Value::as_array).is_some_and(|list| list.iter().any(|element| element.as_str() == Some(wanted)))
}

/// RFC 9470 §6.1: by `auth_time` alone, since `iat` moves with every refresh.
fn is_recent(auth_time: Option<&Value>, max_age: Duration, clock_skew: Duration, now: UnixTime) -> bool {
    let at = auth_time.and_then(|value| UnixTime::from_numeric_date(value).ok());
    at.is_some_and(|at| at <= now.plus(clock_skew) && now <= at.plus(max_age).plus(clock_skew))
}

#[cfg(test)]
mod tests;
