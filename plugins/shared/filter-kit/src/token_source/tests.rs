use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oauth_core::config::{self, Problems};
use serde_json::{Value, json};

use super::*;
use crate::{path::SafePath, request::Property};

const CREDENTIAL: &str = "a.credential.of-some-kind";

fn source(raw: &Value) -> Result<TokenSource, Vec<String>> {
    let (raw, mut problems) = config::read::<RawTokenSource>(raw.to_string().as_bytes());
    let settings = raw.map(|raw| RawTokenSource::settings(Some(&raw), None, "token", &mut problems));
    problems.into_result(settings).map_err(|problems| {
        problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
    })
}

fn head(fields: &[(&str, &str)], property: Property) -> RequestHead {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
    RequestHead::new(fields, true).with_properties(vec![Property::Absent, property])
}

fn read(raw: &Value, fields: &[(&str, &str)], property: Property) -> Result<Presented, Reason> {
    reading(raw, "/", fields, property).map_err(|refused| refused.reason)
}

fn reading(raw: &Value, path: &str, fields: &[(&str, &str)], property: Property) -> Result<Presented, Refused> {
    let source = source(raw).unwrap();
    let path = SafePath::parse(path.as_bytes()).unwrap();
    let parts = Parts { method: "GET".to_owned(), host: None, path, may_be_overridden: false };
    let mut learned = source.nothing_learned();
    match source.read(&mut learned, &head(fields, property), &parts, 1, UnixTime::from_secs(1_900_000_100)) {
        Reading::Done(presented) => Ok(presented),
        Reading::Refused(refused) => Err(refused),
        Reading::Await(..) => panic!("keys are inline"),
    }
}

const R: &str = "https://tools.example";

fn issuers() -> Value {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    json!([{"issuer": "https://as.example", "jwks": {"inline": {"keys": [key]}}}])
}

fn claims() -> Value {
    json!({
        "iss": "https://as.example", "sub": "alice", "aud": "https://tools.example", "client_id": "agent-1", "jti": "1",
        "iat": 1_900_000_000, "exp": 1_900_000_300_i64, "scope": "files:read", "null_claim": null,
    })
}

fn sound() -> Value {
    json!({
        "v": 1, "state": "verified", "resource": "https://tools.example", "issuer": "https://as.example",
        "profile": "rfc9068", "credential_sha256": credential_sha256(CREDENTIAL), "claims": claims(),
    })
}

fn hand_off(left: &Value, fields: &[(&str, &str)]) -> Result<Presented, Reason> {
    read(&json!({"source": "verified"}), fields, Property::Value(left.to_string().into_bytes()))
}

#[test]
fn the_default_is_the_hand_off() {
    for raw in [None, Some(RawTokenSource::default())] {
        let mut problems = Problems::default();
        let source = RawTokenSource::settings(raw.as_ref(), None, "token", &mut problems);
        assert!(problems.is_empty());
        assert_eq!(source.properties(), [PropertyPath::known("fourleg.token")]);
    }
}

