//! What is told: the answer to the client, and the audit record.

use filter_kit::{
    audit::{Record, actors},
    cors,
    policy::{Refusal, RequestEdits, Response, Step},
    token_source::Presented,
};
use mcp_core::{Fault, Operation, RequestId, Target};
use oauth_core::{denial::Denial, time::UnixTime};

use crate::{
    policy::{About, ClaimChallenge, Waiting},
    verdict::Verdict,
};
use filter_kit::policy::Policy as _;

/// The key of the audit record.
const AUDIT: &str = "fourleg.audit.claim_challenge";

/// Denies before anything is known of what the request does. `complete` adds to the record.
pub(crate) fn refuse(
    about: &About,
    denial: &Denial,
    now: UnixTime,
    complete: impl FnOnce(Record) -> Record,
) -> Refusal {
    let record = complete(Record::new(ClaimChallenge::NAME, "deny", denial.reason().code(), now));
    refusal(about, answer(about, denial, None), record)
}

/// Denies what is no request of MCP.
pub(crate) fn refuse_fault(about: &About, presented: &Presented, fault: &Fault, now: UnixTime) -> Refusal {
    let record = who(Record::new(ClaimChallenge::NAME, "deny", fault.code(), now), presented);
    let response =
        Response { status: fault.status(), headers: fault.headers(), body: fault.body(), code: fault.code() };
    refusal(about, response, record)
}

/// Carries a verdict out. `id` is that of the JSON-RPC request, if there is one.
pub(crate) fn tell(
    about: &About,
    presented: &Presented,
    verdict: &Verdict<'_>,
    id: Option<&RequestId>,
    now: UnixTime,
) -> Step<Waiting> {
    let complete = |record: Record| {
        let record = who(record, presented).with_known("rule", verdict.rule);
        let record = verdict.operation.map_or(record.clone(), |operation| what(record, operation));
        record.with_needed(verdict.needed.iter().copied()).with_shadow(&verdict.shadow)
    };
    match &verdict.outcome {
        Ok(code) => {
            let record = complete(Record::new(ClaimChallenge::NAME, "allow", code, now));
            let counts_as = Some(("allow", *code));
            Step::Allow(RequestEdits { state: vec![into_state(about, record)], counts_as, ..RequestEdits::default() })
        }
        Err(denial) => {
            let record = complete(Record::new(ClaimChallenge::NAME, "deny", denial.reason().code(), now));
            let record = record.with_list("unmet", verdict.unmet.claims());
            let record = verdict.unmet.claims().fold(record, |record, claim| held(record, presented, claim));
            Step::Deny(refusal(about, answer(about, denial, id), record))
        }
    }
}

/// On a path of MCP the body is a JSON-RPC error, elsewhere the denial's own.
fn answer(about: &About, denial: &Denial, id: Option<&RequestId>) -> Response {
    let response = Response::from(denial);
    if !about.is_mcp() {
        return response;
    }
    let reason = denial.reason();
    let body = mcp_core::answer::denial(id, response.status, reason.code(), reason.oauth_error(), reason.description());
    Response { body, ..response }
}

fn refusal(about: &About, mut response: Response, record: Record) -> Refusal {
    response.headers.extend(about.origin.as_deref().map(cors::readable_by).unwrap_or_default());
    Refusal { response, state: vec![into_state(about, record)] }
}

fn into_state(about: &About, record: Record) -> (&'static str, Vec<u8>) {
    (AUDIT, record.with_known("trace_id", about.trace_id.as_deref()).into_bytes())
}

fn who(record: Record, presented: &Presented) -> Record {
    match presented {
        Presented::Token(token) => {
            let record = record.with_known("resource", token.resource());
            record.with_actors(&actors(token.as_ref(), token.credential_sha256()))
        }
        Presented::Public => record,
    }
}

/// What the token says where it does not say what it should, as JSON: a number is not the text of the same digits.
fn held(record: Record, presented: &Presented, claim: &str) -> Record {
    match presented {
        // Scopes are in every record.
        Presented::Token(token) if claim != "scope" => {
            let value = token.claims().members().get(claim);
            record.with(&format!("held_{claim}"), &value.map_or("absent".to_owned(), ToString::to_string))
        }
        Presented::Token(_) | Presented::Public => record,
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
