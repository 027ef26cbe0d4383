//! What all filters of this kind have in their configuration.

use mcp_core::{Compared, Endpoint, Origins, ParamHeader, Reads};
use oauth_core::{
    config::{Problems, at, at_index},
    pointer::Pointer,
};
use serde::Deserialize;

use crate::{
    cors::{Cors, RawCors},
    matching::Match,
    policy::{Hold, PropertyPath},
    request::Forms,
    requires::{RequiredFilter, Requires},
    rules::Mode,
    token_source::{RawTokenSource, TokenSource},
};

/// `mcp`: how requests are read on paths where a rule looks at what they do in MCP.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"allowed_origins\": []}")]
pub struct RawMcp {
    allowed_origins: Option<Vec<String>>,
    max_body_bytes: Option<u64>,
    param_headers: Option<Vec<RawParamHeader>>,
}

/// An argument that clients repeat in a header field (MCP 2026-07-28, `x-mcp-header`).
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"tool\": …, \"header\": …, \"argument\": …}")]
struct RawParamHeader {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    tool: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    header: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    argument: Option<String>,
}

/// What becomes of a request that no rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// It passes: its token was verified, and nothing more is required.
    Allow,
    /// It is denied.
    Deny,
}

/// How a body is had that the verdict needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BodyMode {
    /// Nothing goes on before the verdict.
    #[default]
    HoldHeaders,
    /// The headers go on, the body waits.
    HoldBody,
    /// The headers say it all.
    HeadersOnly,
}

/// The common members of a raw configuration.
#[derive(Clone, Copy, Debug)]
pub struct RawCommon<'a> {
    /// `token`
    pub token: Option<&'a RawTokenSource>,
    /// `requires`
    pub requires: Option<&'a [RequiredFilter]>,
    /// The tolerance for a token's times, as configured.
    pub clock_skew_seconds: Option<u64>,
    /// `cors`
    pub cors: Option<&'a RawCors>,
    /// `mcp`
    pub mcp: Option<&'a RawMcp>,
    /// `body_mode`
    pub body_mode: Option<BodyMode>,
    /// `forms`
    pub forms: Option<Forms>,
}

/// What all such filters have in their settings.
#[derive(Debug)]
pub struct Common {
    /// Where the verified token comes from.
    pub token: TokenSource,
    /// The filters that must have let a request through.
    pub requires: Requires,
    /// What to read for each request: first what `token` needs, then what `requires` does.
    pub properties: Vec<PropertyPath>,
    /// Browsers that may read denials.
    pub cors: Cors,
    /// How requests are read on paths where a rule looks at what they do in MCP.
    pub endpoint: Endpoint,
    /// What waits for the verdict while a body is read.
    pub hold: Hold,
    /// How a POST is judged whose body may be a form.
    pub forms: Forms,
    /// Allowed, but hardly meant; for the log.
    pub notes: Vec<String>,
}

/// The largest sensible difference between two clocks (JWT-22).
const MOST_CLOCK_SKEW: u64 = 60;

/// What Envoy buffers over HTTP/1 by default.
const DEFAULT_BODY_BYTES: u64 = 1024 * 1024;

/// What Envoy buffers over HTTP/2 at most.
const MOST_BODY_BYTES: u64 = 16 * 1024 * 1024;

impl RawCommon<'_> {
    /// The difference between clocks that is tolerated if nothing was configured, in seconds.
    pub const DEFAULT_CLOCK_SKEW: u64 = 30;

    /// Checks the common members, each at its place on the top level. `rules` are the matches of all rules.
    pub fn settings<'m>(&self, rules: impl Iterator<Item = (&'m Match, Mode)>, problems: &mut Problems) -> Common {
        let token = RawTokenSource::settings(self.token, self.clock_skew_seconds, "token", problems);
        let skew_place = "clock_skew_seconds";
        if self.clock_skew_seconds.is_some_and(|skew| skew > MOST_CLOCK_SKEW) && !problems.has_below(skew_place) {
            problems.add(skew_place, format!("is too large: expected 0 to {MOST_CLOCK_SKEW} seconds"));
        }
        let about_operations: Vec<_> = rules.filter(|(block, _)| block.names_operations()).collect();
        let names_operations = !about_operations.is_empty();
        for (name, given) in [("mcp", self.mcp.is_some()), ("body_mode", self.body_mode.is_some())] {
            if given && !names_operations && !problems.has_below("rules") {
                problems.note(name, "is not used: no rule has match.mcp");
            }
        }
        let body_mode = self.body_mode.unwrap_or_default();
        let requires = Requires::settings(self.requires, "requires", problems);
        let properties = token.properties().iter().cloned().chain(requires.properties()).collect();
        Common {
            token,
            requires,
            properties,
            cors: RawCors::settings(self.cors, "cors", problems),
            endpoint: Endpoint {
                compared: compared(&about_operations),
                ..self.mcp.cloned().unwrap_or_default().endpoint(body_mode, "mcp", problems)
            },
            hold: match body_mode {
                BodyMode::HoldHeaders | BodyMode::HeadersOnly => Hold::Headers,
                BodyMode::HoldBody => Hold::Body,
            },
            forms: self.forms.unwrap_or_default(),
            notes: Vec::new(),
        }
    }
}