#[test]
fn each_mistake_is_named_with_its_place() {
    for (raw, expected) in [
        (json!({"source": "jwt"}), "source has a wrong value: expected one of `verified`, `jwt_authn`"),
        (json!({"source": "verify", "issuers": issuers()}), "token.resources is missing"),
        (json!({"source": "verify", "resources": [{"resource": R}]}), "token.issuers is missing"),
        (json!({"source": "verify", "issuers": issuers(), "resources": []}), "token.resources is empty"),
        (
            json!({"source": "verify", "issuers": issuers(), "resources": [{"resource": R}, {"resource": "urn:x", "match": {"path": {"exact": "/"}}}]}),
            "token.resources[0].match is missing",
        ),
        (
            json!({"source": "verify", "issuers": issuers(), "resources": [{"resource": R, "accept": [{"issuer": "x"}]}]}),
            "token.resources[0].accept[0].issuer is none of issuers",
        ),
        (
            json!({"source": "verify", "issuers": issuers(), "resources": [{"resource": R, "require": {}}]}),
            "resources[0].require is not known here",
        ),
        (json!({"source": "verified", "resource": R}), "token.resource is known to the source jwt_authn only"),
        (
            json!({"source": "jwt_authn", "payload_key": "p", "payload_header": "x-p", "resource": "tools"}),
            "token.resource is no absolute URI",
        ),
        (json!({"payload_key": "p"}), "token.payload_key is known to the source jwt_authn only"),
        (json!({"source": "verified", "issuers": []}), "token.issuers is known to the source verify only"),
        (json!({"source": "jwt_authn", "payload_header": "x-p"}), "token.payload_key is missing"),
        (json!({"source": "jwt_authn", "payload_key": "p"}), "token.payload_header is missing"),
        (json!({"source": "jwt_authn", "payload_key": "", "payload_header": "x-p"}), "token.payload_key is no key"),
        (json!({"source": "jwt_authn", "payload_key": "a\0b", "payload_header": "x-p"}), "token.payload_key is no key"),
        (json!({"payload": "p"}), "payload is not known here"),
    ] {
        let mistakes = source(&raw).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].contains(expected), "{expected}: {mistakes:#?}");
    }
    for header in ["", "x-", "X-Payload", "payload", "authorization", "x-fourleg-claims", "x_payload", "x-p\r\n"] {
        let mistakes = source(&json!({"source": "jwt_authn", "payload_key": "p", "payload_header": header}));
        assert!(mistakes.unwrap_err()[0].starts_with("token.payload_header is no field"), "{header}");
    }
    assert_eq!(source(&json!({"source": "jwt_authn"})).unwrap_err().len(), 2);
}

#[test]
fn a_verified_token_is_handed_over_with_or_without_its_credential() {
    let bearer = format!("bearer  {CREDENTIAL}");
    for fields in [&[][..], &[("authorization", bearer.as_str())]] {
        let Ok(Presented::Token(token)) = hand_off(&sound(), fields) else { panic!("a token") };
        assert_eq!(token.resource(), Some("https://tools.example"));
        assert_eq!((token.issuer(), token.profile()), ("https://as.example", Profile::Rfc9068));
        assert_eq!(token.claims().subject(), Some("alice"));
        assert!(token.is_of(CREDENTIAL) && !token.is_of("another"));
    }
}

#[test]
fn what_needs_no_token_is_told_as_that_whatever_it_carries() {
    for fields in [&[][..], &[("authorization", "Bearer x")]] {
        assert!(matches!(hand_off(&json!({"v": 1, "state": "public"}), fields), Ok(Presented::Public)));
    }
}

#[test]
fn a_filter_that_enforces_nothing_hands_over_nothing() {
    let left = json!({"v": 1, "state": "unverified"});
    assert_eq!(hand_off(&left, &[]).unwrap_err(), Reason::TokenNotVerified);
}

#[test]
fn another_credential_than_the_verified_one_denies() {
    for (fields, reason) in [
        (&[("authorization", "Bearer another")][..], Reason::CredentialChanged),
        (&[("authorization", "Basic YTpi")], Reason::CredentialChanged),
        (&[("authorization", "Bearer a,Bearer b")], Reason::DuplicateCredential),
        (&[("authorization", "Bearer a.credential.of-some-kind"), ("Authorization", "x")], Reason::DuplicateCredential),
        (&[("authorization", "")], Reason::CredentialMalformed),
    ] {
        assert_eq!(hand_off(&sound(), fields).unwrap_err(), reason, "{fields:?}");
    }
}

