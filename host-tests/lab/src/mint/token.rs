//! Tokens in the making: a good one by default, and a way to break each part of it.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{Algorithm, SigningKey, key::key};
use crate::unix_now;

/// How long a good token lives.
const LIFETIME: u64 = 300;

/// Makes tokens of one issuer for one audience at one time.
#[derive(Clone, Debug)]
pub struct Mint {
    /// The `iss` of the tokens.
    pub issuer: String,
    /// The `aud` of the tokens.
    pub audience: String,
    /// Seconds since the epoch that the tokens take for now.
    pub now: u64,
}

impl Mint {
    /// A mint that goes by the real clock of this moment.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), audience: audience.into(), now: unix_now() }
    }

    /// The same at another time; scenarios give the gateway's.
    #[must_use]
    pub fn at(mut self, unix_seconds: u64) -> Self {
        self.now = unix_seconds;
        self
    }

    /// A good access token (RFC 9068, section 2): subject `alice`, client `agent-1`, scope `files:read`, issued now, valid
    /// for five minutes, with an id of its own.
    #[must_use]
    pub fn access_token(&self) -> Token {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Token::of(json!({
            "iss": self.issuer,
            "aud": self.audience,
            "sub": "alice",
            "client_id": "agent-1",
            "scope": "files:read",
            "iat": self.now,
            "exp": self.now.saturating_add(LIFETIME),
            "jti": format!("token-{}-{number}", std::process::id()),
        }))
    }

    /// A good access token in which these claims replace those of the same name.
    #[must_use]
    pub fn token(&self, claims: Value) -> Token {
        let mut token = self.access_token();
        if let Value::Object(claims) = claims {
            token.claims.extend(claims);
        }
        token
    }
}

/// What the `kid` header will be.
#[derive(Clone, Debug)]
enum Kid {
    OfTheKey,
    Absent,
    Is(Value),
}

/// A token before it is signed.
#[derive(Clone, Debug)]
pub struct Token {
    header: Map<String, Value>,
    kid: Kid,
    claims: Map<String, Value>,
    header_text: Option<Vec<u8>>,
    payload_text: Option<Vec<u8>>,
}

