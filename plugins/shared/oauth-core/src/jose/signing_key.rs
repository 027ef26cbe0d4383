//! Private keys, and the signatures that they make (RFC 7518 §3, RFC 8037 §3.1).

use std::fmt;

use p256::ecdsa::signature::{Signer as _, Verifier as _};
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey};
use rsa::traits::PublicKeyParts as _;
use serde::Deserialize;
use sha2::Sha256;

use super::crypto::{Crypto, HostSigner, HostSigning};
use super::jwk::is_rsa_key_in_use;

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
    Rsa(Box<rsa::PrivateKey>),
    P256(Box<p256::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_compact::KeyPair>),
}

/// Never prints the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm.name())
    }
}

impl SigningKey {
    /// Reads a private key in PEM: PKCS #8, of RSA also PKCS #1 (RFC 8017 appendix A.1.2).
    ///
    /// # Errors
    /// [`NotAKey`] if it cannot sign with this algorithm.
    pub fn from_pem(algorithm: SigningAlgorithm, pem: &str) -> Result<Self, NotAKey> {
        let pem = pem.trim();
        match algorithm {
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
                let key = rsa::PrivateKey::from_pkcs8_pem(pem);
                let key = key.or_else(|_| rsa::PrivateKey::from_pkcs1_pem(pem)).map_err(|_| NotAKey)?;
                Self::of_rsa(algorithm, key)
            }
            SigningAlgorithm::Es256 => Self::of_p256(p256::SecretKey::from_pkcs8_pem(pem).map_err(|_| NotAKey)?),
            SigningAlgorithm::EdDsa => {
                Ok(Self::of_ed25519(ed25519_compact::KeyPair::from_pem(pem).map_err(|_| NotAKey)?))
            }
        }
    }

    /// Reads a private key in DER (PKCS #8).
    pub(super) fn from_pkcs8_der(algorithm: SigningAlgorithm, der: &[u8]) -> Result<Self, NotAKey> {
        match algorithm {
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
                Self::of_rsa(algorithm, rsa::PrivateKey::from_pkcs8_der(der).map_err(|_| NotAKey)?)
            }
            SigningAlgorithm::Es256 => Self::of_p256(p256::SecretKey::from_pkcs8_der(der).map_err(|_| NotAKey)?),
            SigningAlgorithm::EdDsa => {
                Ok(Self::of_ed25519(ed25519_compact::KeyPair::from_der(der).map_err(|_| NotAKey)?))
            }
        }
    }

    /// The library has checked that the parts of the key belong together.
    fn of_rsa(algorithm: SigningAlgorithm, key: rsa::PrivateKey) -> Result<Self, NotAKey> {
        if !is_rsa_key_in_use(&key.n_bytes(), &key.e_bytes()) {
            return Err(NotAKey);
        }
        let pkcs8_der = pkcs8_der(&key)?;
        Ok(Self { algorithm, pair: Pair::Rsa(Box::new(key)), pkcs8_der })
    }

    fn of_p256(key: p256::SecretKey) -> Result<Self, NotAKey> {
        let pkcs8_der = pkcs8_der(&key)?;
        Ok(Self { algorithm: SigningAlgorithm::Es256, pair: Pair::P256(Box::new(key.into())), pkcs8_der })
    }

    fn of_ed25519(pair: ed25519_compact::KeyPair) -> Self {
        let pkcs8_der = pair.sk.to_der();
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
            Pair::Rsa(key) => (signature.len() == key.size()).then_some(signature),
            // The host gives an ECDSA-Sig-Value (RFC 3279 §2.2.3), RFC 7518 §3.4 has R and S side by side.
            Pair::P256(_) => Some(p256::ecdsa::Signature::from_der(&signature).ok()?.to_bytes().to_vec()),
            Pair::Ed25519(_) => None,
        }
    }

    fn sign_in_guest(&self, text: &[u8]) -> Result<Vec<u8>, CannotSign> {
        match &self.pair {
            Pair::Rsa(key) if self.algorithm == SigningAlgorithm::Ps256 => {
                key.pss_sign::<Sha256>(text).map_err(|_| CannotSign)
            }
            Pair::Rsa(key) => key.pkcs1v15_sign::<Sha256>(text).map_err(|_| CannotSign),
            Pair::P256(key) => {
                let signature: p256::ecdsa::Signature = key.try_sign(text).map_err(|_| CannotSign)?;
                Ok(signature.to_bytes().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.sk.sign(text, None).to_vec()),
        }
    }

    /// Whether an ECDSA signature is this key's, in the form of a JWS. Of other keys it does not know.
    pub(super) fn made(&self, text: &[u8], signature: &[u8]) -> bool {
        match &self.pair {
            Pair::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verifying_key().verify(text, &signature).is_ok()),
            Pair::Rsa(_) | Pair::Ed25519(_) => false,
        }
    }
}

fn pkcs8_der(key: &impl EncodePrivateKey) -> Result<Vec<u8>, NotAKey> {
    key.to_pkcs8_der().map(|der| der.as_bytes().to_vec()).map_err(|_| NotAKey)
}
