//! The answer to a request that is no MCP request that could be judged.

use serde_json::{Value, json};

use crate::{answer, flaw::Flaw, operation::RequestId, revision::Revision};

/// A request that is refused, with all that its answer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Fault {
    flaw: Flaw,
    /// The id of the request, if it is known.
    id: Option<RequestId>,
    /// The version that was asked for, made fit to be repeated, and those that would do.
    version: Option<(String, &'static [Revision])>,
    /// The methods that the endpoint has.
    allow: Option<&'static str>,
}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Self {
        Self { flaw, id: None, version: None, allow: None }
    }
}

impl Fault {
    pub(crate) fn method_not_allowed(revision: Revision) -> Self {
        Self { allow: Some(revision.allow()), ..Self::from(Flaw::MethodNotAllowed) }
    }

    pub(crate) fn version_unsupported(requested: &str, supported: &'static [Revision]) -> Self {
        let fit = requested.chars().filter(char::is_ascii_graphic).take(32).collect();
        Self { version: Some((fit, supported)), ..Self::from(Flaw::VersionUnsupported) }
    }

    /// The same in answer to the request with this id.
    pub(crate) fn to(self, id: Option<RequestId>) -> Self {
        Self { id, ..self }
    }

    /// Why.
    #[must_use]
    pub const fn flaw(&self) -> Flaw {
        self.flaw
    }

    /// The id of the refused request, if it could be read.
    #[must_use]
    pub const fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }

    /// HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.flaw.status()
    }

    /// Stable snake_case code for clients, logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.flaw.code()
    }

    /// The fields of the answer, names in lower case. Never cacheable (RFC 9111 §5.2.2.5).
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers =
            vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
        headers.extend(self.allow.map(|methods| ("allow", methods.to_owned())));
        headers
    }

    /// The body of the answer: a JSON-RPC error. Without one, a client that knows an older protocol would fall back
    /// to it (2026-07-28, "Backward Compatibility").
    #[must_use]
    pub fn body(&self) -> String {
        let mut data = json!({"code": self.flaw.code()});
        if let (Some((requested, supported)), Value::Object(members)) = (&self.version, &mut data) {
            members.insert("requested".to_owned(), Value::from(requested.as_str()));
            members.insert("supported".to_owned(), supported.iter().map(|revision| revision.as_str()).collect());
        }
        answer::error(self.id.as_ref(), self.flaw.rpc_code(), self.flaw.message(), &data)
    }
}
