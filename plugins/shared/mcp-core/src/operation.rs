//! What one message, or one request without a body, asks for.

use std::rc::Rc;

use oauth_core::json::{InPlace, OwnText};
use serde::Deserialize;
use serde_json::Value;

use crate::revision::Revision;

/// One thing that a client asks for. A policy must allow each operation of a request, or the request is denied.
///
/// There is no client name, version or capability in here: clients say of themselves what they like, so no policy may
/// rest on it (2026-07-28, `_meta`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What kind of message it is.
    pub kind: Kind,
    /// The revision under which it was read.
    pub revision: Revision,
    /// The JSON-RPC method; `None` for a response, a stream and the end of a session.
    pub method: Option<Rc<str>>,
    /// What the method is about, for methods that name something.
    pub target: Option<Target>,
    /// `params.arguments`, if there are some; always `None` if only headers were read.
    pub arguments: Option<Arguments>,
    /// The JSON-RPC id, for errors; `None` for notifications, and if only headers were read.
    pub id: Option<RequestId>,
}

/// The kinds of operations, as `match.mcp.kinds` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema), schemars(rename = "OperationKind"))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A JSON-RPC request.
    Request,
    /// A JSON-RPC notification.
    Notification,
    /// The answer to a request of the server; it has no method.
    Response,
    /// GET: the stream of what the server has to say.
    Stream,
    /// DELETE: the end of a session.
    EndSession,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Request, Self::Notification, Self::Response, Self::Stream, Self::EndSession];

    /// The HTTP method that carries it.
    #[must_use]
    pub const fn http_method(self) -> &'static str {
        match self {
            Self::Request | Self::Notification | Self::Response => "POST",
            Self::Stream => "GET",
            Self::EndSession => "DELETE",
        }
    }

    /// Its name in configuration and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Notification => "notification",
            Self::Response => "response",
            Self::Stream => "stream",
            Self::EndSession => "end_session",
        }
    }
}

/// What a method is about. Names are compared exactly as the client wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `tools/call`
    Tool(String),
    /// `prompts/get`
    Prompt(String),
    /// `resources/read`, `resources/subscribe`, `resources/unsubscribe`, and each resource that
    /// `subscriptions/listen` asks for: a URI with one reading only.
    Resource(String),
    /// `tasks/…`
    Task(String),
}

impl Target {
    /// The name, URI or id.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) | Self::Task(name) => name,
        }
    }
}

/// The arguments of a call: the text of an object, as the client wrote it.
pub type Arguments = OwnText;

/// A JSON-RPC id: an integer or a string, never null (MCP base protocol, "Requests").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// An integer.
    Number(i64),
    /// A string of at most [`RequestId::MAX_LENGTH`] bytes.
    String(Rc<str>),
}

impl RequestId {
    /// A longer id is refused: errors repeat it.
    pub const MAX_LENGTH: usize = 1024;

    pub(crate) fn read(value: InPlace<'_>) -> Option<Self> {
        if let Some(text) = value.as_str() {
            return (text.len() <= Self::MAX_LENGTH).then(|| Self::String(text.into()));
        }
        // `1.0` and `1e0` are integers too, but not everybody reads them as the same one.
        value.as_number()?.parse().ok().filter(|_| value.as_number() != Some("-0")).map(Self::Number)
    }
}

impl From<&RequestId> for Value {
    fn from(id: &RequestId) -> Self {
        match id {
            RequestId::Number(number) => Self::from(*number),
            RequestId::String(text) => Self::from(&**text),
        }
    }
}
