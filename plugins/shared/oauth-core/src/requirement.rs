//! What a request requires of its token and of itself (`require`), beyond issuer and audience.
//!
//! [`RawRequirement`] is the block as configured, [`Requirement`] the block made ready, and [`Demand`] all blocks that
//! hold for one request together. Everything in a block must hold; a list holds if any of its entries does, but of
//! `scopes` and `claims` all must.

mod actors;
mod cidr;
mod subject;

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

pub use self::actors::{Actors, RawActors};
pub use self::cidr::source_ip;

use self::cidr::Cidr;
use self::subject::Template;
use crate::config::{Problems, at, at_index, is_name};
use crate::pointer::Pointer;
use crate::reason::Reason;
use crate::scope::{MissingScopes, ScopeHierarchy, ScopeToken, require_scopes_within};
use crate::token::VerifiedToken;
use crate::token_kind::TokenKind;

/// Claims that their subject, or an administrator of it, can change: another one may have the value tomorrow.
const MUTABLE_IDENTIFIERS: [&str; 5] = ["upn", "email", "preferred_username", "unique_name", "emails"];

/// `require` as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"scopes\": […]}")]
pub struct RawRequirement {
    scopes: Option<Vec<String>>,
    token_kind: Option<RawTokenKind>,
    clients: Option<Vec<String>>,
    roles: Option<Vec<String>>,
    claims: Option<Vec<RawClaim>>,
    subject_equals: Option<Vec<String>>,
    source_cidrs: Option<Vec<String>>,
    actors: Option<RawActors>,
}

/// `token_kind` as configured.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RawTokenKind {
    /// A user's (the default).
    Delegated,
    /// A client's own.
    Application,
    /// Both, and those that prove neither.
    Any,
}

/// An entry of `claims` as configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object as {\"pointer\": \"/department\", \"any_of\": [\"finance\"]}"
)]
pub struct RawClaim {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    pointer: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    any_of: Option<Vec<Value>>,
}

/// One `require` block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requirement {
    scopes: Vec<ScopeToken>,
    kind: Option<KindRule>,
    /// Empty lists here and below require nothing; none is empty because the configuration said so.
    clients: Vec<String>,
    roles: Vec<String>,
    claims: Vec<ClaimRule>,
    subjects: Vec<Template>,
    sources: Vec<Cidr>,
    actors: Option<Actors>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KindRule {
    Only(TokenKind),
    Any,
}

#[derive(Clone, Debug, PartialEq)]
struct ClaimRule {
    pointer: Pointer,
    any_of: Vec<Value>,
}

/// What is known of a request besides its token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The values of the path template that matched, decoded: name (without `path.`) and text.
    pub captures: &'a [(String, String)],
    /// The address of the client, if it is known for certain.
    pub source: Option<IpAddr>,
}

impl RawRequirement {
    /// Checks the block; notes every mistake below `place`. If there is one, the settings are not to be used.
    pub fn settings(&self, place: &str, problems: &mut Problems) -> Requirement {
        for (name, list) in [("clients", &self.clients), ("subject_equals", &self.subject_equals)] {
            require_names(list.as_deref(), &at(place, name), problems);
        }
        if self.roles.as_ref().is_some_and(|roles| !roles.iter().all(|role| is_name(role))) {
            problems.add(
                at(place, "roles"),
                "holds a name that is empty or has white space around it: expected names of roles",
            );
        }
        let sources = self.source_cidrs.as_deref();
        if sources.is_some_and(<[_]>::is_empty) {
            problems.add(at(place, "source_cidrs"), "is empty: expected at least one range, or leave it out");
        }
        Requirement {
            scopes: scopes(self.scopes.as_deref(), &at(place, "scopes"), problems),
            kind: self.token_kind.map(|kind| match kind {
                RawTokenKind::Delegated => KindRule::Only(TokenKind::Delegated),
                RawTokenKind::Application => KindRule::Only(TokenKind::Application),
                RawTokenKind::Any => KindRule::Any,
            }),
            clients: self.clients.clone().unwrap_or_default(),
            roles: self.roles.clone().unwrap_or_default(),
            claims: each(self.claims.as_deref(), &at(place, "claims"), |raw, place| raw.settings(place, problems)),
            subjects: each(self.subject_equals.as_deref(), &at(place, "subject_equals"), |text, place| {
                let template = Template::parse(text);
                if template.is_none() && !text.is_empty() {
                    problems.add(
                        place,
                        "is no template: expected \"{path.name}\" and nothing around it, or a text without braces",
                    );
                }
                template
            }),
            sources: each(sources, &at(place, "source_cidrs"), |text, place| {
                let cidr = Cidr::parse(text);
                if cidr.is_none() {
                    problems.add(place, "is no address range: expected one as \"10.0.0.0/8\" or \"2001:db8::/32\", without bits beyond its prefix");
                }
                cidr
            }),
            actors: self.actors.as_ref().map(|raw| raw.settings(&at(place, "actors"), problems)),
        }
    }
}

