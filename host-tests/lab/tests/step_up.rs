//! The agent follows challenges to the identity provider, and comes back with the token that was asked for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_lab::{
    agent::{Agent, Denied, NotGranted, Registration},
    echo_upstream::{Answer, EchoUpstream, Responding},
    identity_provider::{IdentityProvider, Level, User},
};
use serde_json::{Value, json};

const ISSUER: &str = "https://idp.example/agents";
const RESOURCE: &str = "https://tools.example/mcp";
const CALLBACK: &str = "http://127.0.0.1/callback";
const METADATA: &str = "https://tools.example/.well-known/oauth-protected-resource/mcp";

fn alice() -> User {
    User::new("alice").reaches(["urn:pwd", "urn:mfa"])
}

struct World {
    idp: IdentityProvider,
    _resource: EchoUpstream,
    agent: Agent,
}

/// The protected resource metadata names `resource` and this issuer.
fn world(resource: &'static str, issuer: &'static str) -> World {
    let idp = IdentityProvider::builder()
        .issuer(ISSUER)
        .public_client("agent-1", CALLBACK, ["tools:read", "tools:delete"])
        .level(Level::new("urn:pwd").amr(["pwd"]))
        .level(Level::new("urn:mfa").amr(["pwd", "otp"]).auth_contexts(["c1"]))
        .user(alice())
        .start()
        .unwrap();
    let metadata = json!({"resource": resource, "authorization_servers": [issuer], "scopes_supported": ["tools:read"]});
    let document = EchoUpstream::start_with(move |request| {
        let found = request.path == b"/.well-known/oauth-protected-resource/mcp";
        let body = if found { metadata.to_string().into_bytes() } else { Vec::new() };
        let headers = vec![(b"content-type".to_vec(), b"application/json".to_vec())];
        Answer::Respond(Responding { status: if found { 200 } else { 404 }, headers, body })
    })
    .unwrap();
    let agent = agent(&idp, document.address());
    World { idp, _resource: document, agent }
}

fn agent(idp: &IdentityProvider, resource: SocketAddr) -> Agent {
    let registration = Registration::new(RESOURCE, "agent-1", CALLBACK)
        .origin("https://idp.example", idp.address())
        .origin("https://evil.example", idp.address())
        .origin("https://tools.example", resource)
        .capability("cp1");
    Agent::new("http://127.0.0.1:9/mcp").registered(registration).unwrap()
}

fn denied(challenge: &str) -> Denied {
    let challenge = format!("{challenge}, resource_metadata=\"{METADATA}\"");
    Denied { status: Some(401), challenge: Some(challenge), reason: String::new() }
}

