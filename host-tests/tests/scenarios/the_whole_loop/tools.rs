//! The loop for single tools: a rule of claim-challenge names a tool, and the client's own session goes on with the token
//! that it was asked for.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_lab::{
    agent::{Agent, Denied, NotGranted, Registration, Session},
    identity_provider::User,
    unix_now,
};
use serde_json::{Value, json};

use super::{ISSUER, World, alice, call};

/// What the client declares in every request.
const CAPABILITIES: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;

/// claim-challenge with these rules over tools: name of the tool, what it needs.
fn claim_challenge(style: &str, rules: &[(&str, Value)]) -> Value {
    let rules: Vec<Value> = rules
        .iter()
        .map(|(tool, require)| {
            let calls = json!({"methods": ["tools/call"], "tools": [tool]});
            json!({"name": tool, "match": {"path": {"prefix": "/mcp"}, "mcp": calls}, "require": require})
        })
        .collect();
    let mut config = json!({"style": style, "rules": rules, "unmatched": "allow"});
    if style != "rfc9470" {
        config["authorization_uri"] = json!(format!("{ISSUER}/authorize"));
    }
    config
}

/// The claims of a token.
fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn denied(session: &Session, tool: &str) -> Denied {
    call(session, tool).map(|result| panic!("{tool} passed: {result}")).unwrap_err()
}

impl World {
    /// Whether a session with this token may call the tool.
    fn lets_pass(&self, token: &str, tool: &str) -> bool {
        call(&Agent::new(self.url()).token(token).connect().unwrap(), tool).is_ok()
    }

    /// The tool is denied with this status; the client follows the challenge once, and then may call the tool, and whatever
    /// it could before.
    fn one_round(&self, agent: &Agent, session: &Session, tool: &str, status: u16) {
        let before = self.idp.authorizations().len();
        let challenged = denied(session, tool);
        assert_eq!(challenged.status, Some(status), "{challenged}");
        agent.follow(&challenged).unwrap();
        for tool in [tool, "read_file"] {
            call(session, tool).unwrap_or_else(|denied| panic!("{tool} again: {denied}"));
        }
        assert_eq!(self.idp.authorizations().len() - before, 1);
    }
}

mod on_envoy {
    use super::*;

    /// STP-01, STP-02, STP-05, STP-12, COR-12
    #[test]
    fn a_client_that_follows_the_challenge_of_rfc_9470_or_of_a_missing_scope_passes() {
        let world = World::start(Some(&claim_challenge(
            "rfc9470",
            &[
                ("delete_*", json!({"acr_values": ["urn:phr", "urn:mfa"]})),
                ("transfer_funds", json!({"max_age_seconds": 600})),
                ("list_reports", json!({"scopes": ["tools:report"]})),
            ],
        )));
        let an_hour_ago = unix_now() - 3600;
        world.idp.seat(alice().signed_in("urn:pwd", an_hour_ago));
        let (agent, session) = world.signed_in(world.agent());
        let weak = agent.current_token().unwrap();
        assert_eq!(claims(&weak)["auth_time"], an_hour_ago);

        // A stronger sign-in.
        let challenged = denied(&session, "delete_file");
        assert_eq!(challenged.status, Some(401), "{challenged}");
        let asked = agent.follow(&challenged).unwrap();
        assert_eq!(asked.error.as_deref(), Some("insufficient_user_authentication"));
        assert_eq!(world.asked("acr_values").as_deref(), Some("urn:phr urn:mfa"));
        assert_eq!((world.asked("max_age"), world.asked("claims")), (None, Some(CAPABILITIES.to_owned())));
        assert_eq!(call(&session, "delete_file").unwrap(), "a.txt would be gone now");
        let strong = agent.current_token().unwrap();
        assert!(world.lets_pass(&strong, "delete_file") && !world.lets_pass(&weak, "delete_file"));
        assert_eq!(world.runs("delete_file"), 2);

        // A recent one: the strong token is fresh, so an old one is shown.
        assert!(world.lets_pass(&strong, "transfer_funds") && !world.lets_pass(&weak, "transfer_funds"));
        world.idp.seat(alice().signed_in("urn:pwd", an_hour_ago));
        let (agent, session) = world.signed_in(world.agent());
        agent.follow(&denied(&session, "transfer_funds")).unwrap();
        assert_eq!(world.asked("max_age").as_deref(), Some("600"));
        assert_eq!(call(&session, "transfer_funds").unwrap(), "5 EUR would go to bob");

        // One more scope.
        let challenged = denied(&session, "list_reports");
        assert_eq!(challenged.status, Some(403), "{challenged}");
        agent.follow(&challenged).unwrap();
        assert_eq!(world.asked("scope").as_deref(), Some("tools:read tools:report"));
        assert_eq!(call(&session, "list_reports").unwrap(), "q1.pdf\nq2.pdf");
        assert!(!world.lets_pass(&strong, "list_reports"));
        assert_eq!((world.runs("transfer_funds"), world.runs("list_reports")), (2, 1));
    }

