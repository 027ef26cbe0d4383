//! Header fields as bytes, in the proxy-wasm serialisation.
//!
//! A client chooses these bytes, which need not be UTF-8: nothing here panics on any.

use std::ops::Range;

/// A list of header fields that borrows from the one buffer the proxy handed over.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    buffer: Vec<u8>,
    entries: Vec<(Range<usize>, Range<usize>)>,
}

impl Fields {
    /// Reads the proxy-wasm serialisation: count, then the two lengths of each pair, then the NUL-ended bytes, all
    /// numbers 32-bit little-endian. `None` if the buffer is shorter than it says.
    #[must_use]
    pub fn decode(buffer: Vec<u8>) -> Option<Self> {
        if buffer.is_empty() {
            return Some(Self::default());
        }
        let count = number_at(&buffer, 0)?;
        let mut lengths = 4_usize;
        let mut at = count.checked_mul(8)?.checked_add(4)?;
        if at > buffer.len() {
            return None;
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let name = take(&mut at, number_at(&buffer, lengths)?)?;
            let value = take(&mut at, number_at(&buffer, lengths.checked_add(4)?)?)?;
            lengths = lengths.checked_add(8)?;
            // The last value's NUL is the last byte.
            if at > buffer.len() {
                return None;
            }
            entries.push((name, value));
        }
        Some(Self { buffer, entries })
    }

    /// Writes the proxy-wasm serialisation. `None` if a length does not fit 32 bits.
    #[must_use]
    pub fn encode(fields: &[(&str, &str)]) -> Option<Vec<u8>> {
        let mut buffer = Vec::new();
        buffer.extend_from_slice(&u32::try_from(fields.len()).ok()?.to_le_bytes());
        for (name, value) in fields {
            buffer.extend_from_slice(&u32::try_from(name.len()).ok()?.to_le_bytes());
            buffer.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
        }
        for text in fields.iter().flat_map(|(name, value)| [name, value]) {
            buffer.extend_from_slice(text.as_bytes());
            buffer.push(0);
        }
        Some(buffer)
    }

    /// All fields in order, pseudo-header fields included.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries
            .iter()
            .filter_map(|(name, value)| Some((self.buffer.get(name.clone())?, self.buffer.get(value.clone())?)))
    }

    /// The values of all fields of this name (ASCII, compared without case; RFC 9110 §5.1).
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value, if there is exactly one field of this name.
    #[must_use]
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.all(name);
        let first = values.next()?;
        values.next().is_none().then_some(first)
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

impl FromIterator<(Vec<u8>, Vec<u8>)> for Fields {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(fields: I) -> Self {
        let mut made = Self::default();
        for (name, value) in fields {
            let start = made.buffer.len();
            made.buffer.extend_from_slice(&name);
            let middle = made.buffer.len();
            made.buffer.extend_from_slice(&value);
            made.entries.push((start..middle, middle..made.buffer.len()));
        }
        made
    }
}

fn number_at(buffer: &[u8], at: usize) -> Option<usize> {
    let bytes = buffer.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

/// The range of the next `length` bytes; moves `at` behind them and their NUL.
fn take(at: &mut usize, length: usize) -> Option<Range<usize>> {
    let start = *at;
    let end = start.checked_add(length)?;
    *at = end.checked_add(1)?;
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(fields: &Fields) -> Vec<(&[u8], &[u8])> {
        fields.iter().collect()
    }

    #[test]
    fn reads_back_what_it_writes() {
        let fields = [(":path", "/a"), ("x", ""), ("authorization", "Bearer t")];
        let decoded = Fields::decode(Fields::encode(&fields).unwrap()).unwrap();
        let expected: Vec<(&[u8], &[u8])> = fields.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        assert_eq!(pairs(&decoded), expected);
    }

    #[test]
    fn keeps_bytes_that_are_not_utf8() {
        let fields: Fields = [(b"x".to_vec(), vec![0xff, 0xfe])].into_iter().collect();
        assert_eq!(fields.only("X"), Some(&[0xff, 0xfe][..]));
    }

    #[test]
    fn refuses_a_buffer_that_is_cut_short_or_lies_about_lengths() {
        let whole = Fields::encode(&[("name", "value"), ("other", "one")]).unwrap();
        for cut in 1..whole.len() {
            assert!(Fields::decode(whole[..cut].to_vec()).is_none(), "cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] = 0xff;
            let _ = Fields::decode(broken);
        }
        assert!(Fields::decode(u32::MAX.to_le_bytes().to_vec()).is_none());
        assert!(Fields::decode(Vec::new()).unwrap().iter().next().is_none());
    }

    #[test]
    fn tells_a_single_field_from_several() {
        let fields: Fields = [("a", "1"), ("A", "2"), ("b", "3")]
            .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
            .into_iter()
            .collect();
        assert_eq!(fields.only("a"), None);
        assert_eq!(fields.all("a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(fields.only("b"), Some(&b"3"[..]));
        assert!(!fields.has("c"));
    }
}
