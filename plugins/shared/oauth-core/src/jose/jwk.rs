//! One key of a key set (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::BoxedUint;
use rsa::pkcs8::EncodePublicKey;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;

/// RSA moduli of less or more bytes are refused: RFC 7518 §3.3 asks for 2048 bits, and 4096 is what verifies in time.
const RSA_MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// 65537, the one exponent in use. Small ones invite forgeries, big ones cost time.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

/// The private members of all key types (RFC 7518 §6.2.2, §6.3.2, §6.4; RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key of a set is not used. The others stay usable (RFC 7517 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusableKey {
    /// Not an object, or a member is missing, has the wrong type or is not base64url of the right length.
    Malformed,
    /// `kty` or `crv` is not one of RSA, EC with P-256 or P-384, OKP with Ed25519.
    UnsupportedType,
    /// Private members are there: whoever can read the set can sign, so nothing that this key signed is proven.
    PrivateMaterial,
    /// `use` is not `sig` (RFC 7517 §4.2).
    UseNotSignature,
    /// `key_ops` lacks `verify` (RFC 7517 §4.3).
    OperationNotVerify,
    /// `alg` is not supported, or does not fit the type of the key (RFC 7517 §4.4).
    AlgorithmMismatch,
    /// An RSA modulus below 2048 or above 4096 bits, or an exponent other than 65537.
    UnsupportedSize,
    /// Not a point on the curve, a point of small order, or an impossible modulus.
    InvalidPoint,
}

impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed",
            Self::UnsupportedType => "unsupported key type or curve",
            Self::PrivateMaterial => "contains private members: the key is compromised",
            Self::UseNotSignature => "its use is not sig",
            Self::OperationNotVerify => "its key_ops lack verify",
            Self::AlgorithmMismatch => "its alg is unsupported or does not fit the key",
            Self::UnsupportedSize => "RSA size or exponent out of bounds",
            Self::InvalidPoint => "not a valid public key",
        })
    }
}

/// A public key that may verify signatures, with the algorithms that it may do so for.
#[derive(Clone, Debug)]
pub struct VerificationKey {
    key_id: Option<String>,
    algorithm: Option<Algorithm>,
    spki_der: Option<Vec<u8>>,
    pub(super) material: Material,
}

/// The key as the signature library takes it.
#[derive(Clone, Debug)]
pub(super) enum Material {
    Rsa(Box<rsa::PublicKey>),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    Ed25519(ed25519_compact::PublicKey),
}

impl VerificationKey {
    /// Reads one member of `keys`.
    ///
    /// # Errors
    /// [`UnusableKey`] if it must not or cannot verify signatures here.
    pub fn from_jwk(jwk: &Value) -> Result<Self, UnusableKey> {
        let jwk = jwk.as_object().ok_or(UnusableKey::Malformed)?;
        let key_type = string(jwk, "kty")?.ok_or(UnusableKey::Malformed)?;
        if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
            return Err(UnusableKey::PrivateMaterial);
        }
        if !matches!(string(jwk, "use")?, None | Some("sig")) {
            return Err(UnusableKey::UseNotSignature);
        }
        if let Some(operations) = jwk.get("key_ops") {
            let operations = operations.as_array().ok_or(UnusableKey::Malformed)?;
            if !operations.iter().any(|operation| operation == "verify") {
                return Err(UnusableKey::OperationNotVerify);
            }
        }
        let key_id = string(jwk, "kid")?.map(str::to_owned);
        let algorithm =
            string(jwk, "alg")?.map(|name| Algorithm::parse(name).ok_or(UnusableKey::AlgorithmMismatch)).transpose()?;
        let (material, spki_der) = match key_type {
            "RSA" => rsa(jwk)?,
            "EC" => elliptic(jwk)?,
            "OKP" => octet(jwk)?,
            _ => return Err(UnusableKey::UnsupportedType),
        };
        let key = Self { key_id, algorithm: None, spki_der, material };
        if algorithm.is_some_and(|algorithm| !key.fits(algorithm)) {
            return Err(UnusableKey::AlgorithmMismatch);
        }
        Ok(Self { algorithm, ..key })
    }

    /// `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Whether the key may verify signatures of this algorithm: the type of the key fits, and its own `alg` is the same
    /// (RFC 8725 §3.1). Without an `alg`, an RSA key is one for RS256.
    #[must_use]
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.fits(algorithm)
            && match (self.algorithm, &self.material) {
                (Some(own), _) => own.is_same_as(algorithm),
                (None, Material::Rsa(_)) => algorithm == Algorithm::Rs256,
                (None, _) => true,
            }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        match self.material {
            Material::Rsa(_) => {
                matches!(algorithm, Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256)
            }
            Material::P256(_) => algorithm == Algorithm::Es256,
            Material::P384(_) => algorithm == Algorithm::Es384,
            Material::Ed25519(_) => matches!(algorithm, Algorithm::EdDsa | Algorithm::Ed25519),
        }
    }

    /// The key as SubjectPublicKeyInfo in DER (RFC 5280 §4.1), which is what a proxy's own crypto takes: for RSA and
    /// EC keys.
    #[must_use]
    pub fn spki_der(&self) -> Option<&[u8]> {
        self.spki_der.as_deref()
    }
}

