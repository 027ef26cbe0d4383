//! The same tokens, verified by a host: what it is asked, what it is not, and what happens when it fails.

use std::cell::{Cell, RefCell};

use oauth_core::jose::trial::verifies_rightly;
use oauth_core::jose::{Algorithm, Crypto, HostSignature};
use oauth_core::{Issuer, Reason, Unverified};
use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::DecodePublicKey as _;
use serde_json::{Value, json};
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::{Padding, Rsa};
use superboring::sign::Verifier;

use crate::issuing::*;

const ALL: [(Key, &str, &str); 8] = [
    (Key::Rsa, "RS256", "k1"),
    (Key::Rsa, "RS384", "k1"),
    (Key::Rsa, "RS512", "k1"),
    (Key::Rsa, "PS256", "k1"),
    (Key::P256, "ES256", "k2"),
    (Key::P384, "ES384", "k384"),
    (Key::Ed25519, "EdDSA", "ed"),
    (Key::Ed25519, "Ed25519", "ed"),
];

thread_local! {
    /// What the host was asked in this test.
    static ASKED: RefCell<Vec<(&'static str, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
    /// The answer that a scripted host gives, one after the other.
    static SCRIPT: Cell<u32> = const { Cell::new(0) };
}

/// A host as Envoy: RSA and ECDSA by the key's own type, ECDSA in DER.
fn envoy_like(question: HostSignature<'_>) -> Option<bool> {
    ASKED.with_borrow_mut(|asked| asked.push((question.hash, question.signature.to_vec())));
    let digest = match question.hash {
        "sha256" => MessageDigest::sha256(),
        "sha384" => MessageDigest::sha384(),
        "sha512" => MessageDigest::sha512(),
        _ => return Some(false),
    };
    if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(question.spki_der) {
        let signature = p256::ecdsa::Signature::from_der(question.signature);
        let right = signature.is_ok_and(|signature| key.verify(question.text, &signature).is_ok());
        return Some(question.hash == "sha256" && right);
    }
    if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_der(question.spki_der) {
        let signature = p384::ecdsa::Signature::from_der(question.signature);
        let right = signature.is_ok_and(|signature| key.verify(question.text, &signature).is_ok());
        return Some(question.hash == "sha384" && right);
    }
    let key = PKey::from_rsa(Rsa::public_key_from_der(question.spki_der).ok()?).ok()?;
    let mut verifier = Verifier::new(digest, &key).ok()?;
    verifier.set_rsa_padding(Padding::PKCS1).ok()?;
    verifier.update(question.text).ok()?;
    Some(verifier.verify(question.signature).unwrap_or(false))
}

fn asked() -> Vec<(&'static str, Vec<u8>)> {
    ASKED.take()
}

fn any() -> Issuer {
    Issuer { algorithms: Algorithm::ALL.to_vec(), ..rfc9068() }
}

fn verdict(token: &str, crypto: Crypto) -> Result<(), Reason> {
    Unverified::parse(token)?.checked_by(crypto).verify(&any(), &issuer_keys(), NOW, SKEW).map(|_| ())
}

fn by_host(token: &str) -> Result<(), Reason> {
    verdict(token, Crypto::verified_by(envoy_like))
}

fn signed(key: Key, algorithm: &str, key_id: &str) -> String {
    numbered(key, algorithm, key_id, 0)
}

fn numbered(key: Key, algorithm: &str, key_id: &str, number: u32) -> String {
    sign(
        key,
        &header_with(json!({"alg": algorithm, "kid": key_id})),
        &claims_with(json!({"jti": format!("t-{number}")})),
    )
}

fn signature_of(token: &str) -> Vec<u8> {
    decode(token.rsplit_once('.').unwrap().1)
}

fn resigned(token: &str, signature: &[u8]) -> String {
    format!("{}.{}", token.rsplit_once('.').unwrap().0, encode(signature))
}

/// JWT-26
#[test]
fn the_host_is_asked_for_pkcs1_and_ecdsa_and_the_guest_does_the_rest() {
    for (key, algorithm, key_id) in ALL {
        assert_eq!(by_host(&signed(key, algorithm, key_id)), Ok(()), "{algorithm}");
        let hashes: Vec<&str> = asked().into_iter().map(|(hash, _)| hash).collect();
        let expected: &[&str] = match algorithm {
            "RS256" | "ES256" => &["sha256"],
            "RS384" | "ES384" => &["sha384"],
            "RS512" => &["sha512"],
            _ => &[],
        };
        assert_eq!(hashes, expected, "{algorithm}");
    }
}

/// JWT-26
#[test]
fn a_forged_signature_is_refused_by_host_and_guest_alike() {
    for (key, algorithm, key_id) in ALL {
        let forger = match key {
            Key::Rsa => Key::OtherRsa,
            Key::P256 => Key::OtherP256,
            _ => key,
        };
        let good = signed(key, algorithm, key_id);
        let mut flipped = signature_of(&good);
        flipped[20] ^= 1;
        let other = numbered(key, algorithm, key_id, 1);
        let mut forgeries = vec![resigned(&good, &flipped), resigned(&good, &signature_of(&other))];
        if forger != key {
            forgeries.push(signed(forger, algorithm, key_id));
        }
        for forged in forgeries {
            for crypto in [Crypto::GUEST, Crypto::verified_by(envoy_like)] {
                assert_eq!(verdict(&forged, crypto), Err(Reason::SignatureInvalid), "{algorithm}");
            }
        }
    }
}

/// JWT-16: RFC 7518 §3.4 to ECDSA-Sig-Value, whose integers have no leading zeros but a sign.
#[test]
fn numbers_with_leading_zeros_and_with_the_sign_bit_set_reach_the_host_as_der() {
    for (key, algorithm, key_id, half) in [(Key::P256, "ES256", "k2", 32), (Key::P384, "ES384", "k384", 48)] {
        let mut seen = std::collections::BTreeSet::new();
        for number in 0.. {
            let token = numbered(key, algorithm, key_id, number);
            let signature = signature_of(&token);
            let shape = |part: &[u8]| match part[..2] {
                [0, 0x80..=0xff] => "zero then sign",
                [0, 1..=0x7f] => "zero",
                [0, 0] => "zeros",
                [0x80..=0xff, _] => "sign",
                _ => "plain",
            };
            let shapes = (shape(&signature[..half]), shape(&signature[half..]));
            // Two zero bytes are too rare to wait for.
            if shapes.0 == "zeros" || shapes.1 == "zeros" || !seen.insert(shapes) {
                continue;
            }
            assert_eq!(by_host(&token), Ok(()), "{shapes:?}");
            let (_, der) = asked().pop().unwrap();
            // A leading zero goes, and a number with the sign bit set gets one.
            let length = |shape| match shape {
                "zero then sign" | "plain" => half,
                "zero" => half - 1,
                _ => half + 1,
            };
            let body = length(shapes.0) + length(shapes.1) + 4;
            assert_eq!(der.len(), 2 + body, "{shapes:?}");
            let mut flipped = signature;
            flipped[half - 1] ^= 1;
            assert_eq!(by_host(&resigned(&token, &flipped)), Err(Reason::SignatureInvalid));
            asked();
            let rare = |shapes: &&(&str, &str)| shapes.0.starts_with("zero") || shapes.1.starts_with("zero");
            if seen.iter().filter(rare).count() >= 6 && seen.len() >= 8 {
                break;
            }
        }
    }
}

/// JWT-17
#[test]
fn impossible_numbers_and_lengths_are_refused_before_the_host_is_asked() {
    let order = |half: usize| {
        let text = match half {
            32 => "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
            _ => "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        };
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(byte).collect::<Vec<u8>>()
    };
    for (key, algorithm, key_id, half) in [(Key::P256, "ES256", "k2", 32), (Key::P384, "ES384", "k384", 48)] {
        let token = signed(key, algorithm, key_id);
        let mut one = vec![0; half];
        one[half - 1] = 1;
        let zero = vec![0; half];
        let (order, most) = (order(half), vec![0xff; half]);
        for (r, s) in [(&zero, &zero), (&zero, &one), (&one, &zero), (&order, &one), (&one, &order), (&most, &most)] {
            let psychic = resigned(&token, &[r.as_slice(), s.as_slice()].concat());
            assert_eq!(by_host(&psychic), Err(Reason::SignatureInvalid), "{algorithm}");
        }
        let good = signature_of(&token);
        let der = match key {
            Key::P256 => p256::ecdsa::Signature::from_slice(&good).unwrap().to_der().as_bytes().to_vec(),
            _ => p384::ecdsa::Signature::from_slice(&good).unwrap().to_der().as_bytes().to_vec(),
        };
        for wrong in [der, good[..good.len() - 1].to_vec(), [&good[..], &[0]].concat(), Vec::new()] {
            assert_eq!(by_host(&resigned(&token, &wrong)), Err(Reason::SignatureInvalid), "{algorithm}");
        }
    }
    let token = signed(Key::Rsa, "RS256", "k1");
    let good = signature_of(&token);
    for wrong in [good[..255].to_vec(), [&[0], &good[..]].concat(), [&good[..], &[0]].concat(), Vec::new()] {
        assert_eq!(by_host(&resigned(&token, &wrong)), Err(Reason::SignatureInvalid));
    }
    assert_eq!(asked(), []);
}

/// JWT-01, JWT-04
#[test]
fn the_hosts_word_opens_nothing_that_key_and_issuer_do_not_allow() {
    let yes = Crypto::verified_by(|_| Some(true));
    let only = |algorithm| Issuer { algorithms: vec![algorithm], ..rfc9068() };
    let keys = key_set(&[Key::Rsa.jwk_with(json!({"kid": "k1", "alg": "RS256"}))]);
    let verdict = |token: &str, issuer: &Issuer| {
        Unverified::parse(token)?.checked_by(yes).verify(issuer, &keys, NOW, SKEW).map(|_| ())
    };
    let token = |algorithm| signed(Key::Rsa, algorithm, "k1");
    assert_eq!(verdict(&token("RS256"), &only(Algorithm::Rs256)), Ok(()));
    assert_eq!(verdict(&token("RS384"), &only(Algorithm::Rs256)), Err(Reason::AlgorithmNotAllowed));
    assert_eq!(verdict(&token("RS384"), &only(Algorithm::Rs384)), Err(Reason::KeyMismatch));
    let expired = sign(Key::Rsa, &header_with(json!({"alg": "RS256", "kid": "k1"})), &claims_with(json!({"exp": 1})));
    assert_eq!(verdict(&expired, &only(Algorithm::Rs256)), Err(Reason::TokenExpired));
    let odd = |changes: Value| sign(Key::Rsa, &header_with(changes), &claims());
    for changes in [
        json!({"alg": "RS256", "kid": "k1", "crit": ["x"]}),
        json!({"alg": "RS256", "kid": "k1", "salt": 1}),
        json!({"alg": "none", "kid": "k1"}),
    ] {
        assert!(verdict(&odd(changes.clone()), &only(Algorithm::Rs256)).is_err(), "{changes}");
    }
}

#[test]
fn a_host_that_cannot_answer_leaves_the_verdict_to_the_guest() {
    let silent = Crypto::verified_by(|_| None);
    for (key, algorithm, key_id) in ALL {
        let token = signed(key, algorithm, key_id);
        assert_eq!(verdict(&token, silent), Ok(()), "{algorithm}");
        let other = numbered(key, algorithm, key_id, 1);
        assert_eq!(verdict(&resigned(&token, &signature_of(&other)), silent), Err(Reason::SignatureInvalid));
    }
}

#[test]
fn a_host_is_taken_only_if_it_knows_right_from_wrong() {
    assert!(verifies_rightly(envoy_like));
    assert_eq!(asked().len(), 6);
    assert!(!verifies_rightly(|_| None));
    assert!(!verifies_rightly(|_| Some(true)));
    assert!(!verifies_rightly(|_| Some(false)));
    // One that knows nothing of ECDSA, or of RSA, and one that looks at the signature alone, or at the text alone.
    assert!(!verifies_rightly(|asked| if asked.spki_der.len() > 200 { envoy_like(asked) } else { None }));
    assert!(!verifies_rightly(|asked| if asked.spki_der.len() < 200 { envoy_like(asked) } else { Some(true) }));
    assert!(!verifies_rightly(|asked| Some(asked.text.len() > 100 && asked.text.ends_with(b"Q"))));
    // One that fails at the last question.
    SCRIPT.set(0);
    assert!(!verifies_rightly(|asked| {
        SCRIPT.set(SCRIPT.get() + 1);
        if SCRIPT.get() == 6 { None } else { envoy_like(asked) }
    }));
}
