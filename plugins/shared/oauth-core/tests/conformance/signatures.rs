//! Which key proves which token.

use crate::issuing::*;
use oauth_core::{Algorithm, Issuer, Profile, Reason};
use serde_json::{Value, json};
use superboring::hash::MessageDigest;
use superboring::reexports::hmac_sha256::HMAC;
use superboring::rsa::Padding;
use superboring::sign::RsaPssSaltlen;

/// The order of the P-256 group (SEC 2).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// The order of the Ed25519 group, little endian (RFC 8032 §5.1).
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn allowing(algorithms: &[Algorithm]) -> Issuer {
    Issuer { algorithms: algorithms.to_vec(), ..rfc9068() }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn signed(key: Key, algorithm: &str, key_id: &str) -> String {
    sign(key, &header_with(json!({"alg": algorithm, "kid": key_id})), &claims())
}

/// Replaces the signature of a token.
fn resigned(token: &str, signature: &[u8]) -> String {
    format!("{}.{}", token.rsplit_once('.').unwrap().0, encode(signature))
}

fn signature_of(token: &str) -> Vec<u8> {
    decode(token.rsplit_once('.').unwrap().1)
}

/// JWT-26
#[test]
fn a_valid_token_of_each_algorithm_is_verified_and_keeps_its_claims() {
    let issuer = allowing(&Algorithm::ALL);
    for (key, algorithm, key_id) in [
        (Key::Rsa, "RS256", "k1"),
        (Key::Rsa, "RS384", "k1"),
        (Key::Rsa, "RS512", "k1"),
        (Key::Rsa, "PS256", "k1"),
        (Key::P256, "ES256", "k2"),
        (Key::P384, "ES384", "k384"),
        (Key::Ed25519, "EdDSA", "ed"),
        (Key::Ed25519, "Ed25519", "ed"),
    ] {
        let token = verify(&signed(key, algorithm, key_id), &issuer, &issuer_keys()).unwrap();
        assert_eq!(token.issuer(), ISSUER, "{algorithm}");
        assert_eq!(token.claims().subject(), Some("alice"));
        assert_eq!(token.claims().audiences(), [RESOURCE]);
        assert_eq!(token.claims().client_id(), Some("agent-1"));
        assert_eq!(token.claims().jwt_id(), Some("t-1"));
        assert_eq!(token.claims().expires_at().as_secs(), 1_700_000_300);
        assert_eq!(token.claims().issued_at(), Some(NOW));
        assert_eq!(Value::Object(token.claims().members().clone()), claims());
    }
}

/// JWT-01
#[test]
fn an_algorithm_outside_the_issuers_list_is_refused_before_any_key_is_used() {
    let only_rs256 = allowing(&[Algorithm::Rs256]);
    for (key, algorithm, key_id) in
        [(Key::Rsa, "RS512", "k1"), (Key::Rsa, "PS256", "k1"), (Key::P256, "ES256", "k2"), (Key::P256, "ES256", "none")]
    {
        let token = signed(key, algorithm, key_id);
        assert_eq!(reason(verify(&token, &only_rs256, &issuer_keys())), Reason::AlgorithmNotAllowed, "{algorithm}");
    }
    let none_allowed = allowing(&[]);
    assert_eq!(
        reason(verify(&signed(Key::Rsa, "RS256", "k1"), &none_allowed, &issuer_keys())),
        Reason::AlgorithmNotAllowed
    );
}

/// JWT-02
#[test]
fn none_is_refused_in_every_spelling_with_and_without_signature() {
    for algorithm in ["none", "None", "NONE", "nOnE", "", " none"] {
        let signed = signed(Key::P256, algorithm, "k2");
        let unsigned = resigned(&signed, b"");
        for token in [signed, unsigned] {
            assert_eq!(reason(verify(&token, &allowing(&Algorithm::ALL), &issuer_keys())), Reason::AlgorithmNotAllowed);
        }
    }
}

/// JWT-02
#[test]
fn a_token_without_signature_is_refused_under_every_algorithm() {
    for (key, algorithm, key_id) in [
        (Key::Rsa, "RS256", "k1"),
        (Key::Rsa, "PS256", "k1"),
        (Key::P256, "ES256", "k2"),
        (Key::Ed25519, "EdDSA", "ed"),
    ] {
        let token = resigned(&signed(key, algorithm, key_id), b"");
        let verdict = verify(&token, &allowing(&Algorithm::ALL), &issuer_keys());
        assert_eq!(reason(verdict), Reason::SignatureInvalid, "{algorithm}");
    }
}

/// JWT-03
#[test]
fn a_mac_over_public_key_material_is_refused() {
    let issuer = allowing(&Algorithm::ALL);
    for secret in Key::Rsa.public_forms() {
        for (algorithm, expected) in [("HS256", Reason::AlgorithmNotAllowed), ("RS256", Reason::SignatureInvalid)] {
            let header = header_with(json!({"alg": algorithm, "kid": "k1"}));
            let input = format!("{}.{}", encode(header.to_string()), encode(claims().to_string()));
            let token = format!("{input}.{}", encode(HMAC::mac(input.as_bytes(), &secret)));
            assert_eq!(reason(verify(&token, &issuer, &issuer_keys())), expected, "{algorithm}");
        }
    }
}

/// JWT-04
#[test]
fn a_key_serves_only_the_algorithm_that_it_is_for() {
    let issuer = allowing(&Algorithm::ALL);
    let for_pss = key_set(&[Key::Rsa.jwk_with(json!({"kid": "k1", "alg": "PS256"}))]);
    assert_eq!(reason(verify(&signed(Key::Rsa, "RS256", "k1"), &issuer, &for_pss)), Reason::KeyMismatch);
    assert!(verify(&signed(Key::Rsa, "PS256", "k1"), &issuer, &for_pss).is_ok());
    for (algorithm, key_id) in [
        ("ES256", "k384"),
        ("ES384", "k2"),
        ("EdDSA", "k1"),
        ("RS256", "ed"),
        ("ES256", "k1"),
        ("RS256", "k2"),
        ("Ed25519", "k2"),
        ("ES256", "ed"),
    ] {
        let token = signed(Key::P256, algorithm, key_id);
        assert_eq!(reason(verify(&token, &issuer, &issuer_keys())), Reason::KeyMismatch, "{algorithm} {key_id}");
    }
}

/// JWT-05
#[test]
fn keys_that_are_not_for_verifying_never_verify() {
    for more in [
        json!({"use": "enc"}),
        json!({"use": "SIG"}),
        json!({"use": ""}),
        json!({"use": 1}),
        json!({"key_ops": ["encrypt"]}),
        json!({"key_ops": []}),
        json!({"key_ops": "verify"}),
        json!({"key_ops": ["sign"]}),
        json!({"use": "enc", "key_ops": ["verify"]}),
    ] {
        let keys = key_set(&[with(Key::P256.jwk_with(json!({"kid": "k2"})), more.clone())]);
        assert_eq!(reason(verify(&token_of(&claims()), &rfc9068(), &keys)), Reason::UnknownKey, "{more}");
    }
    let keys = key_set(&[Key::P256.jwk_with(json!({"kid": "k2", "use": "sig", "key_ops": ["sign", "verify"]}))]);
    assert!(verify(&token_of(&claims()), &rfc9068(), &keys).is_ok());
}

/// JWT-06
#[test]
fn unknown_keys_and_members_in_a_set_do_not_spoil_the_others() {
    let keys = key_set(&[
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "k2"}),
        json!({"kty": "oct", "k": "AAAA", "kid": "k2"}),
        json!(5),
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        Key::P256.jwk_with(json!({"kid": "k2", "x-vendor": {"a": [1]}, "x5c": ["AAAA"]})),
    ]);
    assert_eq!((keys.keys().len(), keys.skipped().len()), (1, 4));
    assert!(verify(&token_of(&claims()), &rfc9068(), &keys).is_ok());
}

