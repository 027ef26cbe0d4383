//! How the result of an exchange travels to another worker: through a store that others can read and write.
//!
//! It is encrypted and authenticated under a key that only a holder of the same subject token can make, and bound to the
//! cache key: whoever puts something else there plants nothing, and whoever reads it learns nothing.

use chacha20poly1305::{
    Key, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;

use super::cache_key::CacheKey;

/// The length of a nonce: long enough to be drawn at random for each seal.
pub const NONCE_BYTES: usize = 24;

/// Says what the derived key is for (RFC 5869 §3.2).
const PURPOSE: &[u8] = b"fourleg token exchange, between workers, 1";

/// Seals a text. Out: the nonce, then what only [`open`] with the same token and key reads; `None` if that cannot be done.
///
/// `nonce` must be unforeseeable and never used twice.
#[must_use]
pub fn seal(subject_token: &str, key: &CacheKey, nonce: [u8; NONCE_BYTES], text: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: text, aad: key.as_bytes() };
    let sealed = cipher(subject_token)?.encrypt(&XNonce::from(nonce), payload).ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

/// Opens what [`seal`] made. `None` for everything else: another token, another key, a changed or cut text.
#[must_use]
pub fn open(subject_token: &str, key: &CacheKey, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    cipher(subject_token)?.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: key.as_bytes() }).ok()
}

fn cipher(subject_token: &str) -> Option<XChaCha20Poly1305> {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, subject_token.as_bytes()).expand(PURPOSE, &mut key).ok()?;
    Some(XChaCha20Poly1305::new(&Key::from(key)))
}
