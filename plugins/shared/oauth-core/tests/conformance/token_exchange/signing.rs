//! By whom a client's assertions are signed: the host where it can, and the guest for the rest.

use std::cell::RefCell;

use jwt_simple::prelude::{
    ECDSAP256PublicKeyLike as _, ES256PublicKey, Ed25519KeyPair, EdDSAPublicKeyLike as _, NoCustomClaims,
    PS256PublicKey, RS256PublicKey, RSAPublicKeyLike as _, VerificationOptions,
};
use oauth_core::jose::{Crypto, HostSigner, HostSigning, trial::signs_rightly};
use oauth_core::token_exchange::{
    ClientAuthentication,
    assertion::{AssertionKey, KeyNames, SigningAlgorithm},
};
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::DecodePrivateKey as _;
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::{Padding, Rsa};
use superboring::sign::Signer;

use super::clients::{parameter, request};
use crate::issuing::Key;

const ALL: [SigningAlgorithm; 4] =
    [SigningAlgorithm::Rs256, SigningAlgorithm::Ps256, SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];

thread_local! {
    /// What the host was asked to sign in this test.
    static ASKED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A host as Envoy: RSA with PKCS #1 v1.5 and ECDSA in DER, by the key's own type.
fn envoy_like(wanted: HostSigning<'_>) -> Option<Vec<u8>> {
    ASKED.with_borrow_mut(|asked| asked.push(wanted.text.to_vec()));
    if wanted.hash != "sha256" {
        return None;
    }
    if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_der(wanted.pkcs8_der) {
        let signature: p256::ecdsa::Signature = key.sign(wanted.text);
        return Some(signature.to_der().as_bytes().to_vec());
    }
    let key = PKey::from_rsa(Rsa::private_key_from_der(wanted.pkcs8_der).ok()?).ok()?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key).ok()?;
    signer.set_rsa_padding(Padding::PKCS1).ok()?;
    signer.update(wanted.text).ok()?;
    signer.sign_to_vec().ok()
}

fn pem(algorithm: SigningAlgorithm) -> String {
    match algorithm {
        SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => Key::Rsa.rsa().to_pem().unwrap(),
        SigningAlgorithm::Es256 => Key::P256.p256().to_pem().unwrap(),
        SigningAlgorithm::EdDsa => ed25519().to_pem(),
    }
}

fn ed25519() -> &'static Ed25519KeyPair {
    static PAIR: std::sync::LazyLock<Ed25519KeyPair> = std::sync::LazyLock::new(Ed25519KeyPair::generate);
    &PAIR
}

/// An assertion of the client `gateway`, signed so.
fn assertion(algorithm: SigningAlgorithm, crypto: Crypto) -> String {
    let names = KeyNames { key_id: Some("k1"), ..KeyNames::default() };
    let key = AssertionKey::new(algorithm, &pem(algorithm), names, "https://idp.example".to_owned(), None).unwrap();
    let mut client = ClientAuthentication::PrivateKeyJwt { client_id: "gateway".to_owned(), key: Box::new(key) };
    client.equip(crypto);
    parameter(&request(&client, "j"), "client_assertion").unwrap()
}

/// Whether a library that reads whole tokens finds the signature good.
fn is_good(algorithm: SigningAlgorithm, assertion: &str) -> bool {
    let options = Some(VerificationOptions {
        artificial_time: Some(jwt_simple::prelude::Duration::from_secs(1_900_000_000)),
        required_signature_type: Some("client-authentication+jwt".to_owned()),
        required_key_id: Some("k1".to_owned()),
        ..VerificationOptions::default()
    });
    let rsa = || Key::Rsa.rsa().public_key().to_der().unwrap();
    match algorithm {
        SigningAlgorithm::Rs256 => {
            RS256PublicKey::from_der(&rsa()).unwrap().verify_token::<NoCustomClaims>(assertion, options).is_ok()
        }
        SigningAlgorithm::Ps256 => {
            PS256PublicKey::from_der(&rsa()).unwrap().verify_token::<NoCustomClaims>(assertion, options).is_ok()
        }
        SigningAlgorithm::Es256 => {
            let key = ES256PublicKey::from_bytes(&Key::P256.p256().public_key().to_bytes()).unwrap();
            key.verify_token::<NoCustomClaims>(assertion, options).is_ok()
        }
        SigningAlgorithm::EdDsa => ed25519().public_key().verify_token::<NoCustomClaims>(assertion, options).is_ok(),
    }
}

