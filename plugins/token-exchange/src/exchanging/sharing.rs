//! What workers of one proxy pass on to each other: sealed, and held against all that an answer is.

use filter_kit::issuers::credential_sha256;
use oauth_core::{
    json,
    scope::Scopes,
    secret::Secret,
    time::UnixTime,
    token_exchange::{Issued, sealing},
};
use serde_json::{Value, json};

use super::take_in;
use crate::{
    config::Settings,
    memory::{Flight, Memory},
};

/// What other workers may have of the flight that was heard of last: sealed under its subject token.
pub(crate) fn publish(memory: &mut Memory, key: &str, nonce: [u8; 24], now: UnixTime) -> Option<Vec<u8>> {
    let flight = memory.last.take().filter(|flight| flight.callout.key.as_deref() == Some(key))?;
    let obtained = memory.result(&flight.key, None, now)?;
    let mut content = json!({
        "access_token": obtained.token.expose(),
        "until": obtained.until?.as_millis(),
    });
    if let (Some(scope), Some(members)) = (obtained.scope, content.as_object_mut()) {
        members.insert("scope".to_owned(), Value::String(scope));
    }
    let (subject_token, _) = flight.subject.as_ref()?;
    sealing::seal(subject_token.expose(), &flight.key, nonce, content.to_string().as_bytes())
}

/// Takes in what another worker has published. Whoever put it there, it is held against all that an answer is.
pub(crate) fn adopt(settings: &Settings, memory: &mut Memory, key: &str, sealed: &[u8], now: UnixTime) -> bool {
    let Some(flight) = memory.flights.get(key).cloned() else { return false };
    let Some((issued, until)) = opened(&flight, sealed) else { return false };
    if now >= until || memory.was_dropped(&flight.key, &credential_sha256(issued.access_token.expose())) {
        return false;
    }
    let adopted = take_in(settings, memory, &flight, &issued, Some(until), now).is_ok();
    if adopted {
        memory.flights.remove(key);
        memory.ended(&flight);
    }
    adopted
}

fn opened(flight: &Flight, sealed: &[u8]) -> Option<(Issued, UnixTime)> {
    let (subject_token, _) = flight.subject.as_ref()?;
    let text = sealing::open(subject_token.expose(), &flight.key, sealed)?;
    let members = json::parse_object(&text, 2).ok()?;
    let token = members.get("access_token")?.as_str()?;
    let until = UnixTime::from_millis(members.get("until")?.as_i64()?);
    let scope = match members.get("scope") {
        Some(scope) => Some(Scopes::parse(scope.as_str()?).ok()?),
        None => None,
    };
    Some((Issued { access_token: Secret::new(token.to_owned()), expires_in: None, scope }, until))
}
