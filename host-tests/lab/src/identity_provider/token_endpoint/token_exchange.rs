//! Token exchange (RFC 8693): a token of the same user for the next hop, with no more than the client may ask for, and with
//! who acts.

use serde_json::{Value, json};

use super::Granted;
use crate::{
    identity_provider::{
        State, authorization_details,
        clients::Client,
        issued_tokens::IssuedToken,
        parameters::{Parameters, audience},
        refusal::Refusal,
    },
    mint::Mint,
};

/// Section 2.1.
pub(in super::super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Section 3.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A longer chain is refused, as some providers do.
const MAX_ACTORS: usize = 5;

/// What stays of the subject token: who the user is, and how it signed in (RFC 9470, section 6).
const KEPT: [&str; 6] = ["sub", "acr", "amr", "auth_time", "acrs", "xms_cc"];

/// Section 2.2.2: a token that is no good, or that the provider does not want.
const UNFIT: Refusal = Refusal::bad("invalid_request");

pub(super) fn issue(state: &State, client: &Client, parameters: &Parameters) -> Result<Granted, Refusal> {
    // Anybody can say a public client's name.
    if client.is_public() {
        return Err(Refusal::bad("unauthorized_client"));
    }
    let issued_token_type = match parameters.only("requested_token_type")? {
        None | Some(ACCESS_TOKEN) => ACCESS_TOKEN,
        Some(JWT) => JWT,
        Some(_) => return Err(Refusal::bad("invalid_request")),
    };
    let subject = token(state, parameters, "subject_token")?.ok_or(UNFIT)?;
    // As Keycloak has it: whoever found a token of somebody else's cannot have it exchanged.
    if !client.is_among(&subject.audiences()) {
        return Err(Refusal::forbidden("access_denied"));
    }
    let targets = targets(parameters)?;
    let scope = scope(client, &targets, parameters)?;
    let details = details(state, &subject, &targets, parameters)?;
    let actor = actor(state, client, parameters)?;
    let act = chain(&subject, &actor, client)?;

    let until = subject.claims.get("exp").and_then(Value::as_u64).unwrap_or_default();
    let mut issued = Mint::new(&state.issuer, "").at(state.now()).access_token().client(&client.id).without("scope");
    for name in KEPT {
        if let Some(value) = subject.claims.get(name) {
            issued = issued.claim(name, value.clone());
        }
    }
    let ends = issued.claims()["exp"].as_u64().unwrap_or_default().min(until);
    issued = issued.expires_at(ends).audience(audience(&targets, ""));
    for (name, value) in [
        ("scope", (!scope.is_empty()).then(|| json!(scope.join(" ")))),
        ("authorization_details", (!details.is_empty()).then(|| json!(details))),
        ("act", act),
    ] {
        if let Some(value) = value {
            issued = issued.claim(name, value);
        }
    }
    Ok(Granted { token: issued, issued_token_type: Some(issued_token_type) })
}

/// A token that is good now, of a type that can be exchanged; its type is there if it is (section 2.1).
fn token(state: &State, parameters: &Parameters, name: &str) -> Result<Option<IssuedToken>, Refusal> {
    let found = match (parameters.only(name)?, parameters.only(&format!("{name}_type"))?) {
        (None, None) => return Ok(None),
        (Some(text), Some(ACCESS_TOKEN)) => state.tokens().active(text, state.now()).cloned(),
        (Some(text), Some(JWT)) if text.contains('.') => state.tokens().active(text, state.now()).cloned(),
        _ => None,
    };
    // A bound token needs a proof, and there is none here.
    found.filter(|token| !token.claims.contains_key("cnf")).map(Some).ok_or(UNFIT)
}

/// All that `audience` and `resource` name: at least one.
fn targets(parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    let mut targets = parameters.all("audience");
    targets.extend(parameters.resources().ok_or(Refusal::bad("invalid_target"))?);
    targets.sort();
    targets.dedup();
    if targets.is_empty() { Err(Refusal::bad("invalid_target")) } else { Ok(targets) }
}

/// What was asked for, or else all that the client may have there.
fn scope(client: &Client, targets: &[String], parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let allowed = client.scopes_for(&targets).ok_or(Refusal::bad("invalid_target"))?;
    let Some(asked) = parameters.only("scope")? else { return Ok(allowed.into_iter().map(str::to_owned).collect()) };
    let asked: Vec<&str> = asked.split(' ').collect();
    if !asked.iter().all(|scope| allowed.contains(scope)) {
        return Err(Refusal::bad("invalid_scope"));
    }
    Ok(asked.into_iter().map(str::to_owned).collect())
}

/// Of what the user granted, what is for these targets, or the part of it that is asked for (RFC 9396, section 6).
fn details(
    state: &State,
    subject: &IssuedToken,
    targets: &[String],
    parameters: &Parameters,
) -> Result<Vec<Value>, Refusal> {
    let held = subject.claims.get("authorization_details").and_then(Value::as_array).cloned().unwrap_or_default();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let held = authorization_details::for_audiences(&held, &targets);
    authorization_details::part(parameters.only("authorization_details")?, &state.details_types, &held)
        .map_err(|authorization_details::Invalid| Refusal::bad("invalid_authorization_details"))
}

/// Who acts from now on: the subject of the actor token, or else the client.
fn actor(state: &State, client: &Client, parameters: &Parameters) -> Result<Value, Refusal> {
    let Some(actor) = token(state, parameters, "actor_token")? else { return Ok(json!(client.id)) };
    // One that was issued to this client, or is meant for it: nobody acts as somebody else.
    let is_own = actor.claims.get("client_id").and_then(Value::as_str) == Some(client.id.as_str());
    if !is_own && !client.is_among(&actor.audiences()) {
        return Err(UNFIT);
    }
    actor.claims.get("sub").cloned().ok_or(UNFIT)
}

/// `act` with this actor outermost and those before it inside (section 4.1); before any exchange that was the client that got
/// the user's token. Refused if the subject has named somebody else (section 4.4).
fn chain(subject: &IssuedToken, actor: &Value, client: &Client) -> Result<Option<Value>, Refusal> {
    let claim = |name: &str| subject.claims.get(name);
    if let Some(may_act) = claim("may_act") {
        let is_it = |(name, value): (&String, &Value)| match name.as_str() {
            "sub" => value == actor,
            "iss" => Some(value) == claim("iss"),
            _ => false,
        };
        let named = may_act.as_object().filter(|named| named.contains_key("sub")).ok_or(UNFIT)?;
        if !named.iter().all(is_it) {
            return Err(UNFIT);
        }
    }
    let before = match (claim("act"), claim("client_id")) {
        (Some(act), _) => Some(act.clone()),
        (None, Some(client_id)) if Some(client_id) != claim("sub") => Some(json!({"sub": client_id})),
        (None, _) => None,
    };
    if client.impersonates {
        return Ok(claim("act").cloned());
    }
    let act = match before {
        Some(before) if before.get("sub") == Some(actor) => before,
        Some(before) => json!({"sub": actor, "act": before}),
        None => json!({"sub": actor}),
    };
    if depth(&act) > MAX_ACTORS { Err(UNFIT) } else { Ok(Some(act)) }
}

fn depth(act: &Value) -> usize {
    std::iter::successors(Some(act), |act| act.get("act")).count()
}