#[test]
fn nothing_but_a_sound_hand_off_is_one() {
    let verified = json!({"source": "verified"});
    for property in [Property::Absent, Property::Unreadable, Property::Value(Vec::new())] {
        assert_eq!(read(&verified, &[], property).unwrap_err(), Reason::TokenNotHandedOver);
    }
    let text = sound().to_string();
    for text in [
        text.replacen("{\"", "{\"v\":1,\"", 1),
        format!("{text}x"),
        text.replacen("alice", "\u{fffd}", 1).replace('\u{fffd}', "\\ud800"),
        "[]".to_owned(),
        "null".to_owned(),
    ] {
        let property = Property::Value(text.clone().into_bytes());
        assert_eq!(read(&verified, &[], property).unwrap_err(), Reason::TokenNotHandedOver, "{text}");
    }
    let mut broken: Vec<Value> = Vec::new();
    for name in ["v", "state", "resource", "issuer", "profile", "credential_sha256", "claims"] {
        for value in [None, Some(json!(2)), Some(json!("")), Some(json!(null)), Some(json!("1")), Some(json!({}))] {
            let mut left = sound();
            // A resource or a hash may be any text.
            if value == Some(json!("1")) && ["resource", "credential_sha256"].contains(&name) {
                continue;
            }
            match value {
                Some(value) => left[name] = value,
                None => drop(left.as_object_mut().unwrap().remove(name)),
            }
            broken.push(left);
        }
    }
    let mut more = sound();
    more["more"] = json!(1);
    let mut other_issuer = sound();
    other_issuer["issuer"] = json!("https://other.example");
    broken.extend([more, other_issuer]);
    for state in ["public", "unverified", "Verified", "verified "] {
        let mut left = sound();
        left["state"] = json!(state);
        broken.push(left);
        broken.push(json!({"v": 2, "state": state}));
        broken.push(json!({"state": state}));
    }
    for left in broken {
        assert_eq!(hand_off(&left, &[]).unwrap_err(), Reason::TokenNotHandedOver, "{left}");
    }
}

/// POP-12
#[test]
fn a_bound_token_is_refused_under_every_source() {
    let mut left = sound();
    left["claims"]["cnf"] = json!({"jkt": "x"});
    assert_eq!(hand_off(&left, &[]).unwrap_err(), Reason::BindingUnchecked);
    let mut bound = claims();
    bound["cnf"] = json!({"jkt": "x"});
    let (token, payload) = jwt(&json!({"alg": "RS256"}), &bound);
    assert_eq!(jwt_authn(&token, &[("x-payload", &payload)]).unwrap_err(), Reason::BindingUnchecked);
}

fn jwt(header: &Value, claims: &Value) -> (String, String) {
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    (format!("{}.{payload}.c2ln", URL_SAFE_NO_PAD.encode(header.to_string())), payload)
}

fn jwt_authn_config() -> Value {
    json!({"source": "jwt_authn", "payload_key": "payload", "payload_header": "x-payload"})
}

fn jwt_authn(token: &str, more: &[(&str, &str)]) -> Result<Presented, Reason> {
    let bearer = format!("Bearer {token}");
    let fields = [&[("authorization", bearer.as_str())], more].concat();
    read(&jwt_authn_config(), &fields, Property::Value(b"https://as.example".to_vec()))
}

#[test]
fn jwt_authn_hands_over_the_text_of_its_field() {
    let path = "metadata\0filter_metadata\0envoy.filters.http.jwt_authn\0payload\0iss";
    assert_eq!(source(&jwt_authn_config()).unwrap().properties()[0].joined(), path);
    let (token, payload) = jwt(&json!({"alg": "RS256", "typ": "at+jwt"}), &claims());
    let padded = format!("{payload}{}", "=".repeat((4 - payload.len() % 4) % 4));
    for payload in [payload, padded] {
        let Ok(Presented::Token(handed)) = jwt_authn(&token, &[("x-payload", &payload)]) else { panic!("a token") };
        assert_eq!((handed.claims().subject(), handed.resource()), (Some("alice"), None));
        assert!(handed.is_of(&token));
    }
}

