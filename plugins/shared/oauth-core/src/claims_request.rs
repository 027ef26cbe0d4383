//! The claims that a claims challenge of Microsoft Entra asks for (Entra, "Claims challenges, claims requests, and client
//! capabilities"; OpenID Connect Core 1.0 §5.5).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::time::UnixTime;
use crate::verified_claims::VerifiedClaims;

/// What the next token of a client must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimsRequest(Value);

impl ClaimsRequest {
    /// An authentication context: `acrs` is to hold this identifier, as the tenant has configured it.
    #[must_use]
    pub fn auth_context(id: &str) -> Self {
        Self(json!({"access_token": {"acrs": {"essential": true, "value": id}}}))
    }

    /// A token that was issued at this time or later, since earlier ones were revoked (Continuous Access Evaluation).
    /// The value is a string of whole seconds, rounded up so that no revoked token meets it.
    #[must_use]
    pub fn issued_since(instant: UnixTime) -> Self {
        let seconds = instant.as_millis().saturating_add(999).div_euclid(1000);
        Self(json!({"access_token": {"nbf": {"essential": true, "value": seconds.to_string()}}}))
    }

    /// The `claims` parameter of the challenge: JSON without spaces, in standard base64 with padding.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0.to_string())
    }
}

/// Whether the client has declared that it understands claims challenges: `xms_cc` is or holds `cp1`, in any case.
#[must_use]
pub fn understands_claims_challenges(token: &impl AsRef<VerifiedClaims>) -> bool {
    let is_declared = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("cp1"));
    match token.as_ref().members().get("xms_cc") {
        Some(Value::Array(capabilities)) => capabilities.iter().any(is_declared),
        Some(capability) => is_declared(capability),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claims;
    use crate::issuer::Profile;

    fn decoded(request: &ClaimsRequest) -> String {
        String::from_utf8(STANDARD.decode(request.to_base64()).unwrap()).unwrap()
    }

    /// STP-14
    #[test]
    fn an_auth_context_is_asked_for_in_padded_base64_of_minified_json() {
        let request = ClaimsRequest::auth_context("c1");
        assert_eq!(decoded(&request), r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#);
        // As the documentation of Entra prints it for cp1.
        assert_eq!(
            ClaimsRequest::auth_context("cp1").to_base64(),
            "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiY3AxIn19fQ=="
        );
        for id in ["c1", "c25", "c99", "?>?>", "\u{ff}\u{fe}"] {
            let text = ClaimsRequest::auth_context(id).to_base64();
            assert!(text.len().is_multiple_of(4) && !text.contains(['-', '_', ' ', '\n']), "{text}");
        }
    }

    /// REV-06
    #[test]
    fn a_revocation_asks_for_a_later_token_with_a_string_of_seconds() {
        for (milliseconds, value) in [(1_604_106_651_000, "1604106651"), (1_604_106_651_001, "1604106652")] {
            let request = ClaimsRequest::issued_since(UnixTime::from_millis(milliseconds));
            let expected = format!(r#"{{"access_token":{{"nbf":{{"essential":true,"value":"{value}"}}}}}}"#);
            assert_eq!(decoded(&request), expected);
        }
    }

    /// STP-15
    #[test]
    fn only_a_client_that_says_cp1_understands_claims_challenges() {
        let declared = |value: Option<Value>| {
            let mut members = json!({"iss": "i", "exp": 1}).as_object().unwrap().clone();
            members.extend(value.map(|value| ("xms_cc".to_owned(), value)));
            understands_claims_challenges(&VerifiedClaims::proven(
                Claims::from_members(members, Profile::Generic).unwrap(),
            ))
        };
        for value in [json!("cp1"), json!("CP1"), json!(["foo", "cp1"]), json!(["Cp1"])] {
            assert!(declared(Some(value.clone())), "{value}");
        }
        for value in [json!("cp2"), json!("cp11"), json!(""), json!([]), json!(["foo"]), json!(1), json!({"cp1": true})]
        {
            assert!(!declared(Some(value.clone())), "{value}");
        }
        assert!(!declared(None));
    }
}
