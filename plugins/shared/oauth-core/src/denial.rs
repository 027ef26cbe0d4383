//! The answer to a denied request.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::challenge::{Challenge, DEFAULT_REALM};
pub use crate::reason::Reason;

/// A denial: its reason, and with it status, fields and body of the answer.
///
/// A reason that asks for a challenge always has one, and one that does not has none: a 401 without
/// `WWW-Authenticate` (RFC 9110 §15.5.2) cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Denial {
    reason: Reason,
    /// Empty exactly when the reason has no challenge.
    challenges: Vec<Challenge>,
    retry_after: Option<Duration>,
    as_unauthorized: bool,
    /// In place of the reason's.
    error: Option<String>,
}

impl Denial {
    /// A denial that knows nothing of the resource. If the reason needs a challenge, it gets a bare one with a realm.
    pub fn plain(reason: Reason) -> Self {
        Self::challenged(reason, Challenge::bearer().realm(DEFAULT_REALM))
    }

    /// A denial with the resource's own challenge (realm, `resource_metadata`, scopes).
    ///
    /// `error` and `error_description` are set from the reason, or removed if it has no error. A reason without
    /// challenge drops `challenge`.
    pub fn challenged(reason: Reason, challenge: Challenge) -> Self {
        Self { reason, challenges: Vec::new(), retry_after: reason.retry_after(), as_unauthorized: false, error: None }
            .and(challenge)
    }

    /// Adds a challenge of another scheme or style, under the same rules. Each becomes a field of its own.
    pub fn and(self, challenge: Challenge) -> Self {
        let reason = self.reason;
        self.and_because(reason, challenge)
    }

    /// The same for a challenge with a reason of its own: what one style calls an error has another name in the next.
    pub fn and_because(mut self, reason: Reason, challenge: Challenge) -> Self {
        if self.reason.has_challenge() {
            self.challenges.push(match reason.oauth_error() {
                Some(error) => challenge.error(error).error_description(reason.description()),
                None => challenge.without_error(),
            });
        }
        self
    }

    /// Answers with 401 instead of what the reason says, for clients that follow no challenge of a 403. Without a
    /// challenge it changes nothing (RFC 9110 §15.5.2).
    pub const fn as_unauthorized(mut self) -> Self {
        self.as_unauthorized = self.reason.has_challenge();
        self
    }

    /// Tells the error under another name, for clients that know it by that. A reason without error stays without.
    pub fn with_error(mut self, error: &str) -> Self {
        if self.reason.oauth_error().is_some() {
            self.challenges = self.challenges.into_iter().map(|challenge| challenge.error(error)).collect();
            self.error = Some(error.to_owned());
        }
        self
    }

    /// Tells the client how long to wait (RFC 9110 §10.2.3), in whole seconds, rounded up.
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The OAuth `error` that the client is told, if the reason has one.
    #[must_use]
    pub fn oauth_error(&self) -> Option<&str> {
        self.error.as_deref().or(self.reason.oauth_error())
    }

