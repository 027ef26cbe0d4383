//! `targets` as configured, and how they become settings.

use std::collections::BTreeMap;

use filter_kit::{clusters::RawClusters, issuers::Issuers, matching::RawMatch, rules::Written};
use oauth_core::{
    audience::is_resource_identifier,
    config::{Problems, at, at_index},
    requirement::RawActors,
    scope::ScopeToken,
    token_exchange::{
        ServerProfile,
        request::{ACCESS_TOKEN, JWT, requested_claims},
        result::Audiences,
    },
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Grant, Source, Target,
    brought::{RawActorToken, RawInjected},
};
use crate::config::Server;

/// An entry of `targets`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an object as {\"name\": …, \"match\": …, \"authorization_server\": …}"
)]
pub(in crate::config) struct RawTarget {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    name: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    cluster: Option<RawClusters>,
    authorization_server: Option<String>,
    flow: Option<RawFlow>,
    audience: Option<Vec<String>>,
    resource: Option<Vec<String>>,
    scope: Option<Vec<String>>,
    subject_token_type: Option<TokenType>,
    requested_token_type: Option<TokenType>,
    actor_token: Option<RawActorToken>,
    claims: Option<Map<String, Value>>,
    connection: Option<String>,
    skip_if_audience_matches: Option<bool>,
    accept: Option<RawAccept>,
    actors: Option<RawActors>,
    verify_result: Option<bool>,
    opaque_result: Option<OpaqueResult>,
    scope_map: Option<BTreeMap<String, String>>,
    pre_injected: Option<RawInjected>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema), schemars(rename = "TargetFlow"))]
#[serde(rename_all = "snake_case")]
enum RawFlow {
    #[default]
    Exchange,
    ClientCredentials,
    PreInjected,
}

/// A token type of RFC 8693 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum TokenType {
    AccessToken,
    Jwt,
}

impl TokenType {
    pub(super) const fn urn(self) -> &'static str {
        match self {
            Self::AccessToken => ACCESS_TOKEN,
            Self::Jwt => JWT,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum OpaqueResult {
    #[default]
    Deny,
    Allow,
}

/// What a result may have beyond what was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema), schemars(rename = "RawAcceptedResult"))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"audiences\": […], \"scopes\": […]}")]
struct RawAccept {
    audiences: Option<Vec<String>>,
    scopes: Option<Vec<String>>,
    longer_lived: Option<bool>,
}

/// What a target may name.
pub(in crate::config) struct Known<'a> {
    pub(in crate::config) servers: &'a [Server],
    pub(in crate::config) issuers: Option<&'a Issuers>,
}

impl RawTarget {
    pub(in crate::config) fn written(&self) -> Written<'_, &Self> {
        Written { name: self.name.as_ref(), matches: self.matches.as_ref(), require: Some(self), mode: None }
    }

    pub(in crate::config) fn settings(&self, known: &Known<'_>, place: &str, problems: &mut Problems) -> Target {
        let flow = self.flow.unwrap_or_default();
        self.refuse_foreign(flow, place, problems);
        let clusters = RawClusters::settings(self.cluster.as_ref(), &at(place, "cluster"), problems);
        let source = match flow {
            RawFlow::PreInjected => {
                let audiences = self.audience.iter().chain(&self.resource).flatten().cloned().collect();
                let made = RawInjected::settings(self.pre_injected.as_ref(), audiences, known, place, problems);
                made.map(Source::Injected)
            }
            RawFlow::Exchange | RawFlow::ClientCredentials => self
                .grant(flow == RawFlow::Exchange, known, place, problems)
                .map(|grant| Source::Granted(Box::new(grant))),
        };
        source.map_or_else(Target::unsound, |source| Target { clusters, source })
    }

