//! An agent: an MCP client, by the official Rust SDK, that connects with or without a token and calls tools.
//!
//! The functions block; they must not be called from async code.

mod denied;

use std::{fmt, time::Duration};

use anyhow::Context as _;
use rmcp::{
    RoleClient, ServiceExt as _,
    model::{CallToolRequestParams, ContentBlock},
    service::RunningService,
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::Value;

use crate::runtime;
pub use denied::Denied;

/// No gateway and no tool here takes longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An agent before it connects.
#[derive(Clone)]
pub struct Agent {
    url: String,
    token: Option<String>,
}

impl Agent {
    /// An agent without a token for the MCP endpoint at this URL (`http://…`).
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), token: None }
    }

    /// Sends this bearer token with every request.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Connects: the `initialize` handshake of MCP.
    ///
    /// # Errors
    /// If the gateway denies it, or nothing answers.
    pub fn connect(&self) -> Result<Session, Denied> {
        let connected = runtime::block_on_within(TIMEOUT, async {
            let mut config = StreamableHttpClientTransportConfig::with_uri(self.url.as_str());
            if let Some(token) = &self.token {
                config = config.auth_header(token);
            }
            // The loopback is never behind a proxy, whatever the environment says.
            let client = reqwest::Client::builder().no_proxy().build().context("an HTTP client")?;
            anyhow::Ok(().serve(StreamableHttpClientTransport::with_client(client, config)).await)
        });
        match connected {
            Some(Ok(Ok(service))) => Ok(Session { service: Some(service) }),
            Some(Ok(Err(error))) => Err(Denied::from_error(&error).or_ask(&self.url, self.token.as_deref(), TIMEOUT)),
            Some(Err(error)) => Err(Denied::unknown(format!("{error:#}"))),
            None => Err(Denied::too_late(TIMEOUT)),
        }
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("url", &self.url).field("token", &self.token.as_ref().map(|_| "…")).finish()
    }
}

/// A connected agent; dropping it closes the session.
pub struct Session {
    service: Option<RunningService<RoleClient, ()>>,
}

impl Session {
    /// The names of the tools that the server offers.
    ///
    /// # Errors
    /// If the gateway denies it.
    pub fn tools(&self) -> Result<Vec<String>, Denied> {
        let service = self.service()?;
        match runtime::block_on_within(TIMEOUT, service.list_all_tools()) {
            Some(Ok(tools)) => Ok(tools.into_iter().map(|tool| tool.name.into_owned()).collect()),
            Some(Err(error)) => Err(Denied::from_error(&error)),
            None => Err(Denied::too_late(TIMEOUT)),
        }
    }

    /// Calls a tool and returns the text of its result. `arguments` is an object or null.
    ///
    /// # Errors
    /// If the gateway denies it, or the tool reports an error.
    pub fn call(&self, tool: &str, arguments: Value) -> Result<String, Denied> {
        let service = self.service()?;
        let mut call = CallToolRequestParams::new(tool.to_owned());
        if let Value::Object(arguments) = arguments {
            call = call.with_arguments(arguments);
        }
        let result = match runtime::block_on_within(TIMEOUT, service.call_tool(call)) {
            Some(Ok(result)) => result,
            Some(Err(error)) => return Err(Denied::from_error(&error)),
            None => return Err(Denied::too_late(TIMEOUT)),
        };
        let texts = result.content.iter().filter_map(|block| match block {
            ContentBlock::Text(text) => Some(text.text.as_str()),
            _ => None,
        });
        let text = texts.collect::<Vec<_>>().join("\n");
        if result.is_error == Some(true) { Err(Denied::unknown(text)) } else { Ok(text) }
    }

    fn service(&self) -> Result<&RunningService<RoleClient, ()>, Denied> {
        self.service.as_ref().ok_or_else(|| Denied::unknown("the session is closed"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(service) = self.service.take() {
            // Ends the session on the server, too; a server that is gone cannot keep us.
            let _ended = runtime::block_on_within(Duration::from_secs(1), service.cancel());
        }
    }
}