    /// HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        if self.as_unauthorized { 401 } else { self.reason.status() }
    }

    /// The challenges, as they are sent.
    #[must_use]
    pub fn challenges(&self) -> &[Challenge] {
        &self.challenges
    }

    /// The fields of the answer, names in lower case. `www-authenticate` may occur several times, and none of the
    /// values comes from the request. Never cacheable (RFC 9111 §5.2.2.5).
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers: Vec<(&'static str, String)> =
            self.challenges.iter().map(|challenge| ("www-authenticate", challenge.to_header_value())).collect();
        headers.push(("content-type", "application/json".to_owned()));
        headers.push(("cache-control", "no-store".to_owned()));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
            headers.push(("retry-after", seconds.to_string()));
        }
        headers
    }

    /// The body of the answer, JSON: `error` (the OAuth error, if there is one), `error_description`, `code`.
    #[must_use]
    pub fn body(&self) -> String {
        let mut members = Map::new();
        if let Some(error) = self.oauth_error() {
            members.insert("error".to_owned(), Value::from(error));
        }
        members.insert("error_description".to_owned(), Value::from(self.reason.description()));
        members.insert("code".to_owned(), Value::from(self.reason.code()));
        Value::Object(members).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource_challenge() -> Challenge {
        Challenge::bearer().realm("r").resource_metadata("https://h/.well-known/oauth-protected-resource").scope(["a"])
    }

    fn every_denial() -> Vec<Denial> {
        Reason::ALL
            .iter()
            .flat_map(|reason| {
                let full = resource_challenge().error("e").error_description("d").error_uri("https://e");
                [
                    Denial::plain(*reason),
                    Denial::challenged(*reason, Challenge::bearer()),
                    Denial::challenged(*reason, resource_challenge()),
                    Denial::challenged(*reason, full.clone()).and(Challenge::dpop().algs(["ES256"])),
                ]
            })
            .collect()
    }

    fn parameters(value: &str) -> Vec<(String, String)> {
        let all: Vec<_> = http_auth::ChallengeParser::new(value).map(|challenge| challenge.unwrap()).collect();
        assert_eq!(all.len(), 1, "{value}");
        all[0].params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped())).collect()
    }

    fn challenge_fields(denial: &Denial) -> Vec<String> {
        denial.headers().into_iter().filter(|(name, _)| *name == "www-authenticate").map(|(_, value)| value).collect()
    }

    /// COR-04, COR-05
    #[test]
    fn every_401_has_a_challenge_with_a_parameter() {
        for denial in every_denial() {
            let fields = challenge_fields(&denial);
            assert_eq!(denial.reason().has_challenge(), !fields.is_empty(), "{denial:?}");
            assert!(denial.status() != 401 || !fields.is_empty(), "{denial:?}");
            for field in fields {
                assert!(!parameters(&field).is_empty(), "{field}");
            }
        }
    }

    /// COR-06
    #[test]
    fn no_challenge_of_any_denial_repeats_a_name() {
        for denial in every_denial() {
            for field in challenge_fields(&denial) {
                let mut names: Vec<String> = parameters(&field).into_iter().map(|(name, _)| name).collect();
                let count = names.len();
                names.sort();
                names.dedup();
                assert_eq!(names.len(), count, "{field}");
            }
        }
    }

    /// COR-08
    #[test]
    fn the_challenge_names_the_error_of_the_reason() {
        for denial in every_denial() {
            for field in challenge_fields(&denial) {
                let error = parameters(&field).into_iter().find(|(name, _)| name == "error").map(|(_, value)| value);
                assert_eq!(error.as_deref(), denial.reason().oauth_error(), "{field}");
            }
        }
    }

    /// COR-03
    #[test]
    fn a_missing_credential_is_told_no_error() {
        let full = resource_challenge().error("e").error_description("d").error_uri("https://e");
        for denial in [Denial::plain(Reason::CredentialMissing), Denial::challenged(Reason::CredentialMissing, full)] {
            assert_eq!(denial.status(), 401);
            for field in challenge_fields(&denial) {
                assert!(field.starts_with("Bearer realm=\"") && !field.contains("error"), "{field}");
            }
        }
    }

    /// COR-15
    #[test]
    fn no_denial_may_be_cached() {
        for denial in every_denial() {
            let headers = denial.headers();
            assert_eq!(headers.iter().filter(|(name, _)| *name == "cache-control").count(), 1);
            assert!(headers.contains(&("cache-control", "no-store".to_owned())));
            assert!(headers.contains(&("content-type", "application/json".to_owned())));
        }
    }

    #[test]
    fn the_body_is_json_with_the_code_and_the_oauth_error_if_any() {
        let expired: Value = serde_json::from_str(&Denial::plain(Reason::TokenExpired).body()).unwrap();
        assert_eq!(
            expired,
            serde_json::json!({"error": "invalid_token", "error_description": "the token has expired", "code": "token_expired"})
        );
        let outage: Value = serde_json::from_str(&Denial::plain(Reason::KeysUnavailable).body()).unwrap();
        assert!(outage.get("error").is_none());
        assert_eq!(outage["code"], "keys_unavailable");
    }

    /// COR-04
    #[test]
    fn only_a_denial_with_a_challenge_can_be_told_as_401() {
        for reason in Reason::ALL {
            let denial = Denial::plain(*reason).as_unauthorized();
            assert_eq!(denial.status(), if reason.has_challenge() { 401 } else { reason.status() }, "{reason:?}");
        }
    }

    #[test]
    fn a_further_challenge_may_name_an_error_of_its_own() {
        let other = Challenge::bearer().claims("e30=");
        let denial =
            Denial::plain(Reason::InsufficientUserAuthentication).and_because(Reason::InsufficientClaims, other);
        let errors: Vec<_> = challenge_fields(&denial).iter().map(|field| parameters(field)).collect();
        assert!(errors[0].contains(&("error".to_owned(), "insufficient_user_authentication".to_owned())));
        assert!(errors[1].contains(&("error".to_owned(), "insufficient_claims".to_owned())));
    }

    /// X2
    #[test]
    fn an_error_may_be_told_under_another_name() {
        let denial = Denial::plain(Reason::InsufficientAuthorization).with_error("other_name");
        assert!(parameters(&challenge_fields(&denial)[0]).contains(&("error".to_owned(), "other_name".to_owned())));
        let body: Value = serde_json::from_str(&denial.body()).unwrap();
        assert_eq!((&body["error"], &body["code"]), (&"other_name".into(), &"insufficient_authorization".into()));
        let without = Denial::plain(Reason::RuleMissing).with_error("other_name");
        assert_eq!((without.oauth_error(), without.body().contains("other_name")), (None, false));
    }

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        let denial = Denial::plain(Reason::KeysUnavailable).retry_after(Duration::from_millis(1001));
        assert!(denial.headers().contains(&("retry-after", "2".to_owned())));
    }
}
