//! The audit record: what was decided, for whom, and why; one for each decision, as JSON in the filter state, where a
//! plain access log prints it.

use oauth_core::{scope::ScopeToken, time::UnixTime, token::VerifiedToken};
use serde_json::{Map, Value, json};

use crate::request::RequestHead;

/// No text of a record is longer, so that no client can flood the log.
const MOST_CHARACTERS: usize = 256;

/// No list of a record is longer.
const MOST_ENTRIES: usize = 20;

/// A record in the making. Members that are not known are left out.
#[derive(Clone, Debug, Default)]
pub struct Record {
    members: Map<String, Value>,
}

impl Record {
    /// A record of what `plugin` decided (`allow`, `deny`) at `now`, and its code.
    #[must_use]
    pub fn new(plugin: &str, decision: &str, code: &str, now: UnixTime) -> Self {
        let seconds = now.as_millis() as f64 / 1000.0;
        Self::default()
            .with("plugin", plugin)
            .with("decision", decision)
            .with("code", code)
            .with_value("time", json!(seconds))
    }

    /// Adds a text, shortened if it is long.
    #[must_use]
    pub fn with(self, name: &str, text: &str) -> Self {
        self.with_value(name, capped(text))
    }

    /// Adds a text that may not be known.
    #[must_use]
    pub fn with_known(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.with(name, text),
            None => self,
        }
    }

    /// Adds what a verified token says about who acts (LOG-02): subject, client, actors from the current one inwards,
    /// the scopes it holds.
    #[must_use]
    pub fn with_token(self, token: &VerifiedToken, credential_sha256: &str) -> Self {
        let claims = token.claims();
        let actor = |actor: &Map<String, Value>| capped(actor.get("sub").and_then(Value::as_str).unwrap_or("?"));
        let actors: Vec<Value> = claims.actors().take(MOST_ENTRIES).map(actor).collect();
        let held: Vec<Value> = claims.scopes().iter().take(MOST_ENTRIES).map(|scope| capped(scope.as_str())).collect();
        self.with_known("subject", claims.subject())
            .with_known("client", claims.client_id())
            .with("issuer", token.issuer())
            .with_value("actors", Value::Array(actors))
            .with_value("scopes_held", Value::Array(held))
            .with("token_sha256", credential_sha256)
    }

    /// Adds the scopes that the operation needs.
    #[must_use]
    pub fn with_needed(self, scopes: &[ScopeToken]) -> Self {
        let needed = scopes.iter().take(MOST_ENTRIES).map(|scope| capped(scope.as_str())).collect();
        self.with_value("scopes_needed", Value::Array(needed))
    }

    /// Adds what rules in shadow mode would have said: rule and code.
    #[must_use]
    pub fn with_shadow(self, verdicts: &[(String, &'static str)]) -> Self {
        if verdicts.is_empty() {
            return self;
        }
        let verdict = |(rule, code): &(String, &'static str)| json!({"rule": capped(rule), "code": code});
        self.with_value("shadow", verdicts.iter().take(MOST_ENTRIES).map(verdict).collect())
    }

    /// The record as one line of JSON: everything in it is escaped (LOG-03).
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        Value::Object(self.members).to_string().into_bytes()
    }

    fn with_value(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }
}

/// The trace identifier of a request (W3C Trace Context §3.2.2.3), if its `traceparent` has one.
#[must_use]
pub fn trace_id(request: &RequestHead) -> Option<String> {
    let traceparent = std::str::from_utf8(request.fields().only("traceparent")?).ok()?;
    let id = traceparent.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_ascii_lowercase())
}

fn capped(text: &str) -> Value {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => Value::from(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LOG-03
    #[test]
    fn a_record_is_one_line_whatever_a_client_puts_into_it() {
        let record = Record::new("p", "deny", "c", UnixTime::from_millis(1_500)).with("tool", "a\r\nb\u{1b}[31m\"");
        let text = String::from_utf8(record.into_bytes()).unwrap();
        assert!(!text.chars().any(char::is_control), "{text}");
        let parsed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["time"], json!(1.5));
        assert_eq!(parsed["tool"], "a\r\nb\u{1b}[31m\"");
    }

    /// LOG-03
    #[test]
    fn long_texts_are_cut_at_a_character() {
        let record = Record::new("p", "deny", "c", UnixTime::from_millis(0)).with("tool", &"é".repeat(10_000));
        assert!(record.into_bytes().len() < 1_000);
    }

    #[test]
    fn a_trace_id_is_taken_from_a_sound_traceparent_only() {
        let trace = |value: &str| {
            let fields = [(b"traceparent".to_vec(), value.as_bytes().to_vec())].into_iter().collect();
            trace_id(&RequestHead::new(fields, true))
        };
        let sound = "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(trace(sound).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        for value in ["", "00", "00-abc-def-01", "00-0af7651916cd43dd8448eb211c80319z-b7ad6b7169203331-01"] {
            assert_eq!(trace(value), None, "{value}");
        }
    }
}
