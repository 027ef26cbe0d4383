//! Values that a rule takes from the request.

use std::collections::{BTreeMap, BTreeSet};

use crate::json::{Exact, InPlace};
use crate::pointer::Pointer;

/// A value of a rule: literal, or one thing of the request with its own type. There is nothing in between: what a client
/// chose would complete the text around it to another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Template {
    Literal(Exact),
    Of(Source),
    /// An object with a value for each of its members, which are compared one by one.
    Object(Templates),
}

/// Values by the names of the members.
pub(super) type Templates = BTreeMap<String, Template>;

/// What of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Path(String),
    Query(String),
    Header(String),
    Tool,
    Argument(Pointer),
}

/// What templates may look at in a request. Names that have no value, or none that all readers agree on, are left out.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The values of the path template's variables.
    pub captures: &'a [(String, String)],
    /// The query parameters that templates name.
    pub query: &'a BTreeMap<String, String>,
    /// The header fields that templates name.
    pub headers: &'a BTreeMap<String, String>,
    /// The tool that is called.
    pub tool: Option<&'a str>,
    /// The arguments of the call, an object.
    pub arguments: Option<InPlace<'a>>,
}

/// What of requests the templates name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Query parameters.
    pub query: BTreeSet<String>,
    /// Header fields, in lower case.
    pub headers: BTreeSet<String>,
    /// Arguments: for each the steps that lead to it, at least one.
    pub arguments: Vec<Vec<String>>,
}

/// No token grants more: neither values in one value nor bytes of text. Beyond it, an argument that is compared would cost
/// memory and time for nothing.
const MAX_VALUES: usize = 1024;
const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Fields that hold secrets, which would come back in the answer.
const SECRET_HEADERS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

const WHAT_IS_KNOWN: &str = "holds braces and is no template: expected {path.name}, {query.name}, {header.name}, {mcp.tool} \
                             or {mcp.arguments/name}, and nothing around it";

impl Template {
    /// Reads a value of a rule: whole numbers and texts are kept exactly.
    ///
    /// # Errors
    /// What is wrong with it, and what was expected.
    pub(super) fn parse(value: &serde_json::Value) -> Result<Self, &'static str> {
        match value.as_str().filter(|text| text.contains(['{', '}'])) {
            Some(text) => Source::parse(text).map(Self::Of),
            None => literal(value).map(Self::Literal),
        }
    }

    /// The value in a request, if there is one; `None` for [`Template::Object`], whose members have one each.
    pub(super) fn fill(&self, facts: &RequestFacts<'_>) -> Option<Exact> {
        let text = |text: &str| Some(Exact::String(text.to_owned()));
        match self {
            Self::Object(_) => None,
            Self::Literal(value) => Some(value.clone()),
            Self::Of(Source::Path(name)) => {
                let mut values = facts.captures.iter().filter(|(captured, _)| captured == name);
                match (values.next(), values.next()) {
                    (Some((_, value)), None) => text(value),
                    _ => None,
                }
            }
            Self::Of(Source::Query(name)) => text(facts.query.get(name)?),
            Self::Of(Source::Header(name)) => text(facts.headers.get(name)?),
            Self::Of(Source::Tool) => text(facts.tool?),
            Self::Of(Source::Argument(pointer)) => {
                pointer.find_in_place(facts.arguments?)?.to_exact(MAX_VALUES, MAX_VALUE_BYTES)
            }
        }
    }

    pub(super) fn note(&self, named: &mut Named) {
        match self {
            Self::Of(Source::Query(name)) => drop(named.query.insert(name.clone())),
            Self::Of(Source::Header(name)) => drop(named.headers.insert(name.clone())),
            Self::Of(Source::Argument(pointer)) => named.arguments.push(pointer.steps().to_vec()),
            Self::Object(members) => members.values().for_each(|template| template.note(named)),
            Self::Literal(_) | Self::Of(Source::Path(_) | Source::Tool) => {}
        }
    }

    pub(super) fn names_tool(&self) -> bool {
        match self {
            Self::Of(source) => *source == Source::Tool,
            Self::Object(members) => members.values().any(Self::names_tool),
            Self::Literal(_) => false,
        }
    }
}

impl Source {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let inner = inner.filter(|inner| !inner.contains(['{', '}'])).ok_or(WHAT_IS_KNOWN)?;
        if inner == "mcp.tool" {
            return Ok(Self::Tool);
        }
        if let Some(pointer) = inner.strip_prefix("mcp.arguments") {
            let pointer = Pointer::parse(pointer);
            return pointer
                .map(Self::Argument)
                .ok_or("names no argument: expected one as {mcp.arguments/name} (RFC 6901)");
        }
        let (kind, name) = inner.split_once('.').ok_or(WHAT_IS_KNOWN)?;
        let is_name = |also: &[u8]| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
        };
        match kind {
            "path" if is_name(b"_") => Ok(Self::Path(name.to_owned())),
            "query" if is_name(b"_-.") => Ok(Self::Query(name.to_owned())),
            "header" if SECRET_HEADERS.contains(&name) => {
                Err("names a field with secrets, which would come back in the answer: expected another one")
            }
            "header" if name == "host" => Err("names no field that is seen: expected hosts in match"),
            "header" if name.starts_with("x-fourleg-") => {
                Err("names a field that is taken out of every request: expected another one")
            }
            "header" if is_name(b"-") && !name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Ok(Self::Header(name.to_owned()))
            }
            "header" => Err("is no name of a field: expected one in lower case, as {header.x-tenant}"),
            _ => Err(WHAT_IS_KNOWN),
        }
    }
}

fn literal(value: &serde_json::Value) -> Result<Exact, &'static str> {
    use serde_json::Value;
    Ok(match value {
        Value::Null => return Err("is null: expected a value"),
        Value::Bool(value) => Exact::Bool(*value),
        Value::Number(number) if number.is_u64() || number.is_i64() => Exact::Number(number.to_string()),
        Value::Number(_) => {
            return Err("is a number with a fraction, which is not kept exactly: expected a whole number, or a text");
        }
        Value::String(text) if text.contains(['{', '}']) => {
            return Err(
                "is a template inside a list or an object, where nothing of the request belongs: expected literals, or one template for all of it",
            );
        }
        Value::String(text) => Exact::String(text.clone()),
        Value::Array(elements) => Exact::Array(elements.iter().map(literal).collect::<Result<_, _>>()?),
        Value::Object(members) => Exact::Object(
            members
                .iter()
                .map(|(name, value)| literal(value).map(|value| (name.clone(), value)))
                .collect::<Result<_, _>>()?,
        ),
    })
}
