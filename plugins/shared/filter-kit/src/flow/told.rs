//! What is told: the answer to the client, and the audit record.

use mcp_core::{Fault, Operation, RequestId, Target};
use oauth_core::{
    denial::{Denial, Reason},
    time::UnixTime,
};

use super::Verdict;
use crate::{
    audit::{Record, actors},
    cors,
    policy::{Refusal, RequestEdits, Response},
    request::RequestHead,
    rules::{Rule, shadow_denials},
    token_source::Presented,
};

/// What every answer to one request needs.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) plugin: &'static str,
    /// The key of the audit record.
    pub(super) key: &'static str,
    /// Whether the client is to be answered as one of MCP.
    pub(super) as_mcp: bool,
    /// The `Origin` of a browser that may read our answers.
    pub(super) origin: Option<String>,
    pub(super) trace_id: Option<String>,
}

impl Answering {
    /// Denies before anything is known of what the request does. `complete` adds to the record.
    pub(super) fn refuse(&self, denial: &Denial, now: UnixTime, complete: impl FnOnce(Record) -> Record) -> Refusal {
        let record = complete(Record::new(self.plugin, "deny", denial.reason().code(), now));
        self.refusal(self.answer(denial, None), record)
    }

    /// Denies a request that cannot be judged; `rules` say whether it is one on a path of MCP.
    pub(super) fn refuse_unfit<S>(
        self,
        reason: Reason,
        rules: &[Rule<S>],
        request: &RequestHead,
        complete: impl FnOnce(Record) -> Record,
        now: UnixTime,
    ) -> Refusal {
        let blocks = rules.iter().map(|rule| &rule.matches).filter(|block| block.names_operations());
        let answering = Self { as_mcp: request.may_be_for(blocks.map(Some)), ..self };
        answering.refuse(&Denial::plain(reason), now, complete)
    }

    /// Denies a path that can be read in more than one way.
    pub(super) fn refuse_path(&self, now: UnixTime) -> Refusal {
        self.refuse(&Denial::plain(Reason::PathRefused), now, |record| record)
    }

    /// Denies what is no request of MCP.
    pub(super) fn refuse_fault(&self, presented: &Presented, fault: &Fault, now: UnixTime) -> Refusal {
        let record = who(Record::new(self.plugin, "deny", fault.code(), now), presented);
        let response =
            Response { status: fault.status(), headers: fault.headers(), body: fault.body(), code: fault.code() };
        self.refusal(response, record)
    }

    /// Denies a request of which all is known. `id` is that of the JSON-RPC request, if there is one.
    pub(super) fn refuse_known(
        &self,
        presented: &Presented,
        denial: &Denial,
        id: Option<&RequestId>,
        now: UnixTime,
    ) -> Refusal {
        let record = who(Record::new(self.plugin, "deny", denial.reason().code(), now), presented);
        self.refusal(self.answer(denial, id), record)
    }

    /// Carries a verdict out. `id` is that of the JSON-RPC request, if there is one.
    ///
    /// # Errors
    /// The refusal, if it is a denial.
    pub(super) fn tell<W>(
        &self,
        presented: &Presented,
        verdict: Verdict<'_, W>,
        id: Option<&RequestId>,
        now: UnixTime,
    ) -> Result<RequestEdits, Refusal> {
        let complete = |record: Record| {
            let record = who(record, presented).with_known("rule", verdict.rule);
            let record = verdict.operation.map_or(record.clone(), |operation| what(record, operation));
            let lists = verdict.lists.iter();
            let record =
                lists.fold(record, |record, (name, texts)| record.with_list(name, texts.iter().map(AsRef::as_ref)));
            let texts = verdict.texts.iter();
            let record = texts.fold(record, |record, (name, text)| record.with(name, text));
            let objects = verdict.objects.iter();
            let record = objects.fold(record, |record, (name, objects)| record.with_objects(name, objects));
            record.with_shadow(&verdict.shadow)
        };
        match &verdict.outcome {
            Ok(code) => {
                let state = self.state(complete(Record::new(self.plugin, "allow", code, now)));
                let mut edits = verdict.edits;
                edits.state.push(state);
                edits.counts_as = Some(("allow", *code));
                edits.shadow_denials = shadow_denials(&verdict.shadow);
                Ok(edits)
            }
            Err(denial) => {
                let record = complete(Record::new(self.plugin, "deny", denial.reason().code(), now));
                Err(self.refusal(self.answer(denial, id), record))
            }
        }
    }

    /// On a path of MCP the body is a JSON-RPC error, elsewhere the denial's own.
    fn answer(&self, denial: &Denial, id: Option<&RequestId>) -> Response {
        if self.as_mcp { Response::of_mcp(denial, id) } else { Response::from(denial) }
    }

    fn refusal(&self, mut response: Response, record: Record) -> Refusal {
        response.headers.extend(self.origin.as_deref().map(cors::readable_by).unwrap_or_default());
        Refusal { response, state: vec![self.state(record)] }
    }

    fn state(&self, record: Record) -> (&'static str, Vec<u8>) {
        (self.key, record.with_known("trace_id", self.trace_id.as_deref()).into_bytes())
    }
}

fn who(record: Record, presented: &Presented) -> Record {
    match presented {
        Presented::Token(token) => {
            let record = record.with_known("resource", token.resource());
            record.with_all_of(&actors(token.as_ref(), token.credential_sha256()))
        }
        Presented::Public => record,
    }
}

fn what(record: Record, operation: &Operation) -> Record {
    let record = record.with("mcp_kind", operation.kind.as_str()).with_known("mcp_method", operation.method.as_deref());
    let name = match operation.target {
        Some(Target::Tool(_)) => "tool",
        Some(Target::Prompt(_)) => "prompt",
        Some(Target::Resource(_)) => "mcp_resource",
        Some(Target::Task(_)) => "mcp_task",
        None => return record,
    };
    record.with_known(name, operation.target.as_ref().map(Target::name))
}
