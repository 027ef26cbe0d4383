//! The proxy-wasm encoding of a list of pairs: a count, the sizes of all, then the bytes, each ended by a NUL.

/// Encodes pairs for a guest.
pub(crate) fn encode<N: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(N, V)]) -> Vec<u8> {
    let mut bytes = length(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend_from_slice(&length(name.as_ref().len()));
        bytes.extend_from_slice(&length(value.as_ref().len()));
    }
    for (name, value) in pairs {
        bytes.extend_from_slice(name.as_ref());
        bytes.push(0);
        bytes.extend_from_slice(value.as_ref());
        bytes.push(0);
    }
    bytes
}

/// Decodes what a guest sent; anything malformed is an empty list, as in Envoy.
pub(crate) fn decode(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    parse(bytes).unwrap_or_default()
}

fn parse(bytes: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (count, mut sizes) = take_length(bytes)?;
    let mut data = sizes.get(count.checked_mul(8)?..)?;
    let mut pairs = Vec::new();
    for _ in 0..count {
        let name_size;
        let value_size;
        (name_size, sizes) = take_length(sizes)?;
        (value_size, sizes) = take_length(sizes)?;
        let name = data.get(..name_size)?.to_vec();
        data = data.get(name_size.checked_add(1)?..)?;
        let value = data.get(..value_size)?.to_vec();
        data = data.get(value_size.checked_add(1)?..)?;
        pairs.push((name, value));
    }
    Some(pairs)
}

fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*head) as usize, rest))
}

fn length(size: usize) -> [u8; 4] {
    u32::try_from(size).expect("a field map over 4 GiB").to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_survive_the_round_trip() {
        let pairs = vec![(b"a".to_vec(), b"1".to_vec()), (b"".to_vec(), b"".to_vec()), (b"b".to_vec(), vec![0, 255])];
        assert_eq!(decode(&encode(&pairs)), pairs);
    }

    #[test]
    fn cut_off_pairs_are_an_empty_list() {
        let bytes = encode(&[("name", "value")]);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_empty());
        }
    }
}
