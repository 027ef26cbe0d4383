//! Texts that nobody can guess: codes, handles, opaque tokens.

use rsa::rand_core::{OsRng, RngCore as _};

use crate::mint::base64url;

/// 256 random bits, in the characters of base64url.
pub(super) fn unguessable() -> String {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    base64url(bytes)
}
