//! The keys of one issuer (RFC 7517 §5).

use std::fmt;

use serde_json::Value;

use super::algorithm::Algorithm;
use super::jwk::{UnusableKey, VerificationKey};
use crate::json::{self, JsonError};
use crate::reason::Reason;

/// The longest key set, in bytes.
pub const MAX_KEY_SET_BYTES: usize = 256 * 1024;

/// The most keys that one set may list.
pub const MAX_KEYS: usize = 100;

/// How many keys one token without `kid` may be tried against: each try costs a signature check.
pub const MAX_TRIES: usize = 16;

/// The usable public keys of one issuer.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    /// What it was read from.
    document: Vec<u8>,
    keys: Vec<VerificationKey>,
    skipped: Vec<SkippedKey>,
}

/// A key of the set that is not used, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its place in `keys`, from 0.
    pub index: usize,
    /// Why.
    pub reason: UnusableKey,
}

/// Why a document is not a key set. Whoever loads it keeps the last good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySetError {
    /// More than [`MAX_KEY_SET_BYTES`].
    TooLarge,
    /// Not a strict JSON object.
    Json(JsonError),
    /// No `keys` member, or it is not an array.
    NoKeys,
    /// More than [`MAX_KEYS`] keys.
    TooManyKeys,
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the key set is larger than {MAX_KEY_SET_BYTES} bytes"),
            Self::Json(_) => f.write_str("the key set is not a strict JSON object"),
            Self::NoKeys => f.write_str("the key set has no array named keys"),
            Self::TooManyKeys => write!(f, "the key set has more than {MAX_KEYS} keys"),
        }
    }
}

impl KeySet {
    /// Reads a JWK Set. Keys that cannot be used are skipped, whatever their reason (RFC 7517 §5), and so are unknown
    /// members; a set may be left without any key.
    ///
    /// # Errors
    /// [`KeySetError`] if the document as a whole is unusable.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        if document.len() > MAX_KEY_SET_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let members = json::parse_object(document, json::MAX_DEPTH).map_err(KeySetError::Json)?;
        let jwks = members.get("keys").and_then(Value::as_array).ok_or(KeySetError::NoKeys)?;
        if jwks.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let mut set = Self { document: document.to_vec(), ..Self::default() };
        for (index, jwk) in jwks.iter().enumerate() {
            match VerificationKey::from_jwk(jwk) {
                Ok(key) => set.keys.push(key),
                Err(reason) => set.skipped.push(SkippedKey { index, reason }),
            }
        }
        Ok(set)
    }

    /// Whether both were read from the same document, to the byte. Two spellings of the same keys are not the same.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.document == other.document
    }

    /// The usable keys.
    #[must_use]
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    /// Whether no key is usable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that were skipped.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The keys to try for a token, between one and [`MAX_TRIES`].
    ///
    /// With a `kid`, only keys with exactly this `kid` (RFC 7515 §4.1.4): a key without one is never a substitute.
    /// Without, every key that allows the algorithm.
    ///
    /// # Errors
    /// - [`Reason::UnknownKey`] if there is none. A fresh key set may have it.
    /// - [`Reason::KeyMismatch`] if the `kid` is known, but not for this algorithm. A fresh key set would not help.
    pub fn candidates(&self, algorithm: Algorithm, key_id: Option<&str>) -> Result<Vec<&VerificationKey>, Reason> {
        let named = || self.keys.iter().filter(|key| key_id.is_none() || key.key_id() == key_id);
        let candidates: Vec<_> = named().filter(|key| key.allows(algorithm)).take(MAX_TRIES).collect();
        if candidates.is_empty() {
            let known = key_id.is_some() && named().next().is_some();
            return Err(if known { Reason::KeyMismatch } else { Reason::UnknownKey });
        }
        Ok(candidates)
    }
}
