//! An OAuth authorization server on the loopback: metadata, keys that rotate, tokens for clients, and a user who signs in
//! and answers by script.
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

mod authorization_endpoint;
mod builder;
mod claims_request;
mod clients;
mod codes;
mod endpoints;
mod keys;
mod parameters;
mod token_endpoint;
mod user;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;

use crate::{
    mint::{Mint, SigningKey},
    runtime::Task,
    unix_now,
};
pub use builder::Builder;
use clients::Client;
use codes::Codes;
use keys::Keys;
pub use user::{Level, User};

/// An endpoint that can be told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Both metadata documents.
    Metadata,
    Jwks,
    Authorization,
    Token,
}

/// How an endpoint fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status and a JSON error.
    Status(u16),
    /// Never answers.
    Hang,
    /// Answers 200 with something that is not JSON, and says that it is.
    Garbage,
}

/// What the endpoints share.
struct State {
    issuer: String,
    audience: String,
    clients: Vec<Client>,
    /// The ways to sign in, weakest first.
    levels: Vec<Level>,
    user: Mutex<User>,
    codes: Mutex<Codes>,
    keys: Mutex<Keys>,
    faults: Mutex<Vec<(Endpoint, Fault)>>,
    requests: Mutex<Vec<Endpoint>>,
    authorizations: Mutex<Vec<Vec<(String, String)>>>,
    /// By how many seconds the clock here is ahead of the real one.
    ahead: AtomicU64,
}

impl State {
    /// The issuer without scheme and authority.
    fn issuer_path(&self) -> &str {
        let rest = self.issuer.split_once("://").map_or(self.issuer.as_str(), |(_, rest)| rest);
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default().trim_end_matches('/')
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }

    fn now(&self) -> u64 {
        unix_now().saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn codes(&self) -> MutexGuard<'_, Codes> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn user(&self) -> MutexGuard<'_, User> {
        self.user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_authorization(&self, parameters: &[(String, String)]) {
        self.authorizations.lock().unwrap_or_else(PoisonError::into_inner).push(parameters.to_vec());
    }

    fn fault(&self, endpoint: Endpoint) -> Option<Fault> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().rev().find(|(at, _)| *at == endpoint).map(|(_, fault)| *fault)
    }
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

    /// Lets somebody else, or the same person in another mood, sit at the browser from now on.
    pub fn seat(&self, user: User) {
        *self.state.user() = user;
    }

    /// Lets time pass, on the clock here alone.
    pub fn pass(&self, time: Duration) {
        self.state.ahead.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// The parameters of every request to the authorization endpoint so far, decoded.
    #[must_use]
    pub fn authorizations(&self) -> Vec<Vec<(String, String)>> {
        self.state.authorizations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A mint of this issuer, by its clock; sign with [`IdentityProvider::signing_key`].
    #[must_use]
    pub fn mint(&self, audience: &str) -> Mint {
        Mint::new(self.issuer(), audience).at(self.state.now())
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
        self.recover(endpoint);
        self.state.faults.lock().unwrap_or_else(PoisonError::into_inner).push((endpoint, fault));
    }

    /// Makes an endpoint work again.
    pub fn recover(&self, endpoint: Endpoint) {
        self.state.faults.lock().unwrap_or_else(PoisonError::into_inner).retain(|(at, _)| *at != endpoint);
    }

    /// How often an endpoint was asked.
    #[must_use]
    pub fn requests_to(&self, endpoint: Endpoint) -> usize {
        let requests = self.state.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().filter(|asked| **asked == endpoint).count()
    }
}
