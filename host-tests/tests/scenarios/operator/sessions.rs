//! A whole session through what is shipped: the MCP SDK's client, from `initialize` to the end of its session, and the MCP
//! SDK's server.

use fourleg_lab::{agent::Agent, mcp_server::McpServer};
use serde_json::json;

use super::*;

mod on_envoy {
    use super::*;

    /// MCP-01: `envoy/istio.yaml` holds the same filters as `envoy/all-four.yaml`.
    #[test]
    fn a_client_opens_uses_and_ends_its_session_through_every_shipped_configuration() {
        let envoy = provision(&|_| {}).unwrap();
        let (here, next) = ("https://tools.example/mcp", "https://tool-b.example/mcp");
        for config in SHIPPED {
            let (path, _) = config;
            let gateway = Client::confidential("gateway", "s3cret-of-the-gateway").serves([here]);
            let identity_provider = IdentityProvider::builder()
                .issuer("https://idp.example/realms/agents")
                .register(gateway.may_exchange_for(next, ["b:read"]))
                .start()
                .unwrap();
            let token = identity_provider.issue(identity_provider.mint(here).access_token().scope("tools:read b:read"));
            let server = McpServer::start().unwrap();
            let yaml = shipped_in_the_lab(config, server.address(), &identity_provider);
            let mut running = launch(&envoy, &Config::Yaml(yaml), 1).unwrap();

            let agent = Agent::new(format!("http://{}/mcp", running.address())).token(token);
            let session = agent.connect().unwrap_or_else(|denied| panic!("{path}: {denied}"));
            assert_eq!(session.tools().unwrap_or_else(|denied| panic!("{path}: {denied}")).len(), 4);
            let called = session.call("read_file", json!({"path": "a.txt"}));
            assert_eq!(called.unwrap_or_else(|denied| panic!("{path}: {denied}")), "a.txt: the quick brown fox");
            drop(session);

            let logs = running.stop().join("\n");
            let received = server.received();
            let of_session = |method: &str| {
                let mut requests = received.iter().filter(|request| request.method == method);
                requests.find_map(|request| request.header("mcp-session-id"))
            };
            let ended = of_session("DELETE");
            assert!(ended.is_some() && of_session("GET") == ended, "{path}: {received:?}\n{logs}");
            assert!(!logs.contains("\"decision\":\"deny\""), "{path}: {logs}");
        }
    }
}
