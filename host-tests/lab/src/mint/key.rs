//! Private keys and the signatures they make, right ones and wrong ones.

use std::sync::{Arc, LazyLock};

use p256::elliptic_curve::Generate as _;
use rsa::{
    RsaPrivateKey, pkcs1v15, pss,
    rand_core::OsRng,
    signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _},
};
use sha2::{Sha256, Sha384, Sha512};

/// The signature algorithms that Fourleg verifies (RFC 7518, section 3.1; RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256 and MGF1 with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// EdDSA on Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa];

    /// Its name in the `alg` header.
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
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    const fn is_rsa(self) -> bool {
        matches!(self, Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256)
    }
}

/// A private key with the id and the algorithm under which its public half is published.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    pub(super) secret: Arc<Secret>,
}

pub(super) enum Secret {
    Rsa(Box<RsaPrivateKey>),
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_compact::KeyPair>),
}

/// The process's own key for an algorithm; its `kid` is the algorithm's name in lower case.
///
/// The RSA algorithms share one key, which takes the longest to make.
#[must_use]
pub fn key(algorithm: Algorithm) -> &'static SigningKey {
    static KEYS: LazyLock<KeyRing> = LazyLock::new(KeyRing::default);
    KEYS.get(algorithm)
}

/// A key that nobody publishes, with the `kid` of [`key`]: what it signs is forged.
#[must_use]
pub fn stranger(algorithm: Algorithm) -> &'static SigningKey {
    static KEYS: LazyLock<KeyRing> = LazyLock::new(KeyRing::default);
    KEYS.get(algorithm)
}

/// One key for each algorithm, each made when it is first asked for.
struct KeyRing {
    rsa: LazyLock<[SigningKey; 4]>,
    es256: LazyLock<SigningKey>,
    es384: LazyLock<SigningKey>,
    eddsa: LazyLock<SigningKey>,
}

impl Default for KeyRing {
    fn default() -> Self {
        Self {
            rsa: LazyLock::new(|| {
                let made = own(Algorithm::Rs256);
                [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256].map(|algorithm| SigningKey {
                    kid: kid_of(algorithm),
                    algorithm,
                    secret: Arc::clone(&made.secret),
                })
            }),
            es256: LazyLock::new(|| own(Algorithm::Es256)),
            es384: LazyLock::new(|| own(Algorithm::Es384)),
            eddsa: LazyLock::new(|| own(Algorithm::EdDsa)),
        }
    }
}

impl KeyRing {
    fn get(&self, algorithm: Algorithm) -> &SigningKey {
        let [rs256, rs384, rs512, ps256] = match algorithm {
            Algorithm::Es256 => return &self.es256,
            Algorithm::Es384 => return &self.es384,
            Algorithm::EdDsa => return &self.eddsa,
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => &*self.rsa,
        };
        match algorithm {
            Algorithm::Rs384 => rs384,
            Algorithm::Rs512 => rs512,
            Algorithm::Ps256 => ps256,
            _ => rs256,
        }
    }
}

fn own(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, kid_of(algorithm))
}

fn kid_of(algorithm: Algorithm) -> String {
    algorithm.name().to_ascii_lowercase()
}

impl SigningKey {
    /// A fresh key; RSA keys have 2048 bits and take a moment.
    pub fn generate(algorithm: Algorithm, kid: impl Into<String>) -> Self {
        let secret = match algorithm {
            Algorithm::Es256 => Secret::P256(Box::new(p256::ecdsa::SigningKey::generate())),
            Algorithm::Es384 => Secret::P384(Box::new(p384::ecdsa::SigningKey::generate())),
            Algorithm::EdDsa => Secret::Ed25519(Box::new(ed25519_compact::KeyPair::generate())),
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => {
                return Self::generate_rsa(algorithm, kid, 2048);
            }
        };
        Self { kid: kid.into(), algorithm, secret: Arc::new(secret) }
    }

