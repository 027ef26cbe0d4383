//! What the clients meet: the lab's identity provider with alice at her browser, Envoy with audience-validation and
//! claim-challenge, and the lab's MCP server behind them.

use fourleg_lab::{
    envoy::{Bootstrap, Cluster, RunningEnvoy, WasmFilter, target_dir},
    identity_provider::{Endpoint, IdentityProvider, Level, User},
    mcp_server::McpServer,
};
use fourleg_tests::warm;
use serde_json::{Value, json};

const ISSUER: &str = "https://idp.clients.example/agents";
pub(crate) const RESOURCE: &str = "https://tools.clients.example/mcp";

/// Everything that runs.
pub(crate) struct World {
    idp: IdentityProvider,
    tools: McpServer,
    gateway: RunningEnvoy,
}

impl World {
    /// With claim-challenge in this style, which wants one more scope for `list_reports` and a stronger sign-in for
    /// `delete_file`.
    pub(crate) fn start(style: &str) -> Self {
        let idp = IdentityProvider::builder()
            .issuer(ISSUER)
            .open_registration(["tools:read", "tools:report", "step-up:mfa"])
            .level(Level::new("urn:pwd"))
            .level(Level::new("urn:mfa").for_scope("step-up:mfa"))
            // No sign-in of before counts, so that a token says what was asked for, and no more.
            .user(User::new("alice").reaches(["urn:pwd", "urn:mfa"]).keeps_no_session())
            .start()
            .unwrap();
        let tools = McpServer::start().unwrap();
        let audience_validation = json!({
            "issuers": [{"issuer": ISSUER, "jwks": {"remote": {"cluster": "idp", "uri": idp.jwks_uri()}}}],
            "resources": [{
                "resource": RESOURCE,
                "match": {"path": {"prefix": "/mcp"}},
                "require": {"scopes": ["tools:read"]},
                "protected_resource_metadata": {"authorization_servers": [ISSUER]},
            }],
        });
        let rule = |tool: &str, require: Value| {
            json!({
                "name": tool, "match": {"path": {"prefix": "/mcp"}, "mcp": {"tools": [tool]}}, "require": require,
            })
        };
        let mut strong = rule("delete_file", json!({"acr_values": ["urn:mfa"]}));
        if style == "scope" {
            strong["step_up_scope"] = json!("step-up:mfa");
        }
        let claim_challenge = json!({
            "style": style,
            "rules": [strong, rule("list_reports", json!({"scopes": ["tools:report"]}))],
            "unmatched": "allow",
        });
        let mut bootstrap = Bootstrap::before(tools.address()).cluster(Cluster::new("idp", idp.address()));
        for (name, config) in [("audience_validation", audience_validation), ("claim_challenge", claim_challenge)] {
            let module = target_dir().join(format!("wasm/{name}.wasm"));
            bootstrap = bootstrap.filter(WasmFilter::new(name, module, config.to_string()));
        }
        Self { idp, tools, gateway: warm::serve(&bootstrap) }
    }

    /// What a client must be told: one URL, where the browser returns to, and how names are resolved.
    pub(crate) fn entrance(&self) -> Value {
        json!({
            "server": RESOURCE,
            "redirect_uri": "http://127.0.0.1/callback",
            "origins": {
                "https://tools.clients.example": self.gateway.address().to_string(),
                "https://idp.clients.example": self.idp.address().to_string(),
            },
        })
    }

    /// The values of a parameter in every request that came to the authorization endpoint, in order.
    pub(crate) fn asked(&self, name: &str) -> Vec<Option<String>> {
        let value =
            |request: Vec<(String, String)>| request.into_iter().find(|(n, _)| n == name).map(|(_, value)| value);
        self.idp.authorizations().into_iter().map(value).collect()
    }

    /// How many clients have registered themselves.
    pub(crate) fn registrations(&self) -> usize {
        self.idp.requests_to(Endpoint::Registration)
    }

    /// The tools that ran.
    pub(crate) fn called(&self) -> Vec<String> {
        self.tools.called()
    }
}
