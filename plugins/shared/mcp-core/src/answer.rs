//! JSON-RPC error bodies.

use serde_json::{Value, json};

use crate::operation::RequestId;

/// The JSON-RPC code of a denial with status 401; see [`denial`].
pub const UNAUTHORIZED: i64 = 401;
/// The JSON-RPC code of a denial with status 403; see [`denial`].
pub const FORBIDDEN: i64 = 403;

/// The body of a 401 or 403 that denies a JSON-RPC request.
///
/// In: the request's id (`None` for a notification, a response, a batch, a request without body and one whose id is
/// not known), the HTTP status, the stable code and fixed sentence of the denial, and its OAuth `error`, if any.
///
/// The JSON-RPC code is the status. MCP has no code for a denial, keeps -32000…-32099 to itself and to the past, and
/// asks for new codes outside JSON-RPC's reserved range (2026-07-28, "Error Codes"); so no client can take it for a
/// sign of an older or newer protocol, or for a lost session. Clients decide by the status and the challenge anyway.
///
/// Without an id the member is left out rather than null: MCP's schema allows no null there.
#[must_use]
pub fn denial(id: Option<&RequestId>, status: u16, code: &str, error: Option<&str>, description: &str) -> String {
    let mut data = json!({"code": code});
    if let (Some(error), Value::Object(members)) = (error, &mut data) {
        members.insert("error".to_owned(), Value::from(error));
    }
    self::error(id, i64::from(status), description, &data)
}

pub(crate) fn error(id: Option<&RequestId>, code: i64, message: &str, data: &Value) -> String {
    let mut body = json!({"jsonrpc": "2.0", "error": {"code": code, "message": message, "data": data}});
    if let (Some(id), Value::Object(members)) = (id, &mut body) {
        members.insert("id".to_owned(), Value::from(id));
    }
    body.to_string()
}
