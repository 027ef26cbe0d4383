//! Where a filter that verifies no tokens gets the verified one from: `token` in its configuration.
//!
//! Either audience-validation ran before and left the hand-off, or Envoy's `jwt_authn` did and left metadata and a
//! field. Whatever is missing, doubled, unreadable or about another credential is a denial.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use oauth_core::{
    claims::Claims,
    config::{Problems, at},
    credential::{self, Credential},
    issuer::Profile,
    jose::Compact,
    json,
    reason::Reason,
    token::Unverified,
    verified_claims::VerifiedClaims,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    handoff,
    issuers::credential_sha256,
    policy::PropertyPath,
    request::{Property, RequestHead},
};

/// `token`
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"source\": \"verified\"}")]
pub struct RawTokenSource {
    source: Option<RawSource>,
    payload_key: Option<String>,
    payload_header: Option<String>,
    issuers: Option<Value>,
    resources: Option<Value>,
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

/// Where the verified token comes from.
#[derive(Clone, Debug)]
pub struct TokenSource {
    way: Way,
    properties: Vec<PropertyPath>,
}

#[derive(Clone, Debug)]
enum Way {
    Verified,
    JwtAuthn { payload_header: String },
}

/// What a request presents to a filter that reads the token.
#[derive(Clone, Debug)]
pub enum Presented {
    /// A token that was verified, and that is the credential of the request if it still has one.
    Token(Box<HandedOver>),
    /// The resource needs no token here. A reader lets it pass only if none of its own rules match.
    Public,
}

/// A token that a filter before has verified. Only [`TokenSource::read`] makes one.
#[derive(Clone, Debug)]
pub struct HandedOver {
    resource: Option<String>,
    profile: Profile,
    claims: VerifiedClaims,
    credential_sha256: String,
}

impl AsRef<VerifiedClaims> for HandedOver {
    fn as_ref(&self) -> &VerifiedClaims {
        &self.claims
    }
}

impl HandedOver {
    /// The resource that the token was found to be meant for; `jwt_authn` does not say.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// The dialect in which the claims were read; [`Profile::Generic`] for `jwt_authn`.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Its claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Its issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.claims.issuer()
    }

    /// SHA-256 of the credential, base64url without padding.
    #[must_use]
    pub fn credential_sha256(&self) -> &str {
        &self.credential_sha256
    }

    /// Whether a credential is the one that was verified.
    #[must_use]
    pub fn is_of(&self, credential: &str) -> bool {
        self.credential_sha256 == credential_sha256(credential)
    }
}

/// The name of `jwt_authn` in metadata.
const JWT_AUTHN: &str = "envoy.filters.http.jwt_authn";

impl RawTokenSource {
    /// The source, `verified` if nothing was configured. Notes every mistake below `place`.
    pub fn settings(raw: Option<&Self>, place: &str, problems: &mut Problems) -> TokenSource {
        let none = Self::default();
        let raw = raw.unwrap_or(&none);
        let source = raw.source.unwrap_or_default();
        let payload = [("payload_key", &raw.payload_key), ("payload_header", &raw.payload_header)];
        let verify = [("issuers", &raw.issuers), ("resources", &raw.resources)];
        if source != RawSource::JwtAuthn {
            for (name, _) in payload.into_iter().filter(|(_, value)| value.is_some()) {
                problems.add(at(place, name), "is known to the source jwt_authn only");
            }
        }
        if source != RawSource::Verify {
            for (name, _) in verify.into_iter().filter(|(_, value)| value.is_some()) {
                problems.add(at(place, name), "is known to the source verify only");
            }
        }
        match source {
            RawSource::Verified => {}
            RawSource::JwtAuthn => return raw.jwt_authn(place, problems),
            RawSource::Verify => refuse("verify", place, problems),
            RawSource::Introspection => refuse("introspection", place, problems),
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
        TokenSource {
            way: Way::JwtAuthn { payload_header: header.to_owned() },
            // A leaf, since one null claim makes all of the payload unreadable.
            properties: vec![PropertyPath::of(&["metadata", "filter_metadata", JWT_AUTHN, key, "iss"])],
        }
    }
}

fn refuse(source: &str, place: &str, problems: &mut Problems) {
    problems
        .add(at(place, "source"), format!("{source} is not supported by this version: expected verified or jwt_authn"));
}

fn is_payload_header(name: &str) -> bool {
    let rest = name.strip_prefix("x-");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with("fourleg") && rest.bytes().all(plain))
}

impl TokenSource {
    /// The properties that [`TokenSource::read`] needs: a policy lists them among its own.
    #[must_use]
    pub fn properties(&self) -> &[PropertyPath] {
        &self.properties
    }

