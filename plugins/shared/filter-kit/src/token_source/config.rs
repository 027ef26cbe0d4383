//! `token`: raw, and as settings.

use oauth_core::{
    audience::is_resource_identifier,
    client_credential::RawClientCredential,
    config::{Problems, at},
    issuer::Profile,
};
use serde::Deserialize;

use super::{TokenSource, Way, proving::Proving, resource::RawResource};
use crate::{
    handoff,
    introspection::{RawAnswerCache, RawIntrospection, RawSigned},
    issuers::RawIssuer,
    policy::PropertyPath,
};

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
    resources: Option<Vec<RawResource>>,
    cluster: Option<String>,
    introspection_endpoint: Option<String>,
    issuer: Option<String>,
    profile: Option<Profile>,
    client_auth: Option<RawClientCredential>,
    signed: Option<RawSigned>,
    timeout_ms: Option<u64>,
    cache: Option<RawAnswerCache>,
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

impl RawSource {
    const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::JwtAuthn => "jwt_authn",
            Self::Verify => "verify",
            Self::Introspection => "introspection",
        }
    }
}

/// The property with the client's address.
const SOURCE: &str = "source\0address";

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
        for (name, given, known_to) in raw.particular() {
            if given && !known_to.contains(&source) {
                let names: Vec<&str> = known_to.iter().map(|source| source.name()).collect();
                problems.add(at(place, name), format!("is known to the source {} only", names.join(" and ")));
            }
        }
        let resources = raw.resources.as_deref();
        let proving = match source {
            RawSource::Verified => None,
            RawSource::JwtAuthn => return raw.jwt_authn(place, problems),
            RawSource::Verify => {
                Some(Proving::by_keys(raw.issuers.as_deref(), resources, clock_skew_seconds, place, problems))
            }
            RawSource::Introspection => {
                Proving::by_word(&raw.introspection(), resources, clock_skew_seconds, place, problems)
            }
        };
        match proving {
            Some(proving) => {
                // Whoever shows a token that must be asked about is known by his address alone.
                let properties = if proving.is_by_word() { vec![PropertyPath::known(SOURCE)] } else { Vec::new() };
                TokenSource { way: Way::Prove(proving), properties }
            }
            None => TokenSource { way: Way::Verified, properties: vec![PropertyPath::known(handoff::TOKEN)] },
        }
    }

    /// The members that not every source has: whether they are given, and who has them.
    fn particular(&self) -> [(&'static str, bool, &'static [RawSource]); 13] {
        const JWT_AUTHN: &[RawSource] = &[RawSource::JwtAuthn];
        const INTROSPECTION: &[RawSource] = &[RawSource::Introspection];
        [
            ("payload_key", self.payload_key.is_some(), JWT_AUTHN),
            ("payload_header", self.payload_header.is_some(), JWT_AUTHN),
            ("resource", self.resource.is_some(), JWT_AUTHN),
            ("issuers", self.issuers.is_some(), &[RawSource::Verify]),
            ("resources", self.resources.is_some(), &[RawSource::Verify, RawSource::Introspection]),
            ("cluster", self.cluster.is_some(), INTROSPECTION),
            ("introspection_endpoint", self.introspection_endpoint.is_some(), INTROSPECTION),
            ("issuer", self.issuer.is_some(), INTROSPECTION),
            ("profile", self.profile.is_some(), INTROSPECTION),
            ("client_auth", self.client_auth.is_some(), INTROSPECTION),
            ("signed", self.signed.is_some(), INTROSPECTION),
            ("timeout_ms", self.timeout_ms.is_some(), INTROSPECTION),
            ("cache", self.cache.is_some(), INTROSPECTION),
        ]
    }

    fn introspection(&self) -> RawIntrospection {
        RawIntrospection {
            cluster: self.cluster.clone(),
            introspection_endpoint: self.introspection_endpoint.clone(),
            issuer: self.issuer.clone(),
            profile: self.profile,
            client_auth: self.client_auth.clone(),
            signed: self.signed.clone(),
            timeout_ms: self.timeout_ms,
            cache: self.cache.clone(),
        }
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
