//! The keys of an issuer: one signs, all are published.

use serde_json::{Value, json};

use crate::mint::{Algorithm, SigningKey};

pub(super) struct Keys {
    algorithm: Algorithm,
    current: SigningKey,
    published: Vec<Value>,
    made: usize,
}

impl Keys {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        let current = SigningKey::generate(algorithm, "k1");
        let published = vec![current.jwk()];
        Self { algorithm, current, published, made: 1 }
    }

    pub(super) fn current(&self) -> &SigningKey {
        &self.current
    }

    /// A JWK Set (RFC 7517, section 5).
    pub(super) fn published(&self) -> Value {
        json!({"keys": self.published})
    }

    pub(super) fn rotate(&mut self) -> SigningKey {
        self.made = self.made.saturating_add(1);
        self.current = SigningKey::generate(self.algorithm, format!("k{}", self.made));
        self.published.push(self.current.jwk());
        self.current.clone()
    }

    pub(super) fn remove(&mut self, kid: &str) {
        self.published.retain(|jwk| jwk.get("kid").and_then(Value::as_str) != Some(kid));
    }

    pub(super) fn publish(&mut self, jwk: Value) {
        self.published.push(jwk);
    }
}
