//! The identity provider's browser side: what it grants, what it asks of the user, and what it refuses.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_lab::{
    identity_provider::{IdentityProvider, Level, User},
    raw_client, unix_now,
    wire::{WireRequest, WireResponse},
};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(10);
const RESOURCE: &str = "https://tools.example/mcp";
const CALLBACK: &str = "http://127.0.0.1:7777/callback?from=idp";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const PHR: &str = "urn:phr";

fn alice() -> User {
    User::new("alice").reaches(["urn:pwd", "urn:mfa"])
}

fn start() -> IdentityProvider {
    IdentityProvider::builder()
        .issuer("https://idp.example/agents")
        .public_client("agent-1", CALLBACK, ["files:read", "files:delete"])
        .public_client("agent-2", "http://127.0.0.1:8888/", ["files:read"])
        .client("service", "s3cret", ["files:read"])
        .level(Level::new("urn:pwd").amr(["pwd"]))
        .level(Level::new("urn:mfa").amr(["pwd", "otp"]).auth_contexts(["c1", "c2"]))
        .level(Level::new(PHR).amr(["hwk"]).auth_contexts(["c1", "c3"]))
        .user(alice())
        .start()
        .unwrap()
}

type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// A request that is granted.
fn good<'a>() -> Pairs<'a> {
    vec![
        ("response_type", "code"),
        ("client_id", "agent-1"),
        ("redirect_uri", CALLBACK),
        ("state", "s t&=1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("scope", "files:read"),
        ("resource", RESOURCE),
    ]
}

/// The good request, in which `name` has another value, or none.
fn with<'a>(name: &'a str, value: Option<&'a str>) -> Pairs<'a> {
    let mut pairs: Pairs<'_> = good().into_iter().filter(|(n, _)| *n != name).collect();
    pairs.extend(value.map(|value| (name, value)));
    pairs
}

fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn open(idp: &IdentityProvider, pairs: &[(&str, &str)]) -> WireResponse {
    raw_client::get(idp.address(), &format!("/agents/authorize?{}", encode(pairs)), TIMEOUT).unwrap()
}

/// Where the browser is sent, and with which parameters.
fn redirected(response: &WireResponse) -> (String, Vec<(String, String)>) {
    assert_eq!(response.status, 303, "{}", response.text());
    let location = response.header("location").unwrap();
    let (to, query) = location.split_once("?from=idp&").unwrap();
    (to.to_owned(), form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

fn code(idp: &IdentityProvider, pairs: &[(&str, &str)]) -> String {
    let (to, query) = redirected(&open(idp, pairs));
    assert_eq!(to, "http://127.0.0.1:7777/callback");
    let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "state", "iss"], "{query:?}");
    assert_eq!(query[1].1, "s t&=1");
    assert_eq!(query[2].1, "https://idp.example/agents");
    query[0].1.clone()
}

/// The error that the client is told.
fn refused(idp: &IdentityProvider, pairs: &[(&str, &str)]) -> String {
    let (_, query) = redirected(&open(idp, pairs));
    assert_eq!((query[0].0.as_str(), query.last().unwrap().0.as_str()), ("error", "iss"), "{query:?}");
    assert!(query.iter().all(|(name, _)| name != "code"));
    query[0].1.clone()
}

fn redeem(idp: &IdentityProvider, pairs: &[(&str, &str)]) -> WireResponse {
    let request = WireRequest {
        method: "POST".to_owned(),
        path: b"/agents/token".to_vec(),
        authority: b"idp.example".to_vec(),
        headers: vec![(b"content-type".to_vec(), b"application/x-www-form-urlencoded".to_vec())],
        chunks: vec![encode(pairs).into_bytes()],
        ..WireRequest::default()
    };
    raw_client::send(idp.address(), &request, TIMEOUT).unwrap()
}

fn token_form(code: &str) -> Pairs<'_> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", "agent-1"),
        ("redirect_uri", CALLBACK),
        ("code", code),
        ("code_verifier", VERIFIER),
    ]
}

