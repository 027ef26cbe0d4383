//! The tokens that were issued, and what became of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::unguessable::unguessable;
use crate::mint::{SigningKey, Token};

/// In which form a client gets its tokens. What introspection tells is the same for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenForm {
    /// A JWT of RFC 9068 with all claims.
    #[default]
    Jwt,
    /// A JWT that leaves out these claims.
    JwtWithout(Vec<String>),
    /// A text that tells nothing.
    Opaque,
}

impl TokenForm {
    /// A JWT that leaves out these claims, as `authorization_details` (RFC 9396, section 9.2).
    pub fn jwt_without<S: Into<String>>(claims: impl IntoIterator<Item = S>) -> Self {
        Self::JwtWithout(claims.into_iter().map(Into::into).collect())
    }

    /// The text of a token in this form.
    fn write(&self, token: Token, key: &SigningKey) -> String {
        match self {
            Self::Jwt => token.sign_with(key),
            Self::JwtWithout(claims) => claims.iter().fold(token, |token, claim| token.without(claim)).sign_with(key),
            Self::Opaque => unguessable(),
        }
    }
}

/// Every token so far, by its text.
#[derive(Debug, Default)]
pub(super) struct IssuedTokens(BTreeMap<String, IssuedToken>);

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct IssuedToken {
    pub(super) claims: Map<String, Value>,
    is_revoked: bool,
}

impl IssuedTokens {
    /// Writes a token in a form and remembers it.
    pub(super) fn issue(&mut self, token: Token, form: &TokenForm, key: &SigningKey) -> String {
        let claims = match token.claims() {
            Value::Object(claims) => claims,
            _ => Map::new(),
        };
        let text = form.write(token, key);
        self.0.insert(text.clone(), IssuedToken { claims, is_revoked: false });
        text
    }

    /// From now on the token is not active. One that was never issued is none, too.
    pub(super) fn revoke(&mut self, token: &str) {
        if let Some(token) = self.0.get_mut(token) {
            token.is_revoked = true;
        }
    }

    /// A token that was issued here, was not revoked, and whose time it is.
    pub(super) fn active(&self, token: &str, now: u64) -> Option<&IssuedToken> {
        self.0.get(token).filter(|token| !token.is_revoked && token.lives(now))
    }
}

impl IssuedToken {
    fn lives(&self, now: u64) -> bool {
        let time = |name: &str| self.claims.get(name).map(Value::as_u64);
        // A time that is none ends it.
        let has_begun = time("nbf").is_none_or(|at| at.is_some_and(|at| at <= now));
        has_begun && time("exp").flatten().is_some_and(|at| now < at)
    }

    /// The values of `aud`.
    pub(super) fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}
