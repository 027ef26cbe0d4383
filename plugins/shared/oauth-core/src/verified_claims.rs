//! Claims that were verified, whoever did it.

use std::ops::Deref;
use std::sync::Arc;

use crate::claims::Claims;
use crate::json::Exact;

/// Claims of a token that was verified: what scopes, step-up and everything after it ask for, so that skipping
/// verification does not compile.
///
/// They come out of a [`VerifiedToken`], or from a filter before this one that is trusted to have verified them. Copies
/// are cheap.
///
/// [`VerifiedToken`]: crate::token::VerifiedToken
#[derive(Clone, Debug)]
pub struct VerifiedClaims(Arc<Claims>);

impl VerifiedClaims {
    pub(crate) fn proven(claims: Claims) -> Self {
        Self(Arc::new(claims))
    }

    /// Claims that somebody else has verified. Who calls this has made sure of that: clippy refuses it everywhere but
    /// where the work of another filter is taken over.
    #[must_use]
    pub fn vouched_for(claims: Claims) -> Self {
        Self::proven(claims)
    }

    /// The same claims with these `authorization_details` and no others.
    pub(crate) fn with_details(&self, details: Option<Exact>) -> Self {
        Self::proven(Claims::clone(self).with_details(details))
    }
}

impl Deref for VerifiedClaims {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.0
    }
}

impl AsRef<Self> for VerifiedClaims {
    fn as_ref(&self) -> &Self {
        self
    }
}
