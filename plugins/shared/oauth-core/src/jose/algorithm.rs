//! Signature algorithms that can be allowed for an issuer.

use serde::{Deserialize, Serialize};

/// A JWS signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).
///
/// Only asymmetric ones exist here, so a MAC over a public key (RFC 8725 §2.1) and `none` cannot even be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA with P-256 and SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA with P-384 and SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// EdDSA by its generic name; here always with Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// EdDSA with Ed25519 by its fully specified name (RFC 9864 §2.2).
    Ed25519,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 8] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa, Self::Ed25519];

    /// What an issuer may use when nothing is configured. Without PS256, which no host verifies and which is slow here.
    pub const DEFAULT: [Self; 4] = [Self::Rs256, Self::Es256, Self::Es384, Self::EdDsa];

    /// The algorithm with exactly this `alg` value; names are case-sensitive (RFC 7515 §4.1.1).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The `alg` value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// Whether both names mean the same computation: true for `EdDSA` and `Ed25519` too, since Ed448 is not supported.
    #[must_use]
    pub fn is_same_as(self, other: Self) -> bool {
        let generic = |algorithm| if algorithm == Self::Ed25519 { Self::EdDsa } else { algorithm };
        generic(self) == generic(other)
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_in_headers_and_in_configuration() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.name()), Some(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.name());
            assert_eq!(serde_json::from_value::<Algorithm>(algorithm.name().into()).unwrap(), algorithm);
        }
    }

    /// JWT-01, JWT-02, JWT-03
    #[test]
    fn none_macs_and_other_spellings_are_no_algorithms() {
        for name in [
            "none",
            "None",
            "NONE",
            "nOnE",
            "",
            "HS256",
            "HS384",
            "HS512",
            "rs256",
            "Rs256",
            "RS256 ",
            "ES512",
            "ES256K",
            "PS384",
            "eddsa",
            "ED25519",
            "Ed448",
            "RSA-OAEP",
            "dir",
            "ML-DSA-44",
        ] {
            assert_eq!(Algorithm::parse(name), None, "{name}");
        }
    }
}