    /// Members that mean nothing with this flow would be taken for something that they do not do.
    fn refuse_foreign(&self, flow: RawFlow, place: &str, problems: &mut Problems) {
        let (exchange, injected) = (flow == RawFlow::Exchange, flow == RawFlow::PreInjected);
        for (name, given, is_known) in [
            ("authorization_server", self.authorization_server.is_some(), !injected),
            ("scope", self.scope.is_some(), !injected),
            ("subject_token_type", self.subject_token_type.is_some(), exchange),
            ("requested_token_type", self.requested_token_type.is_some(), exchange),
            ("actor_token", self.actor_token.is_some(), exchange),
            ("claims", self.claims.is_some(), exchange),
            ("connection", self.connection.is_some(), exchange),
            ("skip_if_audience_matches", self.skip_if_audience_matches.is_some(), exchange),
            ("accept", self.accept.is_some(), !injected),
            ("actors", self.actors.is_some(), exchange),
            ("verify_result", self.verify_result.is_some(), !injected),
            ("opaque_result", self.opaque_result.is_some(), !injected),
            ("scope_map", self.scope_map.is_some(), exchange),
            ("pre_injected", self.pre_injected.is_some(), injected),
        ] {
            if given && !is_known {
                problems.add(at(place, name), "means nothing with this flow: remove it");
            }
        }
    }

    fn grant(&self, is_exchange: bool, known: &Known<'_>, place: &str, problems: &mut Problems) -> Option<Grant> {
        let name = problems.required(
            at(place, "authorization_server"),
            self.authorization_server.as_deref(),
            "the name of one of authorization_servers",
        );
        let server = name.and_then(|name| known.servers.iter().find(|server| server.name == name));
        if name.is_some() && server.is_none() && !problems.has_below("authorization_servers") {
            problems.add(
                at(place, "authorization_server"),
                "is not known: expected the name of one of authorization_servers",
            );
        }
        let profile = server.map_or(ServerProfile::Rfc8693, |server| server.profile);
        let audience = self.audiences(profile, place, problems);
        let resource = self.resources(profile, place, problems);
        let scope = scopes(self.scope.as_deref(), &at(place, "scope"), problems);
        let accept = self.accept.clone().unwrap_or_default();
        let further_scopes = scopes(accept.scopes.as_deref(), &at(&at(place, "accept"), "scopes"), problems);
        let expected: Vec<String> = audience.iter().chain(&resource).cloned().collect();
        let opaque = self.opaque_result == Some(OpaqueResult::Allow);
        if expected.is_empty() && self.connection.is_none() && !problems.has_below(place) {
            problems.add(place, "says not whom its token is for: expected audience or resource");
        }
        if let Some(connection) = &self.connection {
            if profile != ServerProfile::Auth0 || connection.is_empty() {
                problems.add(
                    at(place, "connection"),
                    "is the name of a connection of Auth0's Token Vault: expected it with the profile auth0 only",
                );
            }
            if !opaque {
                problems.add(
                    at(place, "opaque_result"),
                    "cannot be deny: what a connection gives can be read by nobody here",
                );
            }
        }
        if profile == ServerProfile::EntraObo && scope.is_empty() {
            problems.add(
                at(place, "scope"),
                "is empty: expected the scopes of the next hop, which say to Entra whom the token is for",
            );
        }
        let actor = self.actor_token.as_ref().and_then(|raw| raw.settings(&at(place, "actor_token"), problems));
        if self.actor_token.is_some() && !profile.knows_actor() {
            problems.add(at(place, "actor_token"), "is known to the profile rfc8693 only");
        }
        // With verify_result it is told there.
        if opaque && self.actors.is_some() && !self.verify_result.unwrap_or(false) {
            problems.add(
                at(place, "actors"),
                "cannot be with opaque_result allow: what cannot be read says nothing of actors",
            );
        }
        let verified_by = self.verified_by(server, known, opaque, place, problems);
        let scope_map = self.scope_map(&at(place, "scope_map"), problems);
        let capabilities = server.map(|server| server.capabilities.as_slice()).unwrap_or_default();
        Some(Grant {
            server: server?.name.clone(),
            is_exchange,
            audience,
            resource,
            scope,
            subject_token_type: self.subject_token_type.unwrap_or(TokenType::AccessToken).urn(),
            requested_token_type: self.requested_token_type.map(TokenType::urn),
            actor,
            claims: requested_claims(self.claims.as_ref(), if is_exchange { capabilities } else { &[] }),
            connection: self.connection.clone(),
            skip_if_audience_matches: self.skip_if_audience_matches.unwrap_or(false),
            audiences: Audiences { expected, further: accept.audiences.unwrap_or_default() },
            further_scopes,
            longer_lived: accept.longer_lived.unwrap_or(false),
            actors: self.actors.as_ref().map(|raw| raw.settings(&at(place, "actors"), problems)),
            verified_by,
            opaque,
            scope_map,
        })
    }

