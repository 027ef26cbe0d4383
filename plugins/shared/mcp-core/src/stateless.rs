//! What 2026-07-28 says twice, in headers and in the body: both must say the same.
//!
//! Whatever the version, a header that is there is compared: something behind us may act on it.

use oauth_core::json::{self, Exact};

use crate::{
    flaw::Flaw,
    headers::{self, McpHeaders, ParamHeader},
    message::{self, Call},
    operation::{Kind, Operation},
    revision::Revision,
};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// Whether headers and message agree.
pub(crate) fn agree(headers: &McpHeaders, revision: Revision, call: &Call, params: &[ParamHeader]) -> Result<(), Flaw> {
    // "Header requirements for notification POSTs are not defined by this revision."
    let is_due = revision.is_stateless() && call.id.is_some();
    meta(revision, call, is_due)?;
    match &headers.method {
        Some(method) if *method != call.method => return Err(Flaw::HeaderMismatch),
        None if is_due => return Err(Flaw::HeaderMissing),
        _ => {}
    }
    let named = message::named_by(&call.method);
    match &headers.name {
        Some(name) => {
            let name = headers::decoded(name)?;
            let says = |member| call.params.get(member).and_then(Exact::as_str) == Some(name.as_str());
            let agrees = match named {
                Some(named) => says(named.member),
                // A method of an extension: whatever it names itself by.
                None => ["name", "uri", "taskId"].into_iter().any(says),
            };
            if !agrees {
                return Err(Flaw::HeaderMismatch);
            }
        }
        None if is_due && named.is_some_and(|named| named.in_header) => return Err(Flaw::HeaderMissing),
        None => {}
    }
    if call.method == "tools/call" {
        let tool = call.params.get("name").and_then(Exact::as_str);
        for param in params.iter().filter(|param| Some(param.tool.as_str()) == tool) {
            argument(headers, call, param, is_due)?;
        }
    }
    Ok(())
}

/// The version in `_meta` is that of the header, in every revision: a server may go by either of them. What else
/// `_meta` must have is asked of requests of this revision only (2026-07-28, "Per-request protocol fields").
fn meta(revision: Revision, call: &Call, is_due: bool) -> Result<(), Flaw> {
    let meta = match call.params.get("_meta") {
        None if is_due => return Err(Flaw::MetaMissing),
        None => return Ok(()),
        Some(Exact::Object(meta)) => meta,
        Some(_) => return Err(Flaw::ParamsMalformed),
    };
    crate::spelling::check(meta, &[VERSION])?;
    match meta.get(VERSION) {
        Some(Exact::String(version)) if version == revision.as_str() => {}
        Some(Exact::String(_)) => return Err(Flaw::HeaderMismatch),
        None if !is_due => {}
        _ => return Err(Flaw::MetaMissing),
    }
    if is_due && !matches!(meta.get(CAPABILITIES), Some(Exact::Object(_))) {
        return Err(Flaw::MetaMissing);
    }
    Ok(())
}

/// An argument and the header that repeats it (2026-07-28, "Server Behavior for Custom Headers").
fn argument(headers: &McpHeaders, call: &Call, param: &ParamHeader, is_due: bool) -> Result<(), Flaw> {
    let mut value = call.params.get("arguments");
    for member in &param.path {
        value = value.and_then(|value| value.get(member));
    }
    let told = headers.params.get(&param.name.to_ascii_lowercase());
    let told = told.map(|value| headers::decoded(value)).transpose()?;
    let agrees = match (value, told) {
        (None | Some(Exact::Null), None) => true,
        (None | Some(Exact::Null), Some(_)) => false,
        (Some(_), None) => !is_due,
        (Some(Exact::String(text)), Some(told)) => *text == told,
        (Some(Exact::Bool(value)), Some(told)) => told == if *value { "true" } else { "false" },
        (Some(Exact::Number(text)), Some(told)) => json::same_number(text, &told),
        (Some(Exact::Array(_) | Exact::Object(_)), Some(_)) => false,
    };
    if agrees { Ok(()) } else { Err(Flaw::HeaderMismatch) }
}

/// What the headers alone tell. The server compares them with the body, so they may be trusted.
pub(crate) fn told_by_head(headers: &McpHeaders, revision: Revision) -> Result<Operation, Flaw> {
    let method = headers.method.clone().ok_or(Flaw::HeaderMissing)?;
    if !message::is_method(&method) {
        return Err(Flaw::HeaderMalformed);
    }
    if method == message::LISTEN_METHOD {
        return Err(Flaw::BodyNeeded);
    }
    let kind = if message::is_notification(&method) { Kind::Notification } else { Kind::Request };
    let target = match (message::named_by(&method), &headers.name) {
        (Some(named), _) if !named.in_header => return Err(Flaw::BodyNeeded),
        (Some(_), None) => return Err(Flaw::HeaderMissing),
        // Two fields of one name may come joined, and a server that takes the first would see another name.
        (Some(_), Some(name)) if name.contains(',') && !headers::is_encoded(name) => return Err(Flaw::HeaderDuplicate),
        // Whoever takes it for a sentinel all the same would decode what is judged here as it stands.
        (Some(_), Some(name)) if name.starts_with("=?") && !headers::is_encoded(name) => {
            return Err(Flaw::HeaderMalformed);
        }
        (Some(named), Some(name)) => Some(named.target(&headers::decoded(name)?)?),
        (None, _) => None,
    };
    Ok(Operation { kind, revision, method: Some(method), target, arguments: None, id: None })
}
