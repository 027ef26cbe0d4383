//! Under what name, for how long, and how a result is kept (TEX-08, TEX-17).

use std::collections::BTreeSet;
use std::time::Duration;

use oauth_core::UnixTime;
use oauth_core::token_exchange::{
    KeyParts,
    lifetime::{Bounds, keep_until},
    sealing::{open, seal},
};

use super::NOW;

const BASE: KeyParts<'static> = KeyParts {
    configuration: b"c",
    subject_token: Some("alice"),
    subject_token_type: "t",
    actor_token: None,
    server: "idp",
    profile: "rfc8693",
    client: None,
    target: "b",
    audience: &[],
    resource: &[],
    scope: &["x", "y"],
    requested_token_type: None,
    claims: None,
    connection: None,
};

/// TEX-17
#[test]
fn whatever_shapes_a_result_makes_another_key() {
    let (ab, a_b, none) = (["ab".to_owned()], ["a".to_owned(), "b".to_owned()], [String::new()]);
    let all = [
        BASE,
        KeyParts { configuration: b"d", ..BASE },
        KeyParts { configuration: b"", ..BASE },
        KeyParts { subject_token: Some("bob"), ..BASE },
        KeyParts { subject_token: Some("alic"), ..BASE },
        KeyParts { subject_token: Some(""), ..BASE },
        KeyParts { subject_token: None, ..BASE },
        KeyParts { subject_token_type: "u", ..BASE },
        KeyParts { actor_token: Some("x"), ..BASE },
        KeyParts { actor_token: Some(""), ..BASE },
        KeyParts { server: "idp2", ..BASE },
        KeyParts { server: "idprfc8693", profile: "", ..BASE },
        KeyParts { profile: "okta", ..BASE },
        KeyParts { client: Some("g"), ..BASE },
        KeyParts { target: "c", ..BASE },
        KeyParts { audience: &ab, ..BASE },
        KeyParts { audience: &a_b, ..BASE },
        KeyParts { audience: &none, ..BASE },
        KeyParts { resource: &ab, ..BASE },
        KeyParts { resource: &a_b, ..BASE },
        KeyParts { scope: &["x"], ..BASE },
        KeyParts { scope: &["x y"], ..BASE },
        KeyParts { scope: &["xy"], ..BASE },
        KeyParts { scope: &[], ..BASE },
        KeyParts { requested_token_type: Some("r"), ..BASE },
        KeyParts { claims: Some("r"), ..BASE },
        KeyParts { connection: Some("r"), ..BASE },
    ];
    let keys: BTreeSet<String> = all.iter().map(|parts| parts.key().to_hex()).collect();
    assert_eq!(keys.len(), all.len());
    assert_eq!(BASE.key(), KeyParts { ..BASE }.key());
    assert!(keys.iter().all(|key| key.len() == 64));
}

/// TEX-17
#[test]
fn only_a_holder_of_the_same_token_opens_a_seal_and_only_under_its_key() {
    let key = BASE.key();
    let sealed = seal("subject", &key, [7; 24], b"token-b").unwrap();
    assert_eq!(open("subject", &key, &sealed).as_deref(), Some(b"token-b".as_slice()));
    assert!(!sealed.windows(7).any(|part| part == b"token-b"));
    for other in ["subjec", "subject2", "Subject", ""] {
        assert_eq!(open(other, &key, &sealed), None, "{other}");
    }
    let other = KeyParts { target: "c", ..BASE }.key();
    assert_eq!(open("subject", &other, &sealed), None);
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert_eq!(open("subject", &key, &changed), None, "{place}");
        assert_eq!(open("subject", &key, &sealed[..place]), None, "{place}");
    }
    assert_eq!(open("subject", &key, &[sealed.clone(), vec![0]].concat()), None);
    assert_ne!(sealed, seal("subject", &key, [8; 24], b"token-b").unwrap());
    for planted in [b"".as_slice(), b"token-b", &[0; 24], &[0; 40], &[0; 100]] {
        assert_eq!(open("subject", &key, planted), None);
    }
}

/// TEX-08, TEX-17
#[test]
fn a_result_is_kept_until_the_first_of_all_that_ends_it() {
    let bounds = Bounds { max: Duration::from_secs(300), margin: Duration::from_secs(15) };
    let life = |expires_in: Option<u64>, expires_at: Option<i64>, subject: Option<i64>| {
        let at = |seconds: i64| UnixTime::from_secs(NOW.as_secs() + seconds);
        let end = keep_until(NOW, expires_in.map(Duration::from_secs), expires_at.map(at), subject.map(at), bounds);
        end.map(|end| end.since(NOW).as_secs())
    };
    for (expires_in, expires_at, subject, kept) in [
        (Some(100), None, None, Some(85)),
        (Some(100), Some(50), None, Some(35)),
        (Some(100), Some(200), None, Some(85)),
        (Some(1000), Some(2000), Some(3000), Some(300)),
        (Some(1000), None, Some(60), Some(45)),
        // Nothing said: short, and never for ever.
        (None, None, None, Some(45)),
        (None, None, Some(10_000), Some(45)),
        (None, Some(200), None, Some(185)),
        // Too short to be worth it.
        (Some(0), None, None, None),
        (Some(15), None, None, None),
        (Some(0), Some(1000), None, None),
        (Some(1000), Some(-5), None, None),
        (Some(1000), None, Some(10), None),
        (Some(1000), None, Some(-10), None),
    ] {
        assert_eq!(life(expires_in, expires_at, subject), kept, "{expires_in:?} {expires_at:?} {subject:?}");
    }
}
