//! The body of a POST.

use oauth_core::json::{Elements, InPlace, JsonError};

use crate::{
    compared::Compared,
    endpoint::Exchange,
    fault::Fault,
    flaw::Flaw,
    headers::{McpHeaders, ParamHeader},
    message::Message,
    operation::{Operation, RequestId},
    revision::Revision,
    stateless,
};

/// Nesting that a body may have; arguments of tools may be documents of their own.
const MAX_DEPTH: usize = 64;

/// How many operations one body may hold. Each is judged, so many of them in a small body would cost much.
const MAX_OPERATIONS: usize = 256;

/// Waits for the body of a POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyReader {
    limit: usize,
    revision: Revision,
    headers: McpHeaders,
    session: Option<String>,
    params: Vec<ParamHeader>,
    compared: Compared,
    foregone: Option<Fault>,
}

impl BodyReader {
    pub(crate) fn new(
        limit: usize,
        revision: Revision,
        headers: McpHeaders,
        session: Option<String>,
        params: Vec<ParamHeader>,
        compared: Compared,
        foregone: Option<Fault>,
    ) -> Self {
        Self { limit, revision, headers, session, params, compared, foregone }
    }

    /// How many bytes the body may have; with one more, the request is to be refused with [`BodyReader::too_large`].
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// A fault that the head has already; only the request's id is missing in its answer. Where the head would go on
    /// before the body is read, the request is to be refused at once.
    #[must_use]
    pub const fn foregone(&self) -> Option<&Fault> {
        self.foregone.as_ref()
    }

    /// The refusal of a body that is too large.
    pub fn too_large() -> Fault {
        Flaw::BodyTooLarge.into()
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// [`Fault`] with the answer.
    pub fn read(self, body: &[u8]) -> Result<Exchange, Fault> {
        if body.len() > self.limit {
            return Err(Self::too_large());
        }
        // In place: read into a tree, some bodies would take many times their length.
        let parsed = InPlace::check(body, MAX_DEPTH);
        let id = parsed.ok().and_then(id_of);
        if let Some(foregone) = self.foregone {
            return Err(foregone.to(id));
        }
        let parsed = parsed.map_err(|error| match error {
            JsonError::NotUtf8 | JsonError::Syntax | JsonError::NotAnObject => Flaw::JsonMalformed,
            JsonError::DuplicateMember => Flaw::MemberDuplicate,
            JsonError::TooDeep => Flaw::TooDeep,
        })?;
        self.exchange(parsed).map_err(|flaw| Fault::from(flaw).to(id))
    }

    fn exchange(self, parsed: InPlace<'_>) -> Result<Exchange, Flaw> {
        let batch = parsed.elements();
        let is_batch = batch.is_some();
        let operations = match batch {
            Some(elements) => self.batch(elements)?,
            None => self.message(Message::read(parsed, self.compared)?, MAX_OPERATIONS)?,
        };
        if operations.len() > MAX_OPERATIONS {
            return Err(Flaw::TooManyOperations);
        }
        Ok(Exchange { revision: self.revision, session: self.session, operations, is_batch })
    }

    /// 2025-03-26, "Sending Messages": requests and notifications, or responses, never both.
    fn batch(&self, elements: Elements<'_>) -> Result<Vec<Operation>, Flaw> {
        let count = elements.clone().take(MAX_OPERATIONS.saturating_add(1)).count();
        if !self.revision.has_batches() || count == 0 {
            return Err(Flaw::BatchRefused);
        }
        if count > MAX_OPERATIONS {
            return Err(Flaw::TooManyOperations);
        }
        let messages = elements.map(|element| Message::read(element, self.compared)).collect::<Result<Vec<_>, _>>()?;
        let responses = messages.iter().filter(|message| matches!(message, Message::Response(_))).count();
        // 2025-03-26, "Lifecycle": nothing may go along with the first request.
        let has_initialize =
            messages.iter().any(|message| matches!(message, Message::Call(call) if &*call.method == "initialize"));
        if has_initialize || (responses != 0 && responses != messages.len()) {
            return Err(Flaw::BatchRefused);
        }
        let mut operations = Vec::new();
        for message in messages {
            let left = MAX_OPERATIONS.saturating_sub(operations.len());
            operations.extend(self.message(message, left)?);
        }
        Ok(operations)
    }

    fn message(&self, message: Message<'_>, most: usize) -> Result<Vec<Operation>, Flaw> {
        match &message {
            Message::Call(call) => stateless::agree(&self.headers, self.revision, call, &self.params)?,
            // A response has neither method nor name.
            Message::Response(_) if self.headers.method.is_some() || self.headers.name.is_some() => {
                return Err(Flaw::HeaderMismatch);
            }
            Message::Response(_) => {}
        }
        message.operations(self.revision, self.compared, most)
    }
}

/// The id of a request, whatever else is wrong with it.
fn id_of(message: InPlace<'_>) -> Option<RequestId> {
    message.get("method")?;
    RequestId::read(message.get("id")?)
}
