//! Hostile input by the thousand: never a panic, and never a token that was not signed.

use oauth_core::credential::{Credential, bearer};
use oauth_core::discovery::{candidates, process_metadata};
use oauth_core::requirement::{Facts, RawRequirement, source_ip};
use oauth_core::resource_metadata::{RawResourceMetadata, well_known_url};
use oauth_core::{HttpsUrl, KeySet, Reason, TokenKind, Unverified, config, json};
use plugin_checks::Dice;
use serde_json::json;

use crate::issuing::*;

/// A few edits: replaced, inserted, removed or doubled bytes.
fn mutate(dice: &mut Dice, original: &[u8], alphabet: &[u8]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len());
        let byte = alphabet[dice.roll(alphabet.len())];
        match dice.roll(4) {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 if bytes.len() > 1 => drop(bytes.remove(at)),
            _ => {
                let end = (at + dice.roll(40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

const SEGMENT: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n";
const JSON: &[u8] = b"{}[]\":,.0123456789eE+-truefalsenull\\u \t\n\x00\xff\xc3\xa9";

#[test]
fn random_bytes_never_panic_and_never_pass() {
    let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
    for _ in 0..20_000 {
        let bytes = dice.bytes(200);
        let _ = json::parse(&bytes, json::MAX_DEPTH);
        assert!(KeySet::parse(&bytes).is_err());
        let text = String::from_utf8_lossy(&bytes);
        assert!(Unverified::parse(&text).is_err());
        if let Ok(Credential::Bearer(token)) = bearer(&[&bytes]) {
            assert!(!token.is_empty());
        }
    }
}

/// JWT-12, JWT-13
#[test]
fn a_mutated_token_is_refused() {
    let mut dice = Dice::new(0x2545_f491_4f6c_dd1d);
    let token = token_of(&claims());
    assert!(verify_rfc9068(&token).is_ok());
    for _ in 0..3000 {
        let mutated = String::from_utf8(mutate(&mut dice, token.as_bytes(), SEGMENT)).unwrap();
        assert!(mutated == token || verify_rfc9068(&mutated).is_err(), "{mutated}");
    }
}

#[test]
fn mutated_headers_and_claims_never_panic_even_when_signed() {
    let mut dice = Dice::new(0xd1b5_4a32_d192_ed03);
    let (header, claims) = (header().to_string(), claims().to_string());
    for _ in 0..1500 {
        let mutated_header = mutate(&mut dice, header.as_bytes(), JSON);
        let mutated_claims = mutate(&mut dice, claims.as_bytes(), JSON);
        for (header, claims) in
            [(mutated_header.as_slice(), claims.as_bytes()), (header.as_bytes(), mutated_claims.as_slice())]
        {
            let token = sign_raw(Key::Ed25519, "EdDSA", header, claims);
            if let Ok(parsed) = Unverified::parse(&token) {
                // The header names another key and algorithm: signed, but not by the key that it claims.
                assert!(parsed.verify(&rfc9068(), &issuer_keys(), NOW, SKEW).is_err());
            }
        }
        let own_header = header_with(json!({"alg": "EdDSA", "kid": "ed"})).to_string();
        let token = sign_raw(Key::Ed25519, "EdDSA", own_header.as_bytes(), &mutated_claims);
        if let Ok(verified) = verify_rfc9068(&token) {
            assert_eq!(verified.issuer(), ISSUER);
            assert!(verified.claims().subject().is_some_and(|subject| !subject.is_empty()));
        }
    }
}

/// What passes our own checks must not be refused by the signature library for a reason of its own: with a good
/// signature the verdict is never that it is bad, whatever the claims are.
#[test]
fn a_good_signature_is_never_called_bad_because_of_the_claims() {
    let mut dice = Dice::new(0x853c_49e6_748f_ea9b);
    let header = header_with(json!({"alg": "EdDSA", "kid": "ed"})).to_string();
    let claims = claims_with(json!({"nbf": 1.5, "nonce": "n", "kid": "x", "extra": [1, {"a": null}]})).to_string();
    let mut parsed = 0;
    for _ in 0..4000 {
        let mutated = mutate(&mut dice, claims.as_bytes(), JSON);
        let result = verify_rfc9068(&sign_raw(Key::Ed25519, "EdDSA", header.as_bytes(), &mutated));
        assert_ne!(result.as_ref().err(), Some(&Reason::SignatureInvalid), "{}", String::from_utf8_lossy(&mutated));
        parsed += usize::from(!matches!(result, Err(Reason::TokenMalformed)));
    }
    assert!(parsed > 100, "too few mutations were still JSON: {parsed}");
}

#[test]
fn mutated_key_sets_never_panic() {
    let mut dice = Dice::new(0xda94_2042_e4dd_58b5);
    let document = json!({"keys": [
        Key::Rsa.jwk_with(json!({"kid": "k1"})), Key::P256.jwk_with(json!({"kid": "k2"})), Key::P384.jwk(), Key::Ed25519.jwk(),
    ]})
    .to_string();
    let token = token_of(&claims());
    for _ in 0..1500 {
        if let Ok(keys) = KeySet::parse(&mutate(&mut dice, document.as_bytes(), SEGMENT)) {
            let _ = verify(&token, &rfc9068(), &keys);
        }
    }
}

#[test]
fn mutated_urls_never_panic_and_never_leave_their_host() {
    let mut dice = Dice::new(0x5851_f42d_4c95_7f2d);
    let alphabet = "ab0:/?#@[]%.-_\\ \"{}~é\0\n".as_bytes();
    let mut accepted = 0;
    for _ in 0..20_000 {
        let bytes = mutate(&mut dice, b"https://as.example:8443/t1/a?x=%2F", alphabet);
        let text = String::from_utf8_lossy(&bytes);
        let _ = source_ip(&text);
        let Some(url) = HttpsUrl::parse(&text) else {
            assert_eq!((well_known_url(&text), candidates(&text).len()), (None, 0), "{text}");
            continue;
        };
        accepted += 1;
        assert!(url.as_str() == text && text.is_ascii() && !text.contains(['#', '\\', ' ']), "{text}");
        assert!(url.target().starts_with('/') && !url.host().contains(['/', '?', '@']), "{text}");
        assert!(url.authority().starts_with(&url.host()), "{text}");
        let found = HttpsUrl::parse(&well_known_url(&text).unwrap()).unwrap();
        assert!(found.authority() == url.authority() && found.target().starts_with("/.well-known/"), "{text}");
        for candidate in candidates(&text) {
            assert!(candidate.authority() == url.authority() && candidate.target().contains("/.well-known/"), "{text}");
        }
    }
    assert!(accepted > 1000, "{accepted}");
}

#[test]
fn mutated_configuration_and_metadata_never_panic_and_never_open() {
    let mut dice = Dice::new(0x2545_f491_4f6c_dd1d);
    let block = json!({
        "scopes": ["a"], "clients": ["agent-1"], "roles": ["r"], "claims": [{"pointer": "/a~1b/0", "any_of": ["x", 1, true]}],
        "subject_equals": ["{path.user}", "bob"], "source_cidrs": ["10.0.0.0/8", "::/0"],
        "actors": {"required": true, "allowed": ["agent-1"], "max_depth": 2},
    });
    let block = block.to_string();
    let served = json!({"authorization_servers": ["https://idp.example"], "scopes_supported": ["a"]}).to_string();
    let found = json!({"issuer": ISSUER, "jwks_uri": "https://keys.example/jwks"}).to_string();
    let own = verify_rfc9068(&token_of(&claims_with(json!({"sub": "agent-1"})))).unwrap();
    assert_eq!(own.kind(), TokenKind::Application);
    for _ in 0..5000 {
        let (raw, mut problems) = config::read::<RawRequirement>(&mutate(&mut dice, block.as_bytes(), JSON));
        if let Some(requirement) = raw.map(|raw| raw.settings("require", &mut problems)) {
            assert_eq!(requirement.check(&own, &Facts::default()), Err(Reason::TokenKindNotAllowed));
        }
        let (raw, mut problems) = config::read::<RawResourceMetadata>(&mutate(&mut dice, served.as_bytes(), JSON));
        let metadata = raw.and_then(|raw| raw.settings(RESOURCE, [].iter(), "metadata", &mut problems));
        if let Some(metadata) = metadata {
            assert!(json::parse_object(metadata.document().as_bytes(), 3).unwrap()["resource"] == RESOURCE);
        }
        if let Ok(metadata) = process_metadata(&mutate(&mut dice, found.as_bytes(), JSON), ISSUER) {
            assert!(metadata.jwks_uri.as_str().starts_with("https://"));
        }
    }
}
