//! What the authorization server says of a token, and what is made of it.

use crate::issuing::*;
use oauth_core::audience::require_audience;
use oauth_core::authorization_details::AuthorizationDetails;
use oauth_core::client_credential::{ClientCredential, basic};
use oauth_core::introspection::{
    Introspected, MAX_ANSWER_BYTES, Signing, Unreadable, Wanted, build_request, process_response,
    process_signed_response, require_askable,
};
use oauth_core::jose::Crypto;
use oauth_core::secret::Secret;
use oauth_core::{Issuer, Profile, Reason, Scopes, VerifiedClaims};
use serde_json::{Value, json};

fn generic() -> Issuer {
    Issuer::new(ISSUER, Profile::Generic)
}

/// The example of RFC 7662 §2.2 in our names.
fn answer() -> Value {
    json!({
        "active": true, "client_id": "agent-1", "username": "alice", "scope": "tools:read", "sub": "alice",
        "aud": RESOURCE, "iss": ISSUER, "exp": 1_700_000_300, "iat": 1_700_000_000, "extension_field": "x",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut answer = answer();
    answer[name] = value;
    answer
}

fn without(name: &str) -> Value {
    let mut answer = answer();
    answer.as_object_mut().unwrap().remove(name);
    answer
}

fn judged(answer: &Value) -> Result<VerifiedClaims, Reason> {
    match process_response(answer.to_string().as_bytes()).unwrap() {
        Introspected::Active(active) => active.access_token(&generic(), NOW, SKEW),
        Introspected::Inactive => Err(Reason::TokenInactive),
    }
}

/// REV-01, TEX-24
#[test]
fn the_token_goes_into_the_form_and_nowhere_else() {
    let proxy = ClientCredential::Proxy { client_id: None };
    let post = build_request("a+b/c==", &proxy, Wanted::Json);
    assert_eq!(post.body, "token=a%2Bb%2Fc%3D%3D&token_type_hint=access_token");
    assert_eq!(
        post.headers,
        [("content-type", "application/x-www-form-urlencoded".to_owned()), ("accept", "application/json".to_owned()),]
    );
    let secret = Secret::new("s&x=y".to_owned());
    let post = build_request(
        "t",
        &ClientCredential::Post { client_id: "rs".to_owned(), client_secret: secret.clone() },
        Wanted::Signed,
    );
    assert_eq!(post.body, "token=t&token_type_hint=access_token&client_id=rs&client_secret=s%26x%3Dy");
    assert_eq!(post.headers[1].1, "application/token-introspection+jwt");
    let post = build_request("t", &ClientCredential::Basic(basic("rs", &secret)), Wanted::Json);
    assert_eq!(post.headers[2], ("authorization", "Basic cnM6cyUyNnglM0R5".to_owned()));
    assert!(!format!("{post:?}").contains("token"), "{post:?}");
}

/// REV-05
#[test]
fn nothing_is_asked_of_a_jwt_of_another_kind_or_issuer() {
    let jwt = |typ: &str, iss: Value| sign(Key::Rsa, &json!({"alg": "RS256", "typ": typ}), &json!({"iss": iss}));
    for (token, expected) in [
        ("opaque".to_owned(), Ok(())),
        ("a.b.c".to_owned(), Ok(())),
        (jwt("at+jwt", json!(ISSUER)), Ok(())),
        (jwt("whatever", json!(ISSUER)), Ok(())),
        (jwt("at+jwt", json!(null)), Ok(())),
        (jwt("at+jwt", json!("https://other.example")), Err(Reason::UnknownIssuer)),
        (jwt("token-introspection+jwt", json!(ISSUER)), Err(Reason::TypeNotAllowed)),
        (jwt("application/Token-Introspection+jwt", json!(ISSUER)), Err(Reason::TypeNotAllowed)),
        (jwt("logout+jwt", json!(ISSUER)), Err(Reason::TypeNotAllowed)),
    ] {
        assert_eq!(require_askable(&token, &generic()), expected, "{token}");
    }
}

/// REV-02
#[test]
fn only_the_boolean_true_is_active_and_only_the_boolean_false_is_inactive() {
    let read = |text: &str| process_response(text.as_bytes());
    assert!(matches!(read(r#"{"active":true}"#), Ok(Introspected::Active(_))));
    assert!(matches!(read(r#"{"active":false,"sub":"alice"}"#), Ok(Introspected::Inactive)));
    for text in [
        "{}",
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":null}"#,
        r#"{"active":[true]}"#,
        r#"{"active":"false"}"#,
        r#"{"Active":true}"#,
        r#"{"active ":true}"#,
        r#"{"a":{"active":true}}"#,
    ] {
        assert_eq!(read(text).unwrap_err(), Unreadable::NoVerdict, "{text}");
    }
    let deep = format!(r#"{{"active":true,"a":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let huge = format!(r#"{{"active":true,"a":"{}"}}"#, "x".repeat(MAX_ANSWER_BYTES));
    for text in [
        "",
        "true",
        "[true]",
        r#"[{"active":true}]"#,
        "<html>active</html>",
        r#"{"active":true}{}"#,
        "\u{feff}{\"active\":true}",
        r#"{"active":false,"active":true}"#,
        r#"{"active":false,"\u0061ctive":true}"#,
        r#"{"active":true,"sub":"a","sub":"b"}"#,
        r#"{"active":true"#,
        r#"{"active":True}"#,
        &deep,
        &huge,
    ] {
        assert_eq!(read(text).unwrap_err(), Unreadable::NotJson, "{}", &text[..text.len().min(60)]);
    }
    assert!(process_response(b"{\"active\":true,\"sub\":\"\xff\"}").is_err());
}

/// REV-02: no change of one byte makes another verdict of it than the text says.
#[test]
fn a_changed_answer_is_never_active_unless_it_still_says_so() {
    let text = r#"{"active":false,"sub":"alice"}"#.as_bytes();
    for place in 0..text.len() {
        for byte in [0, b' ', b'"', b'1', b't', b'}', 0x80, 0xff] {
            let mut changed = text.to_vec();
            changed[place] = byte;
            assert!(
                !matches!(process_response(&changed), Ok(Introspected::Active(_))),
                "{:?}",
                String::from_utf8_lossy(&changed)
            );
        }
    }
}

/// REV-03
#[test]
fn what_is_active_is_judged_like_the_claims_of_a_token() {
    let token = judged(&answer()).unwrap();
    assert_eq!((token.issuer(), token.subject(), token.client_id()), (ISSUER, Some("alice"), Some("agent-1")));
    assert_eq!(*token.scopes(), Scopes::parse("tools:read").unwrap());
    for (answer, reason) in [
        (with("iss", json!("https://other.example")), Reason::UnknownIssuer),
        (with("iss", json!(format!("{ISSUER}/"))), Reason::UnknownIssuer),
        (without("iss"), Reason::ClaimMissing),
        (without("exp"), Reason::ClaimMissing),
        (with("exp", json!("1700000300")), Reason::ClaimInvalid),
        (with("exp", json!(1_699_999_970)), Reason::TokenExpired),
        (with("nbf", json!(1_700_000_031)), Reason::TokenNotYetValid),
        (with("iat", json!(1_700_000_031)), Reason::IssuedInFuture),
        (with("scope", json!(["tools:read", 1])), Reason::ClaimInvalid),
        (with("iss", json!(null)), Reason::ClaimMissing),
        (with("exp", json!(null)), Reason::ClaimMissing),
        (with("cnf", json!({"jkt": "x"})), Reason::BindingUnchecked),
        (with("cnf", json!({})), Reason::BindingUnchecked),
        (with("token_type", json!("DPoP")), Reason::BindingUnchecked),
        (with("token_type", json!("refresh_token")), Reason::NotAnAccessToken),
        (with("token_type", json!("N_A")), Reason::NotAnAccessToken),
        (with("token_use", json!("refresh_token")), Reason::NotAnAccessToken),
        (with("typ", json!("Refresh")), Reason::NotAnAccessToken),
        (with("nonce", json!("n")), Reason::NotAnAccessToken),
        (with("events", json!({})), Reason::NotAnAccessToken),
    ] {
        assert_eq!(judged(&answer).unwrap_err(), reason, "{answer}");
    }
    for answer in
        [with("token_type", json!("bearer")), with("token_use", json!("access_token")), with("typ", json!("Bearer"))]
    {
        judged(&answer).unwrap();
    }
}

/// JWT-27
#[test]
fn an_answer_may_list_scopes_and_say_null_where_the_server_is_any() {
    let listed = judged(&with("scope", json!(["tools:read", "x"]))).unwrap();
    assert_eq!(*listed.scopes(), Scopes::parse("tools:read x").unwrap());
    for name in ["token_type", "nbf", "iat", "jti", "act", "sub", "scope", "nonce", "events"] {
        let token = judged(&with(name, json!(null))).unwrap();
        assert!(!token.members().contains_key(name), "{name}");
    }
    assert!(judged(&with("scope", json!(null))).unwrap().scopes().is_empty());
}

/// REV-03
#[test]
fn an_active_token_for_another_resource_is_none_for_this_one() {
    let accepted = [RESOURCE.to_owned()];
    assert_eq!(require_audience(&judged(&answer()).unwrap(), &accepted, false), Ok(()));
    for answer in [with("aud", json!("https://other.example")), with("aud", json!([])), without("aud")] {
        assert_eq!(require_audience(&judged(&answer).unwrap(), &accepted, false), Err(Reason::AudienceMismatch));
    }
}

fn signing() -> Signing {
    Signing { issuer: generic(), audience: "rs-1".to_owned() }
}

fn signed_claims() -> Value {
    json!({"iss": ISSUER, "aud": "rs-1", "iat": 1_700_000_000, "token_introspection": answer()})
}

fn signed_as(header: &Value, claims: &Value) -> String {
    sign(Key::Rsa, header, claims)
}

fn header() -> Value {
    json!({"alg": "RS256", "kid": "k1", "typ": "token-introspection+jwt"})
}

fn read_signed(text: &str) -> Result<Introspected, Unreadable> {
    process_signed_response(text.as_bytes(), &signing(), &issuer_keys(), Crypto::GUEST, NOW, SKEW)
}

/// REV-05
#[test]
fn a_signed_answer_is_read_under_its_own_member_alone() {
    for typ in ["token-introspection+jwt", "application/token-introspection+jwt", "Token-Introspection+JWT"] {
        let mut header = header();
        header["typ"] = json!(typ);
        let Ok(Introspected::Active(active)) = read_signed(&signed_as(&header, &signed_claims())) else {
            panic!("{typ}")
        };
        let token = active.access_token(&generic(), NOW, SKEW).unwrap();
        assert_eq!(token.audiences(), [RESOURCE]);
    }
    let mut inactive = signed_claims();
    inactive["token_introspection"] = json!({"active": false});
    inactive["active"] = json!(true);
    assert!(matches!(read_signed(&signed_as(&header(), &inactive)), Ok(Introspected::Inactive)));
    let mut beside = signed_claims();
    beside["token_introspection"] = json!({});
    beside["active"] = json!(true);
    assert_eq!(read_signed(&signed_as(&header(), &beside)).unwrap_err(), Unreadable::NoVerdict);
    beside.as_object_mut().unwrap().remove("token_introspection");
    assert_eq!(read_signed(&signed_as(&header(), &beside)).unwrap_err(), Unreadable::NoVerdict);
}

/// REV-05
#[test]
fn an_answer_that_is_not_signed_for_us_says_nothing() {
    let not_proven = |text: &str| match read_signed(text) {
        Err(Unreadable::NotProven(reason)) => reason,
        other => panic!("{other:?}"),
    };
    // Plain JSON where a signature is required.
    assert_eq!(not_proven(r#"{"active":true}"#), Reason::TokenMalformed);
    for (name, value, reason) in [
        ("typ", json!("at+jwt"), Reason::TypeNotAllowed),
        ("typ", json!("JWT"), Reason::TypeNotAllowed),
        ("alg", json!("none"), Reason::AlgorithmNotAllowed),
        ("kid", json!("k9"), Reason::UnknownKey),
        ("crit", json!(["exp"]), Reason::CriticalHeader),
        ("jwk", json!({"kty": "RSA"}), Reason::EmbeddedKey),
    ] {
        let mut header = header();
        header[name] = value;
        assert_eq!(not_proven(&signed_as(&header, &signed_claims())), reason, "{header}");
    }
    let untyped = json!({"alg": "RS256", "kid": "k1"});
    assert_eq!(not_proven(&signed_as(&untyped, &signed_claims())), Reason::TypeNotAllowed);
    for (name, value, reason) in [
        ("iss", json!("https://other.example"), Reason::UnknownIssuer),
        ("iss", json!(null), Reason::UnknownIssuer),
        ("aud", json!("rs-2"), Reason::AudienceMismatch),
        ("aud", json!([]), Reason::AudienceMismatch),
        ("aud", json!({"rs-1": 1}), Reason::ClaimInvalid),
        ("iat", json!(1_700_000_031), Reason::IssuedInFuture),
        ("iat", json!(1_699_999_669), Reason::TokenExpired),
    ] {
        let mut claims = signed_claims();
        claims[name] = value;
        assert_eq!(not_proven(&signed_as(&header(), &claims)), reason, "{claims}");
    }
    let other = sign(Key::OtherRsa, &header(), &signed_claims());
    assert_eq!(not_proven(&other), Reason::SignatureInvalid);
    let mut forged = signed_as(&header(), &signed_claims());
    forged.truncate(forged.rfind('.').unwrap() + 1);
    assert_eq!(not_proven(&forged), Reason::SignatureInvalid);
}

/// REV-05
#[test]
fn a_signed_answer_is_no_access_token() {
    let text = signed_as(&header(), &signed_claims());
    assert_eq!(reason(verify(&text, &generic(), &issuer_keys())), Reason::TypeNotAllowed);
}

fn token_without_details() -> VerifiedClaims {
    let token = verify(
        &sign(Key::Rsa, &header_with(json!({"alg": "RS256", "kid": "k1"})), &claims()),
        &rfc9068(),
        &issuer_keys(),
    );
    token.unwrap().as_ref().clone()
}

fn details_for(answer: &Value) -> Result<VerifiedClaims, Reason> {
    match process_response(answer.to_string().as_bytes()).unwrap() {
        Introspected::Active(active) => active.details_for(&token_without_details(), Profile::Generic, NOW, SKEW),
        Introspected::Inactive => Err(Reason::TokenInactive),
    }
}

/// RAR-12
#[test]
fn details_that_the_server_keeps_are_taken_over_and_nothing_else() {
    let details = json!([{"type": "payment", "max_amount": 12345678901234567.89_f64}]);
    for answer in [
        json!({"active": true, "authorization_details": details}),
        json!({"active": true, "authorization_details": details, "iss": ISSUER, "sub": "alice", "client_id": "agent-1", "jti": "t-1", "scope": "tools:admin", "acr": "x"}),
    ] {
        let token = details_for(&answer).unwrap();
        assert!(token.has_authorization_details());
        AuthorizationDetails::of(&token).unwrap();
        assert_eq!(token.scopes(), token_without_details().scopes(), "scopes are the token's");
        assert!(!token.members().contains_key("acr"));
    }
    assert!(!details_for(&json!({"active": true})).unwrap().has_authorization_details());
}

/// RAR-12
#[test]
fn an_answer_about_another_token_is_refused() {
    for (name, value, reason) in [
        ("iss", json!("https://other.example"), Reason::TokenContradicted),
        ("sub", json!("mallory"), Reason::TokenContradicted),
        ("client_id", json!("agent-2"), Reason::TokenContradicted),
        ("azp", json!("agent-2"), Reason::ClaimInvalid),
        ("jti", json!("t-2"), Reason::TokenContradicted),
        ("sub", json!(5), Reason::ClaimInvalid),
        ("exp", json!(1_699_999_970), Reason::TokenExpired),
        ("cnf", json!({"jkt": "x"}), Reason::BindingUnchecked),
        ("token_type", json!("refresh_token"), Reason::NotAnAccessToken),
    ] {
        let mut answer = json!({"active": true, "authorization_details": [{"type": "t"}]});
        answer[name] = value;
        assert_eq!(details_for(&answer).unwrap_err(), reason, "{answer}");
    }
}
