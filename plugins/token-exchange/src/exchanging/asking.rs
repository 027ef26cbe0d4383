//! What a request wants, and the question that brings it.

use std::time::Duration;

use filter_kit::{pending::Crowded, policy::Callout};
use oauth_core::{
    scope::ScopeToken,
    secret::Secret,
    time::UnixTime,
    token_exchange::{ActorToken, Asked, CacheKey, Flow, Fresh, KeyParts, TokenRequest, build_request, request::FORM},
    verified_claims::VerifiedClaims,
};

use crate::{
    breaker::Admission,
    config::{Grant, Server, Settings},
    memory::{Flight, Memory},
};

/// How the keys of our callouts begin.
const KEY: &str = "exchange.";

/// What a request wants.
pub(crate) struct Wanted<'a> {
    /// The position of the target, and its name.
    pub(crate) target: usize,
    pub(crate) name: &'a str,
    pub(crate) grant: &'a Grant,
    pub(crate) server: &'a Server,
    /// The token to exchange, and what it says; none with client credentials.
    pub(crate) subject: Option<(&'a Secret, &'a VerifiedClaims)>,
    pub(crate) actor: Option<ActorToken<'a>>,
    pub(crate) scope: Vec<ScopeToken>,
    pub(crate) traceparent: Option<&'a str>,
}

/// Why a server cannot be asked now.
pub(crate) enum Barred {
    /// It is left alone for so long.
    Open(Duration),
    /// Too many questions are on their way.
    Crowded(Crowded),
    /// The client's assertion could not be signed.
    CannotSign,
}

impl Wanted<'_> {
    fn scope_texts(&self) -> Vec<&str> {
        self.scope.iter().map(ScopeToken::as_str).collect()
    }

    pub(crate) fn key(&self, settings: &Settings) -> CacheKey {
        let (grant, server) = (self.grant, self.server);
        let parts = KeyParts {
            configuration: &settings.digest,
            subject_token: self.subject.map(|(token, _)| token.expose()),
            subject_token_type: grant.subject_token_type,
            actor_token: self.actor.map(|actor| actor.token.expose()),
            server: &server.name,
            profile: server.profile.name(),
            client: server.client.client_id(),
            target: self.name,
            audience: &grant.audience,
            resource: &grant.resource,
            scope: &self.scope_texts(),
            requested_token_type: grant.requested_token_type,
            claims: grant.claims.as_deref(),
            connection: grant.connection.as_deref(),
        };
        parts.key()
    }

    /// The callout that brings the token; of a flight that is on, the same one.
    pub(crate) fn ask(
        &self,
        settings: &Settings,
        memory: &mut Memory,
        key: CacheKey,
        now: UnixTime,
    ) -> Result<Callout, Barred> {
        let name = format!("{KEY}{}", key.to_hex());
        if let Some(flight) = memory.flights.get(&name) {
            return Ok(flight.callout.clone());
        }
        let server = settings.servers.iter().position(|server| server.name == self.server.name).unwrap_or_default();
        let pending = memory.pending.get_mut(server);
        let asker =
            pending.as_ref().zip(self.subject).map(|(pending, (token, claims))| pending.user(claims, token.expose()));
        pending.map_or(Ok(()), |pending| pending.require_room(&name, asker, now)).map_err(Barred::Crowded)?;
        // With what the driver adds, and a worker that waits for another.
        let patience = self.server.timeout.saturating_add(Duration::from_secs(1)).saturating_mul(2);
        let breaker = memory.breakers.get_mut(server);
        if let Some(Admission::Refused(wait)) = breaker.map(|breaker| breaker.admit(asker, now, patience)) {
            return Err(Barred::Open(wait));
        }
        let fresh = Fresh { now, jti: format!("{:016x}{:016x}", memory.draw(), memory.draw()) };
        let scope = self.scope_texts();
        let asked = Asked {
            profile: self.server.profile,
            flow: self.flow(),
            audience: &self.grant.audience,
            resource: &self.grant.resource,
            scope: &scope,
            requested_token_type: self.grant.requested_token_type,
            claims: self.grant.claims.as_deref(),
            connection: self.grant.connection.as_deref(),
        };
        let request = build_request(&asked, &self.server.client, &fresh).map_err(|_| Barred::CannotSign)?;
        let callout = self.callout(name.clone(), &request);
        let subject = self.subject.map(|(token, claims)| (token.clone(), claims.clone()));
        let asked = self.scope.clone();
        if let Some(pending) = memory.pending.get_mut(server) {
            pending.begun(&name, asker, patience, now);
        }
        let target = self.target;
        let flight = Flight { key, target, server, asker, subject, asked, callout: callout.clone(), since: now };
        memory.flights.insert(name, flight);
        Ok(callout)
    }

    fn flow(&self) -> Flow<'_> {
        match self.subject {
            None => Flow::ClientCredentials,
            Some((subject_token, _)) => {
                Flow::Exchange { subject_token, subject_token_type: self.grant.subject_token_type, actor: self.actor }
            }
        }
    }

    fn callout(&self, key: String, request: &TokenRequest) -> Callout {
        let mut headers = vec![("content-type", FORM.to_owned()), ("accept", "application/json".to_owned())];
        headers.extend(request.authorization.iter().map(|value| ("authorization", value.expose().to_owned())));
        headers.extend(self.traceparent.map(|value| ("traceparent", value.to_owned())));
        Callout {
            key: Some(key),
            // What workers pass on is sealed with the subject token: without one there is nothing to seal with.
            across_workers: self.subject.is_some(),
            cluster: self.server.cluster.clone(),
            method: "POST",
            authority: self.server.endpoint.authority(),
            path: self.server.endpoint.target(),
            headers,
            body: request.form.expose().as_bytes().to_vec(),
            timeout: self.server.timeout,
            // No redirect is followed (TEX-27).
            expect: &[200, 400, 401, 403],
        }
    }
}
