//! The loop for single acts: the denial of rar-enforcement says what to ask for, the client pushes exactly that, and the token
//! that it gets is good for that act and for no other.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_lab::{
    agent::{Agent, Asked, Denied, NotGranted, Session},
    identity_provider::Endpoint,
};
use serde_json::{Value, json};

use super::{RESOURCE, World, alice};

fn rar_enforcement() -> Value {
    let tool = |name: &str| json!({"path": {"prefix": "/mcp"}, "mcp": {"methods": ["tools/call"], "tools": [name]}});
    let file = |tool_name: &str, action: &str| {
        json!({"name": action, "match": tool(tool_name),
               "require": {"type": "file_access", "actions": [action], "identifier": "{mcp.arguments/path}"}})
    };
    json!({
        "types": {
            "file_access": {"fields": {"actions": "superset", "identifier": "equal"}},
            "payment": {"fields": {"currency": "equal", "max_amount": "ceiling", "creditor": "equal"}},
        },
        "rules": [file("read_file", "read"), file("delete_file", "delete"), {
            "name": "pay", "match": tool("transfer_funds"), "require": {
                "type": "payment", "currency": "{mcp.arguments/currency}",
                "max_amount": "{mcp.arguments/amount}", "creditor": "{mcp.arguments/to}",
            },
        }],
        "unmatched": "allow",
    })
}

/// Access to one file, as the filter asks for it.
fn file(name: &str, action: &str) -> Value {
    json!([{"type": "file_access", "actions": [action], "identifier": name, "locations": [RESOURCE]}])
}

fn read(session: &Session, path: &str) -> Result<String, Denied> {
    session.call("read_file", json!({"path": path}))
}

fn pay(session: &Session, amount: u64) -> Result<String, Denied> {
    session.call("transfer_funds", json!({"to": "bob", "amount": amount, "currency": "EUR"}))
}

