//! One JSON-RPC message of a body.

use std::collections::BTreeMap;

use oauth_core::json::Exact;

use crate::{
    flaw::Flaw,
    operation::{Kind, Operation, RequestId, Target},
    resource_uri,
    revision::Revision,
    spelling,
};

/// The members of a message that say what it is.
const MESSAGE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
/// The members of `params` that say what it is about.
const PARAMS: [&str; 6] = ["name", "uri", "taskId", "arguments", "_meta", "notifications"];
/// The members of `params.notifications` that name something.
const LISTEN: [&str; 2] = ["resourceSubscriptions", "taskIds"];

type Members = BTreeMap<String, Exact>;

/// A message that is one of JSON-RPC and of MCP.
#[derive(Debug)]
pub(crate) enum Message {
    Call(Call),
    Response(Option<RequestId>),
}

/// A request or notification.
#[derive(Debug)]
pub(crate) struct Call {
    /// Requests alone have one.
    pub(crate) id: Option<RequestId>,
    pub(crate) method: String,
    pub(crate) params: Members,
}

impl Message {
    pub(crate) fn read(value: Exact) -> Result<Self, Flaw> {
        let Exact::Object(mut members) = value else { return Err(Flaw::MessageMalformed) };
        spelling::check(&members, &MESSAGE)?;
        if members.get("jsonrpc").and_then(Exact::as_str) != Some("2.0") {
            return Err(Flaw::MessageMalformed);
        }
        let outcome = (members.contains_key("result"), members.contains_key("error"));
        match (members.remove("method"), outcome) {
            (Some(Exact::String(method)), (false, false)) => Call::read(method, members).map(Self::Call),
            (None, (true, false) | (false, true)) if !members.contains_key("params") => {
                response(&members, outcome.1).map(Self::Response)
            }
            _ => Err(Flaw::MessageMalformed),
        }
    }

    /// What the message asks for.
    pub(crate) fn operations(self, revision: Revision) -> Result<Vec<Operation>, Flaw> {
        match self {
            Self::Call(call) => call.operations(revision),
            // 2026-07-28, "Sending Messages": the server asks nothing, so there is nothing to answer.
            Self::Response(_) if revision.is_stateless() => Err(Flaw::MessageMalformed),
            Self::Response(id) => {
                Ok(vec![Operation { kind: Kind::Response, revision, method: None, target: None, arguments: None, id }])
            }
        }
    }
}

/// Only an error may have no id: that of a request whose id could not be read (JSON-RPC 2.0 §5).
fn response(members: &Members, is_error: bool) -> Result<Option<RequestId>, Flaw> {
    match members.get("id") {
        None | Some(Exact::Null) if is_error => Ok(None),
        Some(id) => RequestId::read(id).map(Some).ok_or(Flaw::IdMalformed),
        None => Err(Flaw::IdMalformed),
    }
}

impl Call {
    fn read(method: String, mut members: Members) -> Result<Self, Flaw> {
        let id = members.get("id").map(|id| RequestId::read(id).ok_or(Flaw::IdMalformed)).transpose()?;
        // Some servers run a `tools/call` without id like any other, so a message must be what its method says.
        if !is_method(&method) || id.is_none() != is_notification(&method) {
            return Err(Flaw::MessageMalformed);
        }
        let params = match members.remove("params") {
            None => Members::new(),
            Some(Exact::Object(params)) => params,
            Some(_) => return Err(Flaw::ParamsMalformed),
        };
        spelling::check(&params, &PARAMS)?;
        Ok(Self { id, method, params })
    }

    fn operations(mut self, revision: Revision) -> Result<Vec<Operation>, Flaw> {
        let targets = if self.method == LISTEN_METHOD {
            listened_to(&self.params)?
        } else {
            let named = named_by(&self.method).map(|named| named.in_params(&self.params));
            vec![named.transpose()?]
        };
        let mut arguments = match self.params.remove("arguments") {
            _ if !matches!(self.method.as_str(), "tools/call" | "prompts/get") => None,
            None => None,
            Some(Exact::Object(arguments)) => Some(arguments),
            Some(_) => return Err(Flaw::ParamsMalformed),
        };
        let kind = if self.id.is_some() { Kind::Request } else { Kind::Notification };
        let operation = |target| Operation {
            kind,
            revision,
            method: Some(self.method.clone()),
            target,
            // Only a method with one target has some.
            arguments: arguments.take(),
            id: self.id.clone(),
        };
        Ok(targets.into_iter().map(operation).collect())
    }
}

