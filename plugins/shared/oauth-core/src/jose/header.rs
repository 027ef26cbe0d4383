//! The JOSE header of a token (RFC 7515 §4).

use serde_json::{Map, Value};

use crate::json;
use crate::reason::Reason;

/// The longest `kid`, in bytes. It is opaque: compared, never interpreted.
const MAX_KEY_ID_BYTES: usize = 512;

/// The members of a header that mean something here. Nothing in it is proven.
///
/// `jku`, `x5u`, `x5c`, `x5t` and `x5t#S256` are checked for their type and then ignored (RFC 8725 §3.10): keys come
/// from the issuer's configuration alone.
#[derive(Clone, Debug)]
pub struct Header {
    algorithm: String,
    key_id: Option<String>,
    media_type: Option<String>,
    has_critical: bool,
    has_embedded_key: bool,
}

impl Header {
    /// Reads a decoded header.
    ///
    /// # Errors
    /// - [`Reason::TokenEncrypted`] if there is an `enc` member (RFC 7516 §9).
    /// - [`Reason::TokenMalformed`] if it is not a strict JSON object, if `alg` is missing, if a known member has the
    ///   wrong type or `kid` is empty or too long.
    pub fn parse(header: &[u8]) -> Result<Self, Reason> {
        let members = json::parse_object(header, json::MAX_DEPTH).map_err(|_| Reason::TokenMalformed)?;
        if members.contains_key("enc") {
            return Err(Reason::TokenEncrypted);
        }
        // `salt` is no JOSE name; the signature library reads it for its type, and no verdict may depend on who asks it.
        for name in ["cty", "jku", "x5u", "x5t", "x5t#S256", "salt"] {
            string(&members, name)?;
        }
        if let Some(chain) = members.get("x5c") {
            let certificates = chain.as_array().ok_or(Reason::TokenMalformed)?;
            if !certificates.iter().all(Value::is_string) {
                return Err(Reason::TokenMalformed);
            }
        }
        let key_id = string(&members, "kid")?;
        if key_id.is_some_and(|id| id.is_empty() || id.len() > MAX_KEY_ID_BYTES) {
            return Err(Reason::TokenMalformed);
        }
        Ok(Self {
            algorithm: string(&members, "alg")?.ok_or(Reason::TokenMalformed)?.to_owned(),
            key_id: key_id.map(str::to_owned),
            media_type: string(&members, "typ")?.map(str::to_owned),
            // No extension is understood, so each `crit` names one that is not, or is itself not allowed to be there
            // (RFC 7515 §4.1.11). `b64` has no place in a JWT, critical or not (RFC 7797 §7).
            has_critical: members.contains_key("crit") || members.contains_key("b64"),
            has_embedded_key: members.contains_key("jwk"),
        })
    }

    /// `alg` as it came.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// `kid`: not empty, at most 512 bytes, otherwise any text.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// `typ` as it came.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// Refuses headers that ask for more than a plain signature check.
    ///
    /// # Errors
    /// - [`Reason::CriticalHeader`] if there is a `crit` (RFC 7515 §4.1.11) or `b64` member (RFC 7797 §7).
    /// - [`Reason::EmbeddedKey`] if there is a `jwk` member: an access token has no use for it (RFC 8725 §3.10).
    pub const fn require_plain(&self) -> Result<(), Reason> {
        if self.has_critical {
            return Err(Reason::CriticalHeader);
        }
        if self.has_embedded_key {
            return Err(Reason::EmbeddedKey);
        }
        Ok(())
    }
}

fn string<'m>(members: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, Reason> {
    members.get(name).map(|value| value.as_str().ok_or(Reason::TokenMalformed)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Reason {
        Header::parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn known_members_are_read_and_unknown_ones_ignored() {
        let header =
            Header::parse(br#"{"alg":"RS256","kid":"k1","typ":"at+jwt","x":{"y":1},"x5t":"a","zip":"DEF"}"#).unwrap();
        assert_eq!((header.algorithm(), header.key_id(), header.media_type()), ("RS256", Some("k1"), Some("at+jwt")));
        assert_eq!(header.require_plain(), Ok(()));
    }

    /// SMG-07
    #[test]
    fn a_header_with_a_repeated_name_is_malformed() {
        assert_eq!(refused(r#"{"alg":"RS256","alg":"none"}"#), Reason::TokenMalformed);
        assert_eq!(refused(r#"{"alg":"RS256","\u0061lg":"none"}"#), Reason::TokenMalformed);
    }

    /// JWT-07, JWT-12
    #[test]
    fn wrong_types_are_malformed() {
        for text in [
            "{}",
            "[]",
            "null",
            "\"RS256\"",
            r#"{"alg":null}"#,
            r#"{"alg":1}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"kid":"k"}"#,
            r#"{"alg":"RS256","kid":1}"#,
            r#"{"alg":"RS256","kid":null}"#,
            r#"{"alg":"RS256","kid":""}"#,
            r#"{"alg":"RS256","typ":1}"#,
            r#"{"alg":"RS256","typ":null}"#,
            r#"{"alg":"RS256","cty":{}}"#,
            r#"{"alg":"RS256","jku":{}}"#,
            r#"{"alg":"RS256","salt":1}"#,
            r#"{"alg":"RS256","x5c":"a"}"#,
            r#"{"alg":"RS256","x5c":[1]}"#,
            "",
            r#"{"alg":"RS256""#,
            r#"{"alg":"RS256"}x"#,
        ] {
            assert_eq!(refused(text), Reason::TokenMalformed, "{text}");
        }
        assert_eq!(refused(&format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(513))), Reason::TokenMalformed);
    }

    /// JWT-10, JWT-11
    #[test]
    fn every_crit_and_every_b64_is_refused() {
        for extra in [
            r#""crit":[]"#,
            r#""crit":["alg"]"#,
            r#""crit":["x"]"#,
            r#""crit":["x"],"x":1"#,
            r#""crit":"x""#,
            r#""crit":null"#,
            r#""crit":[1]"#,
            r#""crit":["b64"],"b64":false"#,
            r#""b64":false"#,
            r#""b64":true"#,
            r#""crit":["exp"],"exp":1"#,
        ] {
            let header = Header::parse(format!(r#"{{"alg":"RS256",{extra}}}"#).as_bytes()).unwrap();
            assert_eq!(header.require_plain(), Err(Reason::CriticalHeader), "{extra}");
        }
    }

    /// JWT-09
    #[test]
    fn a_key_in_the_header_is_refused() {
        let header = Header::parse(br#"{"alg":"ES256","jwk":{"kty":"EC"}}"#).unwrap();
        assert_eq!(header.require_plain(), Err(Reason::EmbeddedKey));
    }

    /// JWT-14
    #[test]
    fn a_header_of_an_encrypted_token_is_recognised() {
        assert_eq!(refused(r#"{"alg":"dir","enc":"A256GCM"}"#), Reason::TokenEncrypted);
    }
}
