//! The hand-off that audience-validation left.

use oauth_core::{claims::Claims, issuer::Profile, json, reason::Reason};
use serde_json::{Map, Value};

use super::{Authorization, HandedOver, Presented, authorization, vouched_for};
use crate::{
    handoff,
    request::{Property, RequestHead},
};

pub(super) fn read(request: &RequestHead, left: &Property) -> Result<Presented, Reason> {
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
            let token = verified(members, text).ok_or(Reason::TokenNotHandedOver)?;
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

fn verified(mut members: Map<String, Value>, written: &[u8]) -> Option<HandedOver> {
    let mut text = |name| match members.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let (resource, issuer, profile, credential_sha256) =
        (text("resource")?, text("issuer")?, text("profile")?, text("credential_sha256")?);
    let profile: Profile = serde_json::from_value(Value::String(profile)).ok()?;
    let Some(Value::Object(claims)) = members.remove("claims") else { return None };
    let claims = Claims::from_members(claims, profile).ok().filter(|claims| claims.issuer() == issuer)?;
    let claims = vouched_for(claims.with_details_of(written, &["claims"]));
    members.is_empty().then_some(HandedOver { resource: Some(resource), profile, claims, credential_sha256 })
}