fn claims(response: &WireResponse) -> Value {
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("cache-control").as_deref(), Some("no-store"));
    let answer: Value = serde_json::from_slice(&response.body).unwrap();
    let payload = answer["access_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The claims of the token that a request ends with.
fn granted(idp: &IdentityProvider, pairs: &[(&str, &str)]) -> Value {
    claims(&redeem(idp, &token_form(&code(idp, pairs))))
}

fn token_error(response: &WireResponse) -> String {
    assert!(response.status == 400 || response.status == 401, "{}", response.text());
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    body["error"].as_str().unwrap().to_owned()
}

#[test]
fn the_metadata_says_what_a_client_must_know_to_step_up() {
    let idp = start();
    let path = "/.well-known/oauth-authorization-server/agents";
    let metadata: Value = serde_json::from_slice(&raw_client::get(idp.address(), path, TIMEOUT).unwrap().body).unwrap();
    assert_eq!(metadata["authorization_endpoint"], "https://idp.example/agents/authorize");
    assert_eq!(metadata["authorization_endpoint"], idp.authorization_endpoint());
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(metadata["acr_values_supported"], json!(["urn:pwd", "urn:mfa", "urn:phr"]));
    assert_eq!(metadata["claims_parameter_supported"], true);
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
}

#[test]
fn a_code_becomes_a_token_of_the_user_for_the_resource() {
    let idp = start();
    let before = unix_now();
    let claims = granted(&idp, &good());
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["client_id"], "agent-1");
    assert_eq!(claims["aud"], RESOURCE);
    assert_eq!(claims["scope"], "files:read");
    assert_eq!(claims["acr"], "urn:pwd");
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert!(claims["auth_time"].as_u64().unwrap() >= before);
    assert!(claims.get("acrs").is_none() && claims.get("xms_cc").is_none());
    assert_eq!(idp.authorizations().len(), 1);
    assert!(idp.authorizations()[0].contains(&("resource".to_owned(), RESOURCE.to_owned())));
}

#[test]
fn a_code_serves_once_and_only_its_client_with_its_verifier_and_redirect_uri() {
    let idp = start();
    let first = code(&idp, &good());
    assert_eq!(redeem(&idp, &token_form(&first)).status, 200);
    assert_eq!(token_error(&redeem(&idp, &token_form(&first))), "invalid_grant");

    let changed = |name: &'static str, value: &'static str| {
        let code = code(&idp, &good());
        let mut form: Pairs<'_> = token_form(&code).into_iter().filter(|(n, _)| *n != name).collect();
        form.push((name, value));
        let error = token_error(&redeem(&idp, &form));
        if name != "code" && (error == "invalid_grant" || error == "invalid_target") {
            // Whoever fails with a code has used it up.
            assert_eq!(token_error(&redeem(&idp, &token_form(&code))), "invalid_grant", "{name}={value}");
        }
        error
    };
    assert_eq!(changed("client_id", "agent-2"), "invalid_grant");
    assert_eq!(changed("client_id", "nobody"), "invalid_client");
    assert_eq!(changed("client_id", "service"), "invalid_client");
    assert_eq!(changed("client_secret", "x"), "invalid_client");
    assert_eq!(changed("redirect_uri", "http://127.0.0.1:7777/callback"), "invalid_grant");
    assert_eq!(changed("redirect_uri", ""), "invalid_request");
    assert_eq!(changed("code_verifier", CHALLENGE), "invalid_grant");
    assert_eq!(changed("code_verifier", ""), "invalid_request");
    assert_eq!(changed("code", "guess"), "invalid_grant");
    assert_eq!(changed("resource", "https://calendar.example"), "invalid_target");
    assert_eq!(changed("grant_type", "client_credentials"), "unauthorized_client");
}

#[test]
fn a_code_that_nobody_redeems_within_a_minute_is_void() {
    let idp = start();
    let (early, late) = (code(&idp, &good()), code(&idp, &good()));
    idp.pass(Duration::from_secs(50));
    assert_eq!(redeem(&idp, &token_form(&early)).status, 200);
    idp.pass(Duration::from_secs(20));
    assert_eq!(token_error(&redeem(&idp, &token_form(&late))), "invalid_grant");
}

