//! The messages of Envoy's foreign function `verify_signature`, in protobuf.

use oauth_core::jose::HostSignature;

use super::message;

/// The name under which the proxy knows the function.
pub const NAME: &str = "verify_signature";

/// `VerifySignatureArguments`: hash_function = 1, public_key = 2, signature = 3, text = 4.
#[must_use]
pub fn arguments(question: &HostSignature<'_>) -> Vec<u8> {
    message(&[question.hash.as_bytes(), question.spki_der, question.signature, question.text])
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
    fn a_question_is_four_fields() {
        let question = HostSignature { hash: "sha256", spki_der: b"key", signature: b"", text: b"hello" };
        assert_eq!(arguments(&question), b"\x0a\x06sha256\x12\x03key\x1a\x00\x22\x05hello");
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
