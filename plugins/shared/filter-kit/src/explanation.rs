//! What a record says of a denial beyond its code: which check failed, what it expected, and what was there. It is for the
//! operator alone; a client sees the code.
//!
//! What a request or a token says of itself is a client's text: a record escapes and shortens it, and none of it is proven.
//! Values of claims are left out, as they may be secrets.

use oauth_core::{claim_fault::ClaimFault, denial::Reason, issuer::Profile, time::UnixTime, token::Unverified};

use crate::{
    audit::{Record, RecordObject},
    issuers::credential_sha256,
    request::RequestHead,
};

/// Of a token that was refused for `reason`: its hash, what it says of itself, and the claim or the time that was at fault.
/// `profile_of` finds the dialect of the issuer that it names.
#[must_use]
pub fn of_token(token: &str, profile_of: impl Fn(&str) -> Option<Profile>, reason: Reason, now: UnixTime) -> Record {
    let record = Record::default().with("token_sha256", &credential_sha256(token));
    let Ok(unverified) = Unverified::parse(token) else { return record };
    let claimed = [
        ("iss", unverified.issuer()),
        ("kid", unverified.key_id()),
        ("typ", unverified.media_type()),
        ("alg", Some(unverified.algorithm())),
    ];
    let claimed: RecordObject = claimed.into_iter().filter_map(|(name, text)| Some((name, text?.to_owned()))).collect();
    let record = record.with_object("unverified", &claimed);
    match reason {
        Reason::ClaimInvalid | Reason::ClaimMissing => {
            let profile = unverified.issuer().and_then(profile_of);
            of_claim(record, profile.and_then(|profile| unverified.claim_fault(profile)))
        }
        Reason::TokenExpired => match unverified.expires_at() {
            Some(end) => record.with_number("expired_by_seconds", seconds(end, now)),
            None => record,
        },
        _ => record,
    }
}

/// Adds the claim that is at fault.
#[must_use]
pub fn of_claim(record: Record, fault: Option<ClaimFault>) -> Record {
    let Some(ClaimFault { claim, expected, found }) = fault else { return record };
    let detail = [("check", "claim"), ("claim", claim), ("expected", expected), ("found", found)];
    record.with_objects("detail", &[detail.map(|(name, text)| (name, text.to_owned())).to_vec()])
}

/// Of a token that is meant for somebody else, or for others too: the audiences that it has, and those that would do.
#[must_use]
pub fn of_audiences(held: &[String], accepted: &[String]) -> Record {
    Record::default()
        .with_list("audiences_held", held.iter().map(String::as_str))
        .with_list("audiences_accepted", accepted.iter().map(String::as_str))
}

/// Of a request that no resource is about: where it wanted to go, without the query, which may hold credentials.
#[must_use]
pub fn of_place(request: &RequestHead) -> Record {
    let text = |name| request.fields().only(name).map(String::from_utf8_lossy);
    let path = text(":path");
    let path = path.as_deref().map(|path| path.split(['?', '#']).next().unwrap_or_default());
    Record::default().with_known("authority", text(":authority").as_deref()).with_known("path", path)
}

/// How long ago it was.
fn seconds(instant: UnixTime, now: UnixTime) -> i64 {
    now.as_millis().saturating_sub(instant.as_millis()).div_euclid(1000)
}

#[cfg(test)]
mod tests;
