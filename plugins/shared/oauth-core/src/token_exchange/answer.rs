//! What a token endpoint answers (RFC 8693 §2.2.1, RFC 6749 §5.1).

use std::time::Duration;

use serde_json::{Map, Value};

use super::profile::ServerProfile;
use super::refusal::{Refusal, Unusable};
use super::request::{ACCESS_TOKEN, FEDERATED_TOKEN, JWT};
use crate::credential::{self, Credential};
use crate::dialect;
use crate::issuer::Profile;
use crate::json;
use crate::scope::Scopes;
use crate::secret::Secret;

/// Nesting that an answer may have. Real ones have none.
const MAX_DEPTH: usize = 8;

/// A token that was issued, as the server says. Whether it is the one that was wanted, [`super::result::check`] says.
///
/// A `refresh_token` is dropped where it is read (TEX-10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The token: characters that fit an `Authorization` field.
    pub access_token: Secret,
    /// `expires_in`; zero if the server said something that is no time.
    pub expires_in: Option<Duration>,
    /// `scope`, if the server named it.
    pub scope: Option<Scopes>,
}

/// What was asked, as far as the answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An exchange by RFC 8693, which names the type of what was issued.
    Exchange,
    /// An exchange of a connection's token.
    Connection,
    /// Another grant: RFC 6749 §5.1 alone.
    Plain,
}

impl Kind {
    /// The kind of a request.
    #[must_use]
    pub const fn of(profile: ServerProfile, is_exchange: bool, of_connection: bool) -> Self {
        match (is_exchange, of_connection) {
            (true, true) => Self::Connection,
            (true, false) if profile.names_issued_type() => Self::Exchange,
            _ => Self::Plain,
        }
    }
}

/// Reads an answer of one of the statuses 200, 400, 401 and 403.
///
/// # Errors
/// What the server said, or that it said nothing usable. See [`Refusal`].
pub fn process_response(kind: Kind, profile: ServerProfile, status: u16, body: &[u8]) -> Result<Issued, Refusal> {
    let unusable = Refusal::Unusable;
    let members = json::parse_object(body, MAX_DEPTH).map_err(|_| unusable(Unusable::NotJson))?;
    let dialect = profile.tokens();
    let members = dialect::present(members, dialect);
    if status != 200 {
        return Err(Refusal::of(profile, status, &members));
    }
    let access_token = text(&members, "access_token", Unusable::NoToken)?;
    let token_type = text(&members, "token_type", Unusable::NoTokenType)?;
    // RFC 6749 §7.1: what is no bearer token must not be used as one; `N_A` is no access token at all (RFC 8693 §2.2.1).
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err(unusable(Unusable::NotBearer));
    }
    if kind != Kind::Plain {
        let issued = text(&members, "issued_token_type", Unusable::NoIssuedType)?;
        let is_usable = match kind {
            Kind::Connection => issued == FEDERATED_TOKEN || issued == ACCESS_TOKEN,
            Kind::Exchange | Kind::Plain => issued == ACCESS_TOKEN || issued == JWT,
        };
        if !is_usable {
            return Err(unusable(Unusable::OtherIssuedType));
        }
    }
    let scope = match members.get("scope") {
        None => None,
        // RFC 6749 §5.1 wants a text; where tokens may list scopes, so may their server.
        Some(Value::Array(_)) if dialect != Profile::Generic => return Err(unusable(Unusable::BadScope)),
        Some(scope) => Some(dialect::list("scope", scope, Profile::Generic).map_err(|_| unusable(Unusable::BadScope))?),
    };
    if !fits_a_field(access_token) {
        return Err(unusable(Unusable::BadToken));
    }
    Ok(Issued {
        access_token: Secret::new(access_token.to_owned()),
        expires_in: members.get("expires_in").map(seconds),
        scope,
    })
}

fn text<'m>(members: &'m Map<String, Value>, name: &str, missing: Unusable) -> Result<&'m str, Refusal> {
    let text = members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or(Refusal::Unusable(missing))
}

/// A token ends up in a field: nothing but a token68 of bounded length may.
fn fits_a_field(token: &str) -> bool {
    let field = format!("Bearer {token}");
    credential::bearer(&[field.as_bytes()]) == Ok(Credential::Bearer(token))
}

/// RFC 6749 §5.1 wants a number; some servers write it as text. What is neither, or negative, is no life at all.
fn seconds(value: &Value) -> Duration {
    let number = match value {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    // No token lives longer than this; it keeps all sums small.
    Duration::from_secs(number.unwrap_or(0).min(10 * 366 * 24 * 3600))
}

fn whole(number: f64) -> Option<u64> {
    (0.0..1e12).contains(&number).then(|| number.floor() as u64)
}
