//! What the identity provider tells of its tokens, and whom (RFC 7662, RFC 9701).

use std::time::Duration;

use fourleg_lab::{
    identity_provider::{Client, Endpoint, Fault, IdentityProvider, TokenForm},
    mint::Token,
    raw_client,
    wire::WireResponse,
};
use jwt_simple::prelude::*;
use serde_json::{Value, json};

use super::form_client::{TIMEOUT, basic, field, json as answer, part, post, refusal, send};

const TOOLS: &str = "https://tools.example/mcp";

fn start() -> IdentityProvider {
    IdentityProvider::builder()
        .issuer_path("/agents")
        .audience(TOOLS)
        .register(Client::confidential("agent-1", "s3cret").scopes(["files:read"]))
        .register(Client::confidential("agent-2", "s3cret").scopes(["files:read"]).token_form(TokenForm::Opaque))
        .register(Client::public("agent-3"))
        .register(Client::confidential("tools", "t00ls").serves([TOOLS]))
        .start()
        .unwrap()
}

fn ask(idp: &IdentityProvider, token: &str) -> WireResponse {
    post(idp.address(), &idp.introspection_endpoint(), &[basic("tools", "t00ls")], &[("token", token)])
}

/// What is told of a token.
fn told(idp: &IdentityProvider, token: &str) -> Value {
    let response = ask(idp, token);
    assert_eq!((response.status, response.header("cache-control").as_deref()), (200, Some("no-store")));
    assert_eq!(response.header("content-type").as_deref(), Some("application/json"));
    answer(&response)
}

fn inactive() -> Value {
    json!({"active": false})
}

/// With everything that an access token can say.
fn full(idp: &IdentityProvider) -> Token {
    let mint = idp.mint(TOOLS);
    mint.access_token()
        .claim("nbf", mint.now)
        .claim("acr", "urn:mfa")
        .claim("auth_time", mint.now - 60)
        .claim("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}))
        .claim("authorization_details", json!([{"type": "file_access", "actions": ["read"], "identifier": "a"}]))
}

/// RFC 7662 §2.2, RFC 9396 §9.2, RFC 9470 §6.2
#[test]
fn every_claim_of_an_active_token_is_told_at_the_top() {
    let idp = start();
    let token = full(&idp);
    let mut expected = token.claims();
    expected["active"] = json!(true);
    expected["token_type"] = json!("Bearer");
    assert_eq!(told(&idp, &idp.issue(token)), expected);
    let by_form = [("token", "x"), ("client_id", "tools"), ("client_secret", "t00ls"), ("token_type_hint", "other")];
    assert_eq!(answer(&post(idp.address(), &idp.introspection_endpoint(), &[], &by_form)), inactive());
    assert_eq!(idp.requests_to(Endpoint::Introspection), 2);
    let received = idp.received(Endpoint::Introspection);
    assert_eq!(
        (received[1].parameter("token_type_hint"), received[1].header("authorization")),
        (vec!["other".to_owned()], vec![])
    );
}

/// RFC 7662 §2.2
#[test]
fn a_token_that_is_not_ours_or_whose_time_is_not_now_is_not_active() {
    let idp = start();
    let mint = idp.mint(TOOLS);
    let key = idp.signing_key();
    for token in [
        "unknown".to_owned(),
        // Ours by its signature, but nobody got it from here.
        mint.access_token().sign_with(&key),
        idp.issue(mint.access_token().expires_at(mint.now)),
        idp.issue(mint.access_token().claim("nbf", mint.now + 60)),
        idp.issue(mint.access_token().without("exp")),
        idp.issue(mint.access_token().audience("https://calendar.example")),
        idp.issue(mint.access_token().without("aud")),
    ] {
        assert_eq!(told(&idp, &token), inactive(), "{token}");
    }
    let (one, other) = (idp.issue(mint.access_token()), idp.issue(mint.access_token().audience(json!(["x", TOOLS]))));
    idp.revoke(&one);
    assert_eq!((told(&idp, &one), &told(&idp, &other)["active"]), (inactive(), &json!(true)));
    idp.pass(Duration::from_secs(301));
    assert_eq!(told(&idp, &other), inactive());
    idp.set_clock(mint.now);
    assert_eq!(told(&idp, &other)["active"], true);
}

/// RFC 7662 §2.1, §2.3
#[test]
fn only_a_client_that_proves_who_it_is_may_ask_and_only_by_a_form() {
    let idp = start();
    let (address, url) = (idp.address(), idp.introspection_endpoint());
    let token = idp.issue(idp.mint(TOOLS).access_token());
    let form = [("token", token.as_str())];
    let denied = (401, "invalid_client".to_owned());
    assert_eq!(refusal(&post(address, &url, &[], &form)), denied);
    assert_eq!(refusal(&post(address, &url, &[basic("tools", "wrong")], &form)), denied);
    assert_eq!(refusal(&post(address, &url, &[], &[form[0], ("client_id", "tools")])), denied);
    assert_eq!(refusal(&post(address, &url, &[], &[form[0], ("client_id", "agent-3")])), denied);
    assert!(post(address, &url, &[], &form).header("www-authenticate").unwrap().starts_with("Basic "));

    let tools = [basic("tools", "t00ls")];
    let malformed = (400, "invalid_request".to_owned());
    assert_eq!(refusal(&post(address, &url, &tools, &[])), malformed);
    assert_eq!(refusal(&post(address, &url, &tools, &[form[0], form[0]])), malformed);
    assert_eq!(refusal(&post(address, &url, &tools, &[form[0], ("client_secret", "t00ls")])), malformed);
    assert_eq!(refusal(&post(address, &url, &[tools[0].clone(), tools[0].clone()], &form)), malformed);
    assert_eq!(refusal(&post(address, &format!("{url}?token={token}"), &tools, &[])), malformed);
    let as_json = vec![tools[0].clone(), field("content-type", "application/json")];
    assert_eq!(refusal(&send(address, &url, as_json, &format!("token={token}"))), malformed);
    assert_eq!(raw_client::get(address, "/agents/introspect?token=x", TIMEOUT).unwrap().status, 405);
    // Who may learn of every token learns of this one.
    assert_eq!(answer(&post(address, &url, &[basic("agent-1", "s3cret")], &form))["active"], true);
}

/// RFC 9701 §5
#[test]
fn a_resource_server_that_accepts_it_gets_a_signed_answer_for_itself_alone() {
    let idp = start();
    let signed = |token: &str| {
        let fields =
            [basic("tools", "t00ls"), field("accept", "application/json;q=0.1, application/token-introspection+jwt")];
        let response = post(idp.address(), &idp.introspection_endpoint(), &fields, &[("token", token)]);
        assert_eq!(response.header("content-type").as_deref(), Some("application/token-introspection+jwt"));
        response.text()
    };
    let token = idp.issue(full(&idp));
    let jwt = signed(&token);
    assert_eq!(part(&jwt, 0)["typ"], "token-introspection+jwt");
    let jwk = &idp.jwks()["keys"][0];
    let number = |name: &str| {
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, jwk[name].as_str().unwrap()).unwrap()
    };
    let key = RS256PublicKey::from_components(&number("n"), &number("e")).unwrap();
    key.verify_token::<Value>(&jwt, None).unwrap();
    let claims = part(&jwt, 1);
    let names: Vec<&String> = claims.as_object().unwrap().keys().collect();
    assert_eq!(names, ["aud", "iat", "iss", "token_introspection"]);
    assert_eq!((&claims["aud"], &claims["iss"]), (&json!("tools"), &json!(idp.issuer())));
    assert_eq!(claims["token_introspection"], told(&idp, &token));
    assert_eq!(part(&signed("unknown"), 1)["token_introspection"], inactive());
}

