//! An OAuth authorization server on the loopback: metadata, keys that rotate, tokens for clients and exchanged ones, what it
//! tells resource servers of them, pushed requests, and a user who signs in, reads what is asked for and answers by script.
//!
//! ```no_run
//! use fourleg_lab::identity_provider::{Endpoint, Fault, IdentityProvider};
//!
//! # fn main() -> anyhow::Result<()> {
//! let idp = IdentityProvider::builder()
//!     .issuer_path("/realms/agents")
//!     .client("agent-1", "s3cret", ["files:read", "files:write"])
//!     .start()?;
//! let token = idp.mint("https://tools.example/files").access_token().sign_with(&idp.signing_key());
//! idp.rotate();
//! idp.fail(Endpoint::Jwks, Fault::Status(500));
//! # Ok(())
//! # }
//! ```

mod authorization_details;
mod authorization_endpoint;
mod authorization_request;
mod builder;
mod claims_request;
mod client_authentication;
mod clients;
mod consent_page;
mod endpoints;
mod faults;
mod grant;
mod introspection_endpoint;
mod issued_tokens;
mod keys;
mod one_time;
mod parameters;
mod pushed_requests;
mod received;
mod refusal;
mod registration_endpoint;
mod state;
mod token_endpoint;
mod unguessable;
mod user;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::Value;

use crate::{
    mint::{Mint, SigningKey, Token},
    runtime::Task,
};
pub use authorization_details::{DetailsType, Shape};
pub use builder::Builder;
pub use clients::Client;
pub use faults::Fault;
pub use issued_tokens::TokenForm;
pub use received::Received;
use state::State;
pub use user::{Level, User};

/// An endpoint that can be told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Both metadata documents.
    Metadata,
    /// `jwks_uri`, the published keys (RFC 7517, section 5).
    Jwks,
    /// Dynamic client registration (RFC 7591).
    Registration,
    /// The authorization endpoint, where a browser is sent (RFC 6749, section 3.1).
    Authorization,
    /// Pushed authorization requests (RFC 9126).
    PushedAuthorization,
    /// The token endpoint, for every grant (RFC 6749, section 3.2).
    Token,
    /// Token introspection (RFC 7662).
    Introspection,
}

/// A running identity provider; it ends when this is dropped.
pub struct IdentityProvider {
    address: SocketAddr,
    state: Arc<State>,
    _serving: Task,
}

impl IdentityProvider {
    /// One with an issuer of its own address, an RS256 key and no clients, unless told otherwise.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Starts one without clients.
    ///
    /// # Errors
    /// If no port can be bound.
    pub fn start() -> std::io::Result<Self> {
        Self::builder().start()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.state.issuer
    }

    /// The URL of its keys, under the issuer.
    #[must_use]
    pub fn jwks_uri(&self) -> String {
        self.state.url("/jwks")
    }

    /// The URL where clients ask for tokens, under the issuer.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        self.state.url("/token")
    }

    /// The URL that clients open in the user's browser, under the issuer.
    #[must_use]
    pub fn authorization_endpoint(&self) -> String {
        self.state.url("/authorize")
    }

    /// The URL where clients push authorization requests (RFC 9126), under the issuer.
    #[must_use]
    pub fn pushed_authorization_request_endpoint(&self) -> String {
        self.state.url("/par")
    }

    /// The URL where resource servers ask about tokens (RFC 7662), under the issuer.
    #[must_use]
    pub fn introspection_endpoint(&self) -> String {
        self.state.url("/introspect")
    }

    /// Lets somebody else, or the same person in another mood, sit at the browser from now on.
    pub fn seat(&self, user: User) {
        *self.state.user() = user;
    }

    /// Lets time pass, on the clock here alone.
    pub fn pass(&self, time: Duration) {
        self.state.ahead.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// Sets the clock here to a time in seconds since the epoch; from then on it goes as clocks do.
    pub fn set_clock(&self, unix_seconds: u64) {
        self.state.set_clock(unix_seconds);
    }

    /// The parameters of every request that came to the authorization endpoint so far, decoded: of its query, or of what was
    /// pushed before, where the query names that.
    #[must_use]
    pub fn authorizations(&self) -> Vec<Vec<(String, String)>> {
        self.state.authorizations().clone()
    }

    /// Every page on which the user was asked so far: HTML.
    #[must_use]
    pub fn consent_pages(&self) -> Vec<String> {
        self.state.consent_pages().clone()
    }

    /// A mint of this issuer, by its clock; sign with [`IdentityProvider::signing_key`], or hand the token to
    /// [`IdentityProvider::issue`].
    #[must_use]
    pub fn mint(&self, audience: &str) -> Mint {
        Mint::new(self.issuer(), audience).at(self.state.now())
    }

    /// Issues a token as if its client had asked for it: in the form that this client gets, and known to introspection,
    /// unlike one that only bears our signature.
    #[must_use]
    pub fn issue(&self, token: Token) -> String {
        self.state.issue(token)
    }

    /// Ends a token that was issued here, before its time.
    pub fn revoke(&self, token: &str) {
        self.state.tokens().revoke(token);
    }

    /// The key that signs now.
    #[must_use]
    pub fn signing_key(&self) -> SigningKey {
        self.state.keys().current().clone()
    }

    /// The keys as they are published now, to be configured inline.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.state.keys().published()
    }

    /// Signs with a fresh key from now on; the old ones stay published. Returns the fresh key.
    pub fn rotate(&self) -> SigningKey {
        self.state.keys().rotate()
    }

    /// Stops publishing a key. If it was the signing key, it still signs: what it signs no longer verifies.
    pub fn remove_key(&self, kid: &str) {
        self.state.keys().remove(kid);
    }

    /// Publishes a member beside the keys, for instance of an unknown `kty`.
    pub fn publish(&self, jwk: Value) {
        self.state.keys().publish(jwk);
    }

    /// Makes an endpoint fail from now on.
    pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
        self.state.change_faults(|faults| faults.set(endpoint, fault));
    }

    /// Makes an endpoint work again, and gives the answers that it held back.
    pub fn recover(&self, endpoint: Endpoint) {
        self.state.change_faults(|faults| faults.clear(endpoint));
    }

    /// How often an endpoint was asked.
    #[must_use]
    pub fn requests_to(&self, endpoint: Endpoint) -> usize {
        self.state.received().iter().filter(|request| request.endpoint == endpoint).count()
    }

    /// The requests to an endpoint so far, in order of arrival.
    #[must_use]
    pub fn received(&self, endpoint: Endpoint) -> Vec<Received> {
        self.state.received().iter().filter(|request| request.endpoint == endpoint).cloned().collect()
    }
}