/// JWT-07
#[test]
fn a_kid_is_matched_exactly_and_means_nothing_else() {
    for key_id in ["../../etc/passwd", "' OR 1=1", "K2", "k2 ", "k", "k22", "k2\0", "*", "https://evil.example/jwks"] {
        let token = signed(Key::P256, "ES256", key_id);
        assert_eq!(reason(verify_rfc9068(&token)), Reason::UnknownKey, "{key_id}");
    }
    for key_id in [json!(2), json!(""), json!(null), json!(["k2"]), json!("k".repeat(2000))] {
        let token = sign(Key::P256, &header_with(json!({ "kid": key_id })), &claims());
        assert_eq!(reason(verify_rfc9068(&token)), Reason::TokenMalformed, "{key_id}");
    }
    let huge = sign(Key::P256, &header_with(json!({"kid": "k".repeat(1_000_000)})), &claims());
    assert_eq!(reason(verify_rfc9068(&huge)), Reason::CredentialTooLarge);
}

/// JWT-08
#[test]
fn a_token_without_kid_is_tried_against_compatible_keys_only() {
    let token = sign(Key::P256, &header_with(json!({"kid": "__absent__"})), &claims());
    assert!(verify_rfc9068(&token).is_ok());
    let without_fit = key_set(&[Key::Rsa.jwk(), Key::P384.jwk()]);
    assert_eq!(reason(verify(&token, &rfc9068(), &without_fit)), Reason::UnknownKey);
    let strangers = key_set(&[Key::OtherP256.jwk()]);
    assert_eq!(reason(verify(&token, &rfc9068(), &strangers)), Reason::SignatureInvalid);
}