/// RFC 9396 §9.2
#[test]
fn a_client_gets_its_tokens_in_the_form_that_it_was_told() {
    let idp = start();
    let form = [("grant_type", "client_credentials")];
    let token = |client: &str| {
        let response = post(idp.address(), &idp.token_endpoint(), &[basic(client, "s3cret")], &form);
        answer(&response)["access_token"].as_str().unwrap().to_owned()
    };
    let (jwt, opaque) = (token("agent-1"), token("agent-2"));
    assert_eq!(part(&jwt, 1)["client_id"], "agent-1");
    assert!(opaque.len() == 43 && !opaque.contains('.'), "{opaque}");
    assert_eq!(told(&idp, &opaque)["client_id"], "agent-2");
    assert_eq!((&told(&idp, &opaque)["active"], &told(&idp, &opaque)["sub"]), (&json!(true), &json!("agent-2")));

    let idp = IdentityProvider::builder()
        .audience(TOOLS)
        .client("tools", "t00ls", ["x"])
        .token_form(TokenForm::jwt_without(["authorization_details", "acr"]))
        .start()
        .unwrap();
    let token = idp.issue(full(&idp));
    let claims = part(&token, 1);
    assert_eq!((claims.get("authorization_details"), claims.get("acr")), (None, None));
    let told = told(&idp, &token);
    assert_eq!((&told["jti"], &told["sub"]), (&claims["jti"], &claims["sub"]));
    assert_eq!((&told["authorization_details"][0]["identifier"], &told["acr"]), (&json!("a"), &json!("urn:mfa")));
}

#[test]
fn introspection_is_found_in_the_metadata_and_fails_as_told() {
    let idp = start();
    let path = "/.well-known/oauth-authorization-server/agents";
    let metadata = answer(&raw_client::get(idp.address(), path, TIMEOUT).unwrap());
    assert_eq!(metadata["introspection_endpoint"], idp.introspection_endpoint());
    assert_eq!(
        metadata["introspection_endpoint_auth_methods_supported"],
        json!(["client_secret_basic", "client_secret_post", "private_key_jwt"])
    );
    let token = idp.issue(idp.mint(TOOLS).access_token());
    idp.fail(Endpoint::Introspection, Fault::Status(503));
    assert_eq!(ask(&idp, &token).status, 503);
    idp.recover(Endpoint::Introspection);
    assert_eq!(told(&idp, &token)["active"], true);
}
