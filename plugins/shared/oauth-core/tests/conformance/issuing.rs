//! An issuer for tests: keys made once per run, and any header and claims signed.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ECDSAP384KeyPairLike as _, ES256KeyPair, ES384KeyPair, Ed25519KeyPair,
    EdDSAKeyPairLike as _, RS256KeyPair, RSAKeyPairLike as _,
};
use oauth_core::{Issuer, KeySet, Profile, Reason, UnixTime, Unverified, VerifiedToken};
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::Padding;
use superboring::sign::{RsaPssSaltlen, Signer};

pub(crate) const ISSUER: &str = "https://as.example.com/t1";
pub(crate) const RESOURCE: &str = "https://mcp.example.com/mcp";
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
pub(crate) const SKEW: Duration = Duration::from_secs(30);

static RSA: LazyLock<RS256KeyPair> = LazyLock::new(|| RS256KeyPair::generate(2048).unwrap());
static OTHER_RSA: LazyLock<RS256KeyPair> = LazyLock::new(|| RS256KeyPair::generate(2048).unwrap());
static P256: LazyLock<ES256KeyPair> = LazyLock::new(ES256KeyPair::generate);
static OTHER_P256: LazyLock<ES256KeyPair> = LazyLock::new(ES256KeyPair::generate);
static P384: LazyLock<ES384KeyPair> = LazyLock::new(ES384KeyPair::generate);
static ED25519: LazyLock<Ed25519KeyPair> = LazyLock::new(Ed25519KeyPair::generate);

/// A private key of the test issuer, or of someone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Rsa,
    OtherRsa,
    P256,
    OtherP256,
    P384,
    Ed25519,
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

impl Key {
    pub(crate) fn rsa(self) -> &'static RS256KeyPair {
        if self == Self::OtherRsa { &OTHER_RSA } else { &RSA }
    }

    pub(crate) fn p256(self) -> &'static ES256KeyPair {
        if self == Self::OtherP256 { &OTHER_P256 } else { &P256 }
    }

    /// The signature of `input` as `algorithm` asks, whether or not it fits the key's own `alg`.
    pub(crate) fn sign(self, algorithm: &str, input: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa | Self::OtherRsa => {
                let (digest, padding) = match algorithm {
                    "RS384" => (MessageDigest::sha384(), Padding::PKCS1),
                    "RS512" => (MessageDigest::sha512(), Padding::PKCS1),
                    "PS256" => (MessageDigest::sha256(), Padding::PKCS1_PSS),
                    _ => (MessageDigest::sha256(), Padding::PKCS1),
                };
                self.sign_rsa(digest, padding, RsaPssSaltlen::DIGEST_LENGTH, input)
            }
            Self::P256 | Self::OtherP256 => {
                let signature: p256::ecdsa::Signature = self.p256().key_pair().as_ref().sign(input);
                signature.to_bytes().to_vec()
            }
            Self::P384 => {
                let signature: p384::ecdsa::Signature = P384.key_pair().as_ref().sign(input);
                signature.to_bytes().to_vec()
            }
            Self::Ed25519 => ED25519.key_pair().as_ref().sk.sign(input, None).to_vec(),
        }
    }

    pub(crate) fn sign_rsa(
        self,
        digest: MessageDigest,
        padding: Padding,
        salt: RsaPssSaltlen,
        input: &[u8],
    ) -> Vec<u8> {
        let key = PKey::from_rsa(self.rsa().key_pair().as_ref().clone()).unwrap();
        let mut signer = Signer::new(digest, &key).unwrap();
        signer.set_rsa_padding(padding).unwrap();
        signer.set_rsa_pss_saltlen(salt).unwrap();
        signer.update(input).unwrap();
        signer.sign_to_vec().unwrap()
    }

    /// The public key as a JWK without `kid` and `alg`.
    pub(crate) fn jwk(self) -> Value {
        let ec = |curve: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at((point.len() - 1) / 2);
            json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
        };
        match self {
            Self::Rsa | Self::OtherRsa => {
                let key = self.rsa().public_key().to_components();
                json!({"kty": "RSA", "n": encode(key.n), "e": encode(key.e)})
            }
            Self::P256 | Self::OtherP256 => ec("P-256", &self.p256().key_pair().public_key().to_bytes_uncompressed()),
            Self::P384 => ec("P-384", &P384.key_pair().public_key().to_bytes_uncompressed()),
            Self::Ed25519 => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(ED25519.public_key().to_bytes())}),
        }
    }

    /// The public key in the forms that someone could mistake for a secret (RFC 8725 §2.1).
    pub(crate) fn public_forms(self) -> Vec<Vec<u8>> {
        let key = self.rsa().public_key();
        vec![
            key.to_pem().unwrap().into_bytes(),
            key.to_der().unwrap(),
            key.to_components().n,
            encode(key.to_components().n).into_bytes(),
            self.jwk().to_string().into_bytes(),
            Vec::new(),
        ]
    }

    /// A JWK with more members.
    pub(crate) fn jwk_with(self, more: Value) -> Value {
        with(self.jwk(), more)
    }
}

