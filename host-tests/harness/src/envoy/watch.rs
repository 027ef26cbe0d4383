//! Secrets that must show nowhere.

use std::collections::BTreeSet;

use fourleg_lab::wire::WireResponse;

use crate::http::Request;

/// Shorter credentials than this are words of a test (`Bearer x`), which a log may well contain.
const SHORTEST: usize = 16;

/// The secrets of one gateway: those that the scenario names, and every credential that it sends.
pub(super) struct Canaries(BTreeSet<String>);

impl Canaries {
    pub(super) fn new(named: impl IntoIterator<Item = String>) -> Self {
        Self(named.into_iter().filter(|secret| !secret.is_empty()).collect())
    }

    /// Adds what follows the scheme in the `Authorization` fields of a request.
    pub(super) fn watch_credentials(&mut self, request: &Request) {
        for (name, value) in &request.headers {
            if !name.eq_ignore_ascii_case(b"authorization") {
                continue;
            }
            let Ok(text) = std::str::from_utf8(value) else {
                continue;
            };
            let words = text.split(|c: char| c == ',' || c == '"' || c.is_whitespace());
            self.0.extend(words.filter(|word| word.len() >= SHORTEST).map(str::to_owned));
        }
    }

    /// The secret that shows in a text, as far as it may be told.
    pub(super) fn found_in(&self, text: &str) -> Option<String> {
        let secret = self.0.iter().find(|secret| text.contains(secret.as_str()))?;
        Some(format!("{}…, {} characters", secret.chars().take(6).collect::<String>(), secret.len()))
    }

    pub(super) fn found_in_response(&self, response: &WireResponse) -> Option<String> {
        let trailers = response.trailers.iter().flatten();
        let mut fields = response.headers.iter().chain(trailers);
        self.found_in(&response.text()).or_else(|| {
            fields.find_map(|(name, value)| {
                self.found_in(&String::from_utf8_lossy(name)).or_else(|| self.found_in(&String::from_utf8_lossy(value)))
            })
        })
    }
}
