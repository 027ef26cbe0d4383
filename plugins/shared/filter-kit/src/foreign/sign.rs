//! The messages of Envoy's foreign function `sign` (1.37 and later), in protobuf.

use oauth_core::jose::HostSigning;

use super::message;

/// The name under which the proxy knows the function.
pub const NAME: &str = "sign";

/// `SignArguments`: hash_function = 1, private_key = 2, text = 3. It holds the private key.
#[must_use]
pub fn arguments(wanted: &HostSigning<'_>) -> Vec<u8> {
    message(&[wanted.hash.as_bytes(), wanted.pkcs8_der, wanted.text])
}

/// `SignResult`: result = 1, signature = 2, error = 3. A signature comes with a yes and without an error. Of anything else
/// it is unclear what it means, so it is none.
#[must_use]
pub fn signature(result: &[u8]) -> Option<Vec<u8>> {
    let rest = result.strip_prefix(&[0x08, 0x01, 0x12])?;
    // No signature has more than two bytes of length.
    let (length, rest) = match rest {
        [low @ 0..=0x7f, rest @ ..] => (usize::from(*low), rest),
        [low, high @ 0..=0x7f, rest @ ..] => (usize::from(low & 0x7f) | usize::from(*high) << 7, rest),
        _ => return None,
    };
    let (signature, rest) = rest.split_at_checked(length)?;
    let is_all = matches!(rest, [] | [0x1a, 0x00]);
    (is_all && !signature.is_empty()).then(|| signature.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_three_fields() {
        let wanted = HostSigning { hash: "sha256", pkcs8_der: b"key", text: b"hello" };
        assert_eq!(arguments(&wanted), b"\x0a\x06sha256\x12\x03key\x1a\x05hello");
    }

    #[test]
    fn a_signature_is_taken_from_a_plain_yes_only() {
        for (size, length) in
            [(1, &b"\x01"[..]), (127, b"\x7f"), (128, b"\x80\x01"), (256, b"\x80\x02"), (512, b"\x80\x04")]
        {
            let bytes = vec![7; size];
            let result = [b"\x08\x01\x12", length, &bytes].concat();
            assert_eq!(signature(&result), Some(bytes.clone()), "{size}");
            assert_eq!(signature(&[&result[..], b"\x1a\x00"].concat()), Some(bytes), "{size}");
            assert_eq!(signature(&result[..result.len() - 1]), None, "{size}");
            assert_eq!(signature(&[&result[..], b"x"].concat()), None, "{size}");
            assert_eq!(signature(&[&result[..], b"\x1a\x01x"].concat()), None, "{size}");
        }
        for unclear in [
            &b""[..],
            b"\x08",
            b"\x08\x01",
            b"\x08\x01\x12",
            b"\x08\x01\x12\x00",
            b"\x08\x00\x12\x01x",
            b"\x12\x01x",
            b"\x1a\x05error",
            b"\x12\x01x\x08\x01",
            b"\x08\x01\x12\xff\xff\xff\xff\x0f",
            b"\x08\x01\x12\x80",
        ] {
            assert_eq!(signature(unclear), None, "{unclear:?}");
        }
    }
}
