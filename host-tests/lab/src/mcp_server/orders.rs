//! A tool that needs somebody else to answer: another MCP server, or an API. It calls with the token that it was called with,
//! as tools do that leave it to a gateway to make it the right one.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use http::{header, request::Parts};
use rmcp::{
    ServerHandler,
    handler::server::{tool::Extension, wrapper::Parameters},
    model::{Implementation, ServerCapabilities, ServerConfig},
    schemars, tool, tool_handler, tool_router,
};
use serde::Deserialize;
use serde_json::json;

use super::Called;
use crate::agent::Agent;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Whom the tool asks.
#[derive(Clone, Debug)]
pub enum Next {
    /// The tool of the same name at this MCP endpoint.
    Mcp(String),
    /// An API: `GET` below this URL.
    Api(String),
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct Order {
    /// The number of the order.
    number: u32,
}

#[derive(Clone)]
pub(super) struct Orders {
    name: String,
    called: Called,
    next: Arc<Mutex<Option<Next>>>,
}

impl Orders {
    pub(super) fn new(name: &str, called: Called, next: Arc<Mutex<Option<Next>>>) -> Self {
        Self { name: name.to_owned(), called, next }
    }
}

#[tool_router]
impl Orders {
    #[tool(description = "Finds an order")]
    async fn find_order(
        &self,
        Parameters(Order { number }): Parameters<Order>,
        Extension(request): Extension<Parts>,
    ) -> Result<String, String> {
        self.called.note("find_order");
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let token = bearer(&request);
        let answer = match next {
            None => Ok("nobody to ask".to_owned()),
            Some(Next::Mcp(url)) => ask_tool(url, token, number).await,
            Some(Next::Api(url)) => ask_api(&url, token, number).await,
        };
        answer.map(|answer| format!("{}: {answer}", self.name)).map_err(|error| format!("{}: {error:#}", self.name))
    }
}

#[tool_handler]
impl ServerHandler for Orders {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(&self.name, env!("CARGO_PKG_VERSION")))
    }
}

fn bearer(request: &Parts) -> Option<String> {
    let value = request.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::to_owned)
}

/// The agent blocks, so it gets a thread where that is allowed.
async fn ask_tool(url: String, token: Option<String>, number: u32) -> Result<String> {
    let asking = tokio::task::spawn_blocking(move || {
        let agent = token.into_iter().fold(Agent::new(url), Agent::token);
        agent.connect()?.call("find_order", json!({"number": number}))
    });
    Ok(asking.await??)
}

async fn ask_api(url: &str, token: Option<String>, number: u32) -> Result<String> {
    // The loopback is never behind a proxy, whatever the environment says.
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().context("an HTTP client")?;
    let request = client.get(format!("{url}/{number}"));
    let answer = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{status} {text}");
    Ok(text)
}
