//! How a request ended, and what holds of every end.

use filter_kit::policy::{Callout, Policy, Refusal, RequestEdits, Response, StateEntry};
use oauth_core::denial::Reason;
use serde_json::Value;

use super::Request;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on, with these edits.
    Allow(RequestEdits),
    /// It is denied.
    Deny(Refusal),
    /// The filter answers it itself.
    Respond(Response),
}

/// What became of a request.
pub struct Decision<P: Policy> {
    /// How it ended.
    pub verdict: Verdict,
    /// What was asked for it, in order.
    pub calls: Vec<Callout>,
    /// What was logged meanwhile.
    pub notes: Vec<String>,
    pub(super) watched: Option<P::Waiting>,
}

impl<P: Policy> Decision<P> {
    /// The verdict in two words: `allow ok`, `allow public`, `shadow_deny token_expired`, `401 audience_mismatch`,
    /// `204 preflight`.
    #[must_use]
    pub fn told(&self) -> String {
        match &self.verdict {
            Verdict::Allow(edits) => {
                let (decision, code) = edits.counts_as.unwrap_or(("allow", "ok"));
                format!("{decision} {code}")
            }
            Verdict::Deny(Refusal { response, .. }) | Verdict::Respond(response) => {
                format!("{} {}", response.status, response.code)
            }
        }
    }

    /// The edits of a request that goes on.
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub fn edits(&self) -> &RequestEdits {
        let Verdict::Allow(edits) = &self.verdict else { panic!("it does not go on: {}", self.told()) };
        edits
    }

    /// The answer to one that does not.
    ///
    /// # Panics
    /// If it does.
    #[must_use]
    pub fn response(&self) -> &Response {
        match &self.verdict {
            Verdict::Deny(Refusal { response, .. }) | Verdict::Respond(response) => response,
            Verdict::Allow(_) => panic!("it goes on: {}", self.told()),
        }
    }

    /// The values of a field of that answer.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<&str> {
        let headers = &self.response().headers;
        headers.iter().filter(|(field, _)| *field == name).map(|(_, value)| value.as_str()).collect()
    }

    /// What is written to the filter state under a key; there is at most one such entry.
    #[must_use]
    pub fn state(&self, key: &str) -> Option<&[u8]> {
        self.entries().iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_slice())
    }

    /// The audit record.
    ///
    /// # Panics
    /// If there is none, or it is not JSON.
    #[must_use]
    pub fn record(&self) -> Value {
        let record = self.state_json(&format!("fourleg.audit.{}", P::NAME));
        record.expect("every decision leaves a record")
    }

    /// What is written to the filter state under a key, if it is there.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn state_json(&self, key: &str) -> Option<Value> {
        self.state(key).map(|entry| serde_json::from_slice(entry).expect("JSON"))
    }

    fn entries(&self) -> &[StateEntry] {
        match &self.verdict {
            Verdict::Allow(edits) => &edits.state,
            Verdict::Deny(refusal) => &refusal.state,
            Verdict::Respond(_) => &[],
        }
    }

    /// What holds of every decision.
    pub(super) fn require_sound(&self, request: &Request) {
        if let Verdict::Deny(refusal) = &self.verdict {
            let Response { status, headers, body, code } = &refusal.response;
            if let Some(reason) = Reason::ALL.iter().find(|reason| reason.code() == *code) {
                assert_eq!(*status, reason.status(), "{code}");
                let is_challenged = headers.iter().any(|(name, _)| *name == "www-authenticate");
                assert_eq!(is_challenged, reason.has_challenge(), "{code}");
            }
            assert!(body.contains(code), "{code} is not in {body}");
            assert!(headers.contains(&("cache-control", "no-store".to_owned())), "{code} may be cached");
            if !refusal.state.is_empty() {
                assert_eq!((&self.record()["code"], &self.record()["decision"]), (&(*code).into(), &"deny".into()));
            }
        }
        let mut shown = format!("{:?}", self.notes);
        if let Verdict::Deny(Refusal { response, .. }) | Verdict::Respond(response) = &self.verdict {
            shown.push_str(&format!("{response:?}"));
        }
        if let Some(record) = self.state(&format!("fourleg.audit.{}", P::NAME)) {
            shown.push_str(&String::from_utf8_lossy(record));
        }
        for token in request.tokens() {
            assert!(!shown.contains(token), "a token shows in {shown}");
        }
        let mut keys: Vec<_> = self.entries().iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), self.entries().len(), "a key of the filter state is written twice");
    }
}
