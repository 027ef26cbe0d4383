//! The compact serialisation (RFC 7515 §7.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::credential::MAX_TOKEN_BYTES;
use crate::reason::Reason;

/// The longest encoded header, in bytes. Certificate chains (`x5c`) make headers long.
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// A text of three strictly decoded segments. Nothing in it is proven.
#[derive(Clone)]
pub struct Compact {
    text: String,
    /// Length of the first two segments and the dot between them.
    signing_input_length: usize,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Compact {
    /// Splits and decodes a token.
    ///
    /// Every segment must be base64url without padding and without stray trailing bits (RFC 7515 §2, RFC 4648 §3.5),
    /// so that one token has one spelling. A segment may be empty here; later steps refuse what it would mean.
    ///
    /// # Errors
    /// - [`Reason::CredentialTooLarge`] above [`MAX_TOKEN_BYTES`].
    /// - [`Reason::TokenEncrypted`] for five segments (RFC 7516 §9).
    /// - [`Reason::TokenMalformed`] for anything else that is not a compact JWS.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Reason::CredentialTooLarge);
        }
        let mut segments = text.split('.');
        let (Some(header), Some(payload), Some(signature)) = (segments.next(), segments.next(), segments.next()) else {
            return Err(Reason::TokenMalformed);
        };
        match segments.count() {
            0 => {}
            2 => return Err(Reason::TokenEncrypted),
            _ => return Err(Reason::TokenMalformed),
        }
        if header.len() > MAX_HEADER_BYTES {
            return Err(Reason::TokenMalformed);
        }
        Ok(Self {
            signing_input_length: header.len().saturating_add(payload.len()).saturating_add(1),
            header: decode(header)?,
            payload: decode(payload)?,
            signature: decode(signature)?,
            text: text.to_owned(),
        })
    }

    /// The whole token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the signature covers: the first two segments as they came (RFC 7515 §5.2 step 8).
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        // Never longer than the text; were it so, nothing would verify.
        self.text.as_bytes().get(..self.signing_input_length).unwrap_or_default()
    }

    /// The decoded header.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The decoded payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The decoded payload, when nothing else of the token is needed any more.
    #[must_use]
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// The decoded signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Never prints the token.
impl std::fmt::Debug for Compact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compact(..)")
    }
}

fn decode(segment: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| Reason::TokenMalformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Reason {
        Compact::parse(text).unwrap_err()
    }

    /// RFC 7515 appendix C
    #[test]
    fn the_published_base64url_example_decodes() {
        let compact = Compact::parse("e30.A-z_4ME.").unwrap();
        assert_eq!(compact.payload(), [3, 236, 255, 224, 193]);
        assert_eq!(compact.signing_input(), b"e30.A-z_4ME");
        assert_eq!(compact.as_str(), "e30.A-z_4ME.");
        assert!(compact.signature().is_empty());
    }

    /// JWT-12
    #[test]
    fn only_three_unpadded_base64url_segments_are_a_compact_jws() {
        for text in [
            "",
            ".",
            "e30",
            "e30.e30",
            "e30.e30.e30.e30",
            "e30.e30.e30.e30.e30.e30",
            "e30=.e30.AA",
            "e30.e30.AA==",
            "e30.e3+0.AA",
            "e30.e3/0.AA",
            "e30.e\n30.AA",
            "e30.e30.AA\n",
            " e30.e30.AA",
            "e30.e30.AA ",
            "e30.e 0.AA",
            "e30.e30.A",
            r#"{"payload":"e30","protected":"e30","signature":"AA"}"#,
            r#"{"payload":"e30","signatures":[{"protected":"e30","signature":"AA"}]}"#,
            "e30.é.AA",
            "e30.e30.\0",
        ] {
            assert_eq!(refused(text), Reason::TokenMalformed, "{text:?}");
        }
    }

    /// JWT-13
    #[test]
    fn stray_trailing_bits_are_refused_in_every_segment() {
        // 'AA' is one zero byte; 'AB' would be the same byte with a stray bit.
        assert!(Compact::parse("AA.AA.AA").is_ok());
        for text in ["AB.AA.AA", "AA.AB.AA", "AA.AA.AB", "AA.AA.AP", "AA.AA.AAB", "AAB.AA.AA"] {
            assert_eq!(refused(text), Reason::TokenMalformed, "{text}");
        }
    }

    /// JWT-14
    #[test]
    fn five_segments_are_an_encrypted_token() {
        assert_eq!(refused("e30.e30.e30.e30.e30"), Reason::TokenEncrypted);
        assert_eq!(refused("...."), Reason::TokenEncrypted);
    }

    /// JWT-07, JWT-15
    #[test]
    fn oversized_tokens_and_headers_are_refused_unread() {
        assert_eq!(refused(&format!("e30.{}.AA", "A".repeat(MAX_TOKEN_BYTES))), Reason::CredentialTooLarge);
        assert_eq!(refused(&format!("{}.e30.AA", "A".repeat(MAX_HEADER_BYTES + 4))), Reason::TokenMalformed);
    }
}