fn claims(agent: &Agent) -> Value {
    let token = agent.current_token().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// The last authorization request, one parameter of it.
fn asked(idp: &IdentityProvider, name: &str) -> Option<String> {
    let last = idp.authorizations().pop().unwrap();
    last.into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
}

#[test]
fn a_first_sign_in_asks_for_what_the_resource_names() {
    let world = world(RESOURCE, ISSUER);
    let (idp, agent) = (&world.idp, &world.agent);
    assert_eq!(agent.current_token(), None);
    agent.follow(&denied(r#"Bearer realm="x""#)).unwrap();
    let claims = claims(agent);
    assert_eq!(
        (&claims["aud"], &claims["scope"], &claims["acr"]),
        (&json!(RESOURCE), &json!("tools:read"), &json!("urn:pwd"))
    );
    assert_eq!(claims["xms_cc"], json!(["cp1"]));
    assert_eq!(asked(idp, "code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(asked(idp, "resource").as_deref(), Some(RESOURCE));
    assert!(asked(idp, "acr_values").is_none() && asked(idp, "max_age").is_none());
}

/// RFC 9470 §4
#[test]
fn a_step_up_asks_for_exactly_the_acr_values_and_max_age_of_the_challenge_and_keeps_the_scopes() {
    let world = world(RESOURCE, ISSUER);
    let (idp, agent) = (&world.idp, &world.agent);
    agent.follow(&denied(r#"Bearer scope="tools:read tools:delete""#)).unwrap();
    assert_eq!(claims(agent)["scope"], "tools:delete tools:read");
    let challenge = r#"Bearer error="insufficient_user_authentication", acr_values="urn:phr urn:mfa", max_age="300""#;
    let told = agent.follow(&denied(challenge)).unwrap();
    assert_eq!((told.acr_values.as_deref(), told.max_age.as_deref()), (Some("urn:phr urn:mfa"), Some("300")));
    assert_eq!(asked(idp, "acr_values").as_deref(), Some("urn:phr urn:mfa"));
    assert_eq!(asked(idp, "max_age").as_deref(), Some("300"));
    let claims = claims(agent);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:mfa"), &json!(["pwd", "otp"])));
    assert_eq!(claims["scope"], "tools:delete tools:read");
}

#[test]
fn missing_scopes_are_added_to_those_that_are_held() {
    let world = world(RESOURCE, ISSUER);
    let (idp, agent) = (&world.idp, &world.agent);
    agent.follow(&denied(r#"Bearer realm="x""#)).unwrap();
    agent.follow(&denied(r#"Bearer error="insufficient_scope", scope="tools:delete""#)).unwrap();
    assert_eq!(asked(idp, "scope").as_deref(), Some("tools:read tools:delete"));
    assert_eq!(claims(agent)["scope"], "tools:read tools:delete");
}

/// STP-13, STP-14
#[test]
fn a_claims_challenge_of_entra_is_passed_on_with_the_capabilities() {
    let world = world(RESOURCE, ISSUER);
    let (idp, agent) = (&world.idp, &world.agent);
    // {"access_token":{"acrs":{"essential":true,"value":"c1"}}}
    let encoded = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";
    agent.follow(&denied(&format!(r#"Bearer error="insufficient_claims", claims="{encoded}""#))).unwrap();
    let sent: Value = serde_json::from_str(&asked(idp, "claims").unwrap()).unwrap();
    assert_eq!(
        sent,
        json!({"access_token": {"acrs": {"essential": true, "value": "c1"}, "xms_cc": {"values": ["cp1"]}}})
    );
    let claims = claims(agent);
    assert_eq!((&claims["acrs"], &claims["xms_cc"]), (&json!(["c1"]), &json!(["cp1"])));
}

#[test]
fn a_refusal_leaves_the_agent_with_the_token_that_it_had() {
    let world = world(RESOURCE, ISSUER);
    let (idp, agent) = (&world.idp, &world.agent);
    agent.follow(&denied(r#"Bearer realm="x""#)).unwrap();
    let before = agent.current_token();
    let challenge = r#"Bearer error="insufficient_user_authentication", acr_values="urn:mfa""#;
    let refusal = |expected: &str| match agent.follow(&denied(challenge)) {
        Err(NotGranted::Refused { error, asked }) => {
            assert_eq!((error.as_str(), asked.acr_values.as_deref()), (expected, Some("urn:mfa")));
        }
        other => panic!("{other:?}"),
    };
    idp.seat(alice().refuses());
    refusal("access_denied");
    idp.seat(User::new("alice").reaches(["urn:pwd"]));
    refusal("unmet_authentication_requirements");
    assert_eq!(agent.current_token(), before);
}

/// RFC 9728 §3.3, RFC 8414 §3.3
#[test]
fn metadata_of_another_resource_or_another_issuer_is_not_followed() {
    let of_another = world("https://other.example/mcp", ISSUER);
    let from_another = world(RESOURCE, "https://evil.example/agents");
    for World { idp, agent, .. } in [&of_another, &from_another] {
        let result = agent.follow(&denied(r#"Bearer realm="x""#));
        assert!(matches!(result, Err(NotGranted::Failed(_))), "{result:?}");
        assert!(idp.authorizations().is_empty());
        assert_eq!(agent.current_token(), None);
    }
}

#[test]
fn a_denial_that_asks_for_nothing_is_not_followed() {
    let world = world(RESOURCE, ISSUER);
    let (idp, agent) = (&world.idp, &world.agent);
    for challenge in [None, Some("Basic realm=\"x\"".to_owned()), Some("nonsense\"".to_owned())] {
        let denied = Denied { status: Some(403), challenge, reason: String::new() };
        assert!(matches!(agent.follow(&denied), Err(NotGranted::NothingAsked)));
    }
    assert!(idp.authorizations().is_empty());
}
