//! Private keys, and the signatures that they make (RFC 7518 §3, RFC 8037 §3.1).

use std::fmt;

use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ES256KeyPair, Ed25519KeyPair, EdDSAKeyPairLike as _, RS256KeyPair, RSAKeyPairLike as _,
};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use serde::Deserialize;
use superboring::hash::MessageDigest;
use superboring::pkey::{PKey, Private};
use superboring::rsa::Padding;
use superboring::sign::{RsaPssSaltlen, Signer};

use super::crypto::{Crypto, HostSigner, HostSigning};

/// What may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA with P-256 and SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// EdDSA with Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlgorithm {
    /// The `alg` value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Whether a host can do it: its function knows neither PSS nor EdDSA.
    #[must_use]
    pub const fn is_for_hosts(self) -> bool {
        matches!(self, Self::Rs256 | Self::Es256)
    }
}

/// The private key is none of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAKey;

/// The library could not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotSign;

/// A private key for one algorithm.
pub struct SigningKey {
    algorithm: SigningAlgorithm,
    pair: Pair,
    /// For hosts: PKCS #8, whatever form it came in.
    pkcs8_der: Vec<u8>,
}

enum Pair {
    Rsa { key: Box<PKey<Private>>, modulus_bytes: usize },
    P256(Box<ES256KeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// Never prints the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm.name())
    }
}

impl SigningKey {
    /// Reads a private key in PEM (PKCS #8).
    ///
    /// # Errors
    /// [`NotAKey`] if it cannot sign with this algorithm.
    pub fn from_pem(algorithm: SigningAlgorithm, pem: &str) -> Result<Self, NotAKey> {
        match algorithm {
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
                Self::of_rsa(algorithm, &RS256KeyPair::from_pem(pem).map_err(|_| NotAKey)?)
            }
            SigningAlgorithm::Es256 => Self::of_p256(ES256KeyPair::from_pem(pem).map_err(|_| NotAKey)?),
            SigningAlgorithm::EdDsa => Ok(Self::of_ed25519(Ed25519KeyPair::from_pem(pem).map_err(|_| NotAKey)?)),
        }
    }

    /// Reads a private key in DER (PKCS #8).
    pub(super) fn from_pkcs8_der(algorithm: SigningAlgorithm, der: &[u8]) -> Result<Self, NotAKey> {
        match algorithm {
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
                Self::of_rsa(algorithm, &RS256KeyPair::from_der(der).map_err(|_| NotAKey)?)
            }
            SigningAlgorithm::Es256 => Self::of_p256(ES256KeyPair::from_der(der).map_err(|_| NotAKey)?),
            SigningAlgorithm::EdDsa => Ok(Self::of_ed25519(Ed25519KeyPair::from_der(der).map_err(|_| NotAKey)?)),
        }
    }

    fn of_rsa(algorithm: SigningAlgorithm, pair: &RS256KeyPair) -> Result<Self, NotAKey> {
        let rsa = pair.key_pair().as_ref();
        let modulus_bytes = usize::try_from(rsa.size()).map_err(|_| NotAKey)?;
        let key = Box::new(PKey::from_rsa(rsa.clone()).map_err(|_| NotAKey)?);
        let pkcs8_der = pair.to_der().map_err(|_| NotAKey)?;
        Ok(Self { algorithm, pair: Pair::Rsa { key, modulus_bytes }, pkcs8_der })
    }

    fn of_p256(pair: ES256KeyPair) -> Result<Self, NotAKey> {
        let pkcs8_der = pair.to_der().map_err(|_| NotAKey)?;
        Ok(Self { algorithm: SigningAlgorithm::Es256, pair: Pair::P256(Box::new(pair)), pkcs8_der })
    }

    fn of_ed25519(pair: Ed25519KeyPair) -> Self {
        let pkcs8_der = pair.to_der();
        Self { algorithm: SigningAlgorithm::EdDsa, pair: Pair::Ed25519(Box::new(pair)), pkcs8_der }
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The JWS signature of a text: by the host if `crypto` has one for it and it can, else here.
    ///
    /// # Errors
    /// [`CannotSign`] if the library could not.
    pub fn sign(&self, crypto: Crypto, text: &[u8]) -> Result<Vec<u8>, CannotSign> {
        let of_host = crypto.signer.and_then(|host| self.asked(host, text));
        of_host.map_or_else(|| self.sign_in_guest(text), Ok)
    }

    /// The host's signature as a JWS has it, or `None` if it gives none or a malformed one.
    pub(super) fn asked(&self, host: HostSigner, text: &[u8]) -> Option<Vec<u8>> {
        if !self.algorithm.is_for_hosts() {
            return None;
        }
        let signature = host(HostSigning { hash: "sha256", pkcs8_der: &self.pkcs8_der, text })?;
        match &self.pair {
            // RFC 8017 §8.2.1: as long as the modulus.
            Pair::Rsa { modulus_bytes, .. } => (signature.len() == *modulus_bytes).then_some(signature),
            // The host gives an ECDSA-Sig-Value (RFC 3279 §2.2.3), RFC 7518 §3.4 has R and S side by side.
            Pair::P256(_) => Some(p256::ecdsa::Signature::from_der(&signature).ok()?.to_bytes().to_vec()),
            Pair::Ed25519(_) => None,
        }
    }

    fn sign_in_guest(&self, text: &[u8]) -> Result<Vec<u8>, CannotSign> {
        match &self.pair {
            Pair::Rsa { key, .. } => {
                let mut signer = Signer::new(MessageDigest::sha256(), key).map_err(|_| CannotSign)?;
                if self.algorithm == SigningAlgorithm::Ps256 {
                    signer.set_rsa_padding(Padding::PKCS1_PSS).map_err(|_| CannotSign)?;
                    // RFC 7518 §3.5
                    signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).map_err(|_| CannotSign)?;
                } else {
                    signer.set_rsa_padding(Padding::PKCS1).map_err(|_| CannotSign)?;
                }
                signer.update(text).map_err(|_| CannotSign)?;
                signer.sign_to_vec().map_err(|_| CannotSign)
            }
            Pair::P256(pair) => {
                let signature: p256::ecdsa::Signature =
                    pair.key_pair().as_ref().try_sign(text).map_err(|_| CannotSign)?;
                Ok(signature.to_bytes().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.key_pair().as_ref().sk.sign(text, None).to_vec()),
        }
    }

    /// Whether an ECDSA signature is this key's, in the form of a JWS. Of other keys it does not know.
    pub(super) fn made(&self, text: &[u8], signature: &[u8]) -> bool {
        match &self.pair {
            Pair::P256(pair) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| pair.key_pair().as_ref().verifying_key().verify(text, &signature).is_ok()),
            Pair::Rsa { .. } | Pair::Ed25519(_) => false,
        }
    }
}
