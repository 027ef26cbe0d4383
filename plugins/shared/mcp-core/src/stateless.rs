//! What 2026-07-28 says twice, in headers and in the body: both must say the same.
//!
//! Whatever the version, a header that is there is compared: something behind us may act on it.

use oauth_core::json::{self, InPlace};

use crate::{
    compared::Compared,
    flaw::Flaw,
    headers::{self, McpHeaders, ParamHeader},
    message::{self, Call},
    operation::{Kind, Operation},
    revision::Revision,
    spelling::resembles,
};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// Whether headers and message agree.
pub(crate) fn agree(
    headers: &McpHeaders,
    revision: Revision,
    call: &Call<'_>,
    params: &[ParamHeader],
) -> Result<(), Flaw> {
    // "Header requirements for notification POSTs are not defined by this revision."
    let is_due = revision.is_stateless() && call.id.is_some();
    meta(revision, call, is_due)?;
    match &headers.method {
        Some(method) if **method != *call.method => return Err(Flaw::HeaderMismatch),
        None if is_due => return Err(Flaw::HeaderMissing),
        _ => {}
    }
    let named = message::named_by(&call.method);
    match &headers.name {
        Some(name) => {
            let name = headers::decoded(name)?;
            let says = |member| call.params.get(member).and_then(InPlace::as_str).as_deref() == Some(name.as_str());
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
    if &*call.method == "tools/call" {
        let tool = call.params.get("name").and_then(InPlace::as_str);
        for param in params.iter().filter(|param| Some(param.tool.as_str()) == tool.as_deref()) {
            argument(headers, call, param, is_due)?;
        }
    }
    Ok(())
}

/// The version in `_meta` is that of the header, in every revision: a server may go by either of them. What else
/// `_meta` must have is asked of requests of this revision only (2026-07-28, "Per-request protocol fields").
fn meta(revision: Revision, call: &Call<'_>, is_due: bool) -> Result<(), Flaw> {
    let meta = match call.params.get("_meta") {
        None if is_due => return Err(Flaw::MetaMissing),
        None => return Ok(()),
        Some(meta) => meta,
    };
    if meta.members().ok_or(Flaw::ParamsMalformed)?.any(|(name, _)| resembles(&name, VERSION)) {
        return Err(Flaw::MemberSpelling);
    }
    match meta.get(VERSION) {
        Some(version) => match version.as_str() {
            Some(version) if version == revision.as_str() => {}
            Some(_) => return Err(Flaw::HeaderMismatch),
            None => return Err(Flaw::MetaMissing),
        },
        None if !is_due => {}
        None => return Err(Flaw::MetaMissing),
    }
    if is_due && meta.get(CAPABILITIES).and_then(InPlace::members).is_none() {
        return Err(Flaw::MetaMissing);
    }
    Ok(())
}

/// An argument and the header that repeats it (2026-07-28, "Server Behavior for Custom Headers").
fn argument(headers: &McpHeaders, call: &Call<'_>, param: &ParamHeader, is_due: bool) -> Result<(), Flaw> {
    let mut value = call.params.get("arguments");
    for member in &param.path {
        value = value.and_then(|value| value.get(member));
    }
    let told = headers.params.get(&param.name.to_ascii_lowercase());
    let told = told.map(|value| headers::decoded(value)).transpose()?;
    let agrees = match (value.filter(|value| !value.is_null()), told) {
        (None, told) => told.is_none(),
        (Some(_), None) => !is_due,
        (Some(value), Some(told)) => says(value, &told),
    };
    if agrees { Ok(()) } else { Err(Flaw::HeaderMismatch) }
}

/// Whether an argument is what a header says of it: a text, a number or a truth value, no list and no object.
fn says(argument: InPlace<'_>, told: &str) -> bool {
    if let Some(text) = argument.as_str() {
        return text == told;
    }
    match (argument.as_bool(), argument.as_number()) {
        (Some(value), _) => told == if value { "true" } else { "false" },
        (None, Some(number)) => json::same_number(number, told),
        (None, None) => false,
    }
}

/// What the headers alone tell. The server compares them with the body, so they may be trusted.
pub(crate) fn told_by_head(headers: &McpHeaders, revision: Revision, compared: Compared) -> Result<Operation, Flaw> {
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
        (Some(named), Some(name)) => Some(named.target(&headers::decoded(name)?, compared)?),
        (None, _) => None,
    };
    Ok(Operation { kind, revision, method: Some(method.into()), target, arguments: None, id: None })
}
