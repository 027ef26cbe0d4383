//! `private_key_jwt` (RFC 7523 §3, draft-ietf-oauth-rfc7523bis §4): who holds the key is the client.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::request::Fresh;
use crate::jose::{Crypto, SigningKey};

pub use crate::jose::signing_key::{CannotSign, NotAKey, SigningAlgorithm};

/// How long an assertion may be used: as long as a slow request takes.
const LIFE_SECONDS: i64 = 60;

/// The media type of an assertion (draft-ietf-oauth-rfc7523bis §4), so that no other JWT of the client passes for one.
const MEDIA_TYPE: &str = "client-authentication+jwt";

/// The length of a SHA-256.
const THUMBPRINT_BYTES: usize = 32;

/// What signs a client's assertions, and for whom.
pub struct AssertionKey {
    key: SigningKey,
    crypto: Crypto,
    audience: String,
    /// Encoded; the same in each assertion.
    header: String,
}

/// Never prints the key.
impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssertionKey(for {})", self.audience)
    }
}

/// How a server names the key.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyNames<'a> {
    /// `kid`
    pub key_id: Option<&'a str>,
    /// `x5t#S256`: the SHA-256 of the certificate, base64url. Entra finds the key by it.
    pub certificate_sha256: Option<&'a str>,
}

/// RFC 7515 §4.1
#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    certificate_sha256: Option<&'a str>,
}

/// RFC 7523 §3
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    /// As one text: an array, or a second value, is refused by servers that follow rfc7523bis §4.
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
}

impl AssertionKey {
    /// Reads a private key in PEM (PKCS #8). `audience` is the one value of `aud`.
    ///
    /// # Errors
    /// [`NotAKey`] if it cannot sign with this algorithm, or a name of it is malformed.
    pub fn new(
        algorithm: SigningAlgorithm,
        pem: &str,
        names: KeyNames<'_>,
        audience: String,
        media_type: Option<String>,
    ) -> Result<Self, NotAKey> {
        let is_thumbprint =
            |text: &str| URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == THUMBPRINT_BYTES);
        if names.certificate_sha256.is_some_and(|text| !is_thumbprint(text)) {
            return Err(NotAKey);
        }
        let header = Header {
            alg: algorithm.name(),
            typ: media_type.as_deref().unwrap_or(MEDIA_TYPE),
            kid: names.key_id,
            certificate_sha256: names.certificate_sha256,
        };
        let header = encoded(&header).map_err(|_| NotAKey)?;
        let key = SigningKey::from_pem(algorithm, pem)?;
        Ok(Self { key, crypto: Crypto::GUEST, audience, header })
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.key.algorithm()
    }

    /// Says who signs from now on.
    pub fn equip(&mut self, crypto: Crypto) {
        self.crypto = crypto;
    }

    /// An assertion that says who the client is, for one server, once.
    pub(super) fn sign(&self, client_id: &str, fresh: &Fresh) -> Result<String, CannotSign> {
        let now = fresh.now.as_secs();
        let claims = Claims {
            iss: client_id,
            sub: client_id,
            aud: &self.audience,
            iat: now,
            exp: now.saturating_add(LIFE_SECONDS),
            jti: &fresh.jti,
        };
        let mut assertion = format!("{}.{}", self.header, encoded(&claims)?);
        let signature = self.key.sign(self.crypto, assertion.as_bytes())?;
        assertion.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut assertion);
        Ok(assertion)
    }
}

fn encoded(part: &impl Serialize) -> Result<String, CannotSign> {
    serde_json::to_vec(part).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|_| CannotSign)
}
