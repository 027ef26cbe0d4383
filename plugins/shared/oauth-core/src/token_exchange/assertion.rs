//! `private_key_jwt` (RFC 7523 §3, draft-ietf-oauth-rfc7523bis §4): who holds the key is the client.

use std::fmt;

use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ES256KeyPair, Ed25519KeyPair, EdDSAKeyPairLike as _, PS256KeyPair, RS256KeyPair,
    RSAKeyPairLike as _,
};
use jwt_simple::claims::{Audiences, JWTClaims};
use jwt_simple::common::{HeaderOptions, KeyMetadata};
use jwt_simple::prelude::Duration;
use serde::{Deserialize, Serialize};

use super::request::Fresh;

/// How long an assertion may be used: as long as a slow request takes.
const LIFE_SECONDS: u64 = 60;

/// The media type of an assertion (draft-ietf-oauth-rfc7523bis §4), so that no other JWT of the client passes for one.
const MEDIA_TYPE: &str = "client-authentication+jwt";

/// What an assertion may be signed with.
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

/// What signs a client's assertions, and for whom.
pub struct AssertionKey {
    pair: Pair,
    audience: String,
    media_type: String,
}

/// Boxed: RSA keys are large.
enum Pair {
    Rs256(Box<RS256KeyPair>),
    Ps256(Box<PS256KeyPair>),
    Es256(Box<ES256KeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
}

/// The private key is none of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAKey;

/// The library could not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotSign;

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

/// Nothing beside the registered claims.
#[derive(Serialize)]
struct NoOthers {}

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
        let id = names.key_id.unwrap_or_default();
        let mut metadata = KeyMetadata::default();
        if let Some(thumbprint) = names.certificate_sha256 {
            metadata = metadata.with_certificate_sha256_thumbprint(thumbprint).map_err(|_| NotAKey)?;
        }
        macro_rules! read {
            ($variant:ident, $pair:ident) => {{
                let mut pair = $pair::from_pem(pem).map_err(|_| NotAKey)?;
                if names.key_id.is_some() {
                    pair = pair.with_key_id(id);
                }
                pair.attach_metadata(metadata).map_err(|_| NotAKey)?;
                Pair::$variant(Box::new(pair))
            }};
        }
        let pair = match algorithm {
            SigningAlgorithm::Rs256 => read!(Rs256, RS256KeyPair),
            SigningAlgorithm::Ps256 => read!(Ps256, PS256KeyPair),
            SigningAlgorithm::Es256 => read!(Es256, ES256KeyPair),
            SigningAlgorithm::EdDsa => read!(EdDsa, Ed25519KeyPair),
        };
        Ok(Self { pair, audience, media_type: media_type.unwrap_or_else(|| MEDIA_TYPE.to_owned()) })
    }

    /// An assertion that says who the client is, for one server, once.
    pub(super) fn sign(&self, client_id: &str, fresh: &Fresh) -> Result<String, CannotSign> {
        let now = u64::try_from(fresh.now.as_secs()).map_err(|_| CannotSign)?;
        let claims = JWTClaims {
            issuer: Some(client_id.to_owned()),
            subject: Some(client_id.to_owned()),
            // As one text: an array, or a second value, is refused by servers that follow rfc7523bis §4.
            audiences: Some(Audiences::AsString(self.audience.clone())),
            issued_at: Some(Duration::from_secs(now)),
            expires_at: Some(Duration::from_secs(now.saturating_add(LIFE_SECONDS))),
            invalid_before: None,
            jwt_id: Some(fresh.jti.clone()),
            nonce: None,
            custom: NoOthers {},
        };
        let options = HeaderOptions { signature_type: Some(self.media_type.clone()), ..HeaderOptions::default() };
        let signed = match &self.pair {
            Pair::Rs256(pair) => pair.sign_with_options(claims, &options),
            Pair::Ps256(pair) => pair.sign_with_options(claims, &options),
            Pair::Es256(pair) => pair.sign_with_options(claims, &options),
            Pair::EdDsa(pair) => pair.sign_with_options(claims, &options),
        };
        signed.map_err(|_| CannotSign)
    }
}
