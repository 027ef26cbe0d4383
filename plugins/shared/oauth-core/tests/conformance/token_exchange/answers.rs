//! What a server answers.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use oauth_core::Reason;
use oauth_core::token_exchange::{
    Issued, Refusal, ServerProfile,
    answer::{Kind, process_response},
    refusal::Unusable,
    request::{ACCESS_TOKEN, JWT},
};
use serde_json::{Value, json};

const PROFILES: [ServerProfile; 5] = [
    ServerProfile::Rfc8693,
    ServerProfile::Keycloak,
    ServerProfile::Okta,
    ServerProfile::Auth0,
    ServerProfile::EntraObo,
];

fn good() -> Value {
    json!({"access_token": "b", "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 300})
}

fn with(name: &str, value: Option<Value>) -> Value {
    let mut answer = good();
    match value {
        Some(value) => answer[name] = value,
        None => drop(answer.as_object_mut().unwrap().remove(name)),
    }
    answer
}

fn read(answer: &Value) -> Result<Issued, Refusal> {
    process_response(Kind::Exchange, ServerProfile::Rfc8693, 200, answer.to_string().as_bytes())
}

fn unusable(answer: &Value) -> Option<Unusable> {
    match read(answer) {
        Err(Refusal::Unusable(why)) => Some(why),
        _ => None,
    }
}

/// TEX-05
#[test]
fn an_answer_lacks_none_of_its_required_members() {
    assert_eq!(read(&good()).unwrap().access_token.expose(), "b");
    for (name, why) in [
        ("access_token", Unusable::NoToken),
        ("issued_token_type", Unusable::NoIssuedType),
        ("token_type", Unusable::NoTokenType),
    ] {
        for value in [None, Some(json!("")), Some(json!(null)), Some(json!(1)), Some(json!([]))] {
            assert_eq!(unusable(&with(name, value.clone())), Some(why), "{name} {value:?}");
        }
    }
    // RFC 7523 and RFC 6749 know no issued_token_type.
    let answer = with("issued_token_type", None).to_string();
    assert!(process_response(Kind::Plain, ServerProfile::EntraObo, 200, answer.as_bytes()).is_ok());
}

/// TEX-06
#[test]
fn only_a_bearer_token_is_used_as_one() {
    for name in ["bearer", "BEARER", "Bearer", "bEaReR"] {
        assert!(read(&with("token_type", Some(json!(name)))).is_ok(), "{name}");
    }
    for name in ["N_A", "mac", "DPoP", "Bearer ", "bear", "pop"] {
        assert_eq!(unusable(&with("token_type", Some(json!(name)))), Some(Unusable::NotBearer), "{name}");
    }
}

/// TEX-07
#[test]
fn only_an_access_token_or_jwt_is_of_use() {
    assert!(read(&with("issued_token_type", Some(json!(JWT)))).is_ok());
    for kind in ["id_token", "refresh_token", "saml2", "saml1", "Access_Token"] {
        let value = json!(format!("urn:ietf:params:oauth:token-type:{kind}"));
        assert_eq!(unusable(&with("issued_token_type", Some(value))), Some(Unusable::OtherIssuedType), "{kind}");
    }
}

/// TEX-08
#[test]
fn a_life_is_read_from_number_or_text_and_anything_else_is_none() {
    let life = |value: Option<Value>| read(&with("expires_in", value)).unwrap().expires_in.map(|life| life.as_secs());
    assert_eq!(life(None), None);
    assert_eq!(life(Some(json!(null))), None);
    for (value, seconds) in [
        (json!(300), 300),
        (json!("300"), 300),
        (json!(300.9), 300),
        (json!(0), 0),
        (json!("0"), 0),
        (json!(-1), 0),
        (json!("-1"), 0),
        (json!(""), 0),
        (json!("soon"), 0),
        (json!([]), 0),
        (json!(1e300), 0),
        (json!("99999999999999999999"), 0),
    ] {
        assert_eq!(life(Some(value.clone())), Some(seconds), "{value}");
    }
    assert!(read(&with("expires_in", Some(json!(u64::MAX)))).unwrap().expires_in < Some(Duration::from_secs(1 << 30)));
}

/// TEX-10
#[test]
fn a_refresh_token_is_dropped_where_it_is_read() {
    let issued = read(&with("refresh_token", Some(json!("refresh-me")))).unwrap();
    assert_eq!(issued, read(&good()).unwrap());
    assert!(!format!("{issued:?}").contains("refresh-me") && !format!("{issued:?}").contains("\"b\""));
}

#[test]
fn a_token_that_fits_no_field_is_unusable() {
    for token in ["a b", "a,b", "a\r\nx: y", "a\0", "\u{e9}", "=", "a=b", &"a".repeat(20_000)] {
        assert_eq!(unusable(&with("access_token", Some(json!(token)))), Some(Unusable::BadToken), "{token:?}");
    }
    for scope in [json!(["a b"]), json!([["a"]]), json!([1]), json!({"a": 1}), json!(1), json!("a\"b"), json!("a\tb")] {
        assert_eq!(unusable(&with("scope", Some(scope.clone()))), Some(Unusable::BadScope), "{scope}");
    }
}

/// JWT-27
#[test]
fn scopes_may_be_a_list_and_optional_members_null_where_the_server_is_any() {
    let scope = |profile, scope: Value| {
        let body = with("scope", Some(scope)).to_string();
        let kind = Kind::of(profile, true, false);
        process_response(kind, profile, 200, body.as_bytes()).map(|issued| {
            issued.scope.map(|scopes| scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        })
    };
    let generic = ServerProfile::Rfc8693;
    assert_eq!(scope(generic, json!(["b", "a"])), Ok(Some("a b".to_owned())));
    assert_eq!(scope(generic, json!([])), Ok(Some(String::new())));
    assert_eq!(scope(generic, json!(null)), Ok(None));
    for profile in PROFILES.into_iter().filter(|profile| *profile != generic) {
        assert_eq!(scope(profile, json!("b a")), Ok(Some("a b".to_owned())), "{profile:?}");
        for other in [json!(["b", "a"]), json!(null)] {
            assert_eq!(scope(profile, other), Err(Refusal::Unusable(Unusable::BadScope)), "{profile:?}");
        }
    }
    // What must be there must say something.
    assert_eq!(unusable(&with("token_type", Some(json!(null)))), Some(Unusable::NoTokenType));
}

/// TEX-11
#[test]
fn what_is_no_strict_json_object_is_a_failure_with_every_status() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let nested = format!(r#"{{"error":{}}}"#, "{\"a\":".repeat(500) + "1" + &"}".repeat(500));
    let huge = "a".repeat(1 << 20);
    let twice = r#"{"access_token":"a","access_token":"b","issued_token_type":"t","token_type":"Bearer"}"#;
    for body in [
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"x\"",
        "{",
        "{}{}",
        "\u{feff}{}",
        "<html>",
        "access_token=x&token_type=bearer",
        twice,
        &deep,
        &nested,
        &huge,
    ] {
        for status in [200, 400, 401, 403] {
            for profile in PROFILES {
                let refusal = process_response(Kind::Exchange, profile, status, body.as_bytes()).unwrap_err();
                assert_eq!(refusal.reason(), Reason::ExchangeFailed, "{status} {}", &body[..body.len().min(40)]);
            }
        }
    }
    assert!(process_response(Kind::Exchange, ServerProfile::Rfc8693, 200, &[0xff, 0xfe, 0]).is_err());
    // An error with the status of a success is no token.
    assert_eq!(unusable(&json!({"error": "invalid_grant"})), Some(Unusable::NoToken));
}

fn refused(profile: ServerProfile, error: &Value) -> Refusal {
    let refusals = [400, 401, 403]
        .map(|status| process_response(Kind::Exchange, profile, status, error.to_string().as_bytes()).unwrap_err());
    assert!(refusals.windows(2).all(|two| two[0] == two[1]), "the status says nothing that the code does not");
    refusals[0].clone()
}

/// TEX-12
#[test]
fn each_error_means_one_thing_to_the_client() {
    for (error, reason, status) in [
        ("invalid_request", Reason::SubjectTokenRefused, 401),
        ("invalid_grant", Reason::SubjectTokenRefused, 401),
        ("invalid_token", Reason::SubjectTokenRefused, 401),
        ("invalid_target", Reason::ExchangeDenied, 403),
        ("invalid_scope", Reason::ExchangeDenied, 403),
        ("unauthorized_client", Reason::ExchangeDenied, 403),
        ("access_denied", Reason::ExchangeDenied, 403),
        ("invalid_client", Reason::ExchangeClientRefused, 502),
        ("unsupported_grant_type", Reason::ExchangeClientRefused, 502),
        ("server_error", Reason::ExchangeFailed, 502),
        ("never_heard_of", Reason::ExchangeFailed, 502),
        ("", Reason::ExchangeFailed, 502),
        ("INVALID_GRANT", Reason::ExchangeFailed, 502),
    ] {
        let words = json!({"error": error, "error_description": "words", "error_uri": "https://evil.example"});
        let refusal = refused(ServerProfile::Rfc8693, &words);
        assert_eq!((refusal.reason(), refusal.reason().status()), (reason, status), "{error}");
        assert!(!format!("{refusal:?}").contains("words"), "nothing of the server's words is kept");
    }
    for error in [json!({}), json!({"error": 1}), json!({"error": ["invalid_grant"]}), json!({"error": null})] {
        assert_eq!(refused(ServerProfile::Rfc8693, &error), Refusal::Unusable(Unusable::NoError), "{error}");
    }
}

/// TEX-18: what Keycloak says, as it says it.
#[test]
fn what_keycloak_refuses_for_its_configuration_is_no_fault_of_the_token() {
    let outside = json!({"error": "access_denied", "error_description": "Client is not within the token audience"});
    let unavailable =
        json!({"error": "invalid_request", "error_description": "Requested audience not available: tool-b"});
    for error in [outside, unavailable] {
        assert_eq!(refused(ServerProfile::Keycloak, &error), Refusal::Denied, "{error}");
    }
    assert_eq!(refused(ServerProfile::Keycloak, &json!({"error": "invalid_token"})), Refusal::Subject);
}

/// TEX-18: measured with Keycloak 26.7.3.
#[test]
fn a_code_that_keycloak_uses_for_several_things_is_told_apart_by_status_and_exact_words() {
    let refused = |status, error: &str, description: &str| {
        let body = json!({"error": error, "error_description": description}).to_string();
        process_response(Kind::Exchange, ServerProfile::Keycloak, status, body.as_bytes()).unwrap_err()
    };
    let wrong_secret = "Invalid client or Invalid client credentials";
    for (status, error, description, refusal) in [
        (401, "unauthorized_client", wrong_secret, Refusal::Client),
        (401, "unauthorized_client", "", Refusal::Client),
        (400, "unauthorized_client", "Client not allowed to exchange", Refusal::Denied),
        (403, "unauthorized_client", wrong_secret, Refusal::Denied),
        (400, "invalid_client", "Audience not found", Refusal::Denied),
        (401, "invalid_client", wrong_secret, Refusal::Client),
        (400, "invalid_client", "audience not found", Refusal::Client),
        (400, "invalid_client", "Audience not found: tool-b", Refusal::Client),
        (400, "invalid_request", "Invalid token", Refusal::Subject),
        (400, "invalid_request", "Invalid token type", Refusal::Denied),
        (400, "invalid_request", "invalid token", Refusal::Denied),
        (400, "invalid_request", "", Refusal::Denied),
    ] {
        assert_eq!(refused(status, error, description), refusal, "{status} {error} {description}");
    }
    // What a description says means nothing under another profile, or beside another code.
    let audience = json!({"error": "invalid_client", "error_description": "Audience not found"});
    assert_eq!(self::refused(ServerProfile::Rfc8693, &audience), Refusal::Client);
    assert_eq!(refused(400, "invalid_target", "Invalid token"), Refusal::Denied);
    let structured = json!({"error": "invalid_request", "error_description": ["Invalid token"]});
    assert_eq!(self::refused(ServerProfile::Keycloak, &structured), Refusal::Denied);
}

/// TEX-23: too deep a chain, a client that may not, and a user without a linked account.
#[test]
fn what_auth0_refuses_is_told_apart() {
    let too_deep = json!({"error": "invalid_request", "error_description": "act chain exceeds the maximum depth"});
    assert_eq!(refused(ServerProfile::Auth0, &too_deep).reason().status(), 403);
    assert_eq!(refused(ServerProfile::Auth0, &json!({"error": "unauthorized_client"})).reason().status(), 403);
    let unlinked = json!({"error": "federated_connection_refresh_token_not_found"});
    assert_eq!(refused(ServerProfile::Auth0, &unlinked).reason().status(), 401);
}

/// TEX-21: the example of Entra's documentation.
#[test]
fn an_interaction_that_entra_requires_is_passed_on_byte_for_byte() {
    let claims = r#"{"access_token":{"polids":{"essential":true,"values":["9ab03e19-ed42-4168-b6b7-7001fb3e933a"]}}}"#;
    for error in ["interaction_required", "invalid_grant"] {
        let answer = json!({
            "error": error, "error_description": "AADSTS50079: …", "error_codes": [50079], "suberror": "basic_action",
            "claims": claims,
        });
        let Refusal::Interaction(Some(encoded)) = refused(ServerProfile::EntraObo, &answer) else { panic!("{error}") };
        assert_eq!(STANDARD.decode(encoded).unwrap(), claims.as_bytes());
        assert_eq!(refused(ServerProfile::EntraObo, &answer).reason(), Reason::InsufficientClaims);
    }
    // What is no claims request does not go out.
    for claims in [
        json!("x"),
        json!("[]"),
        json!({"access_token": {}}),
        json!("{\"a\":\"".to_owned() + &"x".repeat(5000) + "\"}"),
    ] {
        let answer = json!({"error": "interaction_required", "claims": claims});
        let refusal = refused(ServerProfile::EntraObo, &answer);
        assert_eq!(refusal, Refusal::Interaction(None), "{claims}");
        // Without anything to ask for, a challenge would send the user round in vain.
        assert_eq!((refusal.reason(), refusal.reason().status()), (Reason::ExchangeDenied, 403));
    }
    assert_eq!(refused(ServerProfile::EntraObo, &json!({"error": "invalid_grant"})), Refusal::Subject);
    assert_eq!(refused(ServerProfile::Rfc8693, &json!({"error": "invalid_grant", "claims": "{}"})), Refusal::Subject);
}

/// TEX-23
#[test]
fn a_connections_token_has_a_type_of_its_own() {
    let federated = "http://auth0.com/oauth/token-type/federated-connection-access-token";
    let answer = with("issued_token_type", Some(json!(federated)));
    let body = answer.to_string();
    assert!(process_response(Kind::Connection, ServerProfile::Auth0, 200, body.as_bytes()).is_ok());
    assert_eq!(unusable(&answer), Some(Unusable::OtherIssuedType));
}
