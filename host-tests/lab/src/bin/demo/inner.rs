//! What is behind tool A: a second gateway, which the tools call with the tokens that they got, tool B and an API. The
//! gateway exchanges each token for one that the next hop is meant to have.

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use fourleg_lab::{
    echo_upstream::{EchoUpstream, Responding},
    envoy::{Bootstrap, Cluster, Config, EnvoyBinary, RunningEnvoy, launch},
    identity_provider::IdentityProvider,
    mcp_server::{McpServer, Next},
};
use serde_json::{Value, json};

use crate::world::{ISSUER, ORDERS, SECRET, issuer, with_filters};

pub(crate) const TOOL_B: &str = "https://tool-b.demo.example/mcp";
pub(crate) const API: &str = "https://api.demo.example/orders";

pub(crate) struct Inner {
    pub(crate) tool_b: McpServer,
    pub(crate) api: EchoUpstream,
    pub(crate) envoy: RunningEnvoy,
}

impl Inner {
    /// Starts it, and tells tool A of it.
    pub(crate) fn start(binary: &EnvoyBinary, idp: &IdentityProvider, tool_a: &McpServer) -> Result<Self> {
        let tool_b = McpServer::of_orders("tool B").context("cannot start tool B")?;
        let api = EchoUpstream::start_with(|_| Responding::new(200, "two umbrellas").into())
            .context("cannot start the API")?;
        // Envoy adds the secrets: the filter, its configuration and its log have none.
        let as_client = |name: &str, client: &str| {
            let credential = format!("Basic {}", STANDARD.encode(format!("{client}:{SECRET}")));
            Cluster::new(name, idp.address()).credential(credential)
        };
        let bootstrap = Bootstrap::before(tool_b.address())
            .route_to("/orders", Cluster::new("api", api.address()))
            .cluster(Cluster::new("idp", idp.address()))
            .cluster(as_client("idp_for_tool_a", "tool-a"))
            .cluster(as_client("idp_for_tool_b", "tool-b"));
        let filters = [("audience_validation", audience_validation(idp)), ("token_exchange", token_exchange(idp))];
        let envoy = launch(binary, &Config::Json(with_filters(bootstrap, filters)?.to_json()), 1)?;
        tool_a.lead_to(Next::Mcp(format!("http://{}/mcp", envoy.address())));
        tool_b.lead_to(Next::Api(format!("http://{}/orders", envoy.address())));
        Ok(Self { tool_b, api, envoy })
    }
}

/// Who calls: to tool B goes what was meant for tool A, to the API what was meant for tool B. In a real network nobody else
/// reaches this gateway, or `source_cidrs` says who may.
fn audience_validation(idp: &IdentityProvider) -> Value {
    json!({
        "issuers": [issuer(idp)],
        "resources": [
            {"resource": ORDERS, "match": {"path": {"prefix": "/mcp"}}},
            {"resource": TOOL_B, "match": {"path": {"prefix": "/orders"}}},
        ],
        "forward": {"authorization": "exchange"},
    })
}

/// And what each of them gets: no more scope than it needs, and who acts.
fn token_exchange(idp: &IdentityProvider) -> Value {
    let server = |name: &str, cluster: &str| {
        json!({
            "name": name, "cluster": cluster, "token_endpoint": idp.token_endpoint(), "issuer": ISSUER,
            "client_auth": {"method": "proxy"}, "timeout_ms": 5000,
        })
    };
    let target = |name: &str, path: &str, server: &str, audience: &str, scope: &[&str]| {
        json!({
            "name": name, "match": {"path": {"prefix": path}}, "authorization_server": server,
            "audience": [audience], "scope": scope,
            "actors": {"required": true, "allowed": [server]}, "verify_result": true,
        })
    };
    json!({
        "requires": ["audience-validation"],
        "authorization_servers": [server("tool-a", "idp_for_tool_a"), server("tool-b", "idp_for_tool_b")],
        "issuers": [issuer(idp)],
        "targets": [
            target("tool-b", "/mcp", "tool-a", TOOL_B, &["customers:read", "orders:read"]),
            target("api", "/orders", "tool-b", API, &["orders:read"]),
        ],
        "unmatched": "deny",
    })
}
