//! `verify_signature`, which in Envoy is BoringSSL's `EVP_DigestVerify`.

use p256::{ecdsa::signature::hazmat::PrehashVerifier as _, pkcs8::DecodePublicKey as _};
use rsa::{RsaPublicKey, pkcs1v15::Pkcs1v15Sign, pkcs8::DecodePublicKey as _};

use super::{
    digest::digest,
    protobuf::{self, Value},
};

/// A public key in DER (SubjectPublicKeyInfo).
enum Key {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
}

/// `VerifySignatureArguments` (hash_function = 1, public_key = 2, signature = 3, text = 4) in, `VerifySignatureResult`
/// (result = 1, error = 2) out; `None` if it is no message or names no key.
pub(super) fn call(message: &[u8]) -> Option<Vec<u8>> {
    let (mut hash, mut key, mut signature, mut text) = (&b""[..], &b""[..], &b""[..], &b""[..]);
    for field in protobuf::fields(message)? {
        match field {
            (1, Value::Bytes(value)) => hash = value,
            (2, Value::Bytes(value)) => key = value,
            (3, Value::Bytes(value)) => signature = value,
            (4, Value::Bytes(value)) => text = value,
            _ => {}
        }
    }
    let hash = std::str::from_utf8(hash).ok()?;
    if key.is_empty() {
        return None;
    }
    let Some((digest, padding)) = digest(hash, text) else {
        return Some(failed(&format!("{hash} is not supported.")));
    };
    let Some(key) = Key::parse(key) else {
        return Some(failed("Failed to initialize digest verify."));
    };
    Some(match key.verifies(padding, &digest, signature) {
        true => vec![0x08, 0x01],
        false => failed("Failed to verify digest. Error code: 0"),
    })
}

/// A result that is false is left out, as the default.
fn failed(error: &str) -> Vec<u8> {
    // One byte of length: the hash's name is the guest's, and a long one is cut.
    let error = error.as_bytes().get(..0x7f).unwrap_or(error.as_bytes());
    [&[0x12, error.len() as u8], error].concat()
}

impl Key {
    fn parse(der: &[u8]) -> Option<Self> {
        let rsa = RsaPublicKey::from_public_key_der(der).map(Self::Rsa);
        let p256 = || p256::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P256);
        let p384 = || p384::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P384);
        rsa.ok().or_else(|| p256().ok()).or_else(|| p384().ok())
    }

    fn verifies(&self, padding: Pkcs1v15Sign, digest: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa(key) => key.verify(padding, digest, signature).is_ok(),
            Self::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
            Self::P384(key) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
        }
    }
}
