//! The hash functions that signatures are made and verified with.

use rsa::pkcs1v15::Pkcs1v15Sign;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

/// The digest, and how RSA signs it; `None` for a function that is not known.
pub(super) fn digest(hash: &str, text: &[u8]) -> Option<(Vec<u8>, Pkcs1v15Sign)> {
    Some(match hash.to_ascii_lowercase().as_str() {
        "sha224" => (Sha224::digest(text).to_vec(), Pkcs1v15Sign::new::<Sha224>()),
        "sha256" => (Sha256::digest(text).to_vec(), Pkcs1v15Sign::new::<Sha256>()),
        "sha384" => (Sha384::digest(text).to_vec(), Pkcs1v15Sign::new::<Sha384>()),
        "sha512" => (Sha512::digest(text).to_vec(), Pkcs1v15Sign::new::<Sha512>()),
        _ => return None,
    })
}
