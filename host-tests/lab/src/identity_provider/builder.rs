//! What to start.

use std::sync::{Arc, Mutex, atomic::AtomicU64};

use tokio::sync::Notify;

use super::{Client, DetailsType, IdentityProvider, Level, TokenForm, User, endpoints, keys::Keys, state::State};
use crate::{mint::Algorithm, router_server, runtime};

/// An identity provider before it starts.
#[derive(Clone, Debug)]
pub struct Builder {
    issuer: Option<String>,
    issuer_path: String,
    port: u16,
    algorithm: Algorithm,
    audience: Option<String>,
    clients: Vec<Client>,
    open_registration: Option<Vec<String>>,
    levels: Vec<Level>,
    details_types: Vec<DetailsType>,
    token_form: TokenForm,
    user: User,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            issuer: None,
            issuer_path: String::new(),
            port: 0,
            algorithm: Algorithm::Rs256,
            audience: None,
            clients: Vec::new(),
            open_registration: None,
            levels: Vec::new(),
            details_types: Vec::new(),
            token_form: TokenForm::Jwt,
            user: User::new("alice"),
        }
    }

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

    /// A client with a secret, which gets tokens for itself, with all the scopes that it may get.
    #[must_use]
    pub fn client<S: Into<String>>(self, id: &str, secret: &str, scopes: impl IntoIterator<Item = S>) -> Self {
        self.register(Client::confidential(id, secret).scopes(scopes))
    }

    /// A client without a secret, which asks a user for tokens, and the one URI to which the browser returns.
    #[must_use]
    pub fn public_client<S: Into<String>>(
        self,
        id: &str,
        redirect_uri: &str,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        self.register(Client::public(id).redirect_uri(redirect_uri).scopes(scopes))
    }

    /// A client of any kind, or a resource server that introspects.
    #[must_use]
    pub fn register(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// Lets any client register itself (RFC 7591), as one without a secret that may have these scopes. Nobody may by default.
    #[must_use]
    pub fn open_registration<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.open_registration = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// A type of `authorization_details` that clients may ask for, listed in `authorization_details_types_supported`. There
    /// is none by default.
    #[must_use]
    pub fn details_type(mut self, details_type: DetailsType) -> Self {
        self.details_types.push(details_type);
        self
    }

    /// In which form clients get their tokens, unless one is told another; JWTs with all claims by default.
    #[must_use]
    pub fn token_form(mut self, form: TokenForm) -> Self {
        self.token_form = form;
        self
    }

    /// A way to sign in, listed in `acr_values_supported`. There is none by default.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.levels.push(level);
        self
    }

    /// Who sits at the browser; by default alice, who can sign in at no level.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.user = user;
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
            clients: Mutex::new(self.clients.into_iter().map(Arc::new).collect()),
            open_registration: self.open_registration,
            levels: self.levels,
            details_types: self.details_types,
            token_form: self.token_form,
            user: Mutex::new(self.user),
            codes: Mutex::default(),
            pushed_requests: Mutex::default(),
            tokens: Mutex::default(),
            keys: Mutex::new(Keys::new(self.algorithm)),
            assertions: Mutex::default(),
            faults: Mutex::default(),
            faults_changed: Notify::new(),
            received: Mutex::default(),
            authorizations: Mutex::default(),
            consent_pages: Mutex::default(),
            ahead: AtomicU64::new(0),
            issuer,
        });
        let serving = router_server::serve_on(listener, endpoints::router(&state));
        Ok(IdentityProvider { address, state, _serving: serving })
    }
}