impl RawClaim {
    fn settings(&self, place: &str, problems: &mut Problems) -> Option<ClaimRule> {
        let pointer =
            problems.required(at(place, "pointer"), self.pointer.as_deref(), "a JSON Pointer as \"/department\"");
        let pointer = pointer.and_then(|text| {
            let pointer = Pointer::parse(text);
            if pointer.is_none() {
                problems.add(
                    at(place, "pointer"),
                    "is no JSON Pointer to a claim (RFC 6901): expected one as \"/department\"",
                );
            }
            pointer
        });
        if pointer.as_ref().is_some_and(|pointer| MUTABLE_IDENTIFIERS.contains(&pointer.claim())) {
            problems.note(
                at(place, "pointer"),
                "is a name that can change hands: prefer an identifier that stays, as \"/sub\", or \"/oid\" with \"/tid\"",
            );
        }
        let any_of = problems.required(at(place, "any_of"), self.any_of.clone(), "a list of values");
        if any_of.as_ref().is_some_and(Vec::is_empty) {
            problems.add(at(place, "any_of"), "is empty: expected at least one value");
        }
        for (index, value) in any_of.iter().flatten().enumerate() {
            if !is_scalar(value) {
                problems.add(
                    at_index(&at(place, "any_of"), index),
                    "cannot be compared: expected a string, a number, true or false",
                );
            }
        }
        Some(ClaimRule { pointer: pointer?, any_of: any_of? })
    }
}

/// The settings of each element of a list that has any.
fn each<R, S>(list: Option<&[R]>, place: &str, mut settings: impl FnMut(&R, &str) -> Option<S>) -> Vec<S> {
    let elements = list.unwrap_or_default().iter().enumerate();
    elements.filter_map(|(index, raw)| settings(raw, &at_index(place, index))).collect()
}

/// A list that is there says something: an empty one could be meant as "none" or as "all".
pub fn require_names(list: Option<&[String]>, place: &str, problems: &mut Problems) {
    if list.is_some_and(|list| list.is_empty() || !list.iter().all(|name| is_name(name))) {
        problems.add(place, "is empty or holds a name that is empty or has white space around it: expected at least one name, or leave it out");
    }
}

/// The scopes of a list as configured; notes every mistake below `place`.
pub(crate) fn scopes(list: Option<&[String]>, place: &str, problems: &mut Problems) -> Vec<ScopeToken> {
    each(list, place, |text, place| match ScopeToken::parse(text) {
        Ok(scope) if scope.is_offline_access() => {
            problems.add(place, "is no permission of a resource: remove offline_access");
            None
        }
        Ok(scope) => Some(scope),
        Err(_) => {
            problems.add(
                place,
                "is no scope (RFC 6749 section 3.3): expected one name without spaces, quotes or backslashes",
            );
            None
        }
    })
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

impl Requirement {
    /// The scopes that this block requires, all of them.
    #[must_use]
    pub fn scopes(&self) -> &[ScopeToken] {
        &self.scopes
    }

    /// Whether the address of the client matters.
    #[must_use]
    pub fn needs_source(&self) -> bool {
        !self.sources.is_empty()
    }

    /// The names of path values that `subject_equals` needs. A path template without one of them never holds.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.subjects.iter().filter_map(|template| match template {
            Template::Path(name) => Some(name.as_str()),
            Template::Literal(_) => None,
        })
    }

    /// Requires everything of this block alone but its scopes; see [`Demand::check`].
    ///
    /// # Errors
    /// As [`Demand::check`].
    pub fn check(&self, token: &VerifiedToken, facts: &Facts<'_>) -> Result<(), Reason> {
        Demand::of(self).check(token, facts)
    }

    fn check_client(&self, token: &VerifiedToken) -> Result<(), Reason> {
        let is_listed = |client: &str| self.clients.iter().any(|listed| listed == client);
        held(self.clients.is_empty() || token.claims().client_id().is_some_and(is_listed), Reason::ClientNotAllowed)
    }

    fn check_roles(&self, token: &VerifiedToken) -> Result<(), Reason> {
        let has_one = self.roles.iter().any(|role| token.claims().roles().contains(role));
        held(self.roles.is_empty() || has_one, Reason::RoleMissing)
    }

    fn check_claims(&self, token: &VerifiedToken) -> Result<(), Reason> {
        let members = token.claims().members();
        let holds = |rule: &ClaimRule| rule.pointer.find(members).is_some_and(|value| rule.holds(value));
        held(self.claims.iter().all(holds), Reason::ClaimMismatch)
    }

    fn check_subject(&self, token: &VerifiedToken, facts: &Facts<'_>) -> Result<(), Reason> {
        let is_about = |subject: &str| self.subjects.iter().any(|template| template.equals(subject, facts));
        held(self.subjects.is_empty() || token.claims().subject().is_some_and(is_about), Reason::SubjectMismatch)
    }

    fn check_source(&self, facts: &Facts<'_>) -> Result<(), Reason> {
        let is_inside = |source: IpAddr| self.sources.iter().any(|cidr| cidr.contains(source));
        held(self.sources.is_empty() || facts.source.is_some_and(is_inside), Reason::SourceNotAllowed)
    }

    fn check_actors(&self, token: &VerifiedToken) -> Result<(), Reason> {
        self.actors.as_ref().map_or(Ok(()), |actors| actors.check(token.claims()))
    }
}