/// `base` with the members of `changes`; a member that is the string `__absent__` is removed.
pub(crate) fn with(mut base: Value, changes: Value) -> Value {
    let members = base.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value == "__absent__" {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    base
}

pub(crate) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The key set of the test issuer: RSA key `k1`, EC key `k2`, and more.
pub(crate) fn issuer_keys() -> KeySet {
    key_set(&[
        // A key without `alg` is one for RS256.
        Key::Rsa.jwk_with(json!({"kid": "k1", "use": "sig"})),
        Key::Rsa.jwk_with(json!({"kid": "k1", "alg": "RS384"})),
        Key::Rsa.jwk_with(json!({"kid": "k1", "alg": "RS512"})),
        Key::Rsa.jwk_with(json!({"kid": "k1", "alg": "PS256"})),
        Key::P256.jwk_with(json!({"kid": "k2", "use": "sig"})),
        Key::P384.jwk_with(json!({"kid": "k384"})),
        Key::Ed25519.jwk_with(json!({"kid": "ed"})),
    ])
}

pub(crate) fn rfc9068() -> Issuer {
    Issuer::new(ISSUER, Profile::Rfc9068)
}

pub(crate) fn generic() -> Issuer {
    Issuer::new(ISSUER, Profile::Generic)
}

/// The claims of the valid token.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": RESOURCE, "client_id": "agent-1", "jti": "t-1",
        "exp": 1_700_000_300, "iat": 1_700_000_000, "scope": "tools:read",
    })
}

/// The claims of the valid token with changes; `__absent__` removes.
pub(crate) fn claims_with(changes: Value) -> Value {
    with(claims(), changes)
}

/// The header of the valid token.
pub(crate) fn header() -> Value {
    json!({"alg": "ES256", "typ": "at+jwt", "kid": "k2"})
}

/// The header of the valid token with changes; `__absent__` removes.
pub(crate) fn header_with(changes: Value) -> Value {
    with(header(), changes)
}

/// Signs header and payload texts, byte for byte as given.
pub(crate) fn sign_raw(key: Key, algorithm: &str, header: &[u8], payload: &[u8]) -> String {
    let input = format!("{}.{}", encode(header), encode(payload));
    let signature = key.sign(algorithm, input.as_bytes());
    format!("{input}.{}", encode(signature))
}

/// Signs with the algorithm that the header names.
pub(crate) fn sign(key: Key, header: &Value, claims: &Value) -> String {
    let algorithm = header["alg"].as_str().unwrap_or_default().to_owned();
    sign_raw(key, &algorithm, header.to_string().as_bytes(), claims.to_string().as_bytes())
}

/// A token of the issuer's EC key `k2` with a plain header.
pub(crate) fn token_of(claims: &Value) -> String {
    sign(Key::P256, &header(), claims)
}

/// Parses and verifies at [`NOW`].
pub(crate) fn verify(token: &str, issuer: &Issuer, keys: &KeySet) -> Result<VerifiedToken, Reason> {
    Unverified::parse(token)?.verify(issuer, keys, NOW, SKEW)
}

/// Verifies as a token of the test issuer with its keys and the profile of RFC 9068.
pub(crate) fn verify_rfc9068(token: &str) -> Result<VerifiedToken, Reason> {
    verify(token, &rfc9068(), &issuer_keys())
}

/// The same for the generic profile.
pub(crate) fn verify_generic(token: &str) -> Result<VerifiedToken, Reason> {
    verify(token, &generic(), &issuer_keys())
}

/// The reason of a refusal; panics if there was none.
pub(crate) fn reason(result: Result<VerifiedToken, Reason>) -> Reason {
    result.map(|token| token.claims().members().clone()).unwrap_err()
}