#[test]
fn jwt_authn_that_did_not_run_for_this_credential_denies() {
    let header = json!({"alg": "RS256"});
    let (token, payload) = jwt(&header, &claims());
    let mut mallory = claims();
    mallory["sub"] = json!("mallory");
    let (other, other_payload) = jwt(&header, &mallory);
    let field = ("x-payload", payload.as_str());
    for (token, fields, reason) in [
        (&token, &[][..], Reason::TokenNotHandedOver),
        (&token, &[field, field], Reason::TokenNotHandedOver),
        (&token, &[("x-payload", "")], Reason::CredentialChanged),
        (&token, &[("x-payload", "!")], Reason::TokenNotHandedOver),
        (&token, &[("x-payload", other_payload.as_str())], Reason::CredentialChanged),
        (&other, &[field], Reason::CredentialChanged),
        (&token, &[field, ("authorization", "Bearer x")], Reason::DuplicateCredential),
        (&"opaque".to_owned(), &[field], Reason::TokenMalformed),
    ] {
        assert_eq!(jwt_authn(token, fields).unwrap_err(), reason, "{fields:?}");
    }
    let bearer = format!("Bearer {token}");
    let with = [("authorization", bearer.as_str()), field];
    for (fields, property, reason) in [
        (&with[..], Property::Absent, Reason::TokenNotHandedOver),
        (&with, Property::Unreadable, Reason::TokenNotHandedOver),
        (&with, Property::Value(b"https://other.example".to_vec()), Reason::TokenNotHandedOver),
        (&[field], Property::Absent, Reason::CredentialMissing),
        (&[("authorization", "Basic YTpi")], Property::Absent, Reason::CredentialMissing),
        (&[field], Property::Value(b"https://as.example".to_vec()), Reason::TokenNotHandedOver),
    ] {
        assert_eq!(read(&jwt_authn_config(), fields, property.clone()).unwrap_err(), reason, "{fields:?} {property:?}");
    }
}

/// Strict JSON, and another kind of token: jwt_authn looks at neither.
#[test]
fn jwt_authn_cannot_make_an_access_token_of_something_else() {
    let good = claims().to_string();
    let mut id_token = claims();
    id_token["nonce"] = json!("n");
    let mut no_expiry = claims();
    no_expiry.as_object_mut().unwrap().remove("exp");
    for (typ, text, reason) in [
        ("JWT", good.replacen("{\"", "{\"sub\":\"mallory\",\"", 1), Reason::TokenMalformed),
        ("JWT", format!("{good} x"), Reason::TokenMalformed),
        ("JWT", id_token.to_string(), Reason::NotAnAccessToken),
        ("JWT", no_expiry.to_string(), Reason::ClaimMissing),
        ("logout+jwt", good, Reason::TypeNotAllowed),
    ] {
        let payload = URL_SAFE_NO_PAD.encode(&text);
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "RS256", "typ": typ}).to_string());
        let token = format!("{header}.{payload}.c2ln");
        assert_eq!(jwt_authn(&token, &[("x-payload", &payload)]).unwrap_err(), reason, "{text}");
    }
}

/// Signatures and audiences are the scenarios' matter; what is said before that is told here.
#[test]
fn a_token_that_is_verified_here_is_refused_in_the_name_of_its_resource() {
    let verify = json!({"source": "verify", "issuers": issuers(), "resources": [
        {"resource": R, "match": {"path": {"prefix": "/a"}}}, {"resource": "https://tools.example/b", "match": {"path": {"prefix": "/b"}}},
    ]});
    for (path, fields, reason, resource) in [
        ("/a", &[][..], Reason::CredentialMissing, Some(R)),
        ("/b", &[], Reason::CredentialMissing, Some("https://tools.example/b")),
        ("/c", &[("authorization", "Bearer x")], Reason::ResourceUnknown, None),
        ("/a", &[("authorization", "Bearer a,Bearer b")], Reason::DuplicateCredential, Some(R)),
        ("/a", &[("authorization", "Bearer a.b.c")], Reason::TokenMalformed, Some(R)),
    ] {
        let refused = reading(&verify, path, fields, Property::Absent).unwrap_err();
        assert_eq!((refused.reason, refused.resource.as_deref()), (reason, resource), "{path} {fields:?}");
        if let Some(resource) = resource {
            assert!(refused.denial([]).headers()[0].1.contains(&format!("realm=\"{resource}\"")));
        }
    }
}

#[test]
fn with_jwt_authn_the_configured_resource_is_named() {
    let jwt_authn = json!({"source": "jwt_authn", "payload_key": "p", "payload_header": "x-p", "resource": "https://tools.example/mcp"});
    let refused = reading(&jwt_authn, "/", &[], Property::Absent).unwrap_err();
    let (_, challenge) = &refused.denial([]).headers()[0];
    assert!(challenge.contains("https://tools.example/.well-known/oauth-protected-resource/mcp"), "{challenge}");
}