/// Methods are header values too (2026-07-28, "Standard Request Headers"), so they are visible ASCII. One that names
/// something is in its own case: to a server that ignores it, any other spelling would name it too.
pub(crate) fn is_method(text: &str) -> bool {
    let names = |method: &str| method == LISTEN_METHOD || named_by(method).is_some();
    let plain = !text.is_empty() && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic());
    plain && (names(text) || !names(&text.to_ascii_lowercase()))
}

/// Asks for several things at once.
pub(crate) const LISTEN_METHOD: &str = "subscriptions/listen";

/// MCP gives each of its notifications such a method, and no request.
pub(crate) fn is_notification(method: &str) -> bool {
    method.starts_with("notifications/")
}

/// How a method names what it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    /// The member of `params` that holds the name.
    pub(crate) member: &'static str,
    target: fn(String) -> Target,
    /// Whether `Mcp-Name` repeats it (2026-07-28, "Standard Request Headers"; the tasks extension).
    pub(crate) in_header: bool,
}

/// How this method names what it is about, if it does.
pub(crate) fn named_by(method: &str) -> Option<Named> {
    let (member, target, in_header): (_, fn(String) -> Target, _) = match method {
        "tools/call" => ("name", Target::Tool, true),
        "prompts/get" => ("name", Target::Prompt, true),
        "resources/read" => ("uri", Target::Resource, true),
        "resources/subscribe" | "resources/unsubscribe" => ("uri", Target::Resource, false),
        "tasks/get" | "tasks/update" | "tasks/cancel" => ("taskId", Target::Task, true),
        "tasks/result" => ("taskId", Target::Task, false),
        _ => return None,
    };
    Some(Named { member, target, in_header })
}

impl Named {
    fn in_params(self, params: &Members) -> Result<Target, Flaw> {
        let name = params.get(self.member).and_then(Exact::as_str).ok_or(Flaw::ParamsMalformed)?;
        self.target(name)
    }

    /// The target of this name, if it is one that all readers take for the same.
    pub(crate) fn target(self, name: &str) -> Result<Target, Flaw> {
        fit((self.target)(name.to_owned()))
    }
}

/// Whether a server that trims names, or cuts them at a NUL, takes the same one.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && !name.chars().any(spelling::is_unseen)
}

fn fit(target: Target) -> Result<Target, Flaw> {
    let name = target.name();
    if !is_plain_name(name) || name.len() > 8192 {
        return Err(Flaw::ParamsMalformed);
    }
    match &target {
        Target::Resource(uri) if !resource_uri::is_plain(uri) => Err(Flaw::ResourceAmbiguous),
        _ => Ok(target),
    }
}

/// `subscriptions/listen` asks for many things at once; each is judged as if it were asked for alone. What is asked
/// for without a name, such as changes of lists, is the operation without target.
fn listened_to(params: &Members) -> Result<Vec<Option<Target>>, Flaw> {
    let Some(Exact::Object(wanted)) = params.get("notifications") else { return Err(Flaw::ParamsMalformed) };
    spelling::check(wanted, &LISTEN)?;
    let mut targets = Vec::new();
    for (member, target) in [("resourceSubscriptions", Target::Resource as fn(String) -> _), ("taskIds", Target::Task)]
    {
        let names: &[Exact] = match wanted.get(member) {
            None => &[],
            Some(Exact::Array(names)) => names,
            Some(_) => return Err(Flaw::ParamsMalformed),
        };
        for name in names {
            let name = name.as_str().ok_or(Flaw::ParamsMalformed)?;
            targets.push(Some(fit(target(name.to_owned()))?));
        }
    }
    if targets.is_empty() || wanted.keys().any(|member| !LISTEN.contains(&member.as_str())) {
        targets.push(None);
    }
    Ok(targets)
}