#[test]
fn a_request_that_does_not_prove_whom_to_answer_is_not_redirected() {
    let idp = start();
    for pairs in [
        with("client_id", None),
        with("client_id", Some("nobody")),
        with("redirect_uri", None),
        with("redirect_uri", Some("http://127.0.0.1:7777/callback")),
        with("redirect_uri", Some("http://127.0.0.1:7777/callback?from=idp&more")),
        with("redirect_uri", Some("HTTP://127.0.0.1:7777/callback?from=idp")),
        with("redirect_uri", Some("http://127.0.0.1:8888/")),
        [good(), vec![("redirect_uri", CALLBACK)]].concat(),
        [good(), vec![("client_id", "agent-1")]].concat(),
        with("client_id", Some("service")),
    ] {
        let response = open(&idp, &pairs);
        assert_eq!((response.status, response.header("location")), (400, None), "{pairs:?}");
    }
}

#[test]
fn a_request_that_is_not_strictly_right_is_refused_with_the_error_of_its_standard() {
    let idp = start();
    for (name, value, error) in [
        ("response_type", None, "invalid_request"),
        ("response_type", Some("token"), "unsupported_response_type"),
        ("response_type", Some("code token"), "unsupported_response_type"),
        ("response_mode", Some("fragment"), "invalid_request"),
        ("request", Some("eyJ"), "invalid_request"),
        ("code_challenge", None, "invalid_request"),
        ("code_challenge", Some("short"), "invalid_request"),
        ("code_challenge_method", None, "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("scope", None, "invalid_scope"),
        ("scope", Some("files:read root"), "invalid_scope"),
        ("scope", Some("files:read  files:delete"), "invalid_scope"),
        ("resource", Some("tools"), "invalid_target"),
        ("resource", Some("https://tools.example/mcp#x"), "invalid_target"),
        ("max_age", Some("-1"), "invalid_request"),
        ("max_age", Some("+1"), "invalid_request"),
        ("max_age", Some("1.5"), "invalid_request"),
        ("max_age", Some("99999999999999999999999"), "invalid_request"),
        ("prompt", Some("none login"), "invalid_request"),
        ("claims", Some("{"), "invalid_request"),
        ("claims", Some(r#"{"access_token":{"acrs":{"value":7}}}"#), "invalid_request"),
    ] {
        assert_eq!(refused(&idp, &with(name, value)), error, "{name}={value:?}");
    }
    for name in ["scope", "state", "code_challenge", "acr_values", "max_age", "claims", "prompt"] {
        let twice = [good(), vec![(name, "1"), (name, "1")]].concat();
        assert_eq!(refused(&idp, &twice), "invalid_request", "{name}");
    }
}

/// RFC 9470 §4, §5
#[test]
fn the_user_signs_in_at_the_first_level_of_acr_values_that_they_reach() {
    let idp = start();
    let claims = granted(&idp, &with("acr_values", Some("urn:phr urn:mfa")));
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:mfa"), &json!(["pwd", "otp"])));
    assert_eq!(granted(&idp, &with("acr_values", Some("urn:mfa urn:pwd")))["acr"], "urn:mfa");
    // The session does, as long as it is one of those asked for.
    assert_eq!(granted(&idp, &good())["acr"], "urn:mfa");
    assert_eq!(granted(&idp, &with("acr_values", Some("urn:pwd")))["acr"], "urn:pwd");
}

/// RFC 9470 §5
#[test]
fn a_level_that_the_user_does_not_reach_is_an_unmet_requirement() {
    let idp = start();
    for (name, value) in [
        ("acr_values", "urn:phr"),
        ("acr_values", "urn:unheard-of"),
        ("claims", r#"{"access_token":{"acrs":{"essential":true,"value":"c3"}}}"#),
        ("claims", r#"{"access_token":{"acrs":{"essential":true,"value":"C1"}}}"#),
        ("claims", r#"{"id_token":{"acr":{"essential":true,"values":["urn:phr"]}}}"#),
        ("claims", r#"{"access_token":{"nbf":{"essential":true,"value":"99999999999"}}}"#),
    ] {
        assert_eq!(refused(&idp, &with(name, Some(value))), "unmet_authentication_requirements", "{name}={value}");
    }
    let both = [
        with("acr_values", Some("urn:pwd")),
        vec![("claims", r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#)],
    ];
    assert_eq!(refused(&idp, &both.concat()), "unmet_authentication_requirements");
    idp.seat(User::new("alice").reaches([PHR]));
    assert_eq!(granted(&idp, &with("acr_values", Some(PHR)))["acr"], PHR);
}

/// RFC 9470 §4, §6.1
#[test]
fn max_age_makes_the_user_sign_in_again_and_moves_auth_time() {
    let idp = start();
    let long_ago = unix_now() - 1000;
    idp.seat(alice().signed_in("urn:mfa", long_ago));
    let kept = granted(&idp, &with("max_age", Some("2000")));
    assert_eq!((&kept["auth_time"], &kept["acr"]), (&json!(long_ago), &json!("urn:mfa")));
    assert!(kept["iat"].as_u64().unwrap() > long_ago);
    let fresh = granted(&idp, &with("max_age", Some("900")));
    assert!(fresh["auth_time"].as_u64().unwrap() > long_ago);

    idp.seat(alice().signed_in("urn:mfa", unix_now()));
    assert_eq!(granted(&idp, &with("max_age", Some("0")))["acr"], "urn:pwd", "0 and login ask for a new sign-in");
    idp.seat(alice().signed_in("urn:mfa", unix_now()));
    assert_eq!(granted(&idp, &with("prompt", Some("login")))["acr"], "urn:pwd");
    idp.seat(alice().signed_in("urn:mfa", unix_now()));
    idp.pass(Duration::from_secs(100));
    assert_eq!(granted(&idp, &with("max_age", Some("60")))["acr"], "urn:pwd");
}

#[test]
fn what_needs_a_user_who_is_not_there_is_refused() {
    let idp = start();
    assert_eq!(refused(&idp, &with("prompt", Some("none"))), "login_required");
    idp.seat(alice().stays_away());
    assert_eq!(refused(&idp, &good()), "login_required");
    idp.seat(alice().stays_away().signed_in("urn:pwd", unix_now()));
    assert_eq!(granted(&idp, &with("prompt", Some("none")))["acr"], "urn:pwd");
    assert_eq!(refused(&idp, &with("acr_values", Some("urn:mfa"))), "unmet_authentication_requirements");
}

#[test]
fn a_user_who_refuses_gives_no_code() {
    let idp = start();
    idp.seat(alice().refuses());
    assert_eq!(refused(&idp, &good()), "access_denied");
    assert_eq!(refused(&idp, &with("acr_values", Some("urn:mfa"))), "access_denied");
}

/// STP-14, STP-15
#[test]
fn entra_claims_are_granted_as_asked() {
    let idp = start();
    let asked = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"},"xms_cc":{"values":["cp1"]}}}"#;
    let claims = granted(&idp, &with("claims", Some(asked)));
    assert_eq!((&claims["acrs"], &claims["xms_cc"]), (&json!(["c1"]), &json!(["cp1"])));
    assert_eq!(claims["acr"], "urn:mfa");

    // What is not essential neither forces a sign-in nor fails.
    idp.seat(alice());
    let voluntary = granted(&idp, &with("claims", Some(r#"{"access_token":{"acrs":{"values":["c1"]}}}"#)));
    assert_eq!((voluntary.get("acrs"), &voluntary["acr"]), (None, &json!("urn:pwd")));

    let since = unix_now().to_string();
    let revoked = format!(r#"{{"access_token":{{"nbf":{{"essential":true,"value":"{since}"}}}}}}"#);
    assert!(granted(&idp, &with("claims", Some(&revoked)))["iat"].as_u64().unwrap() >= since.parse().unwrap());
}
