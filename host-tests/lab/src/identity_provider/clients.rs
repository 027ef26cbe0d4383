//! The clients that are registered.

/// A client that may ask for tokens.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) id: String,
    /// None: a public client, which proves nothing about itself (RFC 6749, section 2.1).
    pub(super) secret: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) redirect_uris: Vec<String>,
}

impl Client {
    /// Whether it may have all of these space-separated scopes.
    pub(super) fn may_have(&self, scope: &str) -> bool {
        scope.split(' ').all(|one| self.scopes.iter().any(|allowed| allowed == one))
    }
}
