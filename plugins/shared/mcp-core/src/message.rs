//! One JSON-RPC message of a body.

use std::rc::Rc;

use oauth_core::json::InPlace;

use crate::{
    compared::Compared,
    flaw::Flaw,
    members::Members,
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

/// A message that is one of JSON-RPC and of MCP.
#[derive(Debug)]
pub(crate) enum Message<'t> {
    Call(Call<'t>),
    Response(Option<RequestId>),
}

/// A request or notification.
#[derive(Debug)]
pub(crate) struct Call<'t> {
    /// Requests alone have one.
    pub(crate) id: Option<RequestId>,
    pub(crate) method: Rc<str>,
    pub(crate) params: Members<'t>,
}

impl<'t> Message<'t> {
    pub(crate) fn read(value: InPlace<'t>, compared: Compared) -> Result<Self, Flaw> {
        let members = Members::read_strictly(value, &MESSAGE)?.ok_or(Flaw::MessageMalformed)?;
        if members.get("jsonrpc").and_then(InPlace::as_str).as_deref() != Some("2.0") {
            return Err(Flaw::MessageMalformed);
        }
        let outcome = (members.has("result"), members.has("error"));
        match (members.get("method"), outcome) {
            (Some(method), (false, false)) => {
                let method = method.as_str().ok_or(Flaw::MessageMalformed)?;
                Call::read(&method, &members, compared).map(Self::Call)
            }
            (None, (true, false) | (false, true)) if !members.has("params") => {
                response(&members, outcome.1).map(Self::Response)
            }
            _ => Err(Flaw::MessageMalformed),
        }
    }

    /// What the message asks for: not more than `most`.
    pub(crate) fn operations(
        self,
        revision: Revision,
        compared: Compared,
        most: usize,
    ) -> Result<Vec<Operation>, Flaw> {
        match self {
            Self::Call(call) => call.operations(revision, compared, most),
            // 2026-07-28, "Sending Messages": the server asks nothing, so there is nothing to answer.
            Self::Response(_) if revision.is_stateless() => Err(Flaw::MessageMalformed),
            Self::Response(id) => {
                Ok(vec![Operation { kind: Kind::Response, revision, method: None, target: None, arguments: None, id }])
            }
        }
    }
}

/// Only an error may have no id: that of a request whose id could not be read (JSON-RPC 2.0 §5).
fn response(members: &Members<'_>, is_error: bool) -> Result<Option<RequestId>, Flaw> {
    match members.get("id") {
        Some(id) if is_error && id.is_null() => Ok(None),
        Some(id) => RequestId::read(id).map(Some).ok_or(Flaw::IdMalformed),
        None if is_error => Ok(None),
        None => Err(Flaw::IdMalformed),
    }
}

impl<'t> Call<'t> {
    fn read(method: &str, members: &Members<'t>, compared: Compared) -> Result<Self, Flaw> {
        let id = members.get("id").map(|id| RequestId::read(id).ok_or(Flaw::IdMalformed)).transpose()?;
        // Some servers run a `tools/call` without id like any other, so a message must be what its method says.
        if !is_method(method) || id.is_none() != is_notification(method) {
            return Err(Flaw::MessageMalformed);
        }
        let params = match members.get("params") {
            None => Members::default(),
            Some(params) if compared.has_params_of(method) => {
                Members::read_strictly(params, &PARAMS)?.ok_or(Flaw::ParamsMalformed)?
            }
            Some(params) => Members::read(params, &PARAMS).ok_or(Flaw::ParamsMalformed)?,
        };
        Ok(Self { id, method: method.into(), params })
    }

    fn operations(self, revision: Revision, compared: Compared, most: usize) -> Result<Vec<Operation>, Flaw> {
        let targets = if &*self.method == LISTEN_METHOD {
            listened_to(&self.params, compared, most)?
        } else {
            let named = named_by(&self.method).map(|named| named.in_params(&self.params, compared));
            vec![named.transpose()?]
        };
        let mut arguments = match self.params.get("arguments") {
            _ if !matches!(&*self.method, "tools/call" | "prompts/get") => None,
            None => None,
            Some(arguments) if arguments.members().is_some() => Some(arguments.to_own_text()),
            Some(_) => return Err(Flaw::ParamsMalformed),
        };
        let kind = if self.id.is_some() { Kind::Request } else { Kind::Notification };
        let operation = |target| Operation {
            kind,
            revision,
            method: Some(Rc::clone(&self.method)),
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
    fn in_params(self, params: &Members<'_>, compared: Compared) -> Result<Target, Flaw> {
        let name = params.get(self.member).and_then(InPlace::as_str).ok_or(Flaw::ParamsMalformed)?;
        self.target(&name, compared)
    }

    /// The target of this name; if it is compared, one that all readers take for the same.
    pub(crate) fn target(self, name: &str, compared: Compared) -> Result<Target, Flaw> {
        fit((self.target)(name.to_owned()), compared)
    }
}

/// Whether a server that trims names, or cuts them at a NUL, takes the same one.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && !name.chars().any(spelling::is_unseen)
}

/// More bytes than the name of anything has.
const MAX_NAME_BYTES: usize = 8192;

fn fit(target: Target, compared: Compared) -> Result<Target, Flaw> {
    let name = target.name();
    if name.len() > MAX_NAME_BYTES || (compared.has(&target) && !is_plain_name(name)) {
        return Err(Flaw::ParamsMalformed);
    }
    match &target {
        Target::Resource(uri) if compared.has(&target) && !resource_uri::is_plain(uri) => Err(Flaw::ResourceAmbiguous),
        _ => Ok(target),
    }
}

/// `subscriptions/listen` asks for many things at once; each is judged as if it were asked for alone. What is asked
/// for without a name, such as changes of lists, is the operation without target.
fn listened_to(params: &Members<'_>, compared: Compared, most: usize) -> Result<Vec<Option<Target>>, Flaw> {
    let notifications = params.get("notifications").ok_or(Flaw::ParamsMalformed)?;
    let wanted = if compared.has_params_of(LISTEN_METHOD) {
        Members::read_strictly(notifications, &LISTEN)?
    } else {
        Members::read(notifications, &LISTEN)
    };
    let wanted = wanted.ok_or(Flaw::ParamsMalformed)?;
    let mut targets = Vec::new();
    for (member, target) in [("resourceSubscriptions", Target::Resource as fn(String) -> _), ("taskIds", Target::Task)]
    {
        let Some(names) = wanted.get(member) else { continue };
        for name in names.elements().ok_or(Flaw::ParamsMalformed)? {
            let name = name.as_str().ok_or(Flaw::ParamsMalformed)?;
            // A small body has room for very many.
            if targets.len() >= most {
                return Err(Flaw::TooManyOperations);
            }
            targets.push(Some(fit(target(name.into_owned()), compared)?));
        }
    }
    let mut members = notifications.members().into_iter().flatten();
    if targets.is_empty() || members.any(|(member, _)| !LISTEN.contains(&&*member)) {
        targets.push(None);
    }
    Ok(targets)
}
