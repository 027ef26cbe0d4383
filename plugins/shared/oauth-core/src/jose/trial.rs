//! What a host must do before it is believed: verify and make the signatures that RFC 7515 prints.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::compact::Compact;
use super::crypto::{HostSigner, HostVerifier};
use super::jwk::VerificationKey;
use super::signing_key::{SigningAlgorithm, SigningKey};

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

/// The private keys of RFC 7515 A.2.1 and A.3.1 as PKCS #8. They are in print, and secret to nobody.
const RS256_KEY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh-BYK4uPJtGXOjS1lYmM2K5J9vinh8CR3_BYlzJChNuOL2TSX\
     xbbqY913EeZ8dCn5VrD7io8ImtxLaYk8wTM_U-3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNnjuygxmj3AbONv_s4yDQs4v\
     5tJ_reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkftoaHLFcW\
     9Qr4NY2ai50Xw0Byj3-H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHgVFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD5\
     0LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFN\
     S3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bG\
     Ul_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0KpLttoLhyt3SmqdEf\
     _kgHePDdtzEafpAu-cS191R2JiuoF2yzWXnwFDcqGigp5BNr0AHQfD8_Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqElM\
     GAg-C2V0L4oNXnP7LZcPAZRwKBgQC5A8R-CZW2MvRTLLHzwZkUXV866cff7tx6kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6Xt\
     ON4tB5kP9jAPrq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS_l1OW1EnXUEoEHKl54Xrrz2uNwkgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5f\
     ggqPN1qGb5y0MAk3g7_Ls5bkUp5u9SN0Ai3Ya6hNnvWJMb7sXQX6U_zyO2M_hTip7tUeh7CXgwo59dkpN75gJLVds29-DAncu3KXU4f2Fa-7bLNrur\
     53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf_evpitUf-4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcGyoAe9fa65i\
     NqCq-jdw6PVNGo2hxfjSiZ8IIzHdsPXI89__pMjZcQK9r-CCoRjaZjOYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQ\
     sRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9\
     SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U";
const ES256_KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LKhRANCAAR_\
     zc4ncPbEXUGDy-5v20t7WAczNXvp7xO6z248e9FURcfxRM0bvZt-hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt";

/// Whether a host knows right from wrong: it must accept the RSA and the ECDSA signature printed in RFC 7515, and refuse
/// both for another text and both when they are changed.
#[must_use]
pub fn verifies_rightly(host: HostVerifier) -> bool {
    let rsa = json!({"kty": "RSA", "n": RS256_MODULUS, "e": "AQAB"});
    let ec = json!({"kty": "EC", "crv": "P-256", "x": ES256_X, "y": ES256_Y});
    let rsa = knows(host, &rsa, Algorithm::Rs256, &[RS256_HEADER, PAYLOAD, RS256_SIGNATURE]);
    rsa == Some(true) && knows(host, &ec, Algorithm::Es256, &[ES256_HEADER, PAYLOAD, ES256_SIGNATURE]) == Some(true)
}

/// Whether a host signs as it should: with the RSA key of RFC 7515 the very signature printed there, which has no random
/// part, and with the ECDSA key one that is right.
#[must_use]
pub fn signs_rightly(host: HostSigner) -> bool {
    signed(host, SigningAlgorithm::Rs256, RS256_KEY, RS256_HEADER)
        .is_some_and(|(_, signature)| URL_SAFE_NO_PAD.decode(RS256_SIGNATURE).is_ok_and(|printed| printed == signature))
        && signed(host, SigningAlgorithm::Es256, ES256_KEY, ES256_HEADER)
            .is_some_and(|(key, signature)| key.made(signing_input(ES256_HEADER).as_bytes(), &signature))
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

/// Lets the host sign the example with this header, in the very way in which it will be asked later.
fn signed(host: HostSigner, algorithm: SigningAlgorithm, key: &str, header: &str) -> Option<(SigningKey, Vec<u8>)> {
    let key = SigningKey::from_pkcs8_der(algorithm, &URL_SAFE_NO_PAD.decode(key).ok()?).ok()?;
    let signature = key.asked(host, signing_input(header).as_bytes())?;
    Some((key, signature))
}

fn signing_input(header: &str) -> String {
    format!("{header}.{PAYLOAD}")
}