    /// STP-04: an issuer that grants `acr` and scopes per request, and a client that asks for what the challenge says alone.
    #[test]
    fn every_step_up_is_through_after_one_round_although_the_issuer_grants_no_more_than_is_asked_for() {
        let strong = json!({"acr_values": ["urn:mfa"], "max_age_seconds": 300, "scopes": ["tools:report"]});
        let rules = [("delete_*", strong), ("transfer_funds", json!({"acr_values": ["urn:mfa"]}))];
        let world = World::start(Some(&claim_challenge("rfc9470", &rules)));
        world.idp.seat(alice().keeps_no_session());
        let (agent, session) = world.signed_in(world.agent_registered(Registration::literal));
        world.one_round(&agent, &session, "delete_file", 401);
        // The authentication is there, and one scope short.
        let (agent, session) = world.signed_in(world.agent_registered(Registration::literal));
        world.one_round(&agent, &session, "transfer_funds", 401);
        world.one_round(&agent, &session, "delete_file", 403);
        assert_eq!(world.asked("acr_values").as_deref(), Some("urn:mfa"));
        assert_eq!(world.asked("max_age").as_deref(), Some("300"));
        assert_eq!(world.asked("scope").as_deref(), Some("tools:report tools:read"));
    }

    /// STP-17: all that the client follows is 403 `insufficient_scope`.
    #[test]
    fn a_client_that_knows_scopes_alone_steps_up_after_one_round() {
        let strong = json!({"acr_values": ["urn:mfa"], "scopes": ["tools:report"]});
        let mut config = claim_challenge("rfc9470", &[("delete_*", strong)]);
        config["style"] = json!("scope");
        config["rules"][0]["step_up_scope"] = json!("step-up:mfa");
        let world = World::start(Some(&config));
        world.idp.seat(alice().keeps_no_session());
        let (agent, session) = world.signed_in(world.agent_registered(Registration::literal));
        world.one_round(&agent, &session, "delete_file", 403);
        assert_eq!(world.asked("scope").as_deref(), Some("tools:report step-up:mfa tools:read"));
        assert_eq!((world.asked("acr_values"), world.asked("max_age")), (None, None));
        assert_eq!(claims(&agent.current_token().unwrap())["acr"], "urn:mfa");
    }

    /// STP-13, STP-14, STP-15, STP-16
    #[test]
    fn a_client_that_follows_the_claims_challenge_of_entra_passes() {
        let world = World::start(Some(&claim_challenge("entra", &[("delete_*", json!({"auth_context": "c1"}))])));
        let (agent, session) = world.signed_in(world.agent().newest());
        let weak = agent.current_token().unwrap();
        assert_eq!((&claims(&weak)["xms_cc"], claims(&weak).get("acrs")), (&json!(["cp1"]), None));
        let challenged = denied(&session, "delete_file");
        assert_eq!(challenged.status, Some(401), "{challenged}");
        let asked = agent.follow(&challenged).unwrap();
        assert_eq!(asked.error.as_deref(), Some("insufficient_claims"));
        assert_eq!((asked.acr_values, asked.max_age), (None, None));
        let sent: Value = serde_json::from_str(&world.asked("claims").unwrap()).unwrap();
        assert_eq!(sent["access_token"]["acrs"], json!({"essential": true, "value": "c1"}));
        assert_eq!(call(&session, "delete_file").unwrap(), "a.txt would be gone now");
        assert_eq!(claims(&agent.current_token().unwrap())["acrs"], json!(["c1"]));
        assert!(!world.lets_pass(&weak, "delete_file"));
        assert_eq!(world.runs("delete_file"), 1);
    }

    #[test]
    fn without_the_users_yes_or_the_asked_level_the_call_stays_denied() {
        let world =
            World::start(Some(&claim_challenge("rfc9470", &[("delete_*", json!({"acr_values": ["urn:mfa"]}))])));
        let (agent, session) = world.signed_in(world.agent());
        let before = agent.current_token();
        for (user, expected) in [
            (alice().refuses(), "access_denied"),
            (User::new("alice").reaches(["urn:pwd"]), "unmet_authentication_requirements"),
        ] {
            world.idp.seat(user);
            let challenged = denied(&session, "delete_file");
            match agent.follow(&challenged) {
                Err(NotGranted::Refused { error, .. }) => assert_eq!(error, expected),
                other => panic!("{other:?}"),
            }
            assert_eq!(agent.current_token(), before);
        }
        // Nothing else is lost.
        assert_eq!(call(&session, "read_file").unwrap(), "a.txt: the quick brown fox");
        assert_eq!(world.runs("delete_file"), 0);
    }

    /// MCP-08
    #[test]
    fn a_denied_call_is_an_error_to_the_sdk_and_its_session_goes_on() {
        let rules = [("delete_*", json!({"acr_values": ["urn:mfa"]}))];
        let mut config = claim_challenge("rfc9470", &rules);
        config["loop_guard"] = json!({"attempts": 1, "window_seconds": 60});
        let world = World::start(Some(&config));
        let (_agent, session) = world.signed_in(world.agent());
        let seen_before = world.tools.received().len();
        assert_eq!(denied(&session, "delete_file").status, Some(401));
        // No challenge any more: the SDK tells its caller the status and our body.
        let last = denied(&session, "delete_file");
        assert_eq!(last.challenge, None, "{last}");
        assert!(last.reason.contains("403") && last.reason.contains("challenge_repeated"), "{last}");
        // No other handshake and no older transport was tried: nothing of it reached the server, and the session is there.
        assert_eq!(world.tools.received().len(), seen_before);
        assert_eq!(call(&session, "read_file").unwrap(), "a.txt: the quick brown fox");
        assert_eq!(world.runs("delete_file"), 0);
    }
}
