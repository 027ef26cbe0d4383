//! Who does the arithmetic of signatures: the proxy where it offers to, this code everywhere else.
//!
//! Only the arithmetic is handed over. Which key and algorithm may be used, and what a well-formed signature is, is
//! settled before the host is asked. A host is tried before it is believed ([`super::trial`]).

use std::fmt;

/// What a host is asked to verify: RSASSA-PKCS1-v1_5 or ECDSA, as the key says.
#[derive(Clone, Copy, Debug)]
pub struct HostSignature<'a> {
    /// The hash function: `sha256`, `sha384` or `sha512`.
    pub hash: &'static str,
    /// The public key as SubjectPublicKeyInfo (RFC 5280 §4.1).
    pub spki_der: &'a [u8],
    /// The signature; of ECDSA as ECDSA-Sig-Value (RFC 3279 §2.2.3), not as in a JWS.
    pub signature: &'a [u8],
    /// What was signed.
    pub text: &'a [u8],
}

/// A host's function. `None`: it could not answer, which says nothing about the signature.
pub type HostVerifier = fn(HostSignature<'_>) -> Option<bool>;

/// What a host is asked to sign, with RSASSA-PKCS1-v1_5 or ECDSA, as the key says.
#[derive(Clone, Copy)]
pub struct HostSigning<'a> {
    /// The hash function: `sha256`.
    pub hash: &'static str,
    /// The private key as PrivateKeyInfo (PKCS #8, RFC 5208 §5).
    pub pkcs8_der: &'a [u8],
    /// What to sign.
    pub text: &'a [u8],
}

/// Never prints the key.
impl fmt::Debug for HostSigning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostSigning({}, {} bytes)", self.hash, self.text.len())
    }
}

/// A host's function: the signature, of ECDSA as ECDSA-Sig-Value. `None`: it could not sign.
pub type HostSigner = fn(HostSigning<'_>) -> Option<Vec<u8>>;

/// Who does what. By default this code does all of it, and it always does what the host cannot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crypto {
    /// Verifies signatures.
    pub verifier: Option<HostVerifier>,
    /// Signs.
    pub signer: Option<HostSigner>,
}

impl Crypto {
    /// This code does all of it.
    pub const GUEST: Self = Self { verifier: None, signer: None };

    /// Signatures are verified by the host.
    #[must_use]
    pub const fn verified_by(host: HostVerifier) -> Self {
        Self { verifier: Some(host), signer: None }
    }

    /// Signatures are made by the host.
    #[must_use]
    pub const fn signed_by(host: HostSigner) -> Self {
        Self { verifier: None, signer: Some(host) }
    }
}
