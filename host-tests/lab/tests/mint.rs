//! Minted tokens, read by the library that the filters verify with.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use fourleg_lab::mint::{Algorithm, Mint, SigningKey, compact, jwks, key, stranger};
use jwt_simple::prelude::*;
use serde_json::{Value, json};

const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "https://tools.example/files";

fn mint() -> Mint {
    Mint::new(ISSUER, AUDIENCE)
}

/// Verifies with jwt-simple from the DER or raw form of the public key.
fn verify(key: &SigningKey, token: &str) -> Result<JWTClaims<Value>, jwt_simple::Error> {
    let options = Some(VerificationOptions {
        allowed_issuers: Some([ISSUER.to_owned()].into()),
        allowed_audiences: Some([AUDIENCE.to_owned()].into()),
        ..VerificationOptions::default()
    });
    let der = key.public_der();
    match key.algorithm() {
        Algorithm::Rs256 => RS256PublicKey::from_der(&der)?.verify_token(token, options),
        Algorithm::Rs384 => RS384PublicKey::from_der(&der)?.verify_token(token, options),
        Algorithm::Rs512 => RS512PublicKey::from_der(&der)?.verify_token(token, options),
        Algorithm::Ps256 => PS256PublicKey::from_der(&der)?.verify_token(token, options),
        Algorithm::Es256 => ES256PublicKey::from_der(&der)?.verify_token(token, options),
        Algorithm::Es384 => ES384PublicKey::from_der(&der)?.verify_token(token, options),
        Algorithm::EdDsa => Ed25519PublicKey::from_der(&der)?.verify_token(token, options),
    }
}

fn decode(segment: &str) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
}

#[test]
fn a_good_token_verifies_with_every_algorithm_and_not_with_a_strangers_key() {
    for algorithm in Algorithm::ALL {
        let token = mint().access_token().sign_with(key(algorithm));
        let claims = verify(key(algorithm), &token).unwrap();
        assert_eq!(claims.subject.as_deref(), Some("alice"), "{algorithm:?}");
        assert_eq!(claims.custom["client_id"], "agent-1");
        assert!(verify(stranger(algorithm), &token).is_err(), "{algorithm:?}");
    }
}

#[test]
fn the_pem_and_the_jwk_are_those_of_the_key() {
    let rsa = key(Algorithm::Rs256);
    let token = mint().access_token().sign();
    let from_pem = RS256PublicKey::from_pem(&rsa.public_pem()).unwrap();
    from_pem.verify_token::<NoCustomClaims>(&token, None).unwrap();
    let set = jwks([rsa, key(Algorithm::Es256), key(Algorithm::Es384), key(Algorithm::EdDsa)]);
    let members: Vec<_> = set["keys"].as_array().unwrap().iter().map(|jwk| (&jwk["kty"], &jwk["kid"])).collect();
    assert_eq!(json!(members), json!([["RSA", "rs256"], ["EC", "es256"], ["EC", "es384"], ["OKP", "eddsa"]]));
    for jwk in &set["keys"].as_array().unwrap()[1..3] {
        assert_eq!(jwk["x"].as_str().unwrap().len(), jwk["y"].as_str().unwrap().len());
    }
}

#[test]
fn what_is_set_replaces_what_the_key_says() {
    let token = mint()
        .token(json!({"sub": 5}))
        .without("exp")
        .typ("JWT")
        .kid("other")
        .alg("ES384")
        .header("crit", json!(["x"]))
        .sign_with(key(Algorithm::Es256));
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(decode(parts[0]), json!({"alg": "ES384", "kid": "other", "typ": "JWT", "crit": ["x"]}));
    let claims = decode(parts[1]);
    assert_eq!((&claims["sub"], claims.get("exp")), (&json!(5), None));
    let bare = mint().access_token().without_header("kid").without_header("typ").sign();
    assert_eq!(decode(bare.split('.').next().unwrap()), json!({"alg": "RS256"}));
}

#[test]
fn an_rsa_key_signs_by_the_algorithm_that_the_header_names() {
    let token = mint().access_token().alg("PS256").sign_with(key(Algorithm::Rs256));
    verify(key(Algorithm::Ps256), &token).unwrap();
}

#[test]
fn forged_forms_have_the_parts_that_they_claim() {
    let unsigned = mint().access_token().unsigned();
    assert!(unsigned.ends_with('.'));
    assert_eq!(decode(unsigned.split('.').next().unwrap())["alg"], "none");

    let public = key(Algorithm::Rs256).public_pem();
    let confused = mint().access_token().kid("rs256").mac_with(&public);
    HS256Key::from_bytes(public.as_bytes()).verify_token::<NoCustomClaims>(&confused, None).unwrap();

    let duplicate = r#"{"aud":"a","aud":"b"}"#;
    let token = compact(r#"{"alg":"RS256","alg":"none"}"#, duplicate, key(Algorithm::Rs256));
    assert_eq!(token.split('.').count(), 3);
    let der = key(Algorithm::Es256).sign_der(b"text");
    assert_eq!(der[0], 0x30);
    assert_eq!(key(Algorithm::Es256).sign(b"text").len(), 64);
}

#[test]
fn a_private_key_can_be_handed_to_a_client() {
    let signed_by = |algorithm: Algorithm| -> String {
        let pem = key(algorithm).private_pem();
        let claims = Claims::create(Duration::from_mins(1)).with_issuer(ISSUER).with_audience(AUDIENCE);
        match algorithm {
            Algorithm::Es256 => ES256KeyPair::from_pem(&pem).unwrap().sign(claims).unwrap(),
            Algorithm::Es384 => ES384KeyPair::from_pem(&pem).unwrap().sign(claims).unwrap(),
            Algorithm::EdDsa => Ed25519KeyPair::from_pem(&pem).unwrap().sign(claims).unwrap(),
            Algorithm::Ps256 => PS256KeyPair::from_pem(&pem).unwrap().sign(claims).unwrap(),
            _ => RS256KeyPair::from_pem(&pem).unwrap().sign(claims).unwrap(),
        }
    };
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
        verify(key(algorithm), &signed_by(algorithm)).unwrap();
    }
}

#[test]
fn every_token_has_an_id_of_its_own() {
    let mint = mint();
    assert_ne!(mint.access_token().claims()["jti"], mint.access_token().claims()["jti"]);
}
