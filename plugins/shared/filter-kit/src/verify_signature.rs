//! The messages of Envoy's foreign function `verify_signature`, in protobuf.

use oauth_core::jose::HostSignature;

/// The name under which the proxy knows the function.
pub const NAME: &str = "verify_signature";

/// `VerifySignatureArguments`: hash_function = 1, public_key = 2, signature = 3, text = 4.
#[must_use]
pub fn arguments(question: &HostSignature<'_>) -> Vec<u8> {
    let fields = [
        (0x0a, question.hash.as_bytes()),
        (0x12, question.spki_der),
        (0x1a, question.signature),
        (0x22, question.text),
    ];
    // A tag and a length take at most six bytes of each field.
    let size = fields.iter().map(|(_, value)| value.len().saturating_add(6)).sum();
    let mut message = Vec::with_capacity(size);
    for (tag, value) in fields {
        message.push(tag);
        let mut length = value.len();
        while length >= 0x80 {
            message.push(0x80 | (length & 0x7f) as u8);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(value);
    }
    message
}

/// `VerifySignatureResult`: result = 1, error = 2. A yes comes without an error, a no is left out as the default.
/// Of anything else it is unclear what it means, so it is no verdict.
#[must_use]
pub const fn verdict(result: &[u8]) -> Option<bool> {
    match result {
        [0x08, 0x01] | [0x08, 0x01, 0x12, 0x00] => Some(true),
        [] | [0x12, ..] | [0x08, 0x00, ..] => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_four_fields_with_their_lengths() {
        let arguments_for =
            |text: &[u8]| arguments(&HostSignature { hash: "sha256", spki_der: b"key", signature: b"", text });
        assert_eq!(arguments_for(b"hello"), b"\x0a\x06sha256\x12\x03key\x1a\x00\x22\x05hello");
        for (size, length) in [
            (127, &b"\x22\x7f"[..]),
            (128, b"\x22\x80\x01"),
            (300, b"\x22\xac\x02"),
            (16_383, b"\x22\xff\x7f"),
            (16_384, b"\x22\x80\x80\x01"),
        ] {
            let text = vec![b'x'; size];
            let expected = [&b"\x0a\x06sha256\x12\x03key\x1a\x00"[..], length, &text].concat();
            assert_eq!(arguments_for(&text), expected, "{size}");
        }
    }

    #[test]
    fn only_a_plain_yes_is_a_yes() {
        assert_eq!(verdict(b"\x08\x01"), Some(true));
        assert_eq!(verdict(b"\x08\x01\x12\x00"), Some(true));
        for no in [&b""[..], b"\x08\x00", b"\x12\x06failed", b"\x12\x06failed\x08\x01", b"\x08\x00\x12\x00"] {
            assert_eq!(verdict(no), Some(false), "{no:?}");
        }
        for unclear in [
            &b"\x08"[..],
            b"\x08\x02",
            b"\x08\x81\x00",
            b"\x08\x01\x08\x00",
            b"\x08\x01\x12\x01x",
            b"\x18\x01",
            b"\x01",
            b"{}",
        ] {
            assert_eq!(verdict(unclear), None, "{unclear:?}");
        }
    }
}