impl Token {
    /// A token with exactly these claims, of type `at+jwt`. Anything but an object gives no claims: see
    /// [`Token::payload_text`].
    #[must_use]
    pub fn of(claims: Value) -> Self {
        let claims = match claims {
            Value::Object(claims) => claims,
            _ => Map::new(),
        };
        let mut header = Map::new();
        header.insert("typ".to_owned(), json!("at+jwt"));
        Self { header, kid: Kid::OfTheKey, claims, header_text: None, payload_text: None }
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets `iss`.
    #[must_use]
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// One audience, or a list of them by `json!([…])`.
    #[must_use]
    pub fn audience(self, audience: impl Into<Value>) -> Self {
        self.claim("aud", audience)
    }

    /// Sets `sub`.
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// Sets `client_id`.
    #[must_use]
    pub fn client(self, client_id: &str) -> Self {
        self.claim("client_id", client_id)
    }

    /// Space-separated scopes.
    #[must_use]
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// Sets `exp`.
    #[must_use]
    pub fn expires_at(self, unix_seconds: u64) -> Self {
        self.claim("exp", unix_seconds)
    }

    /// Sets a header parameter, `alg` and `kid` too.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if name == "kid" {
            self.kid = Kid::Is(value);
        } else {
            self.header.insert(name.to_owned(), value);
        }
        self
    }

    /// Removes a header parameter. `alg` cannot be: see [`Token::header_text`].
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        if name == "kid" {
            self.kid = Kid::Absent;
        }
        self.header.remove(name);
        self
    }

    /// Sets the `typ` header.
    #[must_use]
    pub fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    /// Sets the `kid` header, whatever key signs.
    #[must_use]
    pub fn kid(self, kid: &str) -> Self {
        self.header("kid", kid)
    }

    /// Sets the `alg` header, whatever key signs. An RSA key then signs by it, if it is an RSA algorithm.
    #[must_use]
    pub fn alg(self, alg: &str) -> Self {
        self.header("alg", alg)
    }

    /// The text of the header instead of the one from its parameters, valid JSON or not.
    #[must_use]
    pub fn header_text(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.header_text = Some(text.into());
        self
    }

    /// The text of the payload instead of the one from its claims: duplicate members, deep nesting, anything.
    #[must_use]
    pub fn payload_text(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.payload_text = Some(text.into());
        self
    }

    /// The claims so far, to build a text from them.
    #[must_use]
    pub fn claims(&self) -> Value {
        Value::Object(self.claims.clone())
    }

    /// Signs with the process's own key for RS256, or for the algorithm that the `alg` header names.
    #[must_use]
    pub fn sign(self) -> String {
        let algorithm = self.algorithm().unwrap_or(Algorithm::Rs256);
        self.sign_with(key(algorithm))
    }

    /// Signs with this key; `alg` and `kid` are the key's unless they were set.
    #[must_use]
    pub fn sign_with(self, key: &SigningKey) -> String {
        let algorithm = self.algorithm().unwrap_or(key.algorithm());
        let input = self.signing_input(key.algorithm().name(), Some(key.kid()));
        let signature = key.sign_as(algorithm, input.as_bytes());
        format!("{input}.{}", base64url(signature))
    }

    /// `alg: none` (or what was set) and an empty signature (RFC 7515, appendix A.5).
    #[must_use]
    pub fn unsigned(self) -> String {
        self.with_signature([])
    }

    /// `alg: none` (or what was set) and these bytes as the signature.
    #[must_use]
    pub fn with_signature(self, signature: impl AsRef<[u8]>) -> String {
        format!("{}.{}", self.signing_input("none", None), base64url(signature))
    }

    /// `alg: HS256` (or what was set) and an HMAC-SHA-256 under `secret`: with public key material as the secret it is
    /// the key confusion of RFC 8725, section 2.1.
    #[must_use]
    pub fn mac_with(self, secret: impl AsRef<[u8]>) -> String {
        let input = self.signing_input("HS256", None);
        let mac = hmac_sha256::HMAC::mac(input.as_bytes(), secret);
        format!("{input}.{}", base64url(mac))
    }

    fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::from_name(self.header.get("alg")?.as_str()?)
    }

    fn signing_input(&self, default_alg: &str, default_kid: Option<&str>) -> String {
        let header = self.header_text.clone().unwrap_or_else(|| {
            let mut header = Map::new();
            header.insert("alg".to_owned(), json!(default_alg));
            match (&self.kid, default_kid) {
                (Kid::Is(kid), _) => {
                    header.insert("kid".to_owned(), kid.clone());
                }
                (Kid::OfTheKey, Some(kid)) => {
                    header.insert("kid".to_owned(), json!(kid));
                }
                (Kid::OfTheKey, None) | (Kid::Absent, _) => {}
            }
            header.extend(self.header.clone());
            Value::Object(header).to_string().into_bytes()
        });
        let payload =
            self.payload_text.clone().unwrap_or_else(|| Value::Object(self.claims.clone()).to_string().into_bytes());
        format!("{}.{}", base64url(header), base64url(payload))
    }
}

/// A compact JWS of these texts, signed by `key` with its own algorithm.
#[must_use]
pub fn compact(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>, key: &SigningKey) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let signature = key.sign(input.as_bytes());
    format!("{input}.{}", base64url(signature))
}

/// A compact JWS of these texts with these bytes as its signature; `signature` gets the signing input.
#[must_use]
pub fn compact_with_signature(
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
    signature: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let signature = signature(input.as_bytes());
    format!("{input}.{}", base64url(signature))
}

/// Base64url without padding (RFC 7515, section 2).
#[must_use]
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
