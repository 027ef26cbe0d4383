//! The loop for rules over paths: each endpoint of the MCP server asks for something else, and a client gets in by doing
//! what the challenge says.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_lab::{
    agent::{Agent, Asked, Denied},
    unix_now,
};
use serde_json::{Value, json};

use super::{ISSUER, World, alice, call};

/// What the client declares in every request.
const CAPABILITIES: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;

/// claim-challenge with these endpoints below /mcp and what each needs.
fn claim_challenge(style: &str, endpoints: &[(&str, Value)]) -> Value {
    let rules: Vec<Value> = endpoints
        .iter()
        .map(|(name, require)| {
            json!({"name": name, "match": {"path": {"prefix": format!("/mcp/{name}")}}, "require": require})
        })
        .collect();
    let mut config = json!({"style": style, "rules": rules, "unmatched": "allow"});
    if style != "rfc9470" {
        config["authorization_uri"] = json!(format!("{ISSUER}/authorize"));
    }
    config
}

/// The claims of the token that the agent has now.
fn claims(agent: &Agent) -> Value {
    let token = agent.current_token().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// What the gateway says to an agent that wants to connect.
fn denied(agent: &Agent) -> Denied {
    agent.connect().map(|_| panic!("it may connect")).unwrap_err()
}

impl World {
    /// An agent for an endpoint below /mcp, signed in as far as the rest of the server wants it.
    fn agent_at(&self, endpoint: &str) -> Agent {
        let agent = self.agent().at(format!("{}/{endpoint}", self.url()));
        agent.follow(&denied(&agent)).unwrap();
        agent
    }

    /// The agent is denied with this status, follows the challenge, and gets in, where its old token does not. Returns
    /// what was asked.
    fn step_up(&self, agent: &Agent, endpoint: &str, status: u16) -> Asked {
        let old = agent.current_token().unwrap();
        let challenged = denied(agent);
        assert_eq!(challenged.status, Some(status), "{challenged}");
        let asked = agent.follow(&challenged).unwrap();
        let session = agent.connect().unwrap_or_else(|denied| panic!("{denied}"));
        assert_eq!(call(&session, "delete_file").unwrap(), "a.txt would be gone now");
        let with_old = Agent::new(format!("{}/{endpoint}", self.url())).token(old);
        assert_eq!(denied(&with_old).status, Some(status));
        asked
    }
}

mod on_envoy {
    use super::*;

    /// STP-01, STP-02, STP-05, STP-12, COR-12
    #[test]
    fn a_client_that_follows_the_challenge_of_rfc_9470_or_of_a_missing_scope_gets_in() {
        let world = World::start(Some(&claim_challenge(
            "rfc9470",
            &[
                ("strong", json!({"acr_values": ["urn:phr", "urn:mfa"]})),
                ("recent", json!({"max_age_seconds": 600})),
                ("scoped", json!({"scopes": ["tools:report"]})),
                ("all", json!({"acr_values": ["urn:mfa"], "max_age_seconds": 600, "scopes": ["tools:report"]})),
            ],
        )));
        let an_hour_ago = unix_now() - 3600;
        let old_session = || world.idp.seat(alice().signed_in("urn:pwd", an_hour_ago));

        old_session();
        let agent = world.agent_at("strong");
        assert_eq!(claims(&agent)["auth_time"], an_hour_ago);
        let asked = world.step_up(&agent, "strong", 401);
        assert_eq!(asked.error.as_deref(), Some("insufficient_user_authentication"));
        assert_eq!(world.asked("acr_values").as_deref(), Some("urn:phr urn:mfa"));
        assert_eq!((world.asked("max_age"), world.asked("claims")), (None, Some(CAPABILITIES.to_owned())));
        assert_eq!(claims(&agent)["acr"], "urn:mfa");

        old_session();
        let agent = world.agent_at("recent");
        world.step_up(&agent, "recent", 401);
        assert_eq!((world.asked("max_age").as_deref(), world.asked("acr_values")), (Some("600"), None));
        assert_eq!(claims(&agent)["acr"], "urn:pwd");

        let agent = world.agent_at("scoped");
        let asked = world.step_up(&agent, "scoped", 403);
        assert_eq!(asked.error.as_deref(), Some("insufficient_scope"));
        assert_eq!(world.asked("scope").as_deref(), Some("tools:read tools:report"));

        // All of it at once, by one challenge (STP-04).
        old_session();
        let agent = world.agent_at("all");
        world.step_up(&agent, "all", 401);
        assert_eq!(world.asked("acr_values").as_deref(), Some("urn:mfa"));
        assert_eq!(world.asked("max_age").as_deref(), Some("600"));
        assert_eq!(world.asked("scope").as_deref(), Some("tools:read tools:report"));
        assert_eq!(world.runs("delete_file"), 4);
    }

    /// STP-13
    #[test]
    fn with_both_styles_a_client_gets_in_by_the_form_that_it_knows() {
        let require = json!({"acr_values": ["urn:mfa"], "auth_context": "c1"});
        let world = World::start(Some(&claim_challenge("both", &[("strong", require)])));
        // The SDK shows its caller the first field alone, and that is Entra's.
        let agent = world.agent_at("strong");
        assert_eq!(world.step_up(&agent, "strong", 401).error.as_deref(), Some("insufficient_claims"));
        // One that reads them all takes the other.
        world.idp.seat(alice());
        let agent = world.agent_at("strong");
        let both = world.challenges("/mcp/strong", &agent.current_token().unwrap());
        assert_eq!(both.len(), 2);
        let rfc9470 = Denied { status: Some(401), challenge: Some(both[1].clone()), reason: String::new() };
        let asked = agent.follow(&rfc9470).unwrap();
        assert_eq!((asked.acr_values.as_deref(), asked.claims), (Some("urn:mfa"), None));
        // What is left is Entra's, and is asked for alone.
        let asked = world.step_up(&agent, "strong", 401);
        assert_eq!((asked.error.as_deref(), asked.acr_values), (Some("insufficient_claims"), None));
    }
}
