//! What a target is: where the credential for a next hop comes from.

mod brought;
mod raw;

use std::collections::BTreeMap;

use filter_kit::clusters::Clusters;
use oauth_core::{
    pointer::Pointer, requirement::Actors, scope::ScopeToken, secret::Secret, token_exchange::result::Audiences,
};

pub(super) use self::raw::{Known, RawTarget};

/// A next hop.
#[derive(Debug)]
pub struct Target {
    /// Where its requests may be routed to.
    pub(crate) clusters: Clusters,
    pub(crate) source: Source,
}

/// Where a request's credential comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// From an authorization server.
    Granted(Box<Grant>),
    /// From the caller.
    Injected(Injected),
}

/// What is asked of an authorization server.
#[derive(Debug)]
pub(crate) struct Grant {
    /// The name of the server.
    pub(crate) server: String,
    /// Whether it is about the user; if not, the user's identity ends here.
    pub(crate) is_exchange: bool,
    pub(crate) audience: Vec<String>,
    pub(crate) resource: Vec<String>,
    pub(crate) scope: Vec<ScopeToken>,
    pub(crate) subject_token_type: &'static str,
    pub(crate) requested_token_type: Option<&'static str>,
    pub(crate) actor: Option<ActorSource>,
    pub(crate) claims: Option<String>,
    pub(crate) connection: Option<String>,
    pub(crate) skip_if_audience_matches: bool,
    pub(crate) audiences: Audiences,
    pub(crate) further_scopes: Vec<ScopeToken>,
    /// Whether a result may outlive the subject token by more than any result is kept.
    pub(crate) longer_lived: bool,
    pub(crate) actors: Option<Actors>,
    /// The position of the issuer whose keys verify results.
    pub(crate) verified_by: Option<usize>,
    pub(crate) opaque: bool,
    /// Scopes of the next hop, and the client's scope for each.
    pub(crate) scope_map: BTreeMap<ScopeToken, ScopeToken>,
}

/// Where the actor's token comes from, and its type.
#[derive(Debug)]
pub(crate) struct ActorSource {
    from: ActorFrom,
    pub(crate) token_type: &'static str,
}

#[derive(Debug)]
enum ActorFrom {
    Header(String),
    Value(Secret),
}

/// A second token that the caller brings.
#[derive(Debug)]
pub(crate) struct Injected {
    pub(crate) header: String,
    /// Positions.
    pub(crate) issuers: Vec<usize>,
    pub(crate) audiences: Vec<String>,
    /// Claims of the two tokens that must say the same, in place of subject, issuer and tenant.
    pub(crate) same: Vec<(Pointer, Pointer)>,
}

impl ActorSource {
    /// The token; `brought` knows what callers bring, by the field's name.
    pub(crate) fn token<'t>(&'t self, brought: impl FnOnce(&str) -> Option<&'t Secret>) -> Option<&'t Secret> {
        match &self.from {
            ActorFrom::Header(header) => brought(header),
            ActorFrom::Value(token) => Some(token),
        }
    }
}

impl Target {
    /// Stands in where a mistake was noted already.
    pub(super) fn unsound() -> Self {
        let (issuers, audiences, same) = (Vec::new(), Vec::new(), Vec::new());
        let source = Source::Injected(Injected { header: String::new(), issuers, audiences, same });
        Self { clusters: Clusters::default(), source }
    }

    pub(crate) fn grant(&self) -> Option<&Grant> {
        match &self.source {
            Source::Granted(grant) => Some(grant),
            Source::Injected(_) => None,
        }
    }

    /// The field in which the caller brings a token for us alone.
    pub(crate) fn field_for_us(&self) -> Option<&str> {
        match &self.source {
            Source::Injected(injected) => Some(&injected.header),
            Source::Granted(grant) => match &grant.actor.as_ref()?.from {
                ActorFrom::Header(header) => Some(header),
                ActorFrom::Value(_) => None,
            },
        }
    }
}
