//! What a client should ask its authorization server for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::wanted::Wanted;
use crate::challenge::MAX_VALUE_BYTES;

/// The value of `authorization_remediation` (draft-ietf-oauth-rar-metadata-remediation, resource server rules): a JSON object with
/// the `authorization_details` that would let the request pass, base64url. It says nothing but what the rule and the
/// request say. Each object is kept as its text, and none once they are too long: a request may need very many.
#[derive(Clone, Debug, Default)]
pub struct Remediation {
    objects: Vec<String>,
    length: usize,
}

impl Remediation {
    /// Adds what the request needs, at `resource` if that is known.
    pub fn add(&mut self, wanted: &Wanted, resource: Option<&str>) {
        if self.length > MAX_VALUE_BYTES {
            return;
        }
        let object = wanted.object(resource).to_string();
        if !self.objects.contains(&object) {
            self.length = self.length.saturating_add(object.len());
            self.objects.push(object);
        }
        if self.length > MAX_VALUE_BYTES {
            self.objects.clear();
        }
    }

    /// The value. `None` if there is none, or if it would not fit a header field: a part of it would lead to a token that
    /// is not enough.
    #[must_use]
    pub fn encoded(&self) -> Option<String> {
        let document = format!("{{\"authorization_details\":[{}]}}", self.objects.join(","));
        let encoded = URL_SAFE_NO_PAD.encode(document);
        (!self.objects.is_empty() && encoded.len() <= MAX_VALUE_BYTES).then_some(encoded)
    }
}