    fn audiences(&self, profile: ServerProfile, place: &str, problems: &mut Problems) -> Vec<String> {
        let place = at(place, "audience");
        let audience = self.audience.clone().unwrap_or_default();
        if audience.iter().any(String::is_empty) {
            problems.add(&place, "holds an empty name: expected whom the token is for");
        }
        if audience.len() > profile.most_audiences() {
            problems.add(&place, "has too many elements: this profile asks for one at a time");
        }
        audience
    }

    fn resources(&self, profile: ServerProfile, place: &str, problems: &mut Problems) -> Vec<String> {
        let place = at(place, "resource");
        let resource = self.resource.clone().unwrap_or_default();
        for (index, uri) in resource.iter().enumerate() {
            if !is_resource_identifier(uri) {
                problems.add(
                    at_index(&place, index),
                    "is no absolute URI without fragment: expected one as \"https://api.example/\"",
                );
            }
        }
        if !resource.is_empty() && !profile.knows_resource() {
            // It would be ignored, and the token be good for more than was meant.
            problems.add(&place, "is known to the profile rfc8693 only: expected audience");
        }
        resource
    }

    fn verified_by(
        &self,
        server: Option<&Server>,
        known: &Known<'_>,
        opaque: bool,
        place: &str,
        problems: &mut Problems,
    ) -> Option<usize> {
        if !self.verify_result.unwrap_or(false) {
            return None;
        }
        let server = server?;
        if opaque {
            problems.add(
                at(place, "verify_result"),
                "cannot be with opaque_result allow: what cannot be read cannot be verified",
            );
        }
        let position = known.issuers.and_then(|issuers| issuers.position(&server.issuer));
        if position.is_none() && !known.issuers.is_some_and(|issuers| issuers.may_name(&server.issuer)) {
            problems.add(at(place, "verify_result"), format!("needs keys: expected {} among issuers", server.issuer));
        }
        position
    }

    fn scope_map(&self, place: &str, problems: &mut Problems) -> BTreeMap<ScopeToken, ScopeToken> {
        let mut map = BTreeMap::new();
        for (theirs, ours) in self.scope_map.iter().flatten() {
            match (ScopeToken::parse(theirs), ScopeToken::parse(ours)) {
                (Ok(theirs), Ok(ours)) => drop(map.insert(theirs, ours)),
                _ => problems.add(at(place, theirs), "is no pair of scopes: expected {\"b:write\": \"files:write\"}"),
            }
        }
        map
    }
}

fn scopes(list: Option<&[String]>, place: &str, problems: &mut Problems) -> Vec<ScopeToken> {
    let mut scopes = Vec::new();
    for (index, text) in list.unwrap_or_default().iter().enumerate() {
        match ScopeToken::parse(text) {
            Ok(scope) if scope.is_offline_access() => {
                problems.add(at_index(place, index), "asks for a refresh token, which is of no use here: remove it");
            }
            Ok(scope) => scopes.push(scope),
            Err(_) => problems.add(
                at_index(place, index),
                "is no scope (RFC 6749 section 3.3): expected one name without spaces, quotes or backslashes",
            ),
        }
    }
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}
