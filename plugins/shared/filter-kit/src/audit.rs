//! The audit record: what was decided, for whom, and why; one for each decision, as JSON in the filter state, where a
//! plain access log prints it.

use std::{borrow::Cow, fmt::Write as _};

use oauth_core::{scope::ScopeToken, time::UnixTime, verified_claims::VerifiedClaims};
use serde_json::{Map, Value};

use crate::{json_text, request::RequestHead};

/// No text of a record is longer, so that no client can flood the log.
const MOST_CHARACTERS: usize = 256;

/// No list of a record is longer.
const MOST_ENTRIES: usize = 20;

/// An object of a record: texts by plain names.
pub type RecordObject = Vec<(&'static str, String)>;

/// A record in the making. Members that are not known are left out. It is written as text at once: a tree of values
/// for each request would cost more than the decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    text: String,
}

impl Record {
    /// A record of what `plugin` decided (`allow`, `deny`) at `now` (seconds since the epoch), and its code.
    #[must_use]
    pub fn new(plugin: &str, decision: &str, code: &str, now: UnixTime) -> Self {
        let mut record = Self { text: String::with_capacity(512) };
        record = record.with("plugin", plugin).with("decision", decision).with("code", code);
        let (seconds, milliseconds) = (now.as_millis().div_euclid(1000), now.as_millis().rem_euclid(1000));
        let _ = write!(record.text, ",\"time\":{seconds}.{milliseconds:03}");
        record
    }

    /// Adds a text, shortened if it is long. `name` is plain.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.name(name);
        write_text(&mut self.text, text);
        self
    }

    /// Adds a text that may not be known.
    #[must_use]
    pub fn with_known(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.with(name, text),
            None => self,
        }
    }

    /// Adds a number. `name` is plain.
    #[must_use]
    pub fn with_number(mut self, name: &str, number: i64) -> Self {
        self.name(name);
        let _ = write!(self.text, "{number}");
        self
    }

    /// Adds all members of another record in the making: made where they are known, written where the decision is.
    #[must_use]
    pub fn with_all_of(mut self, other: &Self) -> Self {
        if let Some(members) = other.text.strip_prefix('{') {
            self.text.push(if self.text.is_empty() { '{' } else { ',' });
            self.text.push_str(members);
        }
        self
    }

    /// Adds the scopes that the operation needs.
    #[must_use]
    pub fn with_needed<'a>(self, scopes: impl IntoIterator<Item = &'a ScopeToken>) -> Self {
        self.with_list("scopes_needed", scopes.into_iter().map(ScopeToken::as_str))
    }

    /// Adds a list of texts, shortened if it is long. `name` is plain.
    #[must_use]
    pub fn with_list<'a>(mut self, name: &str, texts: impl Iterator<Item = &'a str>) -> Self {
        self.name(name);
        write_list(&mut self.text, texts);
        self
    }

    /// Adds what rules in shadow mode would have said: rule and code, `ok` if they would have let it pass.
    #[must_use]
    pub fn with_shadow(self, verdicts: &[(String, &'static str)]) -> Self {
        if verdicts.is_empty() {
            return self;
        }
        let objects = verdicts.iter().take(MOST_ENTRIES);
        let objects: Vec<RecordObject> =
            objects.map(|(rule, code)| vec![("rule", rule.clone()), ("code", (*code).to_owned())]).collect();
        self.with_objects("shadow", &objects)
    }

    /// Adds a list of objects, shortened if it is long. `name` and those of the members are plain.
    #[must_use]
    pub fn with_objects(mut self, name: &str, objects: &[RecordObject]) -> Self {
        self.name(name);
        self.text.push('[');
        for (index, object) in objects.iter().take(MOST_ENTRIES).enumerate() {
            self.text.push_str(if index == 0 { "" } else { "," });
            write_object(&mut self.text, object);
        }
        self.text.push(']');
        self
    }

    /// Adds an object. `name` and those of the members are plain.
    #[must_use]
    pub fn with_object(mut self, name: &str, object: &RecordObject) -> Self {
        self.name(name);
        write_object(&mut self.text, object);
        self
    }

    /// The record as one line of JSON: everything in it is escaped (LOG-03).
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        if self.text.is_empty() {
            self.text.push('{');
        }
        self.text.push('}');
        self.text.into_bytes()
    }

    fn name(&mut self, name: &str) {
        let start = if self.text.is_empty() { "{\"" } else { ",\"" };
        self.text.push_str(start);
        self.text.push_str(name);
        self.text.push_str("\":");
    }
}

/// What a verified token says about who acts (LOG-02): subject, client, issuer, actors from the current one inwards, the scopes
/// it holds, and the hash that names it. Made once for a token.
#[must_use]
pub fn actors(token: &impl AsRef<VerifiedClaims>, credential_sha256: &str) -> Record {
    let claims = token.as_ref();
    let name_of = |actor: &'_ Map<String, Value>| actor.get("sub").and_then(Value::as_str).unwrap_or("?").to_owned();
    let names: Vec<String> = claims.actors().map(name_of).collect();
    Record::default()
        .with_known("subject", claims.subject())
        .with_known("client", claims.client_id())
        .with("issuer", claims.issuer())
        .with_list("actors", names.iter().map(String::as_str))
        .with_list("scopes_held", claims.scopes().iter().map(ScopeToken::as_str))
        .with("token_sha256", credential_sha256)
}

/// The trace identifier of a request (W3C Trace Context §3.2.2.3), if its `traceparent` has one.
#[must_use]
pub fn trace_id(request: &RequestHead) -> Option<String> {
    let traceparent = std::str::from_utf8(request.fields().only("traceparent")?).ok()?;
    let id = traceparent.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_ascii_lowercase())
}

fn write_object(out: &mut String, object: &RecordObject) {
    out.push('{');
    for (index, (member, text)) in object.iter().enumerate() {
        let _ = write!(out, "{}\"{member}\":", if index == 0 { "" } else { "," });
        write_text(out, text);
    }
    out.push('}');
}

fn write_text(out: &mut String, text: &str) {
    json_text::string(out, &capped(text));
}

fn write_list<'a>(out: &mut String, texts: impl Iterator<Item = &'a str>) {
    json_text::strings(out, texts.take(MOST_ENTRIES).map(capped));
}

/// At most [`MOST_CHARACTERS`] of a text, and a sign if there was more.
fn capped(text: &str) -> Cow<'_, str> {
    // No character is shorter than a byte.
    let end = (text.len() > MOST_CHARACTERS).then(|| text.char_indices().nth(MOST_CHARACTERS)).flatten();
    match end {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
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
        assert_eq!(parsed["time"], serde_json::json!(1.5));
        assert_eq!(parsed["tool"], "a\r\nb\u{1b}[31m\"");
    }

    #[test]
    fn lists_are_json_whatever_is_in_them() {
        let shadow = [("a \"rule\"".to_owned(), "ok"), ("b".to_owned(), "role_missing")];
        let record = Record::new("p", "allow", "ok", UnixTime::from_millis(0)).with_needed(&[]).with_shadow(&shadow);
        let parsed: Value = serde_json::from_slice(&record.into_bytes()).unwrap();
        assert_eq!(parsed["shadow"][0]["rule"], "a \"rule\"");
        assert_eq!(parsed["shadow"][1]["code"], "role_missing");
        assert_eq!(parsed["scopes_needed"], serde_json::json!([]));
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
