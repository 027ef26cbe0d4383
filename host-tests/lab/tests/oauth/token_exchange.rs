//! Tokens of a user for the next hop (RFC 8693), as strictly as the provider gives them.

use std::time::Duration;

use fourleg_lab::{
    identity_provider::{Client, DetailsType, Endpoint, IdentityProvider, Shape, TokenForm},
    mint::Token,
    wire::WireResponse,
};
use serde_json::{Value, json};

use super::form_client::{basic, json as answer, part, post, refusal};

const A: &str = "https://a.example/mcp";
const B: &str = "https://b.example/mcp";
const API: &str = "api";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

fn start() -> IdentityProvider {
    IdentityProvider::builder()
        .issuer("https://idp.example/agents")
        .register(Client::public("agent-1"))
        .register(
            Client::confidential("tool-a", "s3cret")
                .scopes(["act"])
                .serves([A])
                .may_exchange_for(B, ["b:read", "b:write"])
                .may_exchange_for(API, ["api:read"]),
        )
        .register(Client::confidential("tool-b", "s3cret").serves([B]).may_exchange_for(API, ["api:read"]))
        .register(Client::confidential("ghost", "s3cret").serves([A]).may_exchange_for(B, ["b:read"]).impersonates())
        .register(
            Client::confidential("opaque", "s3cret")
                .serves([A])
                .may_exchange_for(B, [""; 0])
                .token_form(TokenForm::Opaque),
        )
        .details_type(DetailsType::new("file_access").required("actions", Shape::Texts))
        .start()
        .unwrap()
}

/// A token of alice for tool A, as agent-1 gets it.
fn token_a(idp: &IdentityProvider) -> Token {
    idp.mint(A).access_token().scope("a:read b:read").claim("acr", "urn:mfa").claim("auth_time", 1)
}

type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// A request for a token for tool B.
fn good(subject: &str) -> Pairs<'_> {
    vec![
        ("grant_type", GRANT),
        ("subject_token", subject),
        ("subject_token_type", ACCESS_TOKEN),
        ("resource", B),
        ("scope", "b:read"),
    ]
}

/// The good request, in which `name` has another value, or none.
fn with<'a>(subject: &'a str, name: &'a str, value: Option<&'a str>) -> Pairs<'a> {
    let mut pairs: Pairs<'_> = good(subject).into_iter().filter(|(n, _)| *n != name).collect();
    pairs.extend(value.map(|value| (name, value)));
    pairs
}

fn ask(idp: &IdentityProvider, client: &str, form: &[(&str, &str)]) -> WireResponse {
    post(idp.address(), &idp.token_endpoint(), &[basic(client, "s3cret")], form)
}

#[track_caller]
fn granted(response: &WireResponse) -> Value {
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("cache-control").as_deref(), Some("no-store"));
    answer(response)
}

fn claims(answer: &Value) -> Value {
    part(answer["access_token"].as_str().unwrap(), 1)
}

#[track_caller]
fn refused(idp: &IdentityProvider, client: &str, form: &[(&str, &str)], expected: (u16, &str)) {
    let (status, error) = refusal(&ask(idp, client, form));
    assert_eq!((status, error.as_str()), expected, "{form:?}");
}

