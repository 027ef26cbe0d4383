//! The signed answer (RFC 9701 §5): JSON in a JWT that is meant for us.

use std::time::Duration;

use serde_json::{Map, Value};

use super::answer::{Introspected, Unreadable};
use crate::claims::audiences;
use crate::issuer::{Issuer, is_media_type};
use crate::jose::{Algorithm, Compact, Crypto, Header, KeySet, VerificationKey};
use crate::json;
use crate::reason::Reason;
use crate::time::UnixTime;

/// `typ` of such an answer, which no access token has.
const TYPE: &str = "token-introspection+jwt";

/// The member with what is said of the token; the claims beside it are about the answer itself.
const SAID: &str = "token_introspection";

/// How old an answer may be: it is made for the question that it answers.
const MAX_AGE: Duration = Duration::from_secs(300);

/// Who signs answers, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// The authorization server, and the algorithms that it may sign with.
    pub issuer: Issuer,
    /// The `aud` that means us: usually the client id under which we ask.
    pub audience: String,
}

/// Reads a signed answer with the status 200; one without a signature is none. It may be as long as a token.
///
/// # Errors
/// [`Unreadable`]. With [`Reason::UnknownKey`] the keys may have been rotated since they were fetched.
pub fn process_signed_response(
    body: &[u8],
    signing: &Signing,
    keys: &KeySet,
    crypto: Crypto,
    now: UnixTime,
    clock_skew: Duration,
) -> Result<Introspected, Unreadable> {
    let (compact, mut members) = proven(body, signing, keys, crypto, now, clock_skew).map_err(Unreadable::NotProven)?;
    match members.remove(SAID) {
        Some(Value::Object(said)) => Introspected::read(said, compact.payload(), &[SAID]),
        _ => Err(Unreadable::NoVerdict),
    }
}

fn proven(
    body: &[u8],
    signing: &Signing,
    keys: &KeySet,
    crypto: Crypto,
    now: UnixTime,
    clock_skew: Duration,
) -> Result<(Compact, Map<String, Value>), Reason> {
    let compact = Compact::parse(std::str::from_utf8(body).map_err(|_| Reason::TokenMalformed)?.trim_ascii_end())?;
    let header = Header::parse(compact.header())?;
    // RFC 8725 §3.1.
    let algorithm = Algorithm::parse(header.algorithm())
        .filter(|algorithm| signing.issuer.algorithms.contains(algorithm))
        .ok_or(Reason::AlgorithmNotAllowed)?;
    // RFC 8725 §3.11: an access token of the same issuer is no answer.
    if !header.media_type().is_some_and(|media_type| is_media_type(media_type, TYPE)) {
        return Err(Reason::TypeNotAllowed);
    }
    header.require_plain()?;
    // What is said of the token may be as deep as in any other answer, and lies one level deeper here.
    let members = json::parse_object(compact.payload(), json::MAX_DEPTH.saturating_add(1));
    let members = members.map_err(|_| Reason::TokenMalformed)?;
    if members.get("iss").and_then(Value::as_str) != Some(&signing.issuer.issuer) {
        return Err(Reason::UnknownIssuer);
    }
    let candidates = keys.candidates(algorithm, header.key_id())?;
    // A server that was asked wrote it, and questions are bounded.
    let proves = |key: &&VerificationKey| key.proves(crypto, algorithm, &compact, |_| true) == Ok(true);
    if !candidates.iter().any(proves) {
        return Err(Reason::SignatureInvalid);
    }
    // RFC 9701 §8.1: an answer to somebody else says nothing to us.
    if !audiences(&members)?.contains(&signing.audience) {
        return Err(Reason::AudienceMismatch);
    }
    let issued_at = members.get("iat").ok_or(Reason::ClaimMissing)?;
    let issued_at = UnixTime::from_numeric_date(issued_at).map_err(|_| Reason::ClaimInvalid)?;
    if issued_at > now.plus(clock_skew) {
        return Err(Reason::IssuedInFuture);
    }
    if now > issued_at.plus(MAX_AGE).plus(clock_skew) {
        return Err(Reason::TokenExpired);
    }
    Ok((compact, members))
}
