//! The head of a request to an MCP endpoint.

use crate::{
    body::BodyReader,
    compared::Compared,
    content::{accepts_events, require_json},
    fault::Fault,
    flaw::Flaw,
    headers::{self, McpHeaders, ParamHeader},
    operation::{Kind, Operation, RequestId},
    origin::Origins,
    revision::Revision,
    stateless,
};

/// How requests to an endpoint are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How many bytes a body may have.
    pub max_body: usize,
    /// The pages that may talk to it.
    pub origins: Origins,
    /// What is read of a request.
    pub reads: Reads,
    /// Headers that are known to repeat an argument; all others of their kind pass untouched.
    pub params: Vec<ParamHeader>,
    /// What rules compare: with [`Endpoint::params`], tools in any case.
    pub compared: Compared,
}

impl Default for Endpoint {
    /// 1 MiB, no origin, bodies, and everything is compared.
    fn default() -> Self {
        Self {
            max_body: 1024 * 1024,
            origins: Origins::default(),
            reads: Reads::Body,
            params: Vec::new(),
            compared: Compared::ALL,
        }
    }
}

/// What is read of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// Head and body.
    #[default]
    Body,
    /// The head alone. It is trusted only where the version obliges the server to compare it with the body, so older
    /// versions are refused (2026-07-28, note for intermediaries). A server that takes any version and compares
    /// nothing would do what the body says: choose this only before servers of that revision.
    HeadOnly,
}

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The HTTP method as sent.
    pub method: &'a str,
    /// Whether the request asks to leave HTTP (Upgrade, CONNECT).
    pub is_upgrade: bool,
    /// Whether more than the head will come.
    pub has_body: bool,
    /// All header fields, names and values, each as often as the proxy shows it.
    pub fields: &'a [(&'a [u8], &'a [u8])],
}

/// What a head tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// All that is to be known.
    Whole(Exchange),
    /// The body must be read.
    Body(BodyReader),
}

/// All that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The revision under which it was read.
    pub revision: Revision,
    /// The session that it claims to be of, for revisions that have some. It proves nothing about who asks.
    pub session: Option<String>,
    /// At least one. A request may pass only if each of them may.
    pub operations: Vec<Operation>,
    /// Whether the body is a batch.
    pub is_batch: bool,
}

impl Exchange {
    /// The id that an error in answer to the whole HTTP request repeats: that of a single JSON-RPC request.
    #[must_use]
    pub fn id(&self) -> Option<&RequestId> {
        let first = self.operations.first().filter(|_| !self.is_batch)?;
        first.id.as_ref().filter(|_| first.kind == Kind::Request)
    }
}

impl Endpoint {
    /// Reads the head of a request.
    ///
    /// # Errors
    /// [`Fault`] with the answer.
    pub fn open(&self, head: &Head<'_>) -> Result<Opening, Fault> {
        if head.is_upgrade || head.method == "CONNECT" {
            return Err(Flaw::UpgradeRefused.into());
        }
        self.origins.check(head.fields)?;
        let headers = McpHeaders::read(head.fields);
        let revision = self.revision(&headers);
        match head.method {
            "POST" => self.post(head, headers, revision),
            "GET" | "DELETE" if !revision.as_ref().is_ok_and(|revision| revision.is_stateless()) => {
                let revision = revision?;
                headers.flaw.map_or(Ok(()), Err)?;
                Ok(Opening::Whole(bodyless(head, revision)?))
            }
            _ => Err(Fault::method_not_allowed(revision.unwrap_or(Revision::V2025_03_26))),
        }
    }

    /// The revision that the head names. The body has no say in it: `initialize` proposes one for later.
    fn revision(&self, headers: &McpHeaders) -> Result<Revision, Fault> {
        let readable: &'static [Revision] = match self.reads {
            Reads::Body => &Revision::ALL,
            Reads::HeadOnly => &Revision::COMPARED,
        };
        match (&headers.version, self.reads) {
            (Some(name), _) => {
                let named = readable.iter().find(|revision| revision.as_str() == name);
                named.copied().ok_or_else(|| Fault::version_unsupported(name, readable))
            }
            // 2025-11-25, "Protocol Version Header".
            (None, Reads::Body) => Ok(Revision::V2025_03_26),
            (None, Reads::HeadOnly) => Err(Flaw::HeaderMissing.into()),
        }
    }

    fn post(&self, head: &Head<'_>, headers: McpHeaders, revision: Result<Revision, Fault>) -> Result<Opening, Fault> {
        require_json(head.fields)?;
        // A fault of the headers is told with the id of the request, which only its body knows: clients ignore an
        // error with another id.
        let foregone = match (headers.flaw, &revision) {
            (Some(flaw), _) => Some(flaw.into()),
            (None, Err(fault)) => Some(fault.clone()),
            (None, Ok(_)) => None,
        };
        let revision = revision.unwrap_or(Revision::V2025_03_26);
        let compared = Compared { tools: self.compared.tools || !self.params.is_empty(), ..self.compared };
        match self.reads {
            Reads::Body => {
                let session = if revision.is_stateless() { None } else { headers::session(head.fields)? };
                let params = self.params.clone();
                let limit = self.max_body;
                Ok(Opening::Body(BodyReader::new(limit, revision, headers, session, params, compared, foregone)))
            }
            Reads::HeadOnly => {
                foregone.map_or(Ok(()), Err)?;
                let operations = vec![stateless::told_by_head(&headers, revision, compared)?];
                Ok(Opening::Whole(Exchange { revision, session: None, operations, is_batch: false }))
            }
        }
    }
}

/// GET and DELETE of revisions with sessions.
fn bodyless(head: &Head<'_>, revision: Revision) -> Result<Exchange, Flaw> {
    if head.has_body {
        return Err(Flaw::BodyUnexpected);
    }
    let session = headers::session(head.fields)?;
    let kind = if head.method == "DELETE" { Kind::EndSession } else { Kind::Stream };
    match kind {
        Kind::EndSession if session.is_none() => return Err(Flaw::SessionMissing),
        Kind::Stream if !accepts_events(head.fields) => return Err(Flaw::StreamNotAccepted),
        _ => {}
    }
    let operation = Operation { kind, revision, method: None, target: None, arguments: None, id: None };
    Ok(Exchange { revision, session, operations: vec![operation], is_batch: false })
}
