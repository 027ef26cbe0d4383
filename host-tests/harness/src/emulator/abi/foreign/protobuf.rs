//! The little of protobuf that arguments and results of foreign functions need.

/// What a field holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message in their order, by number; `None` if it is no message.
pub(super) fn fields(mut message: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut message)?),
            2 => {
                let size = usize::try_from(varint(&mut message)?).ok()?;
                let value = message.get(..size)?;
                message = message.get(size..)?;
                Value::Bytes(value)
            }
            _ => return None,
        };
        fields.push((tag >> 3, value));
    }
    Some(fields)
}

/// The first fields of a message that are bytes, numbered from 1 on; empty where there is none.
pub(super) fn texts<const N: usize>(message: &[u8]) -> Option<[&[u8]; N]> {
    let mut texts = [&b""[..]; N];
    for (number, value) in fields(message)? {
        let place = usize::try_from(number).ok().and_then(|number| texts.get_mut(number.checked_sub(1)?));
        if let (Some(place), Value::Bytes(value)) = (place, value) {
            *place = value;
        }
    }
    Some(texts)
}

/// A result that is an error alone, in the field with this tag. That it is false is left out, as the default.
pub(super) fn error(tag: u8, error: &str) -> Vec<u8> {
    // One byte of length: the hash's name is the guest's, and a long one is cut.
    let error = error.as_bytes().get(..0x7f).unwrap_or(error.as_bytes());
    [&[tag, error.len() as u8], error].concat()
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The length that stands before a field's bytes.
pub(in crate::emulator) fn length(mut size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while size >= 0x80 {
        bytes.push((size & 0x7f) as u8 | 0x80);
        size >>= 7;
    }
    bytes.push(size as u8);
    bytes
}
