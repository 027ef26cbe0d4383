//! Authorization requests that clients push (RFC 9126).

use std::time::Duration;

use fourleg_lab::{identity_provider::Endpoint, raw_client, wire::Field};
use serde_json::json;

use super::{
    browser::{FILES, claims, good, open, push, request_uri, returned, start, token, with},
    form_client::{TIMEOUT, basic, refusal},
};

/// RFC 9126 §2.2, §4
#[test]
fn a_pushed_request_becomes_a_code_without_its_parameters_in_the_browser() {
    let idp = start();
    let uri = request_uri(&push(&idp, &[], &good()));
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:") && uri.len() > 70, "{uri}");
    // What the browser adds does not count.
    let more = [("client_id", "agent-1"), ("request_uri", &uri), ("scope", "files:write"), ("state", "other")];
    let response = open(&idp, &more);
    assert_eq!(returned(&response, "state").as_deref(), Some("s"));
    assert_eq!(returned(&response, "iss").as_deref(), Some("https://idp.example/agents"));
    let claims = claims(&token(&idp, &response, &[]));
    assert_eq!(
        (&claims["sub"], &claims["aud"], &claims["scope"]),
        (&json!("alice"), &json!(FILES), &json!("files:read"))
    );
    assert!(idp.authorizations()[0].contains(&("scope".to_owned(), "files:read".to_owned())));
    assert_eq!(idp.requests_to(Endpoint::PushedAuthorization), 1);
    // A confidential client proves who it is, and says it in the request, too.
    let of_two = with("client_id", Some("agent-2"));
    let uri = request_uri(&push(&idp, &[basic("agent-2", "s3cret")], &of_two));
    assert!(returned(&open(&idp, &[("client_id", "agent-2"), ("request_uri", &uri)]), "code").is_some());
}

/// RFC 9126 §2.2, §7.3
#[test]
fn a_request_uri_serves_once_and_soon_and_its_own_client_alone() {
    let idp = start();
    let refused = |pairs: &[(&str, &str)]| {
        let response = open(&idp, pairs);
        assert_eq!(response.header("location"), None);
        refusal(&response)
    };
    let unknown = (400, "invalid_request_uri".to_owned());
    let pushed = || request_uri(&push(&idp, &[], &good()));
    let first = pushed();
    let by_name = [("client_id", "agent-1"), ("request_uri", first.as_str())];
    assert!(returned(&open(&idp, &by_name), "code").is_some());
    assert_eq!(refused(&by_name), unknown);

    let taken = pushed();
    assert_eq!(refused(&[("client_id", "agent-2"), ("request_uri", &taken)]), unknown);
    assert_eq!(refused(&[("client_id", "agent-1"), ("request_uri", &taken)]), unknown, "used up by the attempt");
    let unnamed = pushed();
    assert_eq!(refused(&[("request_uri", &unnamed)]), unknown);

    let (early, late) = (pushed(), pushed());
    idp.pass(Duration::from_secs(50));
    assert!(returned(&open(&idp, &[("client_id", "agent-1"), ("request_uri", &early)]), "code").is_some());
    idp.pass(Duration::from_secs(20));
    assert_eq!(refused(&[("client_id", "agent-1"), ("request_uri", &late)]), unknown);
    for uri in ["urn:ietf:params:oauth:request_uri:guess", "https://evil.example/request", "guess"] {
        assert_eq!(refused(&[("client_id", "agent-1"), ("request_uri", uri)]), unknown, "{uri}");
    }
    let malformed = (400, "invalid_request".to_owned());
    assert_eq!(refused(&[("client_id", "agent-1"), ("request_uri", "a"), ("request_uri", "a")]), malformed);
    // Who must push cannot do without (REG-01).
    assert_eq!(refused(&with("client_id", Some("agent-2"))), malformed);
}

/// RFC 9126 §2.1, §2.3
#[test]
fn a_pushed_request_is_looked_at_as_at_the_authorization_endpoint() {
    let idp = start();
    let refused = |fields: &[Field], pairs: &[(&str, &str)]| refusal(&push(&idp, fields, pairs));
    for (name, value, error) in [
        ("request_uri", Some("urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        ("request", Some("eyJ"), "invalid_request"),
        ("redirect_uri", Some("http://127.0.0.1:7777/other"), "invalid_request"),
        ("redirect_uri", None, "invalid_request"),
        ("code_challenge", None, "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("response_type", Some("token"), "unsupported_response_type"),
        ("scope", Some("root"), "invalid_scope"),
        ("resource", Some("files"), "invalid_target"),
        ("max_age", Some("-1"), "invalid_request"),
        ("authorization_details", Some("{}"), "invalid_authorization_details"),
    ] {
        assert_eq!(refused(&[], &with(name, value)), (400, error.to_owned()), "{name}={value:?}");
    }
    assert_eq!(refused(&[], &[good(), vec![("scope", "files:read")]].concat()).1, "invalid_request");
    let of_two = with("client_id", Some("agent-2"));
    let unproved = (401, "invalid_client".to_owned());
    assert_eq!(refused(&[], &of_two), unproved);
    assert_eq!(refused(&[basic("agent-2", "wrong")], &of_two), unproved);
    assert_eq!(refused(&[], &with("client_id", None)), unproved);
    assert_eq!(refused(&[basic("agent-2", "s3cret")], &good()).1, "invalid_request", "of another client");
    assert_eq!(refused(&[basic("agent-2", "s3cret")], &with("client_id", None)).1, "invalid_request");
    assert_eq!(raw_client::get(idp.address(), "/agents/par", TIMEOUT).unwrap().status, 405);
    assert!(idp.authorizations().is_empty());
}
