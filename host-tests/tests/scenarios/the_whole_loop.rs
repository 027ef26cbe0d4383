//! The loop of the fourth leg, from end to end and all of it real: the MCP SDK's client, the identity provider with a user
//! at its browser, Envoy with the filters, and the MCP SDK's server. A challenge is right if a client that only knows the
//! standards comes back with a token that passes.

mod details;
mod endpoints;
mod hops;
mod tools;
mod whole_chain;

use std::time::Duration;

use fourleg_lab::{
    agent::{Agent, Denied, Registration, Session},
    envoy::{Bootstrap, Cluster, RunningEnvoy, WasmFilter, target_dir},
    identity_provider::{DetailsType, IdentityProvider, Level, Shape, User},
    mcp_server::McpServer,
    raw_client,
    wire::WireRequest,
};
use fourleg_tests::warm;
use serde_json::{Value, json};

const ISSUER: &str = "https://idp.loop.example/agents";
const RESOURCE: &str = "https://tools.loop.example/mcp";
const CALLBACK: &str = "http://127.0.0.1/callback";

/// Everything that runs.
struct World {
    idp: IdentityProvider,
    tools: McpServer,
    gateway: RunningEnvoy,
}

fn alice() -> User {
    User::new("alice").reaches(["urn:pwd", "urn:mfa"])
}

impl World {
    /// audience-validation in front of the MCP server, then claim-challenge with this configuration.
    fn start(claim_challenge: Option<&Value>) -> Self {
        Self::with(claim_challenge.map(|config| ("claim_challenge", config)))
    }

    /// audience-validation in front of the MCP server, then this filter with this configuration.
    fn with(second: Option<(&str, &Value)>) -> Self {
        let idp = IdentityProvider::builder()
            .issuer(ISSUER)
            .public_client("agent-1", CALLBACK, ["tools:read", "tools:report", "step-up:mfa"])
            .level(Level::new("urn:pwd").amr(["pwd"]))
            .level(Level::new("urn:mfa").amr(["pwd", "otp"]).auth_contexts(["c1"]).for_scope("step-up:mfa"))
            .details_type(
                DetailsType::new("file_access").required("actions", Shape::Texts).required("identifier", Shape::Text),
            )
            .details_type(
                DetailsType::new("payment")
                    .required("currency", Shape::Text)
                    .required("max_amount", Shape::Number)
                    .required("creditor", Shape::Text),
            )
            .user(alice())
            .start()
            .unwrap();
        let tools = McpServer::start().unwrap();
        let audience_validation = json!({
            "issuers": [{"issuer": ISSUER, "jwks": {"remote": {"cluster": "idp", "uri": idp.jwks_uri()}}}],
            "resources": [{
                "resource": RESOURCE,
                "match": {"path": {"prefix": "/mcp"}},
                "require": {"scopes": ["tools:read"]},
                "protected_resource_metadata": {"authorization_servers": [ISSUER], "scopes_supported": ["tools:read"]},
            }],
        });
        let bootstrap = Bootstrap::before(tools.address()).cluster(Cluster::new("idp", idp.address()));
        let gateway = gateway(bootstrap, [("audience_validation", &audience_validation)].into_iter().chain(second), 1);
        Self { idp, tools, gateway }
    }

    fn url(&self) -> String {
        format!("http://{}/mcp", self.gateway.address())
    }

    /// A client that knows its registration, and nothing else.
    fn agent(&self) -> Agent {
        self.agent_registered(|registration| registration.capability("cp1"))
    }

    fn agent_registered(&self, and: impl FnOnce(Registration) -> Registration) -> Agent {
        let registration = Registration::new(RESOURCE, "agent-1", CALLBACK)
            .origin("https://idp.loop.example", self.idp.address())
            .origin("https://tools.loop.example", self.gateway.address());
        Agent::new(self.url()).registered(and(registration)).unwrap()
    }

