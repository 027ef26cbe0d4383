//! `sign`, which in Envoy is BoringSSL's `EVP_DigestSign`.

use p256::{ecdsa::signature::hazmat::PrehashSigner as _, pkcs8::DecodePrivateKey as _};
use rsa::{RsaPrivateKey, pkcs1v15::Pkcs1v15Sign, pkcs8::DecodePrivateKey as _};

use super::{digest::digest, protobuf};

/// A private key in DER (PKCS #8).
enum Key {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    /// It is one, and does not sign what another function has hashed.
    Ed25519,
}

/// How an Ed25519 key in PKCS #8 begins (RFC 8410, section 7).
const ED25519: [u8; 12] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

/// `SignArguments` (hash_function = 1, private_key = 2, text = 3) in, `SignResult` (result = 1, signature = 2, error = 3)
/// out; `None` if it is no message or names no key.
pub(super) fn call(message: &[u8]) -> Option<Vec<u8>> {
    let [hash, key, text] = protobuf::texts(message)?;
    let hash = std::str::from_utf8(hash).ok()?;
    if key.is_empty() {
        return None;
    }
    let Some(key) = Key::parse(key) else {
        return Some(failed("Invalid key type: private key required for signing operation."));
    };
    let Some((digest, padding)) = digest(hash, text) else {
        return Some(failed(&format!("{hash} is not supported.")));
    };
    Some(match key.signs(padding, &digest) {
        Some(signature) => [&[0x08, 0x01, 0x12][..], &protobuf::length(signature.len()), &signature].concat(),
        None => failed("Invalid private key: key data is corrupted or malformed."),
    })
}

/// `error` is field 3.
fn failed(error: &str) -> Vec<u8> {
    protobuf::error(0x1a, error)
}

impl Key {
    fn parse(der: &[u8]) -> Option<Self> {
        let der = first_value(der)?;
        if der.starts_with(&ED25519) {
            return Some(Self::Ed25519);
        }
        let rsa = RsaPrivateKey::from_pkcs8_der(der).map(Box::new).map(Self::Rsa);
        let p256 = || p256::ecdsa::SigningKey::from_pkcs8_der(der).map(Self::P256);
        let p384 = || p384::ecdsa::SigningKey::from_pkcs8_der(der).map(Self::P384);
        rsa.ok().or_else(|| p256().ok()).or_else(|| p384().ok())
    }

    /// PKCS #1 v1.5 for RSA, and ECDSA-Sig-Value in DER for curves.
    fn signs(&self, padding: Pkcs1v15Sign, digest: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => key.sign(padding, digest).ok(),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(digest).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign_prehash(digest).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
            Self::Ed25519 => None,
        }
    }
}

/// What follows the key is not looked at, in Envoy neither: the first value of DER (X.690 §8.1), with its tag and length.
fn first_value(der: &[u8]) -> Option<&[u8]> {
    let head = der.get(..4)?;
    let size = match head[1] {
        size @ ..=0x7f => 2 + usize::from(size),
        0x81 => 3 + usize::from(head[2]),
        0x82 => 4 + usize::from(u16::from_be_bytes([head[2], head[3]])),
        _ => return None,
    };
    der.get(..size)
}
