//! The messages of Envoy's foreign functions, in protobuf.

pub mod sign;
pub mod verify_signature;

/// A message of fields that are texts or bytes, numbered from 1 on.
fn message(fields: &[&[u8]]) -> Vec<u8> {
    // A tag and a length take at most six bytes of each field.
    let size = fields.iter().map(|value| value.len().saturating_add(6)).sum();
    let mut message = Vec::with_capacity(size);
    for (tag, value) in (0x0a_u8..).step_by(8).zip(fields) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_with_their_numbers_and_lengths() {
        assert_eq!(message(&[b"a", b"", b"bc", b""]), b"\x0a\x01a\x12\x00\x1a\x02bc\x22\x00");
        for (size, length) in [
            (127, &b"\x0a\x7f"[..]),
            (128, b"\x0a\x80\x01"),
            (300, b"\x0a\xac\x02"),
            (16_383, b"\x0a\xff\x7f"),
            (16_384, b"\x0a\x80\x80\x01"),
        ] {
            let text = vec![b'x'; size];
            assert_eq!(message(&[&text]), [length, &text].concat(), "{size}");
        }
    }
}
