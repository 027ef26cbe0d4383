//! What a challenge asks of the client, in the words of an authorization request.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value, json};

/// What must be in the next authorization request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The challenge's error; none for a first sign-in.
    pub error: Option<String>,
    /// Space-separated (RFC 6750, section 3).
    pub scope: Option<String>,
    /// RFC 9470, section 4.
    pub acr_values: Option<String>,
    /// RFC 9470, section 4.
    pub max_age: Option<String>,
    /// The decoded claims request of Microsoft Entra: JSON.
    pub claims: Option<Value>,
    /// What would have been enough (RFC 9396), from the challenge's `authorization_remediation`: a list of objects.
    pub authorization_details: Option<Value>,
}

impl Asked {
    /// Reads the first `Bearer` challenge of a `WWW-Authenticate` field with an error that a client can act on, or else the
    /// first one; none if there is no such challenge or it does not parse.
    #[must_use]
    pub fn from_challenge(field: &str) -> Option<Self> {
        let challenges = http_auth::parse_challenges(field).ok()?;
        let all: Vec<Self> = challenges
            .iter()
            .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"))
            .map(|challenge| {
                let param = |name: &str| {
                    let mut values = challenge.params.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
                    values.next().map(|(_, value)| value.to_unescaped())
                };
                Self {
                    error: param("error"),
                    scope: param("scope"),
                    acr_values: param("acr_values"),
                    max_age: param("max_age"),
                    claims: param("claims").and_then(|text| claims(&text)),
                    authorization_details: param("authorization_remediation").and_then(|text| remedy(&text)),
                }
            })
            .collect();
        all.iter().find(|asked| asked.is_for_a_step_up()).or(all.first()).cloned()
    }

    /// Whether another sign-in by the same user can help where this token did not.
    #[must_use]
    pub fn is_for_a_step_up(&self) -> bool {
        match self.error.as_deref() {
            Some("insufficient_user_authentication" | "insufficient_scope") => true,
            Some("insufficient_claims") => self.claims.is_some(),
            // Under any name: it has changed from draft to draft.
            Some(_) => self.authorization_details.is_some(),
            None => false,
        }
    }

    /// The `claims` parameter: what is asked for, and what the client says that it can do (`xms_cc`). None if that is
    /// nothing.
    pub(super) fn claims_parameter(&self, capabilities: &[String]) -> Option<String> {
        let mut claims = self.claims.clone().unwrap_or_else(|| Value::Object(Map::new()));
        if !capabilities.is_empty() {
            let access_token = claims.as_object_mut()?.entry("access_token").or_insert_with(|| json!({}));
            access_token.as_object_mut()?.insert("xms_cc".to_owned(), json!({"values": capabilities}));
        }
        claims.as_object().is_some_and(|claims| !claims.is_empty()).then(|| claims.to_string())
    }
}

/// Standard base64 with padding, of a JSON object.
fn claims(text: &str) -> Option<Value> {
    let claims: Value = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
    claims.is_object().then_some(claims)
}

/// Base64url without padding, of a JSON object with the details: `draft-ietf-oauth-rar-metadata-remediation`.
fn remedy(text: &str) -> Option<Value> {
    let remedy: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    remedy.get("authorization_details").filter(|details| details.is_array()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_that_can_be_followed_is_found_among_others() {
        let asked = Asked::from_challenge(
            r#"DPoP algs="ES256", Bearer realm="r", Bearer error="insufficient_user_authentication", acr_values="a b", max_age="0""#,
        )
        .unwrap();
        assert!(asked.is_for_a_step_up());
        assert_eq!((asked.acr_values.as_deref(), asked.max_age.as_deref()), (Some("a b"), Some("0")));
        assert_eq!(Asked::from_challenge(r#"Bearer realm="r""#), Some(Asked::default()));
        assert_eq!(Asked::from_challenge(r#"Basic realm="r""#), None);
        assert_eq!(Asked::from_challenge("\"broken"), None);
    }

    #[test]
    fn the_details_that_would_have_been_enough_are_decoded() {
        let asked = |remedy: &str, error: &str| {
            let text = URL_SAFE_NO_PAD.encode(remedy);
            Asked::from_challenge(&format!(r#"Bearer error="{error}", authorization_remediation="{text}""#)).unwrap()
        };
        let details = json!([{"type": "file_access", "actions": ["read"], "identifier": "a"}]);
        let sound = json!({"authorization_details": details}).to_string();
        for error in ["insufficient_authorization", "insufficient_authorization_details"] {
            assert!(asked(&sound, error).is_for_a_step_up());
            assert_eq!(asked(&sound, error).authorization_details, Some(details.clone()));
        }
        for unreadable in ["", "[]", "{}", r#"{"authorization_details":{}}"#] {
            assert!(!asked(unreadable, "insufficient_authorization").is_for_a_step_up(), "{unreadable}");
        }
    }

    #[test]
    fn a_claims_request_is_decoded_and_tells_what_the_client_can_do() {
        let text = STANDARD.encode(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#);
        let asked = Asked::from_challenge(&format!(r#"Bearer error="insufficient_claims", claims="{text}""#)).unwrap();
        let parameter: Value = serde_json::from_str(&asked.claims_parameter(&["cp1".to_owned()]).unwrap()).unwrap();
        let expected = json!({"acrs": {"essential": true, "value": "c1"}, "xms_cc": {"values": ["cp1"]}});
        assert_eq!(parameter, json!({"access_token": expected}));
        assert_eq!(Asked::default().claims_parameter(&[]), None);
        let unreadable = Asked::from_challenge(r#"Bearer error="insufficient_claims", claims="e30""#).unwrap();
        assert!(!unreadable.is_for_a_step_up(), "base64 without its padding");
    }
}