/// TEX-25
#[test]
fn each_algorithm_signs_what_a_library_verifies() {
    for algorithm in ALL {
        let good = assertion(algorithm, Crypto::GUEST);
        assert!(is_good(algorithm, &good), "{algorithm:?}");
        for other in ALL {
            assert_eq!(is_good(other, &good), other == algorithm, "{algorithm:?} as {other:?}");
        }
    }
}

/// TEX-25
#[test]
fn the_host_signs_rs256_and_es256_and_the_guest_the_rest() {
    for algorithm in ALL {
        let good = assertion(algorithm, Crypto::signed_by(envoy_like));
        assert!(is_good(algorithm, &good), "{algorithm:?}");
        let asked = ASKED.take();
        let signed = good.rsplit_once('.').unwrap().0.as_bytes();
        match algorithm {
            SigningAlgorithm::Rs256 | SigningAlgorithm::Es256 => assert_eq!(asked, [signed], "{algorithm:?}"),
            SigningAlgorithm::Ps256 | SigningAlgorithm::EdDsa => assert!(asked.is_empty(), "{algorithm:?}"),
        }
    }
}

#[test]
fn a_host_that_gives_no_signature_leaves_it_to_the_guest() {
    let broken: [HostSigner; 6] = [
        |_| None,
        |_| Some(Vec::new()),
        |_| Some(vec![1; 255]),
        |_| Some(vec![0x30; 64]),
        |wanted| envoy_like(wanted).map(|signature| [&signature[..], &[0]].concat()),
        |wanted| envoy_like(wanted).map(|signature| signature[1..].to_vec()),
    ];
    for host in broken {
        for algorithm in ALL {
            assert!(is_good(algorithm, &assertion(algorithm, Crypto::signed_by(host))), "{algorithm:?}");
        }
    }
}

#[test]
fn a_host_signs_only_if_it_does_so_rightly() {
    assert!(signs_rightly(envoy_like));
    assert_eq!(ASKED.take().len(), 2);
    assert!(!signs_rightly(|_| None));
    assert!(!signs_rightly(|_| Some(vec![0; 256])));
    // One that knows nothing of ECDSA, or of RSA, one that signs another text, and one with another form of ECDSA.
    assert!(!signs_rightly(|wanted| if wanted.pkcs8_der.len() > 200 { envoy_like(wanted) } else { None }));
    assert!(!signs_rightly(|wanted| if wanted.pkcs8_der.len() < 200 { envoy_like(wanted) } else { None }));
    assert!(!signs_rightly(|wanted| envoy_like(HostSigning { text: &wanted.text[1..], ..wanted })));
    assert!(!signs_rightly(|wanted| {
        let is_rsa = wanted.pkcs8_der.len() > 200;
        let text = if is_rsa { wanted.text } else { &wanted.text[1..] };
        envoy_like(HostSigning { text, ..wanted })
    }));
    assert!(!signs_rightly(|wanted| {
        let signature = envoy_like(wanted)?;
        let fixed = p256::ecdsa::Signature::from_der(&signature).map(|signature| signature.to_bytes().to_vec());
        Some(fixed.unwrap_or(signature))
    }));
}

/// LOG-01
#[test]
fn what_a_host_is_asked_does_not_print_the_key() {
    let wanted = HostSigning { hash: "sha256", pkcs8_der: b"hunter2", text: b"text" };
    assert_eq!(format!("{wanted:?}"), "HostSigning(sha256, 4 bytes)");
}