/// JWT-08
#[test]
fn keys_that_share_a_kid_are_all_tried_up_to_a_bound() {
    let stranger = || Key::OtherP256.jwk_with(json!({"kid": "k2"}));
    let own = || Key::P256.jwk_with(json!({"kid": "k2"}));
    let token = token_of(&claims());
    let mixed = key_set(&[Key::Rsa.jwk_with(json!({"kid": "k2"})), stranger(), stranger(), stranger(), own()]);
    assert!(verify(&token, &rfc9068(), &mixed).is_ok());
    let after = |strangers: usize| key_set(&[vec![stranger(); strangers], vec![own()]].concat());
    assert!(verify(&token, &rfc9068(), &after(15)).is_ok());
    assert_eq!(reason(verify(&token, &rfc9068(), &after(16))), Reason::SignatureInvalid);
}

/// JWT-08
#[test]
fn a_key_without_kid_is_no_substitute_for_a_named_one() {
    let keys = key_set(&[Key::P256.jwk()]);
    assert_eq!(reason(verify(&token_of(&claims()), &rfc9068(), &keys)), Reason::UnknownKey);
}

/// JWT-09
#[test]
fn keys_that_a_token_brings_or_links_prove_nothing() {
    let forged = |changes: Value| sign(Key::OtherP256, &header_with(changes), &claims());
    let attacker = Key::OtherP256.jwk_with(json!({"kid": "k2"}));
    assert_eq!(reason(verify_rfc9068(&forged(json!({ "jwk": attacker })))), Reason::EmbeddedKey);
    for changes in [
        json!({"jku": "https://evil.example/jwks"}),
        json!({"x5u": "https://evil.example/cert"}),
        json!({"x5c": ["MIIB"]}),
        json!({"x5t": "AAAA", "x5t#S256": "AAAA"}),
    ] {
        assert_eq!(reason(verify_rfc9068(&forged(changes.clone()))), Reason::SignatureInvalid, "{changes}");
        // On a token that the issuer signed they are merely ignored.
        assert!(verify_rfc9068(&sign(Key::P256, &header_with(changes.clone()), &claims())).is_ok(), "{changes}");
    }
}

