//! Clients that register themselves (RFC 7591).

use fourleg_lab::{
    identity_provider::{IdentityProvider, Level},
    raw_client,
    wire::WireResponse,
};
use serde_json::{Value, json};

use super::{
    browser::{CALLBACK, VERIFIER, alice, claims, open, returned, with},
    form_client::{TIMEOUT, field, json as answer, post, refusal, send},
};

fn register(idp: &IdentityProvider, body: &Value) -> WireResponse {
    let url = format!("{}/register", idp.issuer());
    send(idp.address(), &url, vec![field("content-type", "application/json")], &body.to_string())
}

/// RFC 7591 §3.2.1, RFC 8414 §2
#[test]
fn a_client_that_registers_itself_is_a_public_one_that_users_may_let_in() {
    let idp = IdentityProvider::builder()
        .issuer("https://idp.example/agents")
        .open_registration(["files:read"])
        .level(Level::new("urn:pwd"))
        .user(alice())
        .start()
        .unwrap();
    let document = raw_client::get(idp.address(), "/.well-known/oauth-authorization-server/agents", TIMEOUT).unwrap();
    assert_eq!(answer(&document)["registration_endpoint"], "https://idp.example/agents/register");
    let response = register(
        &idp,
        &json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic", "scope": "all"}),
    );
    assert_eq!(response.status, 201, "{}", response.text());
    let registered = answer(&response);
    assert_eq!(registered["token_endpoint_auth_method"], "none");
    assert_eq!((&registered["scope"], &registered["redirect_uris"]), (&json!("files:read"), &json!([CALLBACK])));
    let id = registered["client_id"].as_str().unwrap();
    let response = open(&idp, &with("client_id", Some(id)));
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", id),
        ("redirect_uri", CALLBACK),
        ("code", &returned(&response, "code").unwrap()),
        ("code_verifier", VERIFIER),
    ];
    let issued = post(idp.address(), &idp.token_endpoint(), &[], &form);
    assert_eq!(claims(&answer(&issued))["client_id"], id);
    // Each registration is a client of its own.
    assert_ne!(answer(&register(&idp, &json!({"redirect_uris": [CALLBACK]})))["client_id"], id);
}

/// RFC 7591 §3.2.2
#[test]
fn what_names_no_place_to_return_to_is_not_registered() {
    let idp = IdentityProvider::builder().open_registration(["files:read"]).start().unwrap();
    for uris in [json!(null), json!([]), json!("x"), json!(["/relative"]), json!([CALLBACK, "https://a.example/#b"])] {
        let refused = refusal(&register(&idp, &json!({"redirect_uris": uris})));
        assert_eq!(refused, (400, "invalid_redirect_uri".to_owned()), "{uris}");
    }
    let closed = IdentityProvider::builder().start().unwrap();
    assert_eq!(refusal(&register(&closed, &json!({"redirect_uris": [CALLBACK]}))), (403, "access_denied".to_owned()));
}