impl ClaimRule {
    /// Whether the value, or any element of it if it is an array, is one of the listed ones: of the same type and
    /// equal, where `1` and `1.0` are two numbers.
    fn holds(&self, value: &Value) -> bool {
        let is_listed = |value: &Value| is_scalar(value) && self.any_of.contains(value);
        match value {
            Value::Array(elements) => elements.iter().any(is_listed),
            value => is_listed(value),
        }
    }
}

fn held(holds: bool, otherwise: Reason) -> Result<(), Reason> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// All blocks that hold for one request: each of them in full.
#[derive(Clone, Debug, Default)]
pub struct Demand<'a> {
    /// Those that the request's resource and rule say.
    deciding: Vec<&'a Requirement>,
    /// Those that its route adds.
    added: Vec<&'a Requirement>,
}

impl<'a> Demand<'a> {
    /// What a resource requires.
    #[must_use]
    pub fn of(requirement: &'a Requirement) -> Self {
        Self { deciding: vec![requirement], added: Vec::new() }
    }

    /// With what the matching rule requires too.
    #[must_use]
    pub fn and(mut self, requirement: &'a Requirement) -> Self {
        self.deciding.push(requirement);
        self
    }

    /// With what was added by name. It can only make the demand harder: its `token_kind` does not take the place of
    /// the default.
    #[must_use]
    pub fn and_added(mut self, requirement: &'a Requirement) -> Self {
        self.added.push(requirement);
        self
    }

    fn all(&self) -> impl Iterator<Item = &'a Requirement> {
        self.deciding.iter().chain(&self.added).copied()
    }

    /// Requires everything but the scopes, which come after (RFC 6750 §3.1: more scope would not help here).
    ///
    /// Every `token_kind` that is said must hold. If neither resource nor rule says one, the token must be delegated.
    ///
    /// # Errors
    /// In this order over all blocks: [`Reason::TokenKindNotAllowed`], [`Reason::ClientNotAllowed`],
    /// [`Reason::RoleMissing`], [`Reason::ClaimMismatch`], [`Reason::SubjectMismatch`], [`Reason::SourceNotAllowed`],
    /// and one of [`Reason::ActorRequired`], [`Reason::ActorNotAllowed`], [`Reason::ActorChainTooDeep`],
    /// [`Reason::ActorLoop`].
    pub fn check(&self, token: &VerifiedToken, facts: &Facts<'_>) -> Result<(), Reason> {
        let by_default = self.deciding.iter().all(|requirement| requirement.kind.is_none());
        let default = by_default.then_some(KindRule::Only(TokenKind::Delegated));
        for rule in self.all().filter_map(|requirement| requirement.kind).chain(default) {
            let accepted = match rule {
                KindRule::Any => true,
                KindRule::Only(kind) => token.kind() == kind,
            };
            held(accepted, Reason::TokenKindNotAllowed)?;
        }
        self.all().try_for_each(|requirement| requirement.check_client(token))?;
        self.all().try_for_each(|requirement| requirement.check_roles(token))?;
        self.all().try_for_each(|requirement| requirement.check_claims(token))?;
        self.all().try_for_each(|requirement| requirement.check_subject(token, facts))?;
        self.all().try_for_each(|requirement| requirement.check_source(facts))?;
        self.all().try_for_each(|requirement| requirement.check_actors(token))
    }

    /// Every scope that is needed, each once: what the one challenge names (RFC 6750 §3).
    #[must_use]
    pub fn scopes(&self) -> Vec<&'a ScopeToken> {
        let mut needed: Vec<&ScopeToken> = Vec::new();
        for scope in self.all().flat_map(Requirement::scopes) {
            if !needed.contains(&scope) {
                needed.push(scope);
            }
        }
        needed
    }

    /// Requires every scope of every block.
    ///
    /// # Errors
    /// [`MissingScopes`], which converts to [`Reason::InsufficientScope`].
    pub fn check_scopes(&self, token: &VerifiedToken, hierarchy: &ScopeHierarchy) -> Result<(), MissingScopes> {
        require_scopes_within(token, self.all().flat_map(Requirement::scopes), hierarchy)
    }
}
