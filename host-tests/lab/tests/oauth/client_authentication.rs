//! How clients show the identity provider who they are (RFC 6749 §2.3, RFC 7523).

use fourleg_lab::{
    identity_provider::{Client, IdentityProvider},
    mint::{Algorithm, SigningKey, Token, key, stranger},
    wire::Field,
};
use serde_json::json;

use super::form_client::{basic, field, json as answer, part, post, refusal};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn start(key: &SigningKey) -> IdentityProvider {
    IdentityProvider::builder()
        .issuer("https://idp.example/agents")
        .register(Client::confidential("basic", "s3cret").scopes(["x"]))
        .register(Client::key_holder("signer", key).scopes(["x"]))
        .register(Client::vouched_for("mesh", "x-client-dn", "CN=mesh").scopes(["x"]))
        .start()
        .unwrap()
}

/// The status, and the client or the error.
fn asked(idp: &IdentityProvider, fields: &[Field], form: &[(&str, &str)]) -> (u16, String) {
    let form = [&[("grant_type", "client_credentials")], form].concat();
    let response = post(idp.address(), &idp.token_endpoint(), fields, &form);
    if response.status != 200 {
        return refusal(&response);
    }
    let token = answer(&response)["access_token"].as_str().unwrap().to_owned();
    (200, part(&token, 1)["client_id"].as_str().unwrap().to_owned())
}

fn ok(client: &str) -> (u16, String) {
    (200, client.to_owned())
}

fn unknown() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

fn malformed() -> (u16, String) {
    (400, "invalid_request".to_owned())
}

/// An assertion of the client `signer` that is good.
fn assertion(idp: &IdentityProvider) -> Token {
    let mint = idp.mint("");
    Token::of(json!({
        "iss": "signer", "sub": "signer", "aud": idp.issuer(), "iat": mint.now, "exp": mint.now + 60,
        "jti": mint.access_token().claims()["jti"],
    }))
    .typ("client-authentication+jwt")
}

fn sent(idp: &IdentityProvider, assertion: &str) -> (u16, String) {
    asked(idp, &[], &[("client_assertion_type", TYPE), ("client_assertion", assertion)])
}

/// TEX-25
#[test]
fn an_assertion_of_the_registered_key_for_this_issuer_is_taken_once() {
    for algorithm in Algorithm::ALL {
        let idp = start(key(algorithm));
        let good = assertion(&idp).sign_with(key(algorithm));
        assert_eq!(sent(&idp, &good), ok("signer"), "{algorithm:?}");
        assert_eq!(sent(&idp, &good), unknown(), "{algorithm:?} again");
        assert_eq!(sent(&idp, &assertion(&idp).sign_with(stranger(algorithm))), unknown(), "{algorithm:?}");
    }
}

/// TEX-25, RFC 7523 §3
#[test]
fn an_assertion_that_could_be_for_somebody_or_something_else_is_not_taken() {
    let key = key(Algorithm::Es256);
    let idp = start(key);
    let now = idp.mint("").now;
    let good = || assertion(&idp);
    let token_endpoint = idp.token_endpoint();
    for (what, bad) in [
        ("for the endpoint", good().audience(token_endpoint.as_str())),
        ("for others, too", good().audience(json!([idp.issuer(), token_endpoint]))),
        ("for nobody", good().without("aud")),
        ("of another", good().subject("basic").issuer("basic")),
        ("by another", good().issuer("basic")),
        ("of nobody", good().without("sub")),
        ("over", good().expires_at(now)),
        ("without an end", good().without("exp")),
        ("for a day", good().expires_at(now + 86_400)),
        ("without an id", good().without("jti")),
        ("an access token", good().typ("at+jwt")),
    ] {
        assert_eq!(sent(&idp, &bad.sign_with(key)), unknown(), "{what}");
    }
    assert_eq!(sent(&idp, &good().unsigned()), unknown());
    assert_eq!(sent(&idp, &good().mac_with(key.public_der())), unknown());
    assert_eq!(sent(&idp, "no.token"), unknown());
    assert_eq!(sent(&idp, &good().audience(json!([idp.issuer()])).sign_with(key)), ok("signer"));
    assert_eq!(sent(&idp, &good().without_header("typ").sign_with(key)), ok("signer"));
    let text = good().sign_with(key);
    let other_type = [("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")];
    assert_eq!(asked(&idp, &[], &[other_type[0], ("client_assertion", &text)]), malformed());
    assert_eq!(asked(&idp, &[], &[("client_assertion", &text)]), malformed());
    assert_eq!(asked(&idp, &[], &[("client_assertion_type", TYPE)]), malformed());
}

/// RFC 6749 §2.3, TEX-26
#[test]
fn a_request_shows_one_thing_and_that_of_its_client() {
    let key = key(Algorithm::Es256);
    let idp = start(key);
    let text = assertion(&idp).sign_with(key);
    let proof = [("client_assertion_type", TYPE), ("client_assertion", text.as_str())];
    let secret = [("client_id", "basic"), ("client_secret", "s3cret")];
    assert_eq!(asked(&idp, &[basic("basic", "s3cret")], &[]), ok("basic"));
    assert_eq!(asked(&idp, &[], &secret), ok("basic"));
    assert_eq!(asked(&idp, &[basic("basic", "s3cret")], &proof), malformed());
    assert_eq!(asked(&idp, &[], &[secret.as_slice(), &proof].concat()), malformed());
    assert_eq!(asked(&idp, &[basic("basic", "s3cret")], &secret), malformed());
    assert_eq!(asked(&idp, &[basic("basic", "s3cret")], &[("client_id", "signer")]), malformed());
    assert_eq!(asked(&idp, &[], &[proof.as_slice(), &[("client_id", "basic")]].concat()), malformed());
    for client in ["signer", "mesh"] {
        assert_eq!(asked(&idp, &[basic(client, "")], &[]), unknown());
        assert_eq!(asked(&idp, &[], &[("client_id", client)]), unknown());
    }
    assert_eq!(asked(&idp, &[], &proof), ok("signer"), "no attempt has used it up");
}

#[test]
fn a_proxy_in_front_can_say_who_the_client_is() {
    let idp = start(key(Algorithm::Es256));
    let said = [field("x-client-dn", "CN=mesh")];
    assert_eq!(asked(&idp, &said, &[]), ok("mesh"));
    assert_eq!(asked(&idp, &said, &[("client_id", "mesh")]), ok("mesh"));
    assert_eq!(asked(&idp, &said, &[("client_id", "basic")]), unknown());
    assert_eq!(asked(&idp, &[field("x-client-dn", "CN=other")], &[]), unknown());
    assert_eq!(asked(&idp, &[&said[..], &said[..]].concat(), &[]), unknown());
    assert_eq!(asked(&idp, &[], &[]), unknown());
}
