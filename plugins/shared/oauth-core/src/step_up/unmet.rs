//! What a token lacks, as data.

use std::collections::BTreeSet;
use std::time::Duration;

use super::AcrLevels;
use crate::scope::ScopeToken;

/// What a token lacks of one requirement, or of those of several operations together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Unmet {
    claims: BTreeSet<Claim>,
    acr_values: Vec<String>,
    max_age: Option<Duration>,
    auth_contexts: Vec<String>,
    scopes: Vec<ScopeToken>,
}

/// A claim that does not say what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Claim {
    Acr,
    AuthTime,
    Amr,
    Acrs,
    Scope,
}

impl Unmet {
    pub(super) fn acr(&mut self, wanted: &[String]) {
        self.claims.insert(Claim::Acr);
        self.acr_values = wanted.to_vec();
    }

    pub(super) fn auth_time(&mut self, max_age: Duration) {
        self.claims.insert(Claim::AuthTime);
        self.max_age = Some(max_age);
    }

    /// Methods cannot be asked for, so the client is asked for the `acr` that stands for them.
    pub(super) fn amr(&mut self, acr_values: &[String]) {
        self.claims.insert(Claim::Amr);
        self.acr_values = acr_values.to_vec();
    }

    pub(super) fn auth_context(&mut self, id: &str) {
        self.claims.insert(Claim::Acrs);
        self.auth_contexts = vec![id.to_owned()];
    }

    pub(super) fn scopes(&mut self, needed: &[ScopeToken]) {
        self.claims.insert(Claim::Scope);
        self.scopes = needed.to_vec();
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

    /// This and what another operation of the same request lacks: the token must come to satisfy both.
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
        for scope in other.scopes {
            if !self.scopes.contains(&scope) {
                self.scopes.push(scope);
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

    /// Every scope that is needed, if one of them is missing.
    pub(super) fn needed_scopes(&self) -> &[ScopeToken] {
        &self.scopes
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
