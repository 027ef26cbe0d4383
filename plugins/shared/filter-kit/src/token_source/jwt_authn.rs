//! What Envoy's `jwt_authn` left: metadata that says that it ran, and the payload in a field.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use oauth_core::{issuer::Profile, jose::Compact, reason::Reason, token::Unverified};

use super::{Authorization, HandedOver, Presented, authorization, vouched_for};
use crate::{
    issuers::credential_sha256,
    request::{Property, RequestHead},
};

pub(super) fn read(
    request: &RequestHead,
    left: &Property,
    payload_header: &str,
    resource: Option<&String>,
) -> Result<Presented, Reason> {
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
    Ok(Presented::Token(Box::new(HandedOver { resource: resource.cloned(), profile, claims, credential_sha256 })))
}
