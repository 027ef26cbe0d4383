//! How the gateway shows who it is.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use form_urlencoded::parse;
use jwt_simple::prelude::{
    ECDSAP256PublicKeyLike as _, ES256KeyPair, Ed25519KeyPair, NoCustomClaims, VerificationOptions,
};
use oauth_core::client_credential::{ClientCredential, basic};
use oauth_core::secret::Secret;
use oauth_core::token_exchange::{
    Asked, ClientAuthentication, Flow, Fresh, ServerProfile, TokenRequest,
    assertion::{AssertionKey, KeyNames, NotAKey, SigningAlgorithm},
    build_request,
    request::ACCESS_TOKEN,
};
use serde_json::Value;

use super::NOW;

pub(super) fn request(client: &ClientAuthentication, jti: &str) -> TokenRequest {
    let token = Secret::new("token".to_owned());
    let asked = Asked {
        profile: ServerProfile::Rfc8693,
        flow: Flow::Exchange { subject_token: &token, subject_token_type: ACCESS_TOKEN, actor: None },
        audience: &[],
        resource: &[],
        scope: &[],
        requested_token_type: None,
        claims: None,
        connection: None,
    };
    build_request(&asked, client, &Fresh { now: NOW, jti: jti.to_owned() }).unwrap()
}

pub(super) fn parameter(request: &TokenRequest, name: &str) -> Option<String> {
    let mut found = parse(request.form.expose().as_bytes()).filter(|(key, _)| key == name);
    let value = found.next().map(|(_, value)| value.into_owned());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

/// TEX-24
#[test]
fn id_and_secret_are_encoded_each_by_itself_before_they_are_joined() {
    for (id, secret, expected) in [
        ("a:b", "p%+ /é", "a%3Ab:p%25%2B+%2F%C3%A9"),
        ("gateway", "plain-secret_1.", "gateway:plain-secret_1."),
        ("", ":", ":%3A"),
    ] {
        let credential = ClientCredential::Basic(basic(id, &Secret::new(secret.to_owned())));
        let client = ClientAuthentication::Credential(credential);
        let request = request(&client, "j");
        let field = request.authorization.as_ref().unwrap().expose().to_owned();
        assert_eq!(field, format!("Basic {}", STANDARD.encode(expected)));
        assert!(!request.form.expose().contains("client"), "one way to authenticate for each request");
        assert!(!format!("{client:?}{request:?}").contains("secret_1"));
    }
}

/// TEX-26
#[test]
fn a_client_authenticates_in_one_way_only() {
    let secret = || Secret::new("s e".to_owned());
    let of = ClientAuthentication::Credential;
    let post = request(&of(ClientCredential::Post { client_id: "g".to_owned(), client_secret: secret() }), "j");
    assert!(post.authorization.is_none());
    assert_eq!(parameter(&post, "client_id").as_deref(), Some("g"));
    assert_eq!(parameter(&post, "client_secret").as_deref(), Some("s e"));
    assert_eq!(parameter(&post, "client_assertion"), None);
    let proxy = request(&of(ClientCredential::Proxy { client_id: None }), "j");
    assert!(proxy.authorization.is_none() && !proxy.form.expose().contains("client"));
    let with_id = request(&of(ClientCredential::Proxy { client_id: Some("g".to_owned()) }), "j");
    assert_eq!(parameter(&with_id, "client_id").as_deref(), Some("g"));
}

const ISSUER: &str = "https://idp.example";

fn signed(key: AssertionKey, jti: &str) -> (String, Value, Value) {
    let client = ClientAuthentication::PrivateKeyJwt { client_id: "gateway".to_owned(), key: Box::new(key) };
    let request = request(&client, jti);
    assert!(request.authorization.is_none() && parameter(&request, "client_secret").is_none());
    assert_eq!(
        parameter(&request, "client_assertion_type").as_deref(),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    let assertion = parameter(&request, "client_assertion").unwrap();
    let part = |index: usize| {
        let part = assertion.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    (assertion.clone(), part(0), part(1))
}

/// TEX-25
#[test]
fn an_assertion_is_for_the_issuer_alone_short_lived_and_new_each_time() {
    let pair = ES256KeyPair::generate();
    let key = || {
        let names = KeyNames { key_id: Some("k1"), ..KeyNames::default() };
        let pem = pair.to_pem().unwrap();
        AssertionKey::new(SigningAlgorithm::Es256, &pem, names, ISSUER.to_owned(), None).unwrap()
    };
    let (assertion, header, claims) = signed(key(), "one");
    assert_eq!(header["typ"], "client-authentication+jwt");
    assert_eq!((&header["alg"], &header["kid"]), (&"ES256".into(), &"k1".into()));
    assert_eq!((&claims["iss"], &claims["sub"]), (&"gateway".into(), &"gateway".into()));
    // A text, not a list, and never the token endpoint.
    assert_eq!(claims["aud"], ISSUER);
    assert_eq!((&claims["jti"], &claims["iat"]), (&"one".into(), &1_900_000_000.into()));
    assert_eq!(claims["exp"], 1_900_000_060);
    assert_eq!(signed(key(), "two").2["jti"], "two");
    let options = VerificationOptions {
        artificial_time: Some(jwt_simple::prelude::Duration::from_secs(1_900_000_000)),
        required_signature_type: Some("client-authentication+jwt".to_owned()),
        ..VerificationOptions::default()
    };
    pair.public_key().verify_token::<NoCustomClaims>(&assertion, Some(options)).unwrap();
}

/// TEX-25: what older servers, and Entra, want.
#[test]
fn audience_type_and_the_name_of_the_certificate_can_be_others_for_one_server() {
    let pem = Ed25519KeyPair::generate().to_pem();
    let thumbprint = URL_SAFE_NO_PAD.encode([7; 32]);
    let names = KeyNames { key_id: None, certificate_sha256: Some(&thumbprint) };
    let endpoint = "https://idp.example/token".to_owned();
    let key = AssertionKey::new(SigningAlgorithm::EdDsa, &pem, names, endpoint, Some("JWT".to_owned())).unwrap();
    let (_, header, claims) = signed(key, "j");
    assert_eq!((&header["typ"], &header["x5t#S256"]), (&"JWT".into(), &thumbprint.into()));
    assert_eq!(claims["aud"], "https://idp.example/token");
    assert!(header.get("kid").is_none());
}

#[test]
fn a_key_of_another_kind_is_refused_and_none_prints_itself() {
    let pem = ES256KeyPair::generate().to_pem().unwrap();
    let make = |algorithm, pem: &str| AssertionKey::new(algorithm, pem, KeyNames::default(), ISSUER.to_owned(), None);
    for algorithm in [SigningAlgorithm::Rs256, SigningAlgorithm::Ps256, SigningAlgorithm::EdDsa] {
        assert_eq!(make(algorithm, &pem).err(), Some(NotAKey), "{algorithm:?}");
    }
    assert_eq!(make(SigningAlgorithm::Es256, "").err(), Some(NotAKey));
    let names = KeyNames { key_id: None, certificate_sha256: Some("!") };
    assert!(AssertionKey::new(SigningAlgorithm::Es256, &pem, names, ISSUER.to_owned(), None).is_err());
    assert_eq!(format!("{:?}", make(SigningAlgorithm::Es256, &pem).unwrap()), format!("AssertionKey(for {ISSUER})"));
}
