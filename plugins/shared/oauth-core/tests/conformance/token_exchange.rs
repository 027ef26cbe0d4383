//! Token exchange: what a server is asked, what it answers, and what becomes of it (TEX).

mod answers;
mod clients;
mod keeping;
mod requests;
mod results;
mod signing;
mod subjects;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use oauth_core::{Claims, Profile, UnixTime};
use serde_json::{Value, json};

const NOW: UnixTime = UnixTime::from_secs(1_900_000_000);

/// A JWT with these claims; nobody signed it.
fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(&json!({"alg": "ES256", "typ": "at+jwt"})), part(claims), URL_SAFE_NO_PAD.encode([1; 64]))
}

fn claims_as(claims: Value, profile: Profile) -> Claims {
    Claims::from_members(claims.as_object().unwrap().clone(), profile).unwrap()
}

fn claims(claims: Value) -> Claims {
    claims_as(claims, Profile::Generic)
}
