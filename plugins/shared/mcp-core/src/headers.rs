//! The header fields of MCP, each with one value or refused.

use std::collections::{BTreeMap, btree_map::Entry};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::flaw::Flaw;

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const SESSION: &str = "mcp-session-id";
const PARAM: &str = "mcp-param-";

/// An argument that the operator knows to be repeated in a header (`x-mcp-header` in the tool's schema).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamHeader {
    /// The tool whose calls carry it.
    pub tool: String,
    /// What follows `Mcp-Param-` in the header's name; case does not matter.
    pub name: String,
    /// The names of the members that lead to the argument, from `params.arguments` on.
    pub path: Vec<String>,
}

/// The values of MCP's fields without surrounding white space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct McpHeaders {
    pub(crate) version: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) name: Option<String>,
    /// By the part after `Mcp-Param-`, in lower case.
    pub(crate) params: BTreeMap<String, String>,
    /// The first thing wrong with one of the above.
    pub(crate) flaw: Option<Flaw>,
}

impl McpHeaders {
    /// In: all fields of the request. What is wrong with them is kept, so that it can be told with the request's id.
    pub(crate) fn read(fields: &[(&[u8], &[u8])]) -> Self {
        let mut headers = Self::default();
        for (field, value) in fields {
            if let Err(flaw) = headers.take(field, value) {
                headers.flaw.get_or_insert(flaw);
            }
        }
        headers
    }

    fn take(&mut self, field: &[u8], value: &[u8]) -> Result<(), Flaw> {
        if !field.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"mcp")) {
            return Ok(());
        }
        let plain: String = field.iter().map(|byte| plain_name(*byte)).collect();
        let param = plain.strip_prefix(PARAM);
        if param.is_none() && ![VERSION, METHOD, NAME].contains(&plain.as_str()) {
            return Ok(());
        }
        // A server that maps fields to variables takes `mcp_name` for `mcp-name`. Behind `mcp-param-` a `_` is as
        // good a character as any other.
        let spelt = field.get(..PARAM.len()).filter(|_| param.is_some()).unwrap_or(field);
        if spelt.contains(&b'_') {
            return Err(Flaw::HeaderMalformed);
        }
        let value = text(value).ok_or(Flaw::HeaderMalformed)?;
        if param.is_some() {
            let name = String::from_utf8_lossy(field.get(PARAM.len()..).unwrap_or_default()).to_ascii_lowercase();
            return match self.params.entry(name) {
                Entry::Occupied(_) => Err(Flaw::HeaderDuplicate),
                Entry::Vacant(place) => {
                    place.insert(value);
                    Ok(())
                }
            };
        }
        let place = match plain.as_str() {
            VERSION => &mut self.version,
            METHOD => &mut self.method,
            _ => &mut self.name,
        };
        // Two fields of one name may come joined. No version and no method has a comma; a name may have one, so it
        // is left to the comparison with the body.
        if place.is_some() || (plain != NAME && value.contains(',')) {
            return Err(Flaw::HeaderDuplicate);
        }
        *place = Some(value);
        Ok(())
    }
}

/// The session id: visible ASCII, one value (2025-11-25, "Session Management"). A comma is what two joined values look
/// like.
pub(crate) fn session(fields: &[(&[u8], &[u8])]) -> Result<Option<String>, Flaw> {
    let mut sessions =
        fields.iter().filter(|(field, _)| field.iter().map(|byte| plain_name(*byte)).eq(SESSION.chars()));
    let Some((field, value)) = sessions.next() else { return Ok(None) };
    let fit = |byte: &u8| byte.is_ascii_graphic() && *byte != b',';
    let value = value.trim_ascii();
    if sessions.next().is_some() || field.contains(&b'_') || value.is_empty() || !value.iter().all(fit) {
        return Err(Flaw::SessionMalformed);
    }
    Ok(Some(String::from_utf8_lossy(value).into_owned()))
}

/// Lower case, `-` for `_`.
fn plain_name(byte: u8) -> char {
    if byte == b'_' { '-' } else { char::from(byte.to_ascii_lowercase()) }
}

/// A value without surrounding white space, if it is made of visible ASCII, spaces and tabs (2026-07-28, "Value
/// Encoding").
fn text(value: &[u8]) -> Option<String> {
    let fit = value.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t'));
    let value = std::str::from_utf8(value).ok().filter(|_| fit)?;
    Some(value.trim_matches([' ', '\t']).to_owned())
}

const SENTINEL_START: &str = "=?base64?";
const SENTINEL_END: &str = "?=";

/// Whether a value is written in base64.
pub(crate) fn is_encoded(value: &str) -> bool {
    value.starts_with(SENTINEL_START) && value.ends_with(SENTINEL_END)
}

/// What a value of `Mcp-Name` or `Mcp-Param-…` says: itself, or what its base64 says (2026-07-28, "Value Encoding").
/// A sentinel that is spelt otherwise is a plain value.
///
/// # Errors
/// [`Flaw::HeaderMalformed`] for base64 that is not canonical, or is of something else than UTF-8.
pub(crate) fn decoded(value: &str) -> Result<String, Flaw> {
    if !is_encoded(value) {
        return Ok(value.to_owned());
    }
    let inner = value.strip_prefix(SENTINEL_START).and_then(|rest| rest.strip_suffix(SENTINEL_END));
    let bytes = inner.and_then(|inner| STANDARD.decode(inner).ok()).ok_or(Flaw::HeaderMalformed)?;
    String::from_utf8(bytes).map_err(|_| Flaw::HeaderMalformed)
}
