//! `token`: raw, and as settings.

use oauth_core::{
    audience::is_resource_identifier,
    config::{Problems, at},
};
use serde::Deserialize;

use super::{
    TokenSource, Way,
    verify::{RawVerified, Verifying},
};
use crate::{handoff, issuers::RawIssuer, policy::PropertyPath};

/// `token`
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"source\": \"verified\"}")]
pub struct RawTokenSource {
    source: Option<RawSource>,
    payload_key: Option<String>,
    payload_header: Option<String>,
    resource: Option<String>,
    issuers: Option<Vec<RawIssuer>>,
    resources: Option<Vec<RawVerified>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum RawSource {
    #[default]
    Verified,
    JwtAuthn,
    Verify,
    Introspection,
}

/// The name of `jwt_authn` in metadata.
const JWT_AUTHN: &str = "envoy.filters.http.jwt_authn";

impl RawTokenSource {
    /// The source, `verified` if nothing was configured. Notes every mistake below `place`.
    ///
    /// `clock_skew_seconds` is that of the filter, for the times of tokens that are verified here.
    pub fn settings(
        raw: Option<&Self>,
        clock_skew_seconds: Option<u64>,
        place: &str,
        problems: &mut Problems,
    ) -> TokenSource {
        let none = Self::default();
        let raw = raw.unwrap_or(&none);
        let source = raw.source.unwrap_or_default();
        for (name, given, known_to, its_name) in [
            ("payload_key", raw.payload_key.is_some(), RawSource::JwtAuthn, "jwt_authn"),
            ("payload_header", raw.payload_header.is_some(), RawSource::JwtAuthn, "jwt_authn"),
            ("resource", raw.resource.is_some(), RawSource::JwtAuthn, "jwt_authn"),
            ("issuers", raw.issuers.is_some(), RawSource::Verify, "verify"),
            ("resources", raw.resources.is_some(), RawSource::Verify, "verify"),
        ] {
            if given && source != known_to {
                problems.add(at(place, name), format!("is known to the source {its_name} only"));
            }
        }
        match source {
            RawSource::Verified => {}
            RawSource::JwtAuthn => return raw.jwt_authn(place, problems),
            RawSource::Verify => {
                let verifying = Verifying::settings(
                    raw.issuers.as_deref(),
                    raw.resources.as_deref(),
                    clock_skew_seconds,
                    place,
                    problems,
                );
                return TokenSource { way: Way::Verify(Box::new(verifying)), properties: Vec::new() };
            }
            RawSource::Introspection => problems.add(
                at(place, "source"),
                "introspection is not supported by this version: expected verified, jwt_authn or verify",
            ),
        }
        TokenSource { way: Way::Verified, properties: vec![PropertyPath::known(handoff::TOKEN)] }
    }

    fn jwt_authn(&self, place: &str, problems: &mut Problems) -> TokenSource {
        let key_place = at(place, "payload_key");
        let key = problems.required(&key_place, self.payload_key.as_deref(), "the payload_in_metadata of jwt_authn");
        let key = key.unwrap_or_default();
        if self.payload_key.is_some() && (key.is_empty() || key.contains('\0')) {
            problems.add(key_place, "is no key of metadata: expected the payload_in_metadata of jwt_authn");
        }
        let header_place = at(place, "payload_header");
        let header =
            problems.required(&header_place, self.payload_header.as_deref(), "the forward_payload_header of jwt_authn");
        let header = header.unwrap_or_default();
        if self.payload_header.is_some() && !is_payload_header(header) {
            // What begins with x-fourleg- is taken out of every request.
            problems.add(
                header_place,
                "is no field for it: expected one in lower case that begins with x- and not with x-fourleg-",
            );
        }
        if self.resource.as_deref().is_some_and(|uri| !is_resource_identifier(uri)) {
            problems.add(
                at(place, "resource"),
                "is no absolute URI without fragment: expected one as \"https://tools.example/files\"",
            );
        }
        TokenSource {
            way: Way::JwtAuthn { payload_header: header.to_owned(), resource: self.resource.clone() },
            // A leaf, since one null claim makes all of the payload unreadable.
            properties: vec![PropertyPath::of(&["metadata", "filter_metadata", JWT_AUTHN, key, "iss"])],
        }
    }
}

fn is_payload_header(name: &str) -> bool {
    let rest = name.strip_prefix("x-");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with("fourleg") && rest.bytes().all(plain))
}
