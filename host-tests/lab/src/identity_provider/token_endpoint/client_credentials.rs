//! The client credentials grant (RFC 6749, section 4.4): the client acts for itself.

use crate::{
    identity_provider::{
        State,
        clients::Client,
        parameters::{Parameters, audience},
        refusal::Refusal,
    },
    mint::{Mint, Token},
};

pub(super) fn issue(state: &State, client: &Client, parameters: &Parameters) -> Result<Token, Refusal> {
    // Anybody can say a public client's name.
    if client.is_public() {
        return Err(Refusal::bad("unauthorized_client"));
    }
    // They are for users to grant.
    if parameters.only("authorization_details")?.is_some() {
        return Err(Refusal::bad("invalid_authorization_details"));
    }
    let scope = match parameters.only("scope")? {
        Some(asked) if client.may_have(asked) => asked.to_owned(),
        Some(_) => return Err(Refusal::bad("invalid_scope")),
        None => client.scopes.join(" "),
    };
    let resources = parameters.resources().ok_or(Refusal::bad("invalid_target"))?;
    Ok(Mint::new(&state.issuer, "")
        .at(state.now())
        .access_token()
        .audience(audience(&resources, &state.audience))
        // RFC 9068, section 2.2.
        .subject(&client.id)
        .client(&client.id)
        .scope(&scope))
}
