//! The form of a request.

use form_urlencoded::parse;
use oauth_core::client_credential::ClientCredential;
use oauth_core::secret::Secret;
use oauth_core::token_exchange::{
    ActorToken, Asked, ClientAuthentication, Flow, Fresh, ServerProfile, build_request,
    request::{ACCESS_TOKEN, JWT, requested_claims},
};
use serde_json::{Value, json};

use super::NOW;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// What a server reads.
fn read(asked: &Asked<'_>) -> Vec<(String, String)> {
    let fresh = Fresh { now: NOW, jti: "j".to_owned() };
    let request =
        build_request(asked, &ClientAuthentication::Credential(ClientCredential::Proxy { client_id: None }), &fresh)
            .unwrap();
    assert!(request.authorization.is_none());
    parse(request.form.expose().as_bytes()).into_owned().collect()
}

fn all<'p>(form: &'p [(String, String)], name: &str) -> Vec<&'p str> {
    form.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

struct Example {
    token: Secret,
    audience: Vec<String>,
    resource: Vec<String>,
}

impl Example {
    fn new() -> Self {
        Self {
            token: Secret::new("a+b/c==".to_owned()),
            audience: strings(&["tool b", "https://api.example/a?b=c&d"]),
            resource: strings(&["https://api.example/", "urn:x:y"]),
        }
    }

    fn asked(&self, profile: ServerProfile) -> Asked<'_> {
        Asked {
            profile,
            flow: Flow::Exchange { subject_token: &self.token, subject_token_type: ACCESS_TOKEN, actor: None },
            audience: &self.audience,
            resource: &self.resource,
            scope: &["b:read", "https://x/y", "c+d"],
            requested_token_type: Some(ACCESS_TOKEN),
            claims: None,
            connection: None,
        }
    }
}

/// TEX-01, TEX-04
#[test]
fn every_value_arrives_as_it_was_whatever_is_in_it() {
    let example = Example::new();
    let form = read(&example.asked(ServerProfile::Rfc8693));
    assert_eq!(all(&form, "grant_type"), [EXCHANGE]);
    assert_eq!(all(&form, "subject_token"), ["a+b/c=="]);
    assert_eq!(all(&form, "subject_token_type"), ["urn:ietf:params:oauth:token-type:access_token"]);
    assert_eq!(all(&form, "scope"), ["b:read https://x/y c+d"]);
    assert_eq!(all(&form, "requested_token_type"), [ACCESS_TOKEN]);
    // On the wire nothing is left that a form gives a meaning to.
    let fresh = Fresh { now: NOW, jti: "j".to_owned() };
    let asked = example.asked(ServerProfile::Rfc8693);
    let request =
        build_request(&asked, &ClientAuthentication::Credential(ClientCredential::Proxy { client_id: None }), &fresh)
            .unwrap();
    assert!(request.form.expose().contains("subject_token=a%2Bb%2Fc%3D%3D&"), "{}", request.form.expose());
    assert!(request.form.expose().bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!format!("{request:?}").contains("a%2Bb"), "a request never prints its token");
}

/// TEX-04: only where a profile wants it.
#[test]
fn the_type_of_the_subject_token_is_what_was_configured() {
    let example = Example::new();
    let flow = Flow::Exchange { subject_token: &example.token, subject_token_type: JWT, actor: None };
    let form = read(&Asked { flow, ..example.asked(ServerProfile::Okta) });
    assert_eq!(all(&form, "subject_token_type"), ["urn:ietf:params:oauth:token-type:jwt"]);
}

/// TEX-02
#[test]
fn an_actors_token_goes_with_its_type_and_neither_goes_alone() {
    let example = Example::new();
    let actor = Secret::new("actor".to_owned());
    let with = |actor| Flow::Exchange { subject_token: &example.token, subject_token_type: ACCESS_TOKEN, actor };
    let both = with(Some(ActorToken { token: &actor, token_type: JWT }));
    let form = read(&Asked { flow: both, ..example.asked(ServerProfile::Rfc8693) });
    assert_eq!((all(&form, "actor_token"), all(&form, "actor_token_type")), (vec!["actor"], vec![JWT]));
    for (flow, profile) in [(with(None), ServerProfile::Rfc8693), (both, ServerProfile::Keycloak)] {
        let form = read(&Asked { flow, ..example.asked(profile) });
        assert!(all(&form, "actor_token").is_empty() && all(&form, "actor_token_type").is_empty(), "{profile:?}");
    }
}