/// RFC 8693 §2.1, §2.2.1, §4.1
#[test]
fn the_new_token_is_of_the_same_user_for_the_target_with_the_scope_and_the_actor() {
    let idp = start();
    let subject = idp.issue(token_a(&idp));
    let answer = granted(&ask(&idp, "tool-a", &good(&subject)));
    let names: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(names, ["access_token", "expires_in", "issued_token_type", "scope", "token_type"]);
    assert_eq!((&answer["token_type"], &answer["issued_token_type"]), (&json!("Bearer"), &json!(ACCESS_TOKEN)));
    assert_eq!(answer["scope"], "b:read");
    let (before, after) = (part(&subject, 1), claims(&answer));
    for kept in ["iss", "sub", "acr", "auth_time"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    assert_ne!(after["jti"], before["jti"]);
    assert_eq!((&after["aud"], &after["scope"], &after["client_id"]), (&json!(B), &json!("b:read"), &json!("tool-a")));
    assert_eq!(after["act"], json!({"sub": "tool-a", "act": {"sub": "agent-1"}}));

    let received = idp.received(Endpoint::Token).pop().unwrap();
    assert_eq!(
        (received.parameter("subject_token"), received.parameter("resource")),
        (vec![subject], vec![B.to_owned()])
    );
    assert!(received.header("authorization")[0].starts_with("Basic "));
}

/// RFC 8693 §4.1: sub stays, act grows.
#[test]
fn over_several_hops_the_actor_of_the_moment_is_outermost() {
    let idp = start();
    let a = idp.issue(token_a(&idp));
    let b = granted(&ask(&idp, "tool-a", &good(&a)));
    let form = [with(b["access_token"].as_str().unwrap(), "resource", None), vec![("audience", API)]].concat();
    let form: Pairs<'_> = form.into_iter().map(|(n, v)| (n, if n == "scope" { "api:read" } else { v })).collect();
    let c = claims(&granted(&ask(&idp, "tool-b", &form)));
    assert_eq!((&c["sub"], &c["aud"], &c["scope"]), (&json!("alice"), &json!(API), &json!("api:read")));
    assert_eq!(c["act"], json!({"sub": "tool-b", "act": {"sub": "tool-a", "act": {"sub": "agent-1"}}}));

    // The same actor again is no further actor, an application's own token has had none, and an impersonator leaves none.
    let again = token_a(&idp).claim("act", json!({"sub": "tool-a"}));
    assert_eq!(claims(&granted(&ask(&idp, "tool-a", &good(&idp.issue(again)))))["act"], json!({"sub": "tool-a"}));
    let own = token_a(&idp).subject("agent-1");
    assert_eq!(claims(&granted(&ask(&idp, "tool-a", &good(&idp.issue(own)))))["act"], json!({"sub": "tool-a"}));
    assert_eq!(claims(&granted(&ask(&idp, "ghost", &good(&a)))).get("act"), None);

    let deep = |depth: usize| (0..depth).fold(json!({"sub": "x"}), |act, _| json!({"sub": "y", "act": act}));
    granted(&ask(&idp, "tool-a", &good(&idp.issue(token_a(&idp).claim("act", deep(3))))));
    refused(&idp, "tool-a", &good(&idp.issue(token_a(&idp).claim("act", deep(4)))), (400, "invalid_request"));
}

/// RFC 8693 §2.2.2; TEX-18
#[test]
fn only_a_good_token_that_the_client_is_meant_to_have_is_exchanged() {
    let idp = start();
    let subject = idp.issue(token_a(&idp));
    let revoked = idp.issue(token_a(&idp));
    idp.revoke(&revoked);
    for bad in [
        "guess".to_owned(),
        token_a(&idp).sign_with(&idp.signing_key()),
        revoked,
        idp.issue(token_a(&idp).expires_at(idp.mint(A).now)),
        idp.issue(token_a(&idp).claim("cnf", json!({"jkt": "x"}))),
    ] {
        refused(&idp, "tool-a", &good(&bad), (400, "invalid_request"));
    }
    for (name, value) in [
        ("subject_token", None),
        ("subject_token_type", None),
        ("subject_token_type", Some("urn:ietf:params:oauth:token-type:id_token")),
        ("subject_token_type", Some("access_token")),
        ("requested_token_type", Some("urn:ietf:params:oauth:token-type:refresh_token")),
    ] {
        refused(&idp, "tool-a", &with(&subject, name, value), (400, "invalid_request"));
    }
    for name in ["subject_token", "subject_token_type", "scope", "requested_token_type", "grant_type"] {
        let twice = [good(&subject), vec![(name, ACCESS_TOKEN), (name, ACCESS_TOKEN)]].concat();
        refused(&idp, "tool-a", &twice, (400, "invalid_request"));
    }
    // tool-b is not in its audience; nobody knows who a public client is.
    let for_api = [with(&subject, "resource", None), vec![("audience", API)]].concat();
    refused(&idp, "tool-b", &for_api, (403, "access_denied"));
    let public = [good(&subject), vec![("client_id", "agent-1")]].concat();
    assert_eq!(
        refusal(&post(idp.address(), &idp.token_endpoint(), &[], &public)),
        (400, "unauthorized_client".to_owned())
    );
    assert_eq!(refusal(&post(idp.address(), &idp.token_endpoint(), &[], &good(&subject))).0, 401);

    // As a JWT, for a client by its id, and to a client whose tokens are opaque.
    let by_id = idp.issue(token_a(&idp).audience(json!(["x", "tool-a"])));
    let as_jwt = [with(&by_id, "subject_token_type", Some(JWT)), vec![("requested_token_type", JWT)]].concat();
    assert_eq!(granted(&ask(&idp, "tool-a", &as_jwt))["issued_token_type"], JWT);
    let opaque = granted(&ask(&idp, "opaque", &with(&subject, "scope", None)));
    assert!(!opaque["access_token"].as_str().unwrap().contains('.') && opaque.get("scope").is_none(), "{opaque}");
}

/// RFC 8693 §2.1, §2.2.2, RFC 8707 §2
#[test]
fn a_client_gets_tokens_for_its_targets_and_their_scopes_alone() {
    let idp = start();
    let subject = idp.issue(token_a(&idp));
    for (name, value) in [
        ("resource", None),
        ("resource", Some("https://elsewhere.example")),
        ("resource", Some("b")),
        ("resource", Some("https://b.example/mcp#x")),
        ("resource", Some("https://b.example/mcp/")),
        ("audience", Some("elsewhere")),
    ] {
        refused(&idp, "tool-a", &with(&subject, name, value), (400, "invalid_target"));
    }
    for scope in ["api:read", "b:read root", "b:read  b:write", "B:READ"] {
        refused(&idp, "tool-a", &with(&subject, "scope", Some(scope)), (400, "invalid_scope"));
    }
    let all = claims(&granted(&ask(&idp, "tool-a", &with(&subject, "scope", None))));
    assert_eq!(all["scope"], "b:read b:write");
    let several = [with(&subject, "scope", Some("b:read api:read")), vec![("audience", API), ("audience", B)]].concat();
    let several = claims(&granted(&ask(&idp, "tool-a", &several)));
    assert_eq!((&several["aud"], &several["scope"]), (&json!([API, B]), &json!("b:read api:read")));
}

/// RFC 8693 §4.4, §2.1
#[test]
fn who_may_act_is_for_the_subject_to_say_and_for_an_actor_token_to_show() {
    let idp = start();
    let may = |who: Value| idp.issue(token_a(&idp).claim("may_act", who));
    let issuer = idp.issuer().to_owned();
    for who in [json!({"sub": "tool-a"}), json!({"sub": "tool-a", "iss": issuer})] {
        granted(&ask(&idp, "tool-a", &good(&may(who))));
    }
    for who in [
        json!({"sub": "tool-b"}),
        json!({"sub": "tool-a", "iss": "https://other.example"}),
        json!({"sub": "tool-a", "email": "x"}),
        json!({}),
        json!("tool-a"),
        json!(null),
    ] {
        refused(&idp, "tool-a", &good(&may(who)), (400, "invalid_request"));
    }

    let acting = |actor: &str, actor_type: Option<&str>, subject: &str| {
        let mut form = good(subject);
        form.push(("actor_token", actor));
        form.extend(actor_type.map(|actor_type| ("actor_token_type", actor_type)));
        ask(&idp, "tool-a", &form)
    };
    let subject = idp.issue(token_a(&idp));
    let of = |sub: &str| idp.mint(A).access_token().subject(sub);
    let actor = idp.issue(of("robot"));
    let shown = claims(&granted(&acting(&actor, Some(ACCESS_TOKEN), &subject)));
    assert_eq!(shown["act"], json!({"sub": "robot", "act": {"sub": "agent-1"}}));
    granted(&acting(&actor, Some(ACCESS_TOKEN), &may(json!({"sub": "robot"}))));
    let invalid = (400, "invalid_request".to_owned());
    assert_eq!(refusal(&acting(&actor, Some(ACCESS_TOKEN), &may(json!({"sub": "tool-a"})))), invalid);
    assert_eq!(refusal(&acting(&actor, None, &subject)), invalid);
    let type_alone = [good(&subject), vec![("actor_token_type", ACCESS_TOKEN)]].concat();
    refused(&idp, "tool-a", &type_alone, (400, "invalid_request"));
    assert_eq!(refusal(&acting("guess", Some(ACCESS_TOKEN), &subject)), invalid);
    let of_others = idp.issue(of("robot").audience("https://other.example"));
    assert_eq!(refusal(&acting(&of_others, Some(ACCESS_TOKEN), &subject)), invalid);
}

#[test]
fn the_new_token_lives_no_longer_than_the_subject_token() {
    let idp = start();
    let now = idp.mint(A).now;
    let answer = granted(&ask(&idp, "tool-a", &good(&idp.issue(token_a(&idp).expires_at(now + 60)))));
    assert_eq!(claims(&answer)["exp"], now + 60);
    assert!(answer["expires_in"].as_u64().unwrap() <= 60);
    let long = idp.issue(token_a(&idp).expires_at(now + 9000));
    assert!(granted(&ask(&idp, "tool-a", &good(&long)))["expires_in"].as_u64().unwrap() <= 300);
    let subject = idp.issue(token_a(&idp));
    idp.pass(Duration::from_secs(301));
    refused(&idp, "tool-a", &good(&subject), (400, "invalid_request"));
}

/// RFC 9396 §6
#[test]
fn details_go_on_to_the_place_that_they_are_for() {
    let idp = start();
    let at = |place: &str, actions: &[&str]| json!({"type": "file_access", "actions": actions, "locations": [place]});
    let held = json!([at(A, &["read"]), at(B, &["read", "write"])]);
    let subject = idp.issue(token_a(&idp).claim("authorization_details", held));
    let answer = granted(&ask(&idp, "tool-a", &good(&subject)));
    assert_eq!(claims(&answer)["authorization_details"], json!([at(B, &["read", "write"])]));
    assert_eq!(answer["authorization_details"], json!([at(B, &["read", "write"])]));
    let part = json!([at(B, &["read"])]).to_string();
    let less = claims(&granted(&ask(&idp, "tool-a", &with(&subject, "authorization_details", Some(&part)))));
    assert_eq!(less["authorization_details"], json!([at(B, &["read"])]));
    for more in [json!([at(B, &["delete"])]), json!([at(A, &["read"])])] {
        let more = more.to_string();
        let form = with(&subject, "authorization_details", Some(&more));
        refused(&idp, "tool-a", &form, (400, "invalid_authorization_details"));
    }
}
