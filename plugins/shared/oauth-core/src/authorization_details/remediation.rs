//! What a client should ask its authorization server for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::wanted::Wanted;
use crate::challenge::MAX_VALUE_BYTES;
use crate::json::Exact;

/// The value of `authorization_remediation` (draft-ietf-oauth-rar-metadata-remediation, resource server rules): a JSON object with
/// the `authorization_details` that would let the request pass, base64url. It says nothing but what the rule and the
/// request say. `None` if it would not fit a header field: a part of it would lead to a token that is not enough.
#[must_use]
pub fn remediation(wanted: &[Wanted], resource: Option<&str>) -> Option<String> {
    let mut objects: Vec<Exact> = Vec::new();
    let mut length = 0_usize;
    for wanted in wanted {
        let object = wanted.object(resource);
        if !objects.contains(&object) {
            length = length.saturating_add(object.to_string().len());
            objects.push(object);
        }
        if length > MAX_VALUE_BYTES {
            return None;
        }
    }
    let document = Exact::Object([("authorization_details".to_owned(), Exact::Array(objects))].into());
    let encoded = URL_SAFE_NO_PAD.encode(document.to_string());
    (encoded.len() <= MAX_VALUE_BYTES).then_some(encoded)
}
