//! Tokens that callers bring for the filter, each in a field of its own.

use oauth_core::{
    config::{Problems, at, at_index, is_name},
    pointer::Pointer,
    secret::Secret,
};
use serde::Deserialize;

use super::{
    ActorFrom, ActorSource, Injected,
    raw::{Known, TokenType},
};

/// Whose token shows who acts (RFC 8693 §2.1).
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"header\": …, \"type\": …}")]
pub(super) struct RawActorToken {
    header: Option<String>,
    value: Option<Secret>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    #[serde(rename = "type")]
    token_type: Option<TokenType>,
}

/// How a second token that the caller brings must fit the first.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"header\": …, \"issuers\": […]}")]
pub(super) struct RawInjected {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    header: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    issuers: Option<Vec<String>>,
    same: Option<Vec<RawSame>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"subject\": \"/oid\", \"token\": \"/oid\"}")]
struct RawSame {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    subject: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    token: Option<String>,
}

impl RawInjected {
    /// `place` is the target's. `audiences` are those that the target names.
    pub(super) fn settings(
        raw: Option<&Self>,
        audiences: Vec<String>,
        known: &Known<'_>,
        place: &str,
        problems: &mut Problems,
    ) -> Option<Injected> {
        let raw_place = at(place, "pre_injected");
        let raw = problems.required(&raw_place, raw, "{\"header\": …, \"issuers\": […]}");
        if audiences.is_empty() || !audiences.iter().all(|audience| is_name(audience)) {
            problems.add(at(place, "audience"), "is empty or holds a name that is empty or has white space around it: expected whom the caller's token must be for");
        }
        let raw = raw?;
        let header = header(raw.header.as_deref(), &at(&raw_place, "header"), problems);
        let names = problems.required(at(&raw_place, "issuers"), raw.issuers.as_deref(), "the identifiers of issuers");
        let mut issuers = Vec::new();
        for (index, name) in names.unwrap_or_default().iter().enumerate() {
            match known.issuers.and_then(|known| known.position(name)) {
                Some(position) => issuers.push(position),
                None if known.issuers.is_some_and(|known| known.may_name(name)) => {}
                None => {
                    problems.add(at_index(&at(&raw_place, "issuers"), index), "is not known: expected one of issuers")
                }
            }
        }
        if names.is_some_and(<[_]>::is_empty) {
            problems.add(at(&raw_place, "issuers"), "is empty: expected at least one issuer");
        }
        let same = raw.same.as_deref().unwrap_or_default().iter().enumerate();
        let same = same.filter_map(|(index, raw)| raw.settings(&at_index(&at(&raw_place, "same"), index), problems));
        let same = same.collect();
        if raw.same.as_ref().is_some_and(Vec::is_empty) {
            problems.add(at(&raw_place, "same"), "is empty: expected at least one pair, or leave it out");
        }
        Some(Injected { header: header?, issuers, audiences, same })
    }
}

impl RawActorToken {
    pub(super) fn settings(&self, place: &str, problems: &mut Problems) -> Option<ActorSource> {
        let token_type = problems.required(at(place, "type"), self.token_type, "`access_token` or `jwt`");
        let from = match (&self.header, &self.value) {
            (Some(name), None) => header(Some(name), &at(place, "header"), problems).map(ActorFrom::Header),
            (None, Some(value)) if !value.is_empty() => Some(ActorFrom::Value(value.clone())),
            _ => {
                problems.add(place, "has not one token: expected one of header and value");
                None
            }
        };
        Some(ActorSource { from: from?, token_type: token_type?.urn() })
    }
}

impl RawSame {
    fn settings(&self, place: &str, problems: &mut Problems) -> Option<(Pointer, Pointer)> {
        let mut pointer = |name: &str, given: Option<&String>| {
            let text = problems.required(at(place, name), given, "a JSON Pointer")?;
            let pointer = Pointer::parse(text);
            if pointer.is_none() {
                problems.add(at(place, name), "is no JSON Pointer (RFC 6901): expected one as \"/oid\"");
            }
            pointer
        };
        let (subject, token) = (pointer("subject", self.subject.as_ref()), pointer("token", self.token.as_ref()));
        Some((subject?, token?))
    }
}

/// A field in which a caller brings a token. One that others set, or that goes on in any case, is none.
fn header(name: Option<&str>, place: &str, problems: &mut Problems) -> Option<String> {
    let name = problems.required(place, name, "the name of a field")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let rest = name.strip_prefix("x-");
    if !rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with("fourleg") && rest.bytes().all(plain)) {
        problems
            .add(place, "is no field for it: expected one in lower case that begins with x- and not with x-fourleg-");
    }
    Some(name.to_owned())
}
