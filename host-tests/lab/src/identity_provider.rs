//! An OAuth authorization server on the loopback: metadata, keys that rotate, and tokens for clients.
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

mod endpoints;
mod keys;
mod token_endpoint;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use crate::{
    mint::{Algorithm, Mint, SigningKey},
    router_server,
    runtime::{self, Task},
};
use keys::Keys;

/// An endpoint that can be told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Both metadata documents.
    Metadata,
    Jwks,
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

/// A client that may ask for tokens.
#[derive(Clone, Debug)]
struct Client {
    id: String,
    secret: String,
    scopes: Vec<String>,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Builder {
    issuer: Option<String>,
    issuer_path: String,
    port: u16,
    algorithm: Algorithm,
    audience: Option<String>,
    clients: Vec<Client>,
}

impl Builder {
    /// The issuer's path, for instance `/realms/agents`; none by default.
    #[must_use]
    pub fn issuer_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.issuer_path);
        self
    }

    /// The issuer's name, instead of `http://127.0.0.1:<port>` with the path. The documents are served at this name's
    /// path, on the loopback, and name their endpoints under it: for a proxy whose cluster stands for the name.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.to_owned());
        self
    }

    /// The port, instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// What the first key signs with; RS256 by default.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// The audience of tokens for which the client names no `resource`; by default the issuer.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audience = Some(audience.to_owned());
        self
    }

    /// A client for the token endpoint, with all the scopes that it may get.
    #[must_use]
    pub fn client<S: Into<String>>(mut self, id: &str, secret: &str, scopes: impl IntoIterator<Item = S>) -> Self {
        self.clients.push(Client {
            id: id.to_owned(),
            secret: secret.to_owned(),
            scopes: scopes.into_iter().map(Into::into).collect(),
        });
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub fn start(self) -> std::io::Result<IdentityProvider> {
        let (address, listener) = runtime::bind(self.port)?;
        let issuer = self.issuer.unwrap_or_else(|| format!("http://{address}{}", self.issuer_path));
        let state = Arc::new(State {
            audience: self.audience.unwrap_or_else(|| issuer.clone()),
            clients: self.clients,
            keys: Mutex::new(Keys::new(self.algorithm)),
            faults: Mutex::default(),
            requests: Mutex::default(),
            issuer,
        });
        let serving = router_server::serve_on(listener, endpoints::router(&state));
        Ok(IdentityProvider { address, state, _serving: serving })
    }
}

/// What the endpoints share.
struct State {
    issuer: String,
    audience: String,
    clients: Vec<Client>,
    keys: Mutex<Keys>,
    faults: Mutex<Vec<(Endpoint, Fault)>>,
    requests: Mutex<Vec<Endpoint>>,
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

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
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
        Builder {
            issuer: None,
            issuer_path: String::new(),
            port: 0,
            algorithm: Algorithm::Rs256,
            audience: None,
            clients: Vec::new(),
        }
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

    /// A mint of this issuer, by the real clock; sign with [`IdentityProvider::signing_key`].
    #[must_use]
    pub fn mint(&self, audience: &str) -> Mint {
        Mint::new(self.issuer(), audience)
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
