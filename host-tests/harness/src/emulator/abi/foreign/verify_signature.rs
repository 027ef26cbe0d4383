//! `verify_signature`, which in Envoy is BoringSSL's `EVP_DigestVerify`.

use p256::{ecdsa::signature::hazmat::PrehashVerifier as _, pkcs8::DecodePublicKey as _};
use rsa::{RsaPublicKey, pkcs1v15::Pkcs1v15Sign, pkcs8::DecodePublicKey as _};

use super::{digest::digest, protobuf};

/// A public key in DER (SubjectPublicKeyInfo).
enum Key {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
}

/// `VerifySignatureArguments` (hash_function = 1, public_key = 2, signature = 3, text = 4) in, `VerifySignatureResult`
/// (result = 1, error = 2) out; `None` if it is no message or names no key.
pub(super) fn call(message: &[u8]) -> Option<Vec<u8>> {
    let [hash, key, signature, text] = protobuf::texts(message)?;
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

/// `error` is field 2.
fn failed(error: &str) -> Vec<u8> {
    protobuf::error(0x12, error)
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
