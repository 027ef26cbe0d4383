//! `private_key_jwt`: who holds the key is the client (RFC 7523, section 3; draft-ietf-oauth-rfc7523bis, section 4).

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_simple::{
    algorithms::{
        ECDSAP256PublicKeyLike as _, ECDSAP384PublicKeyLike as _, ES256PublicKey, ES384PublicKey, Ed25519PublicKey,
        EdDSAPublicKeyLike as _, PS256PublicKey, RS256PublicKey, RS384PublicKey, RS512PublicKey, RSAPublicKeyLike as _,
    },
    claims::{JWTClaims, NoCustomClaims},
    common::VerificationOptions,
    prelude::Duration,
    token::Token,
};
use serde_json::Value;

use super::super::State;
use crate::mint::{Algorithm, SigningKey};

/// `client_assertion_type` (RFC 7523, section 2.2).
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Seconds that an assertion may live.
const MAX_LIFE: u64 = 300;

/// The clients and `jti`s of assertions that were used.
#[derive(Debug, Default)]
pub(in super::super) struct Assertions(BTreeSet<(String, String)>);

/// Who an assertion says that it is of, before anything is known about it.
pub(super) fn client_id(jwt: &str) -> Option<String> {
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok()?).ok()?;
    claims.get("sub")?.as_str().map(str::to_owned)
}

/// Whether it is a client's own, meant for this provider alone, young, and used for the first time.
pub(super) fn proves(state: &State, client_id: &str, key: &SigningKey, jwt: &str) -> bool {
    let is_typed = Token::decode_metadata(jwt).is_ok_and(|metadata| {
        metadata.signature_type().is_none_or(|typ| {
            let typ = typ.to_ascii_lowercase();
            ["jwt", "client-authentication+jwt", "application/client-authentication+jwt"].contains(&typ.as_str())
        })
    });
    let Some(claims) = verified(key, jwt, state.now()).filter(|_| is_typed) else { return false };
    let is_ours = |text: Option<&String>| text.is_some_and(|text| text == client_id);
    // The issuer identifier as the sole value: an assertion for any other URL may have been made for somebody else.
    let is_for_us = claims.audiences.and_then(|audiences| audiences.into_string().ok()).as_ref() == Some(&state.issuer);
    let now = state.now();
    let lives_shortly = claims
        .expires_at
        .is_some_and(|at| (now.saturating_add(1)..=now.saturating_add(MAX_LIFE)).contains(&at.as_secs()));
    let Some(jti) = claims.jwt_id.filter(|jti| !jti.is_empty()) else { return false };
    is_ours(claims.issuer.as_ref())
        && is_ours(claims.subject.as_ref())
        && is_for_us
        && lives_shortly
        && state.assertions().0.insert((client_id.to_owned(), jti))
}

/// The claims, if the key has signed them with its own algorithm, and it is their time.
fn verified(key: &SigningKey, jwt: &str, now: u64) -> Option<JWTClaims<NoCustomClaims>> {
    let options = VerificationOptions {
        artificial_time: Some(Duration::from_secs(now)),
        time_tolerance: Some(Duration::from_secs(0)),
        ..VerificationOptions::default()
    };
    let der = key.public_der();
    macro_rules! verify {
        ($key:ident) => {
            $key::from_der(&der).and_then(|key| key.verify_token(jwt, Some(options))).ok()
        };
    }
    match key.algorithm() {
        Algorithm::Rs256 => verify!(RS256PublicKey),
        Algorithm::Rs384 => verify!(RS384PublicKey),
        Algorithm::Rs512 => verify!(RS512PublicKey),
        Algorithm::Ps256 => verify!(PS256PublicKey),
        Algorithm::Es256 => verify!(ES256PublicKey),
        Algorithm::Es384 => verify!(ES384PublicKey),
        Algorithm::EdDsa => verify!(Ed25519PublicKey),
    }
}
