//! An agent: an MCP client, by the official Rust SDK, that connects with or without a token and calls tools, and can follow
//! a challenge to a better token.
//!
//! The functions block; they must not be called from async code.

mod asked;
mod authorization;
mod denied;
mod loopback;
mod pushed;

use std::{fmt, time::Duration};

use anyhow::Context as _;
use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, ContentBlock, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt as _, RunningService},
    transport::{
        StreamableHttpClientTransport,
        streamable_http_client::{StreamableHttpClient, StreamableHttpClientTransportConfig},
    },
};
use serde_json::Value;

use crate::runtime;
pub use asked::Asked;
use authorization::Authorization;
pub use authorization::{NotGranted, Registration};
pub use denied::Denied;

/// No gateway and no tool here takes longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An agent before it connects.
#[derive(Clone)]
pub struct Agent {
    url: String,
    credential: Credential,
    lifecycle: ClientLifecycleMode,
}

#[derive(Clone)]
enum Credential {
    None,
    Token(String),
    Authorization(Box<Authorization>),
}

impl Agent {
    /// An agent without a token for the MCP endpoint at this URL (`http://…`).
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), credential: Credential::None, lifecycle: ClientLifecycleMode::Initialize }
    }

    /// The same agent, with the same tokens, for another endpoint.
    #[must_use]
    pub fn at(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Speaks the newest revision of MCP, without a handshake, and falls back to `initialize` only where the server turns out
    /// to be older.
    #[must_use]
    pub fn newest(mut self) -> Self {
        self.lifecycle =
            ClientLifecycleMode::Auto { preferred_versions: vec![ProtocolVersion::LATEST], legacy_version: None };
        self
    }

    /// Sends this bearer token with every request.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.credential = Credential::Token(token.into());
        self
    }

    /// Has no token yet, and can get one: see [`Agent::follow`]. Clones and sessions share it.
    ///
    /// # Errors
    /// If the registration's resource is no URL.
    pub fn registered(mut self, registration: Registration) -> anyhow::Result<Self> {
        let authorization = runtime::block_on(Authorization::new(registration, http_client()?))?;
        self.credential = Credential::Authorization(Box::new(authorization));
        Ok(self)
    }

    /// Asks the authorization server for the token that the denial's challenge calls for, through the user's browser.
    /// From then on, sessions that are connected use it, too. Returns what was asked.
    ///
    /// # Errors
    /// If the user or the authorization server says no, or the challenge cannot be followed.
    pub fn follow(&self, denied: &Denied) -> Result<Asked, NotGranted> {
        self.follow_with(denied, None)
    }

    /// The same, for these `authorization_details` (RFC 9396), a list of objects, and no others.
    ///
    /// # Errors
    /// As [`Agent::follow`].
    pub fn follow_for(&self, denied: &Denied, details: Value) -> Result<Asked, NotGranted> {
        self.follow_with(denied, Some(details))
    }

    fn follow_with(&self, denied: &Denied, details: Option<Value>) -> Result<Asked, NotGranted> {
        let (Credential::Authorization(authorization), Some(challenge)) = (&self.credential, &denied.challenge) else {
            return Err(NotGranted::NothingAsked);
        };
        runtime::block_on_within(TIMEOUT, authorization.follow(challenge, details))
            .unwrap_or_else(|| Err(NotGranted::Failed(anyhow::anyhow!("no answer within {TIMEOUT:?}"))))
    }

    /// The token that the agent would send now.
    #[must_use]
    pub fn current_token(&self) -> Option<String> {
        match &self.credential {
            Credential::None => None,
            Credential::Token(token) => Some(token.clone()),
            Credential::Authorization(authorization) => runtime::block_on(authorization.client.get_access_token()).ok(),
        }
    }

    /// Connects: the `initialize` handshake of MCP, or what there is instead of it.
    ///
    /// # Errors
    /// If the gateway denies it, or nothing answers.
    pub fn connect(&self) -> Result<Session, Denied> {
        match &self.credential {
            Credential::Authorization(authorization) => self.connect_by(authorization.client.clone()),
            Credential::None | Credential::Token(_) => {
                self.connect_by(http_client().map_err(|error| Denied::unknown(format!("{error:#}")))?)
            }
        }
    }

    fn connect_by(&self, client: impl StreamableHttpClient) -> Result<Session, Denied> {
        let connected = runtime::block_on_within(TIMEOUT, async {
            let mut config = StreamableHttpClientTransportConfig::with_uri(self.url.as_str());
            if let Credential::Token(token) = &self.credential {
                config = config.auth_header(token);
            }
            let transport = StreamableHttpClientTransport::with_client(client, config);
            ().serve_with_lifecycle(transport, self.lifecycle.clone()).await
        });
        match connected {
            Some(Ok(service)) => Ok(Session { service: Some(service) }),
            Some(Err(error)) => {
                Err(Denied::from_error(&error).or_ask(&self.url, self.current_token().as_deref(), TIMEOUT))
            }
            None => Err(Denied::too_late(TIMEOUT)),
        }
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The loopback is never behind a proxy, whatever the environment says.
fn http_client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().build().context("an HTTP client")
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
