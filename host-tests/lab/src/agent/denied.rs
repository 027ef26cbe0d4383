//! Why an agent got nothing, as far as it can know.

use std::{error::Error, fmt, net::ToSocketAddrs as _, time::Duration};

use rmcp::{
    service::{ClientInitializeError, ServiceError},
    transport::streamable_http_client::{AuthRequiredError, HttpStatusError, InsufficientScopeError},
};

use crate::{raw_client, wire::WireRequest};

/// The request that opens an MCP session, as the SDK sends it.
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"fourleg-lab","version":"0"}}}"#;

/// A denial as the agent saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denied {
    /// The HTTP status, where one came.
    pub status: Option<u16>,
    /// The value of `WWW-Authenticate`, where one came.
    pub challenge: Option<String>,
    /// What was said besides: the body, or the SDK's error.
    pub reason: String,
}

impl Denied {
    pub(super) fn unknown(reason: impl Into<String>) -> Self {
        Self { status: None, challenge: None, reason: reason.into() }
    }

    pub(super) fn too_late(timeout: Duration) -> Self {
        Self::unknown(format!("no answer within {timeout:?}"))
    }

    /// Digs status and challenge out of the SDK's error.
    pub(super) fn from_error(error: &(impl SdkError + 'static)) -> Self {
        let mut denied = Self::unknown(error.to_string());
        let mut next = error.transport_error();
        while let Some(current) = next {
            // The SDK maps a 401 and a 403 with a challenge to these two, and no other status.
            if let Some(error) = current.downcast_ref::<AuthRequiredError>() {
                denied.status = Some(401);
                denied.challenge = Some(error.www_authenticate_header.clone());
            } else if let Some(error) = current.downcast_ref::<InsufficientScopeError>() {
                denied.status = Some(403);
                denied.challenge = Some(error.www_authenticate_header.clone());
            } else if let Some(error) = current.downcast_ref::<HttpStatusError>() {
                denied.status = Some(error.status);
            }
            next = current.source();
        }
        denied
    }

    /// Where the SDK hides the status, sends `initialize` once more, bare, and takes what comes.
    pub(super) fn or_ask(self, url: &str, token: Option<&str>, timeout: Duration) -> Self {
        if self.status.is_some() && self.challenge.is_some() {
            return self;
        }
        match ask(url, token, timeout) {
            Some(asked) => asked,
            None => self,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => write!(f, "no response")?,
        }
        match &self.challenge {
            Some(challenge) => write!(f, ", {challenge}"),
            None => write!(f, ", {}", self.reason),
        }
    }
}

impl Error for Denied {}

/// An error of the SDK with the transport's error inside.
pub(super) trait SdkError: fmt::Display {
    fn transport_error(&self) -> Option<&(dyn Error + 'static)>;
}

impl SdkError for ClientInitializeError {
    fn transport_error(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TransportError { error, .. } => Some(error.error.as_ref()),
            _ => None,
        }
    }
}

impl SdkError for ServiceError {
    fn transport_error(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TransportSend(error) => Some(error.error.as_ref()),
            _ => None,
        }
    }
}

fn ask(url: &str, token: Option<&str>, timeout: Duration) -> Option<Denied> {
    let (authority, path) = url.strip_prefix("http://")?.split_once('/')?;
    let address = authority.to_socket_addrs().ok()?.next()?;
    let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let mut headers =
        vec![field("content-type", "application/json"), field("accept", "application/json, text/event-stream")];
    headers.extend(token.map(|token| field("authorization", &format!("Bearer {token}"))));
    let request = WireRequest {
        method: "POST".to_owned(),
        path: format!("/{path}").into_bytes(),
        authority: authority.as_bytes().to_vec(),
        headers,
        chunks: vec![INITIALIZE.as_bytes().to_vec()],
        ..WireRequest::default()
    };
    let response = raw_client::send(address, &request, timeout).ok()?;
    // A success now would be another story than the one to tell.
    (response.status >= 400).then(|| Denied {
        status: Some(response.status),
        challenge: response.header("www-authenticate"),
        reason: response.text(),
    })
}
