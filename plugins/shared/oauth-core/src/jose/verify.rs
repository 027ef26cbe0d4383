//! The signature check itself: one question, to the host or to the signature library.

use std::borrow::Cow;

use p256::ecdsa::signature::Verifier as _;
use rsa::traits::PublicKeyParts as _;
use sha2::{Sha256, Sha384, Sha512};

use super::algorithm::Algorithm;
use super::compact::Compact;
use super::crypto::{Crypto, HostSignature, HostVerifier};
use super::jwk::{Material, VerificationKey};
use crate::reason::Reason;

impl VerificationKey {
    /// Whether this key proves the signature of a token that names `algorithm`.
    ///
    /// Key, algorithm and length are judged here, whoever does the arithmetic. What `crypto` cannot answer, the guest
    /// does: without a verdict nothing passes. `guest_may` is asked before that, with what it costs ([`Self::guest_cost`]).
    ///
    /// # Errors
    /// [`Reason::Overloaded`] if the guest may not.
    pub(crate) fn proves(
        &self,
        crypto: Crypto,
        algorithm: Algorithm,
        token: &Compact,
        guest_may: impl FnOnce(u32) -> bool,
    ) -> Result<bool, Reason> {
        if !self.allows(algorithm) || token.signature().len() != self.signature_bytes() {
            return Ok(false);
        }
        let of_host =
            crypto.verifier.and_then(|host| self.asked(host, algorithm, token.signature(), token.signing_input()));
        match of_host {
            Some(proves) => Ok(proves),
            None if guest_may(self.guest_cost()) => {
                Ok(self.proves_in_guest(algorithm, token.signature(), token.signing_input()))
            }
            None => Err(Reason::Overloaded),
        }
    }

    /// What a verification by the guest costs, in proportion: Ed25519 takes less than a millisecond, RSA 2 to 8.
    const fn guest_cost(&self) -> u32 {
        match &self.material {
            Material::Ed25519(_) => 1,
            Material::P256(_) => 2,
            Material::P384(_) | Material::Rsa(_) => 5,
        }
    }

    /// The host's verdict, or `None` if it has none: it knows neither PSS nor EdDSA, and may fail.
    pub(super) fn asked(
        &self,
        host: HostVerifier,
        algorithm: Algorithm,
        signature: &[u8],
        text: &[u8],
    ) -> Option<bool> {
        let hash = match algorithm {
            Algorithm::Rs256 | Algorithm::Es256 => "sha256",
            Algorithm::Rs384 | Algorithm::Es384 => "sha384",
            Algorithm::Rs512 => "sha512",
            Algorithm::Ps256 | Algorithm::EdDsa | Algorithm::Ed25519 => return None,
        };
        let signature = match &self.material {
            Material::Rsa(_) => Cow::Borrowed(signature),
            // RFC 7518 §3.4 has R and S side by side, the host wants them as ECDSA-Sig-Value (RFC 3279 §2.2.3). Both
            // must lie between 1 and the order (CVE-2022-21449).
            Material::P256(_) => match p256::ecdsa::Signature::from_slice(signature) {
                Ok(signature) => Cow::Owned(signature.to_der().as_bytes().to_vec()),
                Err(_) => return Some(false),
            },
            Material::P384(_) => match p384::ecdsa::Signature::from_slice(signature) {
                Ok(signature) => Cow::Owned(signature.to_der().as_bytes().to_vec()),
                Err(_) => return Some(false),
            },
            Material::Ed25519(_) => return None,
        };
        host(HostSignature { hash, spki_der: self.spki_der()?, signature: &signature, text })
    }

    /// RFC 8017 §8.2.2 and §8.1.2 with a salt as long as the hash (RFC 7518 §3.5), FIPS 186-5 §6.4.2, RFC 8032 §5.1.7.
    fn proves_in_guest(&self, algorithm: Algorithm, signature: &[u8], text: &[u8]) -> bool {
        match (&self.material, algorithm) {
            (Material::Rsa(key), Algorithm::Rs256) => key.pkcs1v15_verify::<Sha256>(text, signature).is_ok(),
            (Material::Rsa(key), Algorithm::Rs384) => key.pkcs1v15_verify::<Sha384>(text, signature).is_ok(),
            (Material::Rsa(key), Algorithm::Rs512) => key.pkcs1v15_verify::<Sha512>(text, signature).is_ok(),
            (Material::Rsa(key), Algorithm::Ps256) => key.pss_verify::<Sha256>(text, signature).is_ok(),
            (Material::P256(key), Algorithm::Es256) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(text, &signature).is_ok()),
            (Material::P384(key), Algorithm::Es384) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(text, &signature).is_ok()),
            (Material::Ed25519(key), Algorithm::EdDsa | Algorithm::Ed25519) => {
                ed25519_compact::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(text, &signature).is_ok())
            }
            // `allows` has refused these already.
            (Material::Rsa(_) | Material::P256(_) | Material::P384(_) | Material::Ed25519(_), _) => false,
        }
    }

    /// The one length that a signature of this key has: the modulus for RSA (RFC 8017 §8.1.2), R and S of fixed
    /// length for ECDSA (RFC 7518 §3.4), 64 for Ed25519 (RFC 8032 §5.1.6).
    fn signature_bytes(&self) -> usize {
        match &self.material {
            Material::Rsa(key) => key.size(),
            Material::P256(_) | Material::Ed25519(_) => 64,
            Material::P384(_) => 96,
        }
    }
}
