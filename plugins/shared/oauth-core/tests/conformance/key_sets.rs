//! Which documents are key sets, and which keys in them are used.

use oauth_core::jose::key_set::{MAX_KEY_SET_BYTES, MAX_KEYS, MAX_TRIES};
use oauth_core::jose::{UnusableKey, VerificationKey};
use oauth_core::json::JsonError;
use oauth_core::{Algorithm, KeySet, KeySetError, Reason};
use serde_json::{Value, json};

use crate::issuing::*;

fn unusable(jwk: Value) -> UnusableKey {
    VerificationKey::from_jwk(&jwk).map(|_| ()).unwrap_err()
}

fn rsa_of(bits: usize) -> Value {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] = 0xff >> (modulus.len() * 8 - bits);
    json!({"kty": "RSA", "n": encode(modulus), "e": "AQAB"})
}

/// JWT-16
#[test]
fn rsa_keys_have_2048_to_4096_bits_and_the_usual_exponent() {
    for bits in [512, 1024, 2040, 2047, 4097, 8192, 16384] {
        assert_eq!(unusable(rsa_of(bits)), UnusableKey::UnsupportedSize, "{bits}");
    }
    for bits in [2048, 3072, 4096] {
        assert!(VerificationKey::from_jwk(&rsa_of(bits)).is_ok(), "{bits}");
    }
    for exponent in [vec![1], vec![3], vec![0], vec![], vec![1, 0, 0], vec![1, 0, 1, 0], vec![255; 256]] {
        assert_eq!(unusable(with(rsa_of(2048), json!({"e": encode(exponent)}))), UnusableKey::UnsupportedSize);
    }
    let mut even = vec![0xff; 256];
    even[255] = 0xfe;
    assert_eq!(unusable(with(rsa_of(2048), json!({"n": encode(even)}))), UnusableKey::InvalidPoint);
    // 1024 bits do not become 2048 by leading zeros.
    let padded = [vec![0; 128], vec![0xff; 128]].concat();
    assert_eq!(unusable(with(rsa_of(2048), json!({"n": encode(padded)}))), UnusableKey::UnsupportedSize);
}

#[test]
fn a_modulus_with_a_leading_zero_is_the_same_key() {
    let jwk = Key::Rsa.jwk();
    let modulus = [&[0], decode(jwk["n"].as_str().unwrap()).as_slice()].concat();
    let keys = key_set(&[with(jwk, json!({"n": encode(modulus), "kid": "k1"}))]);
    let token = sign(Key::Rsa, &header_with(json!({"alg": "RS256", "kid": "k1"})), &claims());
    assert!(verify(&token, &rfc9068(), &keys).is_ok());
}

/// JWT-17
#[test]
fn ec_keys_off_their_curve_or_of_another_length_are_refused() {
    let swapped = |key: Key| {
        let jwk = key.jwk();
        with(jwk.clone(), json!({"x": jwk["y"], "y": jwk["x"]}))
    };
    assert_eq!(unusable(swapped(Key::P256)), UnusableKey::InvalidPoint);
    assert_eq!(unusable(swapped(Key::P384)), UnusableKey::InvalidPoint);
    for x in [vec![0; 32], vec![255; 32]] {
        assert_eq!(unusable(Key::P256.jwk_with(json!({"x": encode(x)}))), UnusableKey::InvalidPoint);
    }
    for x in [vec![1; 31], vec![1; 33], vec![], vec![1; 48]] {
        assert_eq!(unusable(Key::P256.jwk_with(json!({"x": encode(x)}))), UnusableKey::Malformed);
    }
    assert_eq!(unusable(Key::P256.jwk_with(json!({"crv": "P-384"}))), UnusableKey::Malformed);
    assert_eq!(unusable(Key::P256.jwk_with(json!({"crv": "p-256"}))), UnusableKey::UnsupportedType);
    assert_eq!(unusable(Key::P256.jwk_with(json!({"y": "__absent__"}))), UnusableKey::Malformed);
}

#[test]
fn ed25519_keys_of_small_order_or_of_another_curve_are_refused() {
    // The neutral element, a point of order two, and one of order four (RFC 7748 §6.1 tells of such inputs).
    let mut one = vec![0; 32];
    one[0] = 1;
    let mut minus_one = vec![0xff; 32];
    minus_one[0] = 0xec;
    minus_one[31] = 0x7f;
    for x in [one, minus_one, vec![0; 32]] {
        assert_eq!(unusable(Key::Ed25519.jwk_with(json!({"x": encode(x)}))), UnusableKey::InvalidPoint);
    }
    for curve in ["X25519", "Ed448", "ed25519"] {
        assert_eq!(unusable(Key::Ed25519.jwk_with(json!({ "crv": curve }))), UnusableKey::UnsupportedType);
    }
}

#[test]
fn a_key_with_private_members_is_compromised_and_refused() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for key in [Key::Rsa, Key::P256, Key::Ed25519] {
            assert_eq!(unusable(key.jwk_with(json!({ name: "AAAA" }))), UnusableKey::PrivateMaterial, "{name}");
        }
    }
}

/// JWT-04
#[test]
fn an_alg_that_does_not_fit_its_key_disables_the_key() {
    for (key, algorithm) in [
        (Key::Rsa, "ES256"),
        (Key::Rsa, "RSA-OAEP"),
        (Key::Rsa, "HS256"),
        (Key::Rsa, "none"),
        (Key::Rsa, "rs256"),
        (Key::P256, "ES384"),
        (Key::P384, "ES256"),
        (Key::P256, "RS256"),
        (Key::P256, "ECDH-ES"),
        (Key::Ed25519, "ES256"),
    ] {
        assert_eq!(unusable(key.jwk_with(json!({ "alg": algorithm }))), UnusableKey::AlgorithmMismatch, "{algorithm}");
    }
}

