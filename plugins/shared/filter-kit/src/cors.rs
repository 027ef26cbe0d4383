//! What scripts of other origins may do: `cors` of a configuration (Fetch §3.2).

use mcp_core::Origins;
use oauth_core::config::{Problems, at};
use serde::Deserialize;

use crate::{policy::Response, request::RequestHead};

/// How long a browser may keep a preflight's answer.
const MAX_AGE: &str = "600";

/// `cors`
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"allow_origins\": […]}")]
pub struct RawCors {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    allow_origins: Option<Vec<String>>,
}

/// The origins whose preflights are answered, and whose scripts may read denials; by default none.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    allow_origins: Origins,
}

impl RawCors {
    /// Checks the block; notes every mistake below `place`.
    pub fn settings(raw: Option<&Self>, place: &str, problems: &mut Problems) -> Cors {
        let Some(raw) = raw else { return Cors::default() };
        let place = at(place, "allow_origins");
        let origins = problems.required(&place, raw.allow_origins.clone(), "a list of origins").unwrap_or_default();
        Cors { allow_origins: Origins::settings(&origins, &place, problems) }
    }
}

impl Cors {
    /// The `Origin` of the request, if it is one of the configured ones.
    #[must_use]
    pub fn allowed_origin(&self, request: &RequestHead) -> Option<String> {
        self.allow_origins.listed(request.fields().only("origin")?).map(str::to_owned)
    }

    /// The answer to a preflight of an allowed origin (COR-16).
    #[must_use]
    pub fn preflight(&self, request: &RequestHead, method: &str) -> Option<Response> {
        let fields = request.fields();
        let asked = fields.only("access-control-request-method").filter(|_| method == "OPTIONS")?;
        let origin = self.allowed_origin(request)?;
        let mut headers = vec![
            ("access-control-allow-origin", origin),
            ("access-control-allow-methods", token_list(asked)?),
            ("access-control-max-age", MAX_AGE.to_owned()),
            ("vary", "Origin".to_owned()),
        ];
        if fields.has("access-control-request-headers") {
            let wanted = fields.only("access-control-request-headers").and_then(token_list)?;
            headers.push(("access-control-allow-headers", wanted));
        }
        Some(Response { status: 204, headers, body: String::new(), code: "preflight" })
    }
}

/// Fields that let the scripts of this origin read a denial and its challenge (COR-16).
#[must_use]
pub fn readable_by(origin: &str) -> Vec<(&'static str, String)> {
    vec![
        ("access-control-allow-origin", origin.to_owned()),
        ("access-control-expose-headers", "WWW-Authenticate".to_owned()),
        ("vary", "Origin".to_owned()),
    ]
}

/// A list of HTTP tokens (RFC 9110 §5.6.2) as it came, or nothing: it goes back out in a header.
fn token_list(list: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(list).ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~, ".contains(&byte);
    (!text.is_empty() && text.len() <= 1024 && text.bytes().all(plain)).then(|| text.to_owned())
}