type Read = (Material, Option<Vec<u8>>);

/// RFC 7518 §6.3.1.
fn rsa(jwk: &Map<String, Value>) -> Result<Read, UnusableKey> {
    let modulus = integer(jwk, "n")?;
    let exponent = integer(jwk, "e")?;
    if !is_rsa_key_in_use(&modulus, &exponent) {
        return Err(UnusableKey::UnsupportedSize);
    }
    let key = rsa::PublicKey::new(unsigned(&modulus)?, unsigned(&exponent)?).map_err(|_| UnusableKey::InvalidPoint)?;
    let spki_der = spki_der(&key)?;
    Ok((Material::Rsa(Box::new(key)), Some(spki_der)))
}

/// Whether modulus and exponent, big-endian without leading zeros, have a size that is used here.
pub(super) fn is_rsa_key_in_use(modulus: &[u8], exponent: &[u8]) -> bool {
    let bits = match modulus.first() {
        Some(top) => modulus.len().saturating_mul(8).saturating_sub(top.leading_zeros() as usize),
        None => 0,
    };
    RSA_MODULUS_BITS.contains(&bits) && exponent == RSA_EXPONENT
}

fn unsigned(big_endian: &[u8]) -> Result<BoxedUint, UnusableKey> {
    let bits = u32::try_from(big_endian.len().saturating_mul(8)).map_err(|_| UnusableKey::UnsupportedSize)?;
    BoxedUint::from_be_slice(big_endian, bits).map_err(|_| UnusableKey::InvalidPoint)
}

fn spki_der(key: &impl EncodePublicKey) -> Result<Vec<u8>, UnusableKey> {
    key.to_public_key_der().map(|der| der.into_vec()).map_err(|_| UnusableKey::InvalidPoint)
}

/// RFC 7518 §6.2.1. Points off the curve are refused (§3.4, SEC 1 §3.2.2).
fn elliptic(jwk: &Map<String, Value>) -> Result<Read, UnusableKey> {
    match string(jwk, "crv")?.ok_or(UnusableKey::Malformed)? {
        "P-256" => {
            let key = p256::PublicKey::from_sec1_bytes(&point::<32>(jwk)?);
            let key = key.map_err(|_| UnusableKey::InvalidPoint)?;
            let spki_der = spki_der(&key)?;
            Ok((Material::P256(Box::new(key.into())), Some(spki_der)))
        }
        "P-384" => {
            let key = p384::PublicKey::from_sec1_bytes(&point::<48>(jwk)?);
            let key = key.map_err(|_| UnusableKey::InvalidPoint)?;
            let spki_der = spki_der(&key)?;
            Ok((Material::P384(Box::new(key.into())), Some(spki_der)))
        }
        _ => Err(UnusableKey::UnsupportedType),
    }
}

/// RFC 8037 §2. Points of small order are refused: under them, signatures verify that nobody made.
fn octet(jwk: &Map<String, Value>) -> Result<Read, UnusableKey> {
    if string(jwk, "crv")?.ok_or(UnusableKey::Malformed)? != "Ed25519" {
        return Err(UnusableKey::UnsupportedType);
    }
    let key = ed25519_compact::PublicKey::new(fixed(jwk, "x")?);
    key.validate().map_err(|_| UnusableKey::InvalidPoint)?;
    Ok((Material::Ed25519(key), None))
}

/// An uncompressed SEC 1 point from `x` and `y`, each of exactly `N` bytes (RFC 7518 §6.2.1.2).
fn point<const N: usize>(jwk: &Map<String, Value>) -> Result<Vec<u8>, UnusableKey> {
    let mut point = vec![4];
    point.extend(fixed::<N>(jwk, "x")?);
    point.extend(fixed::<N>(jwk, "y")?);
    Ok(point)
}

fn fixed<const N: usize>(jwk: &Map<String, Value>, name: &str) -> Result<[u8; N], UnusableKey> {
    bytes(jwk, name)?.try_into().map_err(|_| UnusableKey::Malformed)
}

/// Big-endian without leading zeros. Some issuers write one, which RFC 7518 §2 forbids but changes nothing.
fn integer(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, UnusableKey> {
    Ok(bytes(jwk, name)?.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, UnusableKey> {
    let encoded = string(jwk, name)?.ok_or(UnusableKey::Malformed)?;
    URL_SAFE_NO_PAD.decode(encoded).map_err(|_| UnusableKey::Malformed)
}

fn string<'m>(jwk: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, UnusableKey> {
    jwk.get(name).map(|value| value.as_str().ok_or(UnusableKey::Malformed)).transpose()
}