    /// A fresh RSA key of any size, also one that is too small (RFC 7518, section 3.3, asks for 2048 bits).
    ///
    /// # Panics
    /// If the algorithm is none of RSA.
    pub fn generate_rsa(algorithm: Algorithm, kid: impl Into<String>, bits: usize) -> Self {
        assert!(algorithm.is_rsa(), "{} is not an RSA algorithm", algorithm.name());
        let secret = RsaPrivateKey::new(&mut OsRng, bits).expect("an RSA key");
        Self { kid: kid.into(), algorithm, secret: Arc::new(Secret::Rsa(Box::new(secret))) }
    }

    /// The same key under another id.
    #[must_use]
    pub fn with_kid(&self, kid: impl Into<String>) -> Self {
        Self { kid: kid.into(), ..self.clone() }
    }

    /// The same key published for another algorithm, fitting or not.
    #[must_use]
    pub fn with_algorithm(&self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self.clone() }
    }

    /// Its id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm under which it is published.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The JWS signature of `input` by the key's own algorithm.
    #[must_use]
    pub fn sign(&self, input: &[u8]) -> Vec<u8> {
        self.sign_as(self.algorithm, input)
    }

    /// The JWS signature by this algorithm where the key can make one (any RSA algorithm by an RSA key), else by the one
    /// that the key can: what a liar about `alg` sends.
    #[must_use]
    pub fn sign_as(&self, algorithm: Algorithm, input: &[u8]) -> Vec<u8> {
        match &*self.secret {
            Secret::Rsa(secret) => {
                let secret = RsaPrivateKey::clone(secret);
                match algorithm {
                    Algorithm::Rs384 => pkcs1v15::SigningKey::<Sha384>::new(secret).sign(input).to_vec(),
                    Algorithm::Rs512 => pkcs1v15::SigningKey::<Sha512>::new(secret).sign(input).to_vec(),
                    Algorithm::Ps256 => self.sign_pss(input, 32),
                    _ => pkcs1v15::SigningKey::<Sha256>::new(secret).sign(input).to_vec(),
                }
            }
            Secret::P256(secret) => sign_p256(secret, input).to_bytes().to_vec(),
            Secret::P384(secret) => sign_p384(secret, input).to_bytes().to_vec(),
            Secret::Ed25519(secret) => secret.sk.sign(input, None).to_vec(),
        }
    }

    /// A PSS signature with SHA-256 and any salt length (RFC 7518, section 3.5, asks for 32).
    ///
    /// # Panics
    /// If the key is none of RSA.
    #[must_use]
    pub fn sign_pss(&self, input: &[u8], salt_length: usize) -> Vec<u8> {
        let Secret::Rsa(secret) = &*self.secret else { panic!("only an RSA key signs with PSS") };
        pss::SigningKey::<Sha256>::new_with_salt_len(RsaPrivateKey::clone(secret), salt_length)
            .sign_with_rng(&mut OsRng, input)
            .to_vec()
    }

    /// An ECDSA signature in DER, which a JWS must not carry (RFC 7518, section 3.4).
    ///
    /// # Panics
    /// If the key is not of an elliptic curve with ECDSA.
    #[must_use]
    pub fn sign_der(&self, input: &[u8]) -> Vec<u8> {
        match &*self.secret {
            Secret::P256(secret) => sign_p256(secret, input).to_der().as_bytes().to_vec(),
            Secret::P384(secret) => sign_p384(secret, input).to_der().as_bytes().to_vec(),
            Secret::Rsa(_) | Secret::Ed25519(_) => panic!("only an ECDSA key signs with DER"),
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm.name(), self.kid)
    }
}

fn sign_p256(secret: &p256::ecdsa::SigningKey, input: &[u8]) -> p256::ecdsa::Signature {
    use p256::ecdsa::signature::Signer as _;
    secret.sign(input)
}

fn sign_p384(secret: &p384::ecdsa::SigningKey, input: &[u8]) -> p384::ecdsa::Signature {
    use p384::ecdsa::signature::Signer as _;
    secret.sign(input)
}