/// TEX-03
#[test]
fn several_audiences_and_resources_are_parameters_of_their_own() {
    let form = read(&Example::new().asked(ServerProfile::Rfc8693));
    assert_eq!(all(&form, "audience"), ["tool b", "https://api.example/a?b=c&d"]);
    assert_eq!(all(&form, "resource"), ["https://api.example/", "urn:x:y"]);
}

/// TEX-18
#[test]
fn keycloak_is_told_no_resource_and_no_actor() {
    let form = read(&Example::new().asked(ServerProfile::Keycloak));
    assert_eq!(all(&form, "grant_type"), [EXCHANGE]);
    assert_eq!(all(&form, "audience").len(), 2);
    assert!(all(&form, "resource").is_empty());
}

/// TEX-20
#[test]
fn entra_is_asked_on_behalf_of_the_user_by_the_jwt_bearer_grant() {
    let form = read(&Example::new().asked(ServerProfile::EntraObo));
    let names: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["grant_type", "assertion", "requested_token_use", "scope"]);
    assert_eq!(all(&form, "grant_type"), ["urn:ietf:params:oauth:grant-type:jwt-bearer"]);
    assert_eq!(all(&form, "assertion"), ["a+b/c=="]);
    assert_eq!(all(&form, "requested_token_use"), ["on_behalf_of"]);
}

/// TEX-22
#[test]
fn a_capability_is_merged_into_the_claims_that_are_asked_for() {
    let read = |claims: Option<Value>, capabilities: &[&str]| {
        let claims = claims.as_ref().and_then(Value::as_object);
        requested_claims(claims, &strings(capabilities)).map(|text| serde_json::from_str::<Value>(&text).unwrap())
    };
    let capable = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    assert_eq!(read(None, &["cp1"]), Some(capable.clone()));
    let challenge = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}, "id_token": {"a": null}});
    let merged = json!({
        "access_token": {"acrs": {"essential": true, "value": "c1"}, "xms_cc": {"values": ["cp1"]}}, "id_token": {"a": null},
    });
    assert_eq!(read(Some(challenge.clone()), &["cp1"]), Some(merged));
    assert_eq!(read(Some(challenge.clone()), &[]), Some(challenge));
    assert_eq!(read(Some(json!({"access_token": null})), &["cp1"]), Some(capable));
    assert_eq!((read(None, &[]), read(Some(json!({})), &[])), (None, None));
    let example = Example::new();
    let form = super::requests::read(&Asked { claims: Some("{\"a\":1}"), ..example.asked(ServerProfile::EntraObo) });
    assert_eq!(all(&form, "claims"), ["{\"a\":1}"]);
}

/// TEX-23
#[test]
fn auth0_is_asked_for_an_audience_or_for_the_token_of_a_connection() {
    let example = Example::new();
    let form = read(&example.asked(ServerProfile::Auth0));
    assert_eq!((all(&form, "grant_type"), all(&form, "audience").len()), (vec![EXCHANGE], 2));
    let form = read(&Asked { connection: Some("google-oauth2"), ..example.asked(ServerProfile::Auth0) });
    assert_eq!(
        all(&form, "grant_type"),
        ["urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"]
    );
    assert_eq!(
        all(&form, "requested_token_type"),
        ["http://auth0.com/oauth/token-type/federated-connection-access-token"]
    );
    assert_eq!((all(&form, "connection"), all(&form, "audience")), (vec!["google-oauth2"], vec![]));
}

#[test]
fn with_client_credentials_nothing_of_the_user_is_sent() {
    let example = Example::new();
    let form = read(&Asked { flow: Flow::ClientCredentials, ..example.asked(ServerProfile::Rfc8693) });
    assert_eq!(all(&form, "grant_type"), ["client_credentials"]);
    assert!(!form.iter().any(|(name, _)| name.contains("subject") || name.contains("actor") || name == "assertion"));
}
