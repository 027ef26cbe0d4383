use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;

const NOW: UnixTime = UnixTime::from_millis(1_000_000_500);

fn token(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode("signature"))
}

fn read(record: Record) -> Value {
    serde_json::from_slice(&record.into_bytes()).unwrap()
}

fn explain(claims: &Value, profile: Profile, reason: Reason) -> Value {
    let token = token(&json!({"alg": "RS256", "kid": "k1", "typ": "at+jwt"}), claims);
    read(of_token(&token, |issuer| (issuer == "https://as").then_some(profile), reason, NOW))
}

#[test]
fn a_refused_token_is_named_with_what_it_says_of_itself() {
    let explained =
        explain(&json!({"iss": "https://as", "exp": 1, "secret": "s"}), Profile::Generic, Reason::UnknownKey);
    assert_eq!(explained["unverified"], json!({"iss": "https://as", "kid": "k1", "typ": "at+jwt", "alg": "RS256"}));
    assert_eq!(explained["token_sha256"].as_str().map(str::len), Some(43));
    assert_eq!(explained.as_object().unwrap().len(), 2);
    // Of what is no token there is the hash alone.
    assert_eq!(read(of_token("opaque", |_| None, Reason::TokenMalformed, NOW)).as_object().unwrap().len(), 1);
}

#[test]
fn what_a_token_says_of_itself_is_escaped_and_short() {
    let token = token(&json!({"alg": "x\r\n\u{1b}[31m", "kid": "k".repeat(9_000)}), &json!({"iss": 5}));
    let text = String::from_utf8(of_token(&token, |_| None, Reason::UnknownIssuer, NOW).into_bytes()).unwrap();
    assert!(text.len() < 500 && !text.chars().any(char::is_control), "{text}");
    assert!(text.ends_with('}') && !text.contains("\"iss\""), "{text}");
}

#[test]
fn the_claim_at_fault_is_named_without_its_value() {
    for (profile, changes, claim, found) in [
        (Profile::Generic, json!({"exp": null}), "exp", "absent"),
        (Profile::Generic, json!({"exp": "canary"}), "exp", "a string"),
        (Profile::Generic, json!({"aud": ["a", 5]}), "aud", "an array"),
        (Profile::Generic, json!({"sub": ""}), "sub", "an empty one"),
        (Profile::Generic, json!({"nonce": {}}), "nonce", "an object"),
        (Profile::Generic, json!({"act": {"sub": ["canary"]}}), "act", "an array"),
        (Profile::Generic, json!({"scope": "a", "scp": "canary"}), "scp", "others"),
        (Profile::Generic, json!({"client_id": "a", "azp": "canary"}), "azp", "another client"),
        (Profile::Okta, json!({"scp": "canary"}), "scp", "a string"),
        (Profile::Keycloak, json!({"realm_access": {"roles": "canary"}}), "realm_access", "a string"),
        (Profile::Rfc9068, json!({}), "aud", "absent"),
        (Profile::Rfc9068, json!({"aud": "a", "sub": "s", "client_id": "c", "iat": 1}), "jti", "absent"),
    ] {
        let mut claims = json!({"iss": "https://as", "exp": 2_000_000});
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let explained = explain(&claims, profile, Reason::ClaimInvalid);
        let detail = &explained["detail"][0];
        assert_eq!(
            (&detail["check"], &detail["claim"], &detail["found"]),
            (&json!("claim"), &json!(claim), &json!(found))
        );
        assert!(!explained.to_string().contains("canary"), "{explained}");
    }
}

#[test]
fn an_expired_token_says_for_how_long_it_has_been_over() {
    let explained = explain(&json!({"iss": "https://as", "exp": 999_900}), Profile::Generic, Reason::TokenExpired);
    assert_eq!(explained["expired_by_seconds"], json!(100));
}

#[test]
fn a_place_is_told_without_its_query() {
    let head = [(":method", "GET"), (":path", "/a/b?access_token=canary"), (":authority", "h:1")];
    let fields = head.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    assert_eq!(read(of_place(&RequestHead::new(fields, true))), json!({"authority": "h:1", "path": "/a/b"}));
}

#[test]
fn audiences_are_told_on_both_sides() {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let told = read(of_audiences(&list(&["a"]), &list(&["b", "c"])));
    assert_eq!(told, json!({"audiences_held": ["a"], "audiences_accepted": ["b", "c"]}));
}
