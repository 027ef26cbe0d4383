//! Who does the arithmetic of a signature check: the proxy where it offers to, this code everywhere else.
//!
//! Only the arithmetic is handed over. Which key and algorithm may be used, and what a well-formed signature is, is
//! settled before the host is asked.

use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::compact::Compact;
use super::jwk::VerificationKey;

/// What a host is asked to verify: RSASSA-PKCS1-v1_5 or ECDSA, as the key says.
#[derive(Clone, Copy, Debug)]
pub struct HostSignature<'a> {
    /// The hash function: `sha256`, `sha384` or `sha512`.
    pub hash: &'static str,
    /// The public key as SubjectPublicKeyInfo (RFC 5280 §4.1).
    pub spki_der: &'a [u8],
    /// The signature; of ECDSA as ECDSA-Sig-Value (RFC 3279 §2.2.3), not as in a JWS.
    pub signature: &'a [u8],
    /// What was signed.
    pub text: &'a [u8],
}

/// A host's function. `None`: it could not answer, which says nothing about the signature.
pub type HostVerifier = fn(HostSignature<'_>) -> Option<bool>;

/// Who verifies signatures.
#[derive(Clone, Copy, Debug, Default)]
pub enum Crypto {
    /// This code.
    #[default]
    Guest,
    /// The host, and this code for what the host cannot do.
    Host(HostVerifier),
}

/// The payload of the examples in RFC 7515 appendix A, encoded.
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// RFC 7515 A.2.1: header, signature and modulus.
const RS256_HEADER: &str = "eyJhbGciOiJSUzI1NiJ9";
const RS256_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5\
     jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN93\
     83LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB\
     p0igcN_IoypGlUPQGe77Rw";
const RS256_MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql\
     L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7W\
     TBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD\
     TW9gb54h4FRWyuXpoQ";

/// RFC 7515 A.3.1: header, signature and point.
const ES256_HEADER: &str = "eyJhbGciOiJFUzI1NiJ9";
const ES256_SIGNATURE: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const ES256_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const ES256_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

impl Crypto {
    /// The host, if it knows right from wrong: it must accept the RSA and the ECDSA signature printed in RFC 7515, and
    /// refuse both for another text and both when they are changed.
    #[must_use]
    pub fn tried(host: HostVerifier) -> Option<Self> {
        let rsa = json!({"kty": "RSA", "n": RS256_MODULUS, "e": "AQAB"});
        let ec = json!({"kty": "EC", "crv": "P-256", "x": ES256_X, "y": ES256_Y});
        let knows_both = knows(host, &rsa, Algorithm::Rs256, &[RS256_HEADER, PAYLOAD, RS256_SIGNATURE])?
            && knows(host, &ec, Algorithm::Es256, &[ES256_HEADER, PAYLOAD, ES256_SIGNATURE])?;
        knows_both.then_some(Self::Host(host))
    }
}

/// Asks the host in the very way in which it will be asked for tokens.
fn knows(host: HostVerifier, jwk: &Value, algorithm: Algorithm, token: &[&str; 3]) -> Option<bool> {
    let key = VerificationKey::from_jwk(jwk).ok()?;
    let token = Compact::parse(&token.join(".")).ok()?;
    let (signature, text) = (token.signature(), token.signing_input());
    let (_, shorter_text) = text.split_last()?;
    let mut changed_signature = signature.to_vec();
    *changed_signature.last_mut()? ^= 1;
    let asked = |signature: &[u8], text: &[u8]| key.asked(host, algorithm, signature, text);
    Some(asked(signature, text)? && !asked(signature, shorter_text)? && !asked(&changed_signature, text)?)
}
