//! The private halves, for clients that sign by themselves.

use rsa::pkcs8::EncodePrivateKey as _;

use super::{SigningKey, key::Secret, public::pem};

/// What stands before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410, section 7).
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

impl SigningKey {
    /// The private half as PKCS #8 in PEM.
    #[must_use]
    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.private_der())
    }

    /// The private half as PKCS #8 in DER.
    #[must_use]
    pub fn private_der(&self) -> Vec<u8> {
        match &*self.secret {
            Secret::Rsa(secret) => secret.to_pkcs8_der().expect("an RSA key has a PKCS #8 form").as_bytes().to_vec(),
            Secret::P256(secret) => {
                use p256::pkcs8::EncodePrivateKey as _;
                secret.to_pkcs8_der().expect("a P-256 key has a PKCS #8 form").as_bytes().to_vec()
            }
            Secret::P384(secret) => {
                use p384::pkcs8::EncodePrivateKey as _;
                secret.to_pkcs8_der().expect("a P-384 key has a PKCS #8 form").as_bytes().to_vec()
            }
            Secret::Ed25519(secret) => [ED25519_PKCS8.as_slice(), secret.sk.seed().as_slice()].concat(),
        }
    }
}
