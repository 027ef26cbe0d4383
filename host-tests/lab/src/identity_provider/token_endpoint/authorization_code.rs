//! The authorization code grant (RFC 6749, section 4.1.3) with PKCE (RFC 7636, section 4.6).

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    identity_provider::{
        State, authorization_details,
        clients::Client,
        grant::Grant,
        parameters::{Parameters, audience},
        refusal::Refusal,
    },
    mint::{Mint, Token, base64url},
};

pub(super) fn issue(state: &State, client: &Client, parameters: &Parameters) -> Result<Token, Refusal> {
    let required = |name: &str| parameters.only(name)?.ok_or(Refusal::bad("invalid_request"));
    let (code, redirect_uri) = (required("code")?, required("redirect_uri")?);
    let verifier = required("code_verifier")?;
    let grant = state.codes().redeem(code, state.now()).ok_or(Refusal::bad("invalid_grant"))?;
    let is_right = grant.client_id == client.id
        && grant.redirect_uri == redirect_uri
        && grant.code_challenge == base64url(Sha256::digest(verifier));
    if !is_right {
        return Err(Refusal::bad("invalid_grant"));
    }
    // All that was granted, or a part of it (RFC 8707, section 2.2).
    let asked = parameters.resources().ok_or(Refusal::bad("invalid_target"))?;
    if asked.iter().any(|resource| !grant.resources.contains(resource)) {
        return Err(Refusal::bad("invalid_target"));
    }
    let resources = if asked.is_empty() { &grant.resources } else { &asked };
    let details = details(state, &grant, resources, parameters)?;
    let token = token(state, &grant).audience(audience(resources, &state.audience));
    Ok(if details.is_empty() { token } else { token.claim("authorization_details", details) })
}

/// All that was granted, or a part of it (RFC 9396, section 6), as far as it is for these resources.
fn details(state: &State, grant: &Grant, resources: &[String], parameters: &Parameters) -> Result<Vec<Value>, Refusal> {
    let asked = parameters.only("authorization_details")?;
    let details = authorization_details::part(asked, &state.details_types, &grant.details)
        .map_err(|authorization_details::Invalid| Refusal::bad("invalid_authorization_details"))?;
    let audiences: Vec<&str> = match resources {
        [] => vec![&state.audience],
        named => named.iter().map(String::as_str).collect(),
    };
    Ok(authorization_details::for_audiences(&details, &audiences))
}

/// The claims about the authentication are those of RFC 9068, section 2.2.1, and of Microsoft Entra.
fn token(state: &State, grant: &Grant) -> Token {
    let authentication = &grant.authentication;
    let mut token = Mint::new(&state.issuer, "")
        .at(state.now())
        .access_token()
        .subject(&authentication.subject)
        .client(&grant.client_id)
        .without("scope")
        .claim("acr", authentication.acr())
        .claim("auth_time", authentication.auth_time);
    if let Some(scope) = &grant.scope {
        token = token.scope(scope);
    }
    for (name, values) in
        [("amr", authentication.amr()), ("acrs", &grant.auth_contexts), ("xms_cc", &grant.capabilities)]
    {
        if !values.is_empty() {
            token = token.claim(name, values.to_vec());
        }
    }
    token
}