    /// The agent met the first 401, signed its user in, and connected.
    fn signed_in(&self, agent: Agent) -> (Agent, Session) {
        let denied = agent.connect().map(|_| ()).unwrap_err();
        assert_eq!(denied.status, Some(401), "{denied}");
        agent.follow(&denied).unwrap();
        let session = agent.connect().unwrap_or_else(|denied| panic!("{denied}"));
        assert_eq!(call(&session, "read_file").unwrap(), "a.txt: the quick brown fox");
        (agent, session)
    }

    /// What a parameter of the last authorization request was.
    fn asked(&self, name: &str) -> Option<String> {
        let last = self.idp.authorizations().pop().unwrap();
        last.into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// How often the MCP server itself ran a tool.
    fn runs(&self, tool: &str) -> usize {
        self.tools.called().iter().filter(|called| *called == tool).count()
    }

    /// How many requests have come to the gateway.
    fn requests(&self) -> u64 {
        self.gateway.metric("http.gateway.downstream_rq_total").unwrap().unwrap_or_default()
    }

    /// Every challenge that a request with this token gets, each field by itself.
    fn challenges(&self, path: &str, token: &str) -> Vec<String> {
        let request = WireRequest {
            method: "GET".to_owned(),
            path: path.as_bytes().to_vec(),
            authority: b"tools.loop.example".to_vec(),
            headers: vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())],
            ..WireRequest::default()
        };
        let response = raw_client::send(self.gateway.address(), &request, Duration::from_secs(10)).unwrap();
        let fields = response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"www-authenticate"));
        fields.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).collect()
    }

    /// A token of alice for this gateway, with this scope.
    fn token(&self, scope: &str) -> String {
        self.idp.mint(RESOURCE).access_token().scope(scope).sign_with(&self.idp.signing_key())
    }
}

/// A real Envoy with these filters and workers.
fn gateway<'a>(
    mut bootstrap: Bootstrap,
    filters: impl IntoIterator<Item = (&'a str, &'a Value)>,
    workers: usize,
) -> RunningEnvoy {
    for (name, config) in filters {
        let module = target_dir().join(format!("wasm/{name}.wasm"));
        assert!(module.is_file(), "there is no {}; type: cargo xtask build", module.display());
        bootstrap = bootstrap.filter(WasmFilter::new(name, module, config.to_string()));
    }
    warm::serve_with(&bootstrap, workers)
}

fn call(session: &Session, tool: &str) -> Result<String, Denied> {
    let arguments = match tool {
        "transfer_funds" => json!({"to": "bob", "amount": 5, "currency": "EUR"}),
        "list_reports" => Value::Null,
        _ => json!({"path": "a.txt"}),
    };
    session.call(tool, arguments)
}

mod on_envoy {
    use super::*;

    /// Discovery from the challenge alone (RFC 9728 §5, MCP authorization).
    #[test]
    fn an_agent_that_knows_nothing_but_its_registration_signs_its_user_in_and_connects() {
        let world = World::start(None);
        for agent in [world.agent(), world.agent().newest()] {
            let (_agent, session) = world.signed_in(agent);
            assert_eq!(world.asked("resource").as_deref(), Some(RESOURCE));
            assert_eq!(world.asked("scope").as_deref(), Some("tools:read"));
            assert_eq!(session.tools().unwrap().len(), 4);
        }
        assert_eq!(world.runs("read_file"), 2);
    }

    /// MCP-08
    #[test]
    fn a_client_of_both_eras_takes_a_denial_for_a_denial_and_tries_no_older_handshake() {
        let world = World::start(None);
        for (token, status) in [(None, 401), (Some("not.a.token".to_owned()), 401), (Some(world.token("profile")), 403)]
        {
            let agent = Agent::new(world.url()).newest();
            let agent = token.into_iter().fold(agent, Agent::token);
            let before = world.requests();
            let denied = agent.connect().map(|_| ()).unwrap_err();
            assert_eq!((denied.status, denied.challenge.is_some()), (Some(status), true), "{denied}");
            assert_eq!(world.requests() - before, 1, "{denied}");
        }
        assert!(world.tools.received().is_empty());
    }
}
