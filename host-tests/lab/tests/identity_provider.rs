//! The identity provider, as a client and a gateway see it.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fourleg_lab::{
    identity_provider::{Endpoint, Fault, IdentityProvider},
    raw_client,
    wire::{WireRequest, WireResponse},
};
use jwt_simple::prelude::*;
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(10);
const RESOURCE: &str = "https://tools.example/files";

fn with_client() -> IdentityProvider {
    IdentityProvider::builder()
        .issuer_path("/realms/agents")
        .client("agent-1", "s3c:ret", ["files:read", "files:write"])
        .start()
        .unwrap()
}

fn get_json(address: SocketAddr, path: &str) -> Value {
    let response = raw_client::get(address, path, TIMEOUT).unwrap();
    assert_eq!(response.status, 200, "{path}");
    serde_json::from_slice(&response.body).unwrap()
}

fn ask_token(idp: &IdentityProvider, basic: Option<&str>, form: &[(&str, &str)]) -> WireResponse {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut headers = vec![(b"content-type".to_vec(), b"application/x-www-form-urlencoded".to_vec())];
    if let Some(credentials) = basic {
        headers.push((b"authorization".to_vec(), format!("Basic {}", STANDARD.encode(credentials)).into_bytes()));
    }
    let request = WireRequest {
        method: "POST".to_owned(),
        path: b"/realms/agents/token".to_vec(),
        authority: idp.address().to_string().into_bytes(),
        headers,
        chunks: vec![body.into_bytes()],
        ..WireRequest::default()
    };
    raw_client::send(idp.address(), &request, TIMEOUT).unwrap()
}

fn error(response: &WireResponse) -> (u16, String) {
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    (response.status, body["error"].as_str().unwrap().to_owned())
}

#[test]
fn the_metadata_is_where_both_specifications_look_for_it() {
    let idp = with_client();
    let expected = format!("http://{}/realms/agents", idp.address());
    for path in [
        "/.well-known/oauth-authorization-server/realms/agents",
        "/.well-known/openid-configuration/realms/agents",
        "/realms/agents/.well-known/openid-configuration",
    ] {
        let metadata = get_json(idp.address(), path);
        assert_eq!(metadata["issuer"], expected);
        assert_eq!(metadata["jwks_uri"], format!("{expected}/jwks"));
        assert_eq!(metadata["token_endpoint"], idp.token_endpoint());
    }
    assert_eq!(raw_client::get(idp.address(), "/.well-known/openid-configuration", TIMEOUT).unwrap().status, 404);

    let bare = IdentityProvider::start().unwrap();
    assert_eq!(get_json(bare.address(), "/.well-known/oauth-authorization-server")["issuer"], bare.issuer());
    assert_eq!(bare.issuer(), format!("http://{}", bare.address()));
}

#[test]
fn an_issuer_may_have_another_name_than_its_address() {
    let idp = IdentityProvider::builder().issuer("https://idp.example/t1").start().unwrap();
    assert_eq!(
        get_json(idp.address(), "/.well-known/oauth-authorization-server/t1")["issuer"],
        "https://idp.example/t1"
    );
    assert_eq!(get_json(idp.address(), "/t1/jwks"), idp.jwks());
}

#[test]
fn a_client_gets_a_token_that_verifies_with_the_published_key() {
    let idp = with_client();
    let basic = "agent-1:s3c%3Aret";
    let form = [("grant_type", "client_credentials"), ("scope", "files:read"), ("resource", RESOURCE)];
    let in_form = [("client_id", "agent-1"), ("client_secret", "s3c:ret")];
    let both = [form.as_slice(), in_form.as_slice()].concat();
    for response in [ask_token(&idp, Some(basic), &form), ask_token(&idp, None, &both)] {
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.header("cache-control").as_deref(), Some("no-store"));
        let answer: Value = serde_json::from_slice(&response.body).unwrap();
        let jwk = &get_json(idp.address(), "/realms/agents/jwks")["keys"][0];
        let number =
            |name: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let key = RS256PublicKey::from_components(&number("n"), &number("e")).unwrap();
        let claims = key.verify_token::<Value>(answer["access_token"].as_str().unwrap(), None).unwrap();
        assert_eq!(claims.issuer.as_deref(), Some(idp.issuer()));
        assert!(claims.audiences.unwrap().contains(&[RESOURCE.to_owned()].into()));
        assert_eq!(claims.custom, json!({"client_id": "agent-1", "scope": "files:read"}));
    }
}

#[test]
fn a_bad_token_request_is_refused_as_rfc_6749_says() {
    let idp = with_client();
    let (good, grant) = ("agent-1:s3c%3Aret", ("grant_type", "client_credentials"));
    let refused = |basic, form: &[(&str, &str)]| error(&ask_token(&idp, basic, form));
    assert_eq!(refused(None, &[grant]), (401, "invalid_client".to_owned()));
    assert_eq!(refused(Some("agent-1:wrong"), &[grant]), (401, "invalid_client".to_owned()));
    assert_eq!(refused(Some(good), &[("grant_type", "password")]), (400, "unsupported_grant_type".to_owned()));
    assert_eq!(refused(Some(good), &[grant, ("scope", "root")]), (400, "invalid_scope".to_owned()));
    assert_eq!(refused(Some(good), &[grant, grant]), (400, "invalid_request".to_owned()));
    assert_eq!(refused(Some(good), &[grant, ("resource", "files")]), (400, "invalid_target".to_owned()));
}

#[test]
fn keys_rotate_disappear_and_stand_beside_unknown_ones() {
    let idp = IdentityProvider::builder().algorithm(fourleg_lab::mint::Algorithm::Es256).start().unwrap();
    let kids = || -> Vec<String> {
        let set = get_json(idp.address(), "/jwks");
        set["keys"].as_array().unwrap().iter().map(|jwk| jwk["kid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kids(), ["k1"]);
    assert_eq!(idp.rotate().kid(), "k2");
    assert_eq!(idp.signing_key().kid(), "k2");
    idp.publish(json!({"kty": "AKP", "kid": "future"}));
    assert_eq!(kids(), ["k1", "k2", "future"]);
    idp.remove_key("k1");
    assert_eq!(kids(), ["k2", "future"]);
    assert_eq!(idp.requests_to(Endpoint::Jwks), 3);
}

#[test]
fn endpoints_fail_as_told_and_recover() {
    let idp = IdentityProvider::start().unwrap();
    idp.fail(Endpoint::Jwks, Fault::Status(500));
    assert_eq!(raw_client::get(idp.address(), "/jwks", TIMEOUT).unwrap().status, 500);
    idp.fail(Endpoint::Jwks, Fault::Garbage);
    let garbage = raw_client::get(idp.address(), "/jwks", TIMEOUT).unwrap();
    assert!(garbage.status == 200 && serde_json::from_slice::<Value>(&garbage.body).is_err());
    idp.fail(Endpoint::Jwks, Fault::Hang);
    raw_client::get(idp.address(), "/jwks", Duration::from_millis(50)).unwrap_err();
    get_json(idp.address(), "/.well-known/oauth-authorization-server");
    idp.recover(Endpoint::Jwks);
    get_json(idp.address(), "/jwks");
}
