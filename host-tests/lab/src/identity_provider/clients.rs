//! The clients that are registered.

use super::issued_tokens::TokenForm;

/// A client that may ask for tokens, and a resource server that may ask about them.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) id: String,
    /// None: a public client, which proves nothing about itself (RFC 6749, section 2.1).
    pub(super) secret: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) only_pushes: bool,
    pub(super) token_form: Option<TokenForm>,
    introspects_for: Option<Vec<String>>,
}

impl Client {
    /// One with a secret, which may have no scope yet.
    #[must_use]
    pub fn confidential(id: &str, secret: &str) -> Self {
        Self { secret: Some(secret.to_owned()), ..Self::public(id) }
    }

    /// One without a secret, which may have no scope yet.
    #[must_use]
    pub fn public(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: None,
            scopes: Vec::new(),
            redirect_uris: Vec::new(),
            only_pushes: false,
            token_form: None,
            introspects_for: None,
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

    /// Stands, when it introspects, for resource servers with these names alone: a token for nobody of them is not active
    /// (RFC 9701, section 3). By default it learns of every token.
    #[must_use]
    pub fn introspects_for<S: Into<String>>(mut self, audiences: impl IntoIterator<Item = S>) -> Self {
        self.introspects_for = Some(audiences.into_iter().map(Into::into).collect());
        self
    }

    /// Whether it may have all of these space-separated scopes.
    pub(super) fn may_have(&self, scope: &str) -> bool {
        scope.split(' ').all(|one| self.scopes.iter().any(|allowed| allowed == one))
    }

    /// Whether it may learn of a token for these audiences.
    pub(super) fn may_learn_of(&self, audiences: &[&str]) -> bool {
        self.introspects_for
            .as_ref()
            .is_none_or(|names| audiences.iter().any(|audience| names.iter().any(|name| name == audience)))
    }
}
