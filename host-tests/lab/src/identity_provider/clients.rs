//! The clients that are registered.

use super::issued_tokens::TokenForm;
use crate::mint::SigningKey;

/// A client that may ask for tokens, and a resource server that may ask about them.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) id: String,
    pub(super) credential: Credential,
    pub(super) scopes: Vec<String>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) only_pushes: bool,
    pub(super) token_form: Option<TokenForm>,
    pub(super) impersonates: bool,
    names: Vec<String>,
    targets: Vec<Target>,
}

/// By what a client shows who it is.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    /// A public client, which proves nothing about itself (RFC 6749, section 2.1).
    None,
    Secret(String),
    /// The key that signs its assertions (RFC 7523), of which only the public half is looked at.
    Key(Box<SigningKey>),
    /// Somebody in front of us has authenticated it, and says so by this field.
    Field {
        name: String,
        value: String,
    },
}

/// Whom tokens may be exchanged for, and which scopes they may have then.
#[derive(Clone, Debug)]
struct Target {
    name: String,
    scopes: Vec<String>,
}

impl Client {
    /// One with a secret, which may have no scope yet.
    #[must_use]
    pub fn confidential(id: &str, secret: &str) -> Self {
        Self::with(id, Credential::Secret(secret.to_owned()))
    }

    /// One without a secret, which may have no scope yet.
    #[must_use]
    pub fn public(id: &str) -> Self {
        Self::with(id, Credential::None)
    }

    /// One that signs assertions with this key (`private_key_jwt`).
    #[must_use]
    pub fn key_holder(id: &str, key: &SigningKey) -> Self {
        Self::with(id, Credential::Key(Box::new(key.clone())))
    }

    /// One that a proxy in front of the provider has authenticated, for instance by its certificate: the proxy says so by
    /// this header field, which nobody else can set, and the client itself shows nothing.
    #[must_use]
    pub fn vouched_for(id: &str, field: &str, value: &str) -> Self {
        Self::with(id, Credential::Field { name: field.to_owned(), value: value.to_owned() })
    }

    fn with(id: &str, credential: Credential) -> Self {
        Self {
            id: id.to_owned(),
            credential,
            scopes: Vec::new(),
            redirect_uris: Vec::new(),
            only_pushes: false,
            token_form: None,
            impersonates: false,
            names: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// The scopes that it may have, each by itself.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Asks users for tokens: a URI to which the browser returns.
    #[must_use]
    pub fn redirect_uri(mut self, uri: &str) -> Self {
        self.redirect_uris.push(uri.to_owned());
        self
    }

    /// Asks users by pushed requests alone (RFC 9126, section 6).
    #[must_use]
    pub fn only_pushes(mut self) -> Self {
        self.only_pushes = true;
        self
    }

    /// In which form it gets its tokens, instead of the provider's usual one.
    #[must_use]
    pub fn token_form(mut self, form: TokenForm) -> Self {
        self.token_form = Some(form);
        self
    }

    /// Is a resource server with these names in `aud`, besides its id. When it introspects, a token for nobody of them is
    /// not active (RFC 9701, section 3): one without names of its own learns of every token. A token for nobody of them is not
    /// its to exchange.
    #[must_use]
    pub fn serves<S: Into<String>>(mut self, audiences: impl IntoIterator<Item = S>) -> Self {
        self.names = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// May exchange tokens for one for this `audience` or `resource`, with no more than these scopes.
    #[must_use]
    pub fn may_exchange_for<S: Into<String>>(mut self, target: &str, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.targets.push(Target { name: target.to_owned(), scopes });
        self
    }

    /// Does not become an actor by an exchange: the new token does not tell that it was made by one.
    #[must_use]
    pub fn impersonates(mut self) -> Self {
        self.impersonates = true;
        self
    }

    pub(super) fn is_public(&self) -> bool {
        matches!(self.credential, Credential::None)
    }

    /// Whether it may have all of these space-separated scopes.
    pub(super) fn may_have(&self, scope: &str) -> bool {
        scope.split(' ').all(|one| self.scopes.iter().any(|allowed| allowed == one))
    }

    /// Whether a token for these audiences is for it, too.
    pub(super) fn is_among(&self, audiences: &[&str]) -> bool {
        audiences.iter().any(|audience| self.id == *audience || self.names.iter().any(|name| name == audience))
    }

    /// Whether it may learn of a token for these audiences.
    pub(super) fn may_learn_of(&self, audiences: &[&str]) -> bool {
        self.names.is_empty() || self.is_among(audiences)
    }

    /// The scopes that an exchanged token for all of these targets may have; none if one of them is out of bounds.
    pub(super) fn scopes_for(&self, targets: &[&str]) -> Option<Vec<&str>> {
        let mut scopes = Vec::new();
        for name in targets {
            let target = self.targets.iter().find(|target| target.name == *name)?;
            scopes.extend(
                target.scopes.iter().map(String::as_str).filter(|scope| !scopes.contains(scope)).collect::<Vec<_>>(),
            );
        }
        Some(scopes)
    }
}
