//! What a body is written in, and what a client takes for an answer.

use crate::flaw::Flaw;

/// Only plain JSON is read: what we cannot read as the server will, we cannot judge.
pub(crate) fn require_json(fields: &[(&[u8], &[u8])]) -> Result<(), Flaw> {
    let mut types = all(fields, "content-type");
    if !types.next().is_some_and(is_json) || types.next().is_some() {
        return Err(Flaw::ContentTypeRefused);
    }
    let mut encodings = all(fields, "content-encoding");
    let plain = encodings.next().is_none_or(|encoding| encoding.trim_ascii().eq_ignore_ascii_case(b"identity"));
    if !plain || encodings.next().is_some() {
        return Err(Flaw::ContentEncodingRefused);
    }
    Ok(())
}

/// `application/json`, with nothing but the charset that it has anyway (RFC 8259 §8.1, §11).
fn is_json(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let (media_type, parameters) = value.split_once(';').unwrap_or((value, "charset=utf-8"));
    let Some((name, charset)) = parameters.split_once('=') else { return false };
    let charset = charset.trim_end();
    let charset = charset.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(charset);
    media_type.trim().eq_ignore_ascii_case("application/json")
        && name.trim_start().eq_ignore_ascii_case("charset")
        && charset.eq_ignore_ascii_case("utf-8")
}

/// Whether an event stream is listed in `Accept` (2025-11-25, "Listening for Messages from the Server").
pub(crate) fn accepts_events(fields: &[(&[u8], &[u8])]) -> bool {
    all(fields, "accept").flat_map(|value| value.split(|byte| *byte == b',')).any(|range| {
        let media_type = range.split(|byte| *byte == b';').next().unwrap_or_default();
        media_type.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
    })
}

fn all<'f>(fields: &'f [(&[u8], &[u8])], name: &'static str) -> impl Iterator<Item = &'f [u8]> {
    fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
}
