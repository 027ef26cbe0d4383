//! What is started, and how the filters are configured.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result, bail};
use fourleg_lab::{
    agent::{Agent, Registration},
    envoy::{Bootstrap, Cluster, Config, RunningEnvoy, WasmFilter, launch, provision, target_dir},
    identity_provider::{Client, DetailsType, IdentityProvider, Level, Shape, User},
    mcp_server::McpServer,
    mint::Mint,
};
use serde_json::{Value, json};

use crate::{
    inner::{API, Inner, TOOL_B},
    say,
};

pub(crate) const ISSUER: &str = "https://idp.demo.example/agents";
/// The name of the gateway.
const TOOLS: &str = "https://tools.demo.example";
pub(crate) const RESOURCE: &str = "https://tools.demo.example/mcp";
/// A second one on the same gateway, where each file is granted by itself.
pub(crate) const VAULT: &str = "https://tools.demo.example/mcp/vault";
/// A third one, where a tool needs others to answer.
pub(crate) const ORDERS: &str = "https://tools.demo.example/mcp/orders";
pub(crate) const SECRET: &str = "demo-secret";
/// Where the browser brings the answer of the identity provider. Here, nobody listens: the agent looks at the address.
const CALLBACK: &str = "http://127.0.0.1/callback";

/// Everything that runs.
pub(crate) struct World {
    pub(crate) identity_provider: IdentityProvider,
    pub(crate) mcp_server: McpServer,
    /// The server of the orders.
    pub(crate) tool_a: McpServer,
    /// In front of both.
    pub(crate) envoy: RunningEnvoy,
    /// What is behind the server of the orders.
    pub(crate) inner: Inner,
}

impl World {
    pub(crate) fn start(port: u16) -> Result<Self> {
        if port != 0 {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("port {port} is needed and taken: name another, or leave --port out"))?;
        }
        let binary = provision(&say)?;
        let identity_provider = IdentityProvider::builder()
            .issuer(ISSUER)
            .audience(RESOURCE)
            .client("agent-1", SECRET, ["tools:read"])
            .public_client("agent-2", CALLBACK, ["tools:read", "orders:read", "customers:read"])
            .register(
                Client::confidential("tool-a", SECRET)
                    .serves([ORDERS])
                    .may_exchange_for(TOOL_B, ["customers:read", "orders:read"]),
            )
            .register(Client::confidential("tool-b", SECRET).serves([TOOL_B]).may_exchange_for(API, ["orders:read"]))
            .level(Level::new("urn:pwd").amr(["pwd"]))
            .level(Level::new("urn:mfa").amr(["pwd", "otp"]))
            .details_type(
                DetailsType::new("file_access").required("actions", Shape::Texts).required("identifier", Shape::Text),
            )
            .user(alice())
            .start()
            .context("cannot start the identity provider")?;
        let mcp_server = McpServer::start().context("cannot start the MCP server")?;
        let tool_a = McpServer::of_orders("tool A").context("cannot start tool A")?;
        let bootstrap = Bootstrap::before(mcp_server.address())
            .port(port)
            .route_to("/mcp/orders", Cluster::new("tool_a", tool_a.address()))
            .cluster(Cluster::new("idp", identity_provider.address()));
        let bootstrap = with_filters(
            bootstrap,
            [
                ("audience_validation", audience_validation(&identity_provider)),
                ("claim_challenge", claim_challenge()),
                ("rar_enforcement", rar_enforcement()),
            ],
        )?;
        say("starting Envoy with the filters");
        let envoy = launch(&binary, &Config::Json(bootstrap.to_json()), 1)?;
        say("starting a second one, for what the tools call");
        let inner = Inner::start(&binary, &identity_provider, &tool_a)?;
        say(&format!(
            "identity provider {}, MCP server {}, gateway {}",
            identity_provider.address(),
            mcp_server.address(),
            envoy.address()
        ));
        Ok(Self { identity_provider, mcp_server, tool_a, envoy, inner })
    }

    pub(crate) fn mint(&self) -> Mint {
        Mint::new(ISSUER, RESOURCE)
    }

    pub(crate) fn url(&self) -> String {
        self.url_of(RESOURCE)
    }

    /// Where a resource of this gateway listens.
    fn url_of(&self, resource: &str) -> String {
        resource.replace(TOOLS, &format!("http://{}", self.envoy.address()))
    }

    /// An agent for a resource of this gateway, which can send its user to the identity provider.
    pub(crate) fn agent_for(&self, resource: &str) -> Result<Agent> {
        let registration = Registration::new(resource, "agent-2", CALLBACK)
            .origin("https://idp.demo.example", self.identity_provider.address())
            .origin(TOOLS, self.envoy.address());
        Agent::new(self.url_of(resource)).registered(registration)
    }
}

/// A gateway with these filters.
pub(crate) fn with_filters<'a>(
    mut bootstrap: Bootstrap,
    filters: impl IntoIterator<Item = (&'a str, Value)>,
) -> Result<Bootstrap> {
    for (name, config) in filters {
        let module = target_dir().join(format!("wasm/{name}.wasm"));
        if !module.exists() {
            bail!("{} is missing: type `cargo xtask build`", module.display());
        }
        bootstrap = bootstrap.filter(WasmFilter::new(name, module, config.to_string()));
    }
    Ok(bootstrap)
}

/// She has a password and a one-time code, and signs in by the password if nobody asks for more.
pub(crate) fn alice() -> User {
    User::new("alice").reaches(["urn:pwd", "urn:mfa"])
}

/// What an operator would write: who may come, and where tokens are to be had.
fn audience_validation(identity_provider: &IdentityProvider) -> Value {
    json!({
        "issuers": [issuer(identity_provider)],
        "resources": [
            resource(RESOURCE, "/mcp", &["tools:read"]),
            resource(VAULT, "/mcp/vault", &["tools:read"]),
            resource(ORDERS, "/mcp/orders", &["tools:read", "orders:read", "customers:read"]),
        ],
    })
}

pub(crate) fn issuer(identity_provider: &IdentityProvider) -> Value {
    json!({"issuer": ISSUER, "jwks": {"remote": {"cluster": "idp", "uri": identity_provider.jwks_uri()}}})
}

fn resource(name: &str, path: &str, scopes: &[&str]) -> Value {
    json!({
        "resource": name,
        "match": {"path": {"prefix": path}},
        "require": {"scopes": scopes},
        "protected_resource_metadata": {"authorization_servers": [ISSUER], "scopes_supported": scopes},
    })
}

/// And: nobody deletes anything by a password alone.
fn claim_challenge() -> Value {
    json!({
        "rules": [{
            "name": "delete",
            "match": {"path": {"exact": "/mcp"}, "mcp": {"methods": ["tools/call"], "tools": ["delete_*"]}},
            "require": {"acr_values": ["urn:mfa"], "max_age_seconds": 300},
        }],
        "unmatched": "allow",
    })
}

/// And: in the vault, a token opens the files that its user has granted, for what was granted, and no others.
fn rar_enforcement() -> Value {
    let rule = |tool: &str, action: &str| {
        json!({
            "name": action,
            "match": {"path": {"prefix": "/mcp/vault"}, "mcp": {"methods": ["tools/call"], "tools": [tool]}},
            "require": {"type": "file_access", "actions": [action], "identifier": "{mcp.arguments/path}"},
        })
    };
    json!({
        "types": {"file_access": {"fields": {"actions": "superset", "identifier": "equal"}}},
        "rules": [rule("read_file", "read"), rule("delete_file", "delete")],
        "unmatched": "allow",
    })
}
