//! The public halves, in the forms in which they are published, and in which attackers misuse them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::{pkcs8::EncodePublicKey as _, traits::PublicKeyParts as _};
use serde_json::{Value, json};

use super::{SigningKey, base64url, key::Secret};

/// What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410, section 4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A JWK Set of the public halves (RFC 7517, section 5).
#[must_use]
pub fn jwks<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Value {
    json!({"keys": keys.into_iter().map(SigningKey::jwk).collect::<Vec<_>>()})
}

impl SigningKey {
    /// The public half as a JWK with `kid`, `alg` and `use`.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = match &*self.secret {
            Secret::Rsa(secret) => json!({
                "kty": "RSA",
                "n": base64url(secret.n().to_bytes_be()),
                "e": base64url(secret.e().to_bytes_be()),
            }),
            Secret::P256(secret) => ec_jwk("P-256", secret.verifying_key().to_sec1_point(false).as_bytes()),
            Secret::P384(secret) => ec_jwk("P-384", secret.verifying_key().to_sec1_point(false).as_bytes()),
            Secret::Ed25519(secret) => json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(*secret.pk)}),
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), json!(self.kid()));
            members.insert("alg".to_owned(), json!(self.algorithm().name()));
            members.insert("use".to_owned(), json!("sig"));
        }
        jwk
    }

    /// The public half as DER (SubjectPublicKeyInfo).
    #[must_use]
    pub fn public_der(&self) -> Vec<u8> {
        match &*self.secret {
            Secret::Rsa(secret) => {
                secret.to_public_key().to_public_key_der().expect("an RSA key has a DER form").into_vec()
            }
            Secret::P256(secret) => {
                use p256::pkcs8::EncodePublicKey as _;
                secret.verifying_key().to_public_key_der().expect("a P-256 key has a DER form").into_vec()
            }
            Secret::P384(secret) => {
                use p384::pkcs8::EncodePublicKey as _;
                secret.verifying_key().to_public_key_der().expect("a P-384 key has a DER form").into_vec()
            }
            Secret::Ed25519(secret) => [ED25519_SPKI.as_slice(), secret.pk.as_slice()].concat(),
        }
    }

    /// The public half as PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.public_der())
    }

    /// The modulus of an RSA key, as bytes; of other keys the public point.
    #[must_use]
    pub fn public_number(&self) -> Vec<u8> {
        match &*self.secret {
            Secret::Rsa(secret) => secret.n().to_bytes_be(),
            Secret::P256(secret) => secret.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Secret::P384(secret) => secret.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Secret::Ed25519(secret) => secret.pk.to_vec(),
        }
    }
}

/// DER as text, with the line breaks that `openssl` writes (RFC 7468).
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<&str> = base64.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A JWK from an uncompressed point: 0x04, then both coordinates in equal length.
fn ec_jwk(curve: &str, point: &[u8]) -> Value {
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
}