/// JWT-13
#[test]
fn no_second_spelling_of_a_signature_is_accepted() {
    for (key, algorithm, key_id) in
        [(Key::Rsa, "RS256", "k1"), (Key::P256, "ES256", "k2"), (Key::Ed25519, "EdDSA", "ed")]
    {
        let token = signed(key, algorithm, key_id);
        // The last character holds unused bits for all three lengths: its neighbours decode to the same bytes.
        let (head, last) = token.split_at(token.len() - 1);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let place = alphabet.find(last).unwrap();
        let neighbour = &alphabet[place + 1..=place + 1];
        assert_eq!(reason(verify_rfc9068(&format!("{head}{neighbour}"))), Reason::TokenMalformed, "{algorithm}");

        let signature = signature_of(&token);
        let longer = [&[0], signature.as_slice()].concat();
        let trailing = [signature.as_slice(), &[0]].concat();
        for other in [longer, trailing, signature[1..].to_vec(), signature[..signature.len() - 1].to_vec()] {
            assert_eq!(reason(verify_rfc9068(&resigned(&token, &other))), Reason::SignatureInvalid, "{algorithm}");
        }
    }
}

/// JWT-13
#[test]
fn an_ed25519_signature_with_its_scalar_beyond_the_order_is_refused() {
    let token = signed(Key::Ed25519, "EdDSA", "ed");
    let mut signature = signature_of(&token);
    let mut carry = 0_u16;
    for (byte, order) in signature[32..].iter_mut().zip(ED25519_ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert_eq!(reason(verify_rfc9068(&resigned(&token, &signature))), Reason::SignatureInvalid);
}

/// JWT-16
#[test]
fn an_ecdsa_signature_in_der_is_refused() {
    let token = token_of(&claims());
    let der = p256::ecdsa::Signature::from_slice(&signature_of(&token)).unwrap().to_der();
    assert_eq!(reason(verify_rfc9068(&resigned(&token, der.as_bytes()))), Reason::SignatureInvalid);
}

/// JWT-16
#[test]
fn a_pss_salt_of_another_length_than_the_hash_is_refused() {
    let token = signed(Key::Rsa, "PS256", "k1");
    let verdict = |token: &str| verify(token, &allowing(&Algorithm::ALL), &issuer_keys());
    assert!(verdict(&token).is_ok());
    let input = token.rsplit_once('.').unwrap().0;
    for salt in [0, 20, 31, 33, 64] {
        let salt = RsaPssSaltlen::custom(salt);
        let signature = Key::Rsa.sign_rsa(MessageDigest::sha256(), Padding::PKCS1_PSS, salt, input.as_bytes());
        assert_eq!(reason(verdict(&resigned(&token, &signature))), Reason::SignatureInvalid);
    }
}

/// JWT-16
#[test]
fn a_signature_made_with_another_hash_or_padding_is_refused() {
    let issuer = allowing(&Algorithm::ALL);
    for (named, used) in [("RS256", "RS384"), ("RS512", "RS256"), ("RS256", "PS256"), ("PS256", "RS256")] {
        let header = header_with(json!({"alg": named, "kid": "k1"}));
        let token = sign_raw(Key::Rsa, used, header.to_string().as_bytes(), claims().to_string().as_bytes());
        assert_eq!(reason(verify(&token, &issuer, &issuer_keys())), Reason::SignatureInvalid, "{named} {used}");
    }
}

/// JWT-17
#[test]
fn ecdsa_values_of_zero_or_of_the_group_order_are_refused() {
    let token = token_of(&claims());
    let signature = signature_of(&token);
    let (r, s) = signature.split_at(32);
    let (zero, order) = (vec![0; 32], hex(P256_ORDER));
    for (r, s) in [
        (zero.as_slice(), zero.as_slice()),
        (r, &zero),
        (&zero, s),
        (&order, s),
        (r, &order),
        (&order, &order),
        (&[255; 32], s),
    ] {
        assert_eq!(reason(verify_rfc9068(&resigned(&token, &[r, s].concat()))), Reason::SignatureInvalid);
    }
    let wide = signed(Key::P384, "ES384", "k384");
    assert_eq!(reason(verify_rfc9068(&resigned(&wide, &[0; 96]))), Reason::SignatureInvalid);
}

/// JWT-18
#[test]
fn either_name_of_ed25519_is_accepted_only_if_it_is_listed() {
    for (listed, other) in [(Algorithm::EdDsa, "Ed25519"), (Algorithm::Ed25519, "EdDSA")] {
        let issuer = allowing(&[listed]);
        assert!(verify(&signed(Key::Ed25519, listed.name(), "ed"), &issuer, &issuer_keys()).is_ok());
        let token = signed(Key::Ed25519, other, "ed");
        assert_eq!(reason(verify(&token, &issuer, &issuer_keys())), Reason::AlgorithmNotAllowed, "{other}");
    }
    // The name in the JWK does not matter: both mean one computation.
    let keys = key_set(&[Key::Ed25519.jwk_with(json!({"kid": "ed", "alg": "Ed25519"}))]);
    assert!(verify(&signed(Key::Ed25519, "EdDSA", "ed"), &rfc9068(), &keys).is_ok());
}

/// JWT-25
#[test]
fn a_token_signed_by_another_issuer_is_refused() {
    for (key, algorithm, key_id) in
        [(Key::OtherRsa, "RS256", "k1"), (Key::OtherP256, "ES256", "k2"), (Key::OtherRsa, "PS256", "k1")]
    {
        let verdict = verify(&signed(key, algorithm, key_id), &allowing(&Algorithm::ALL), &issuer_keys());
        assert_eq!(reason(verdict), Reason::SignatureInvalid, "{algorithm}");
    }
}

#[test]
fn changing_any_part_of_a_signed_token_invalidates_it() {
    let token = token_of(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let stronger = encode(claims_with(json!({"sub": "admin"})).to_string());
    let other_header = encode(header_with(json!({"x": 1})).to_string());
    for forged in [format!("{}.{stronger}.{}", parts[0], parts[2]), format!("{other_header}.{}.{}", parts[1], parts[2])]
    {
        assert_eq!(reason(verify_rfc9068(&forged)), Reason::SignatureInvalid);
    }
}

/// What the signature library would refuse on its own, but a token may have.
#[test]
fn the_signature_library_judges_nothing_but_the_signature() {
    let generic = Issuer::new(ISSUER, Profile::Generic);
    let odd_type = Issuer { token_types: vec!["access".to_owned(), "application/jwt".to_owned()], ..generic };
    for (name, value) in [("typ", "access"), ("typ", "application/JWT"), ("typ", "jwt")] {
        let token = sign(Key::P256, &header_with(json!({ name: value })), &claims());
        assert!(verify(&token, &odd_type, &issuer_keys()).is_ok(), "{value}");
    }
    for changes in [
        json!({"exp": 253_402_300_799_i64}),
        json!({"exp": 1_700_000_300.5, "iat": 1_699_999_999.25, "nbf": 0}),
        json!({"nbf": 1_700_000_030, "iat": 1_700_000_030}),
        json!({"exp": 1_699_999_971}),
        json!({"x": {"deep": [[[[[[[[[[1]]]]]]]]]]}, "big": 1e300, "kid": 5, "salt": 7}),
    ] {
        assert!(verify_rfc9068(&token_of(&claims_with(changes.clone()))).is_ok(), "{changes}");
    }
    let long_header = header_with(json!({"x": "x".repeat(5000)}));
    assert!(verify_rfc9068(&sign(Key::P256, &long_header, &claims())).is_ok());
}