/// JWT-06
#[test]
fn unknown_and_broken_keys_are_skipped_with_their_place_and_reason() {
    let keys = key_set(&[
        json!({"kty": "AKP", "alg": "AKP"}),
        json!({"kty": "unheard"}),
        Key::P256.jwk_with(json!({"kid": "k2"})),
        json!([]),
        Key::P256.jwk_with(json!({"kid": 7})),
        Key::P256.jwk_with(json!({"x": "not base64url!"})),
        Key::P256.jwk_with(json!({"use": "enc"})),
    ]);
    let skipped: Vec<(usize, UnusableKey)> = keys.skipped().iter().map(|key| (key.index, key.reason)).collect();
    assert_eq!(
        skipped,
        [
            (0, UnusableKey::AlgorithmMismatch),
            (1, UnusableKey::UnsupportedType),
            (3, UnusableKey::Malformed),
            (4, UnusableKey::Malformed),
            (5, UnusableKey::Malformed),
            (6, UnusableKey::UseNotSignature),
        ]
    );
    assert_eq!(keys.keys().len(), 1);
}

/// JWT-28
#[test]
fn a_document_that_is_no_key_set_is_refused_as_a_whole() {
    let refused = |document: &str| KeySet::parse(document.as_bytes()).map(|_| ()).unwrap_err();
    for document in ["{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"Keys":[]}"#] {
        assert_eq!(refused(document), KeySetError::NoKeys, "{document}");
    }
    assert_eq!(refused("[]"), KeySetError::Json(JsonError::NotAnObject));
    assert_eq!(refused(r#"{"keys":[],"keys":[]}"#), KeySetError::Json(JsonError::DuplicateMember));
    assert_eq!(refused(r#"{"keys":[{"kty":"RSA","kty":"EC"}]}"#), KeySetError::Json(JsonError::DuplicateMember));
    for document in ["", "<html>", "{\"keys\":[]", "{\"keys\":[]}}", "\u{feff}{\"keys\":[]}"] {
        assert_eq!(refused(document), KeySetError::Json(JsonError::Syntax), "{document}");
    }
    assert_eq!(refused(&"[".repeat(200_000)), KeySetError::Json(JsonError::TooDeep));
    assert_eq!(refused(&" ".repeat(MAX_KEY_SET_BYTES + 1)), KeySetError::TooLarge);
    let many = |count: usize| json!({"keys": vec![json!({}); count]}).to_string();
    assert_eq!(refused(&many(MAX_KEYS + 1)), KeySetError::TooManyKeys);
    assert!(KeySet::parse(many(MAX_KEYS).as_bytes()).unwrap().is_empty());
}

/// JWT-07, JWT-08
#[test]
fn candidates_are_few_compatible_and_exactly_named() {
    let named = |id: &str| Key::P256.jwk_with(json!({ "kid": id }));
    let keys = key_set(&[named("a"), named("a"), named("b"), Key::P256.jwk(), Key::Rsa.jwk_with(json!({"kid": "r"}))]);
    let count = |algorithm, id| keys.candidates(algorithm, id).map(|found| found.len());
    assert_eq!(count(Algorithm::Es256, Some("a")), Ok(2));
    assert_eq!(count(Algorithm::Es256, Some("b")), Ok(1));
    assert_eq!(count(Algorithm::Es256, None), Ok(4));
    assert_eq!(count(Algorithm::Rs256, None), Ok(1));
    assert_eq!(count(Algorithm::Ps256, None), Err(Reason::UnknownKey), "it has no alg");
    assert_eq!(count(Algorithm::Es256, Some("A")), Err(Reason::UnknownKey));
    assert_eq!(count(Algorithm::Es256, Some("r")), Err(Reason::KeyMismatch));
    assert_eq!(count(Algorithm::Es384, None), Err(Reason::UnknownKey));
    let crowd = key_set(&vec![named("a"); 50]);
    assert_eq!(crowd.candidates(Algorithm::Es256, None).map(|found| found.len()), Ok(MAX_TRIES));
    assert_eq!(KeySet::default().candidates(Algorithm::Rs256, None).map(|_| ()), Err(Reason::UnknownKey));
}

/// For the proxy's own crypto: what is exported is the key itself, in the form that others read.
#[test]
fn rsa_and_ec_keys_are_exported_as_subject_public_key_info() {
    use jwt_simple::algorithms::{ES256PublicKey, RS256PublicKey};

    let rsa = VerificationKey::from_jwk(&Key::Rsa.jwk()).unwrap();
    let read = RS256PublicKey::from_der(rsa.spki_der().unwrap()).unwrap().to_components();
    assert_eq!(json!(encode(read.n)), Key::Rsa.jwk()["n"]);
    let ec = VerificationKey::from_jwk(&Key::P256.jwk()).unwrap();
    assert!(ES256PublicKey::from_der(ec.spki_der().unwrap()).is_ok());
    assert!(VerificationKey::from_jwk(&Key::P384.jwk()).unwrap().spki_der().is_some());
    assert!(VerificationKey::from_jwk(&Key::Ed25519.jwk()).unwrap().spki_der().is_none());
}