/// What is compared, and so refused if it has two readings. Rules in shadow mode refuse nothing, so they have a say only
/// where they are alone, and what they would refuse is but recorded.
fn compared(rules: &[(&Match, Mode)]) -> Compared {
    let all_are_shadow = rules.iter().all(|(_, mode)| *mode == Mode::Shadow);
    let deciding = rules.iter().filter(|(_, mode)| all_are_shadow || *mode == Mode::Enforce);
    deciding.fold(Compared::NOTHING, |all, (block, _)| all.or(block.compared()))
}

impl Common {
    /// Takes over what the operator should know about a configuration that is valid all the same.
    pub fn keep_notes(&mut self, problems: &Problems) {
        self.notes = problems.notes().iter().map(|note| format!("{} {}", note.path, note.message)).collect();
    }
}

impl RawMcp {
    fn endpoint(&self, body_mode: BodyMode, place: &str, problems: &mut Problems) -> Endpoint {
        let max_body = self.max_body_bytes.unwrap_or(DEFAULT_BODY_BYTES);
        if max_body == 0 || max_body > MOST_BODY_BYTES {
            problems.add(at(place, "max_body_bytes"), format!("is out of range: expected 1 to {MOST_BODY_BYTES}"));
        }
        let origins = self.allowed_origins.as_deref().unwrap_or_default();
        let params = self.param_headers.as_deref().unwrap_or_default();
        Endpoint {
            max_body: usize::try_from(max_body).unwrap_or(0),
            origins: Origins::settings(origins, &at(place, "allowed_origins"), problems),
            compared: Compared::ALL,
            reads: match body_mode {
                BodyMode::HoldHeaders | BodyMode::HoldBody => Reads::Body,
                BodyMode::HeadersOnly => Reads::HeadOnly,
            },
            params: param_headers(params, &at(place, "param_headers"), problems),
        }
    }
}

fn param_headers(raw: &[RawParamHeader], place: &str, problems: &mut Problems) -> Vec<ParamHeader> {
    let mut headers: Vec<ParamHeader> = Vec::new();
    for (index, raw) in raw.iter().enumerate() {
        let place = at_index(place, index);
        let tool = problems.required(at(&place, "tool"), raw.tool.as_deref(), "the name of a tool");
        let header = problems.required(at(&place, "header"), raw.header.as_deref(), "what follows Mcp-Param-");
        if header.is_some_and(|header| !is_field_name(header)) {
            problems
                .add(at(&place, "header"), "is no part of a field's name: expected as \"Region\" for Mcp-Param-Region");
        }
        let argument = problems.required(at(&place, "argument"), raw.argument.as_deref(), "a JSON Pointer");
        let path = argument.and_then(Pointer::parse).map(|pointer| pointer.steps().to_vec());
        if argument.is_some() && path.is_none() {
            problems.add(
                at(&place, "argument"),
                "is no JSON Pointer (RFC 6901) below the arguments: expected as \"/region\"",
            );
        }
        let (Some(tool), Some(header), Some(path)) = (tool, header, path) else { continue };
        let same = |other: &ParamHeader| other.tool == tool && other.name.eq_ignore_ascii_case(header);
        if headers.iter().any(same) {
            problems.add(at(&place, "header"), "is there twice for this tool: expected each header once");
        }
        headers.push(ParamHeader { tool: tool.to_owned(), name: header.to_owned(), path });
    }
    headers
}

fn is_field_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
