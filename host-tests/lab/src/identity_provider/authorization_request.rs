//! What a client asks of a user (RFC 6749, section 4.1.1), with PKCE, resource indicators, what RFC 9470 and OpenID Connect let
//! it ask of the authentication, and `authorization_details` (RFC 9396).

use std::sync::Arc;

use serde_json::Value;

use super::{
    authorization_details,
    claims_request::ClaimsRequest,
    clients::Client,
    parameters::{Parameters, Repeated},
    state::State,
    user::Demands,
};

/// A request that is strictly right. Whether it can be granted is another question.
#[derive(Clone, Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    /// Exactly as it was registered, and as the token request must repeat it.
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) code_challenge: String,
    /// Space-separated; none where details alone are asked for.
    pub(super) scope: Option<String>,
    pub(super) resources: Vec<String>,
    pub(super) details: Vec<Value>,
    pub(super) claims: ClaimsRequest,
    pub(super) demands: Demands,
}

impl AuthorizationRequest {
    /// Reads the parameters of a client that named a redirect URI of its own. `Err` is the error for the client.
    pub(super) fn parse(
        state: &State,
        client: &Client,
        redirect_uri: &str,
        parameters: &Parameters,
    ) -> Result<Self, &'static str> {
        let only = |name: &str| parameters.only(name).map_err(|Repeated| "invalid_request");
        match only("response_type")? {
            Some("code") => {}
            Some(_) => return Err("unsupported_response_type"),
            None => return Err("invalid_request"),
        }
        if only("response_mode")?.is_some_and(|mode| mode != "query") || only("request")?.is_some() {
            return Err("invalid_request");
        }
        let client_state = only("state")?.map(str::to_owned);
        let code_challenge = only("code_challenge")?.filter(|text| is_s256(text)).ok_or("invalid_request")?;
        // Left out, it would mean `plain` (RFC 7636, section 4.3), which shows the verifier to the browser.
        if only("code_challenge_method")? != Some("S256") {
            return Err("invalid_request");
        }
        let details = match only("authorization_details")? {
            Some(text) => authorization_details::parse(text, &state.details_types)
                .map_err(|authorization_details::Invalid| "invalid_authorization_details")?,
            None => Vec::new(),
        };
        let scope = only("scope")?;
        if !scope.map_or(!details.is_empty(), |scope| client.may_have(scope)) {
            return Err("invalid_scope");
        }
        let claims = match only("claims")? {
            Some(text) => ClaimsRequest::parse(text).map_err(|_| "invalid_request")?,
            None => ClaimsRequest::default(),
        };
        let mut demands = demands(&only, &claims)?;
        let by_scope = state.levels.iter().filter(|level| scope.is_some_and(|scope| level.is_for_one_of(scope)));
        demands.acr.extend(by_scope.map(|level| vec![level.acr().to_owned()]));
        Ok(Self {
            client_id: client.id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            state: client_state,
            code_challenge: code_challenge.to_owned(),
            scope: scope.map(str::to_owned),
            resources: parameters.resources().ok_or("invalid_target")?,
            details,
            demands,
            claims,
        })
    }
}

/// The client and the one redirect URI of its own that are named, compared character by character (RFC 9700,
/// section 4.1.3).
pub(super) fn client_and_redirect_uri<'a>(state: &State, parameters: &'a Parameters) -> Option<(Arc<Client>, &'a str)> {
    let id = parameters.only("client_id").ok()??;
    let redirect_uri = parameters.only("redirect_uri").ok()??;
    let client = state.client(id)?;
    client.redirect_uris.iter().any(|registered| registered == redirect_uri).then_some((client, redirect_uri))
}

fn demands<'a>(
    only: &impl Fn(&str) -> Result<Option<&'a str>, &'static str>,
    claims: &ClaimsRequest,
) -> Result<Demands, &'static str> {
    let mut demands = Demands::default();
    if let Some(values) = only("acr_values")? {
        demands.acr.push(values.split(' ').filter(|value| !value.is_empty()).map(str::to_owned).collect());
    }
    demands.acr.extend(claims.acr.clone());
    demands.auth_contexts.extend(
        claims.auth_contexts.as_ref().filter(|contexts| contexts.essential).map(|contexts| contexts.values.clone()),
    );
    demands.max_age = match only("max_age")? {
        // Digits alone: `+5` is no number here.
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(text.parse().map_err(|_| "invalid_request")?)
        }
        Some(_) => return Err("invalid_request"),
        None => None,
    };
    match only("prompt")? {
        None | Some("consent") => {}
        Some("login") => demands.anew = true,
        Some("none") => demands.no_interaction = true,
        Some(_) => return Err("invalid_request"),
    }
    Ok(demands)
}

/// What SHA-256 and base64url make of a verifier (RFC 7636, section 4.2).
fn is_s256(challenge: &str) -> bool {
    challenge.len() == 43 && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