    /// Reads the token of a request. `first` is the position of the first of [`TokenSource::properties`] among those
    /// of the policy.
    ///
    /// # Errors
    /// - [`Reason::TokenNotHandedOver`]: the filter that verifies did not run before, or what it left is not sound.
    /// - [`Reason::TokenNotVerified`]: it ran and enforces nothing.
    /// - [`Reason::CredentialChanged`]: the request carries another credential than the one that was verified.
    /// - [`Reason::CredentialMissing`]: with `jwt_authn`, the request has none.
    /// - What [`credential::bearer`] says of the `Authorization` field, and, with `jwt_authn`, what
    ///   [`Unverified::access_token_claims`] says of the token.
    pub fn read(&self, request: &RequestHead, first: usize) -> Result<Presented, Reason> {
        let left = request.property(first);
        match &self.way {
            Way::Verified => read_hand_off(request, left),
            Way::JwtAuthn { payload_header } => read_jwt_authn(request, left, payload_header),
        }
    }
}

fn read_hand_off(request: &RequestHead, left: &Property) -> Result<Presented, Reason> {
    let Property::Value(text) = left else { return Err(Reason::TokenNotHandedOver) };
    // The claims were as deep as is allowed, and lie one level deeper here.
    let members = json::parse_object(text, json::MAX_DEPTH.saturating_add(1));
    let mut members = members.map_err(|_| Reason::TokenNotHandedOver)?;
    if members.remove("v") != Some(Value::from(handoff::VERSION)) {
        return Err(Reason::TokenNotHandedOver);
    }
    match (members.remove("state").as_ref().and_then(Value::as_str), members.is_empty()) {
        (Some("public"), true) => Ok(Presented::Public),
        (Some("unverified"), true) => Err(Reason::TokenNotVerified),
        (Some("verified"), false) => {
            let token = verified(members).ok_or(Reason::TokenNotHandedOver)?;
            if token.claims.is_bound() {
                return Err(Reason::BindingUnchecked);
            }
            match authorization(request)? {
                Authorization::None => {}
                Authorization::Bearer(credential) if token.is_of(credential) => {}
                Authorization::Bearer(_) | Authorization::OtherScheme => return Err(Reason::CredentialChanged),
            }
            Ok(Presented::Token(Box::new(token)))
        }
        _ => Err(Reason::TokenNotHandedOver),
    }
}

fn verified(mut members: Map<String, Value>) -> Option<HandedOver> {
    let mut text = |name| match members.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let (resource, issuer, profile, credential_sha256) =
        (text("resource")?, text("issuer")?, text("profile")?, text("credential_sha256")?);
    let profile: Profile = serde_json::from_value(Value::String(profile)).ok()?;
    let Some(Value::Object(claims)) = members.remove("claims") else { return None };
    let claims = Claims::from_members(claims, profile).ok().filter(|claims| claims.issuer() == issuer)?;
    let claims = vouched_for(claims);
    members.is_empty().then_some(HandedOver { resource: Some(resource), profile, claims, credential_sha256 })
}

fn read_jwt_authn(request: &RequestHead, left: &Property, payload_header: &str) -> Result<Presented, Reason> {
    let credential = match authorization(request)? {
        Authorization::Bearer(credential) => credential,
        Authorization::None | Authorization::OtherScheme => {
            // It ran and took the credential away, so that nothing can be compared: it lacks `forward: true`.
            let ran = *left != Property::Absent;
            return Err(if ran { Reason::TokenNotHandedOver } else { Reason::CredentialMissing });
        }
    };
    let Property::Value(issuer) = left else { return Err(Reason::TokenNotHandedOver) };
    let text = request.fields().only(payload_header).ok_or(Reason::TokenNotHandedOver)?;
    // jwt_authn pads on request.
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64url = GeneralPurpose::new(&alphabet::URL_SAFE, padding);
    let payload = base64url.decode(text).map_err(|_| Reason::TokenNotHandedOver)?;
    if Compact::parse(credential)?.payload() != payload {
        return Err(Reason::CredentialChanged);
    }
    let profile = Profile::Generic;
    let claims = Unverified::parse(credential)?.access_token_claims(profile)?;
    if claims.issuer().as_bytes() != issuer {
        return Err(Reason::TokenNotHandedOver);
    }
    let credential_sha256 = credential_sha256(credential);
    let claims = vouched_for(claims);
    Ok(Presented::Token(Box::new(HandedOver { resource: None, profile, claims, credential_sha256 })))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the filter before this one has verified them, and nobody else could write them"
)]
fn vouched_for(claims: Claims) -> VerifiedClaims {
    VerifiedClaims::vouched_for(claims)
}

enum Authorization<'a> {
    None,
    OtherScheme,
    Bearer(&'a str),
}

fn authorization(request: &RequestHead) -> Result<Authorization<'_>, Reason> {
    let values: Vec<&[u8]> = request.fields().all("authorization").collect();
    Ok(match credential::bearer(&values)? {
        Credential::Bearer(credential) => Authorization::Bearer(credential),
        Credential::Absent if values.is_empty() => Authorization::None,
        Credential::Absent => Authorization::OtherScheme,
    })
}

#[cfg(test)]
mod tests;