/// The denial of a call that needs another authorization.
#[track_caller]
fn denied(call: Result<String, Denied>) -> Denied {
    let denied = call.map(|result| panic!("it passed: {result}")).unwrap_err();
    let challenge = denied.challenge.as_deref().unwrap_or_default();
    assert_eq!(denied.status, Some(401), "{denied}");
    assert!(challenge.contains(r#"error="insufficient_authorization""#), "{denied}");
    denied
}

/// The details in the token that the agent has now.
fn held(agent: &Agent) -> Value {
    let token = agent.current_token().unwrap();
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
    claims["authorization_details"].clone()
}

#[track_caller]
fn refusal(went: Result<Asked, NotGranted>) -> String {
    match went {
        Err(NotGranted::Refused { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

impl World {
    /// An agent that met the first 401, signed its user in without details, and connected.
    fn connected(&self, agent: Agent) -> (Agent, Session) {
        let unknown = agent.connect().map(|_| ()).unwrap_err();
        agent.follow(&unknown).unwrap();
        let session = agent.connect().unwrap_or_else(|denied| panic!("{denied}"));
        (agent, session)
    }

    /// The details of the last request that was pushed.
    fn pushed(&self) -> Value {
        let last = self.idp.received(Endpoint::PushedAuthorization).pop().unwrap();
        serde_json::from_str(&last.parameter("authorization_details")[0]).unwrap()
    }
}

mod on_envoy {
    use super::*;

    /// RAR-13, RFC 9126 §2, RFC 9396 §7
    #[test]
    fn a_client_that_pushes_what_the_denial_names_may_do_that_and_nothing_else() {
        let world = World::with(Some(("rar_enforcement", &rar_enforcement())));
        for agent in [world.agent(), world.agent().newest()] {
            let pushed = world.idp.requests_to(Endpoint::PushedAuthorization);
            let (agent, session) = world.connected(agent);
            assert_eq!(world.idp.requests_to(Endpoint::PushedAuthorization), pushed, "nothing to push without details");
            let asked = agent.follow(&denied(read(&session, "a.txt"))).unwrap();
            assert_eq!(asked.authorization_details, Some(file("a.txt", "read")));
            assert_eq!((world.pushed(), held(&agent)), (file("a.txt", "read"), file("a.txt", "read")));
            // The browser carried two names and nothing of it.
            let opened = world.idp.received(Endpoint::Authorization).pop().unwrap();
            let names: Vec<&str> = opened.parameters().iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["client_id", "request_uri"]);
            assert!(world.idp.consent_pages().pop().unwrap().contains("a.txt"));

            assert_eq!(read(&session, "a.txt").unwrap(), "a.txt: the quick brown fox");
            for other in ["b.txt", "A.txt", "a.txt ", "./a.txt"] {
                denied(read(&session, other));
            }
            let delete = denied(session.call("delete_file", json!({"path": "a.txt"})));
            // Another denial leads to another request, and the new token to that alone.
            agent.follow(&delete).unwrap();
            assert_eq!(world.pushed(), file("a.txt", "delete"));
            assert_eq!(session.call("delete_file", json!({"path": "a.txt"})).unwrap(), "a.txt would be gone now");
            denied(read(&session, "a.txt"));
        }
        assert_eq!((world.runs("read_file"), world.runs("delete_file")), (2, 2));
    }

    /// RFC 9396 §2: an agent that knows what it wants asks for it before it is told to.
    #[test]
    fn a_client_may_ask_for_one_file_from_the_start() {
        let world = World::with(Some(("rar_enforcement", &rar_enforcement())));
        let agent = world.agent();
        let unknown = agent.connect().map(|_| ()).unwrap_err();
        agent.follow_for(&unknown, file("a.txt", "read")).unwrap();
        let session = agent.connect().unwrap_or_else(|denied| panic!("{denied}"));
        assert_eq!(read(&session, "a.txt").unwrap(), "a.txt: the quick brown fox");
        denied(read(&session, "b.txt"));
        assert_eq!(world.runs("read_file"), 1);
    }

    /// RAR-09, RAR-13
    #[test]
    fn what_the_user_grants_counts_and_not_what_was_asked_for() {
        let world = World::with(Some(("rar_enforcement", &rar_enforcement())));
        let (agent, session) = world.connected(world.agent());
        let payment = |most: u64| json!({"type": "payment", "currency": "EUR", "max_amount": most, "creditor": "bob", "locations": [RESOURCE]});
        let challenged = denied(pay(&session, 250));
        world.idp.seat(alice().refuses());
        assert_eq!(refusal(agent.follow(&challenged)), "access_denied");
        assert_eq!(held(&agent), json!(null));
        denied(pay(&session, 250));

        world.idp.seat(alice().narrows_to([payment(100)]));
        agent.follow(&challenged).unwrap();
        assert_eq!((world.pushed(), held(&agent)), (json!([payment(250)]), json!([payment(100)])));
        denied(pay(&session, 250));
        assert_eq!(pay(&session, 100).unwrap(), "100 EUR would go to bob");
        denied(session.call("transfer_funds", json!({"to": "mallory", "amount": 1, "currency": "EUR"})));

        world.idp.seat(alice());
        agent.follow(&denied(pay(&session, 250))).unwrap();
        assert_eq!(pay(&session, 250).unwrap(), "250 EUR would go to bob");
        assert_eq!(world.runs("transfer_funds"), 2);
    }

    /// RFC 9396 §5: the provider knows no such type, so no token can come of it.
    #[test]
    fn a_denial_that_names_what_the_provider_does_not_know_leads_nowhere() {
        let mut config = rar_enforcement();
        config["types"]["folder"] = json!({"fields": {"identifier": "equal"}});
        config["rules"][0]["require"] = json!({"type": "folder", "identifier": "{mcp.arguments/path}"});
        let world = World::with(Some(("rar_enforcement", &config)));
        let (agent, session) = world.connected(world.agent());
        let before = agent.current_token();
        let pages = world.idp.consent_pages().len();
        assert_eq!(refusal(agent.follow(&denied(read(&session, "a")))), "invalid_authorization_details");
        assert_eq!((agent.current_token(), world.idp.consent_pages().len()), (before, pages));
        assert_eq!(world.runs("read_file"), 0);
    }
}
