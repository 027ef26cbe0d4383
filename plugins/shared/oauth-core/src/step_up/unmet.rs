//! What a token lacks, as data.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{AcrLevels, StepUp};
use crate::scope::ScopeToken;

/// What a token lacks of one requirement, or of those of several operations together, and all that they ask for.
///
/// What is met already is asked for as well. Issuers grant `acr` and scopes per request: a client that asks for the rest
/// alone comes back with the rest alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unmet {
    claims: BTreeSet<Claim>,
    acr_values: Vec<String>,
    max_age: Option<Duration>,
    auth_contexts: Vec<String>,
    scopes: Vec<ScopeToken>,
    step_up_scopes: Vec<ScopeToken>,
}

/// A claim that does not say what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    Acr,
    AuthTime,
    /// Methods cannot be asked for: the client is asked for the `acr` that stands for them.
    Amr,
    Acrs,
    Scope,
}

impl Unmet {
    /// All that a requirement asks for, and nothing of it is lacking so far.
    pub(super) fn none_of(required: &StepUp) -> Self {
        Self {
            claims: BTreeSet::new(),
            acr_values: required.acr_values.clone(),
            max_age: required.max_age,
            auth_contexts: Vec::new(),
            scopes: required.scopes.clone(),
            step_up_scopes: required.step_up_scope.iter().cloned().collect(),
        }
    }

    pub(super) fn lacks(&mut self, claim: Claim) {
        self.claims.insert(claim);
    }

    /// Contexts are asked for one at a time, and Entra keeps those that a session has: what is met is not asked for.
    pub(super) fn lacks_context(&mut self, id: &str) {
        self.claims.insert(Claim::Acrs);
        self.auth_contexts = vec![id.to_owned()];
    }

    /// Nothing is lacking.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            claims: BTreeSet::new(),
            acr_values: Vec::new(),
            max_age: None,
            auth_contexts: Vec::new(),
            scopes: Vec::new(),
            step_up_scopes: Vec::new(),
        }
    }

    /// Whether nothing is lacking.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// The names of the claims that do not say what they should.
    pub fn claims(&self) -> impl Iterator<Item = &'static str> {
        self.claims.iter().map(|claim| match claim {
            Claim::Acr => "acr",
            Claim::AuthTime => "auth_time",
            Claim::Amr => "amr",
            Claim::Acrs => "acrs",
            Claim::Scope => "scope",
        })
    }

    /// This and what another operation of the same request asks for and lacks: the token must come to satisfy both.
    ///
    /// Where both want an `acr`, those values are left that satisfy both. If there is none, one token can never do; then
    /// the client is asked for the first, and the request goes on being denied.
    #[must_use]
    pub fn and(mut self, other: Self, levels: &AcrLevels) -> Self {
        if self.acr_values.is_empty() {
            self.acr_values = other.acr_values;
        } else if !other.acr_values.is_empty() {
            let mut common: Vec<String> = Vec::new();
            for value in self.acr_values.iter().chain(&other.acr_values) {
                let does = levels.satisfies(value, &self.acr_values) && levels.satisfies(value, &other.acr_values);
                if does && !common.contains(value) {
                    common.push(value.clone());
                }
            }
            if !common.is_empty() {
                self.acr_values = common;
            }
        }
        self.claims.extend(other.claims);
        self.max_age = self.max_age.into_iter().chain(other.max_age).min();
        for id in other.auth_contexts {
            if !self.auth_contexts.contains(&id) {
                self.auth_contexts.push(id);
            }
        }
        for (scopes, others) in [(&mut self.scopes, other.scopes), (&mut self.step_up_scopes, other.step_up_scopes)] {
            for scope in others {
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
        }
        self
    }

    /// The values of which one is needed, best first.
    pub(super) fn acr_values(&self) -> &[String] {
        &self.acr_values
    }

    pub(super) const fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// A claims challenge asks for one context at a time.
    pub(super) fn first_auth_context(&self) -> Option<&str> {
        self.auth_contexts.first().map(String::as_str)
    }

    /// Every scope that is needed.
    pub(super) fn needed_scopes(&self) -> &[ScopeToken] {
        &self.scopes
    }

    /// The scopes that the issuer grants only after the authentication that is needed.
    pub(super) fn step_up_scopes(&self) -> &[ScopeToken] {
        &self.step_up_scopes
    }

    /// Whether more scope is all that it takes.
    pub(super) fn is_scope_alone(&self) -> bool {
        self.claims.iter().eq([&Claim::Scope])
    }

    /// Whether something is lacking that RFC 9470 has an error for.
    pub(super) fn is_about_rfc9470(&self) -> bool {
        self.claims.iter().any(|claim| matches!(claim, Claim::Acr | Claim::AuthTime | Claim::Amr))
    }
}
