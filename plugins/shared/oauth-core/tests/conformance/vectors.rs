//! Tokens and keys printed in RFCs, verified as printed.

use oauth_core::audience::require_audience;
use oauth_core::{Issuer, KeySet, Profile, Reason, UnixTime, Unverified};
use serde_json::{Value, json};
use superboring::reexports::hmac_sha256::HMAC;

use crate::issuing::{SKEW, decode, encode, key_set};

/// The claims of RFC 7515 appendix A: issuer `joe`, `exp` 1300819380. Two of its lines end in CR LF.
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const BEFORE_EXPIRY: UnixTime = UnixTime::from_secs(1_300_819_000);

/// RFC 7515 A.1
const HS256: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
const HS256_KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const HS256_MAC: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// RFC 7515 A.2
const RS256_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5\
     jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN93\
     83LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB\
     p0igcN_IoypGlUPQGe77Rw";
const RS256_MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql\
     L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7W\
     TBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD\
     TW9gb54h4FRWyuXpoQ";

/// RFC 7515 A.3
const ES256_SIGNATURE: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

/// RFC 8037 appendix A.4: the header, the payload and their signature.
const ED25519_INPUT: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const ED25519_SIGNATURE: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn joe() -> Issuer {
    Issuer::new("joe", Profile::Generic)
}

fn keys() -> KeySet {
    key_set(&[
        json!({"kty": "RSA", "n": RS256_MODULUS, "e": "AQAB"}),
        json!({
            "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }),
    ])
}

fn reason(token: &str) -> Reason {
    Unverified::parse(token)
        .and_then(|token| token.verify(&joe(), &keys(), BEFORE_EXPIRY, SKEW))
        .map(|_| ())
        .unwrap_err()
}

fn assert_verifies(token: &str) {
    let verified = Unverified::parse(token).unwrap().verify(&joe(), &keys(), BEFORE_EXPIRY, SKEW).unwrap();
    assert_eq!(verified.issuer(), "joe");
    assert_eq!(verified.claims().expires_at(), UnixTime::from_secs(1_300_819_380));
    assert_eq!(verified.claims().members()["http://example.com/is_root"], true);
    // It names no audience, so no resource accepts it.
    assert_eq!(require_audience(&verified, &["joe".to_owned()], false), Err(Reason::AudienceMismatch));
    let late = Unverified::parse(token).unwrap().verify(&joe(), &keys(), UnixTime::from_secs(1_300_819_410), SKEW);
    assert_eq!(late.map(|_| ()), Err(Reason::TokenExpired));
}

/// JWT-03, RFC 7515 A.1
#[test]
fn the_hs256_example_is_refused_though_its_mac_is_right() {
    let input = format!("{HS256}.{PAYLOAD}");
    assert_eq!(encode(HMAC::mac(input.as_bytes(), decode(HS256_KEY))), HS256_MAC);
    assert_eq!(reason(&format!("{input}.{HS256_MAC}")), Reason::AlgorithmNotAllowed);
}

/// JWT-26, RFC 7515 A.2
#[test]
fn the_rs256_example_verifies() {
    assert_verifies(&format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.{RS256_SIGNATURE}"));
}

/// JWT-16, JWT-17, RFC 7515 A.3
#[test]
fn the_es256_example_verifies() {
    assert_verifies(&format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.{ES256_SIGNATURE}"));
}

/// JWT-02, RFC 7515 A.5
#[test]
fn the_unsecured_example_is_refused() {
    assert_eq!(reason(&format!("eyJhbGciOiJub25lIn0.{PAYLOAD}.")), Reason::AlgorithmNotAllowed);
}

/// JWT-10, RFC 7515 appendix E
#[test]
fn the_example_of_an_undefined_critical_header_is_refused() {
    let header = "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0";
    assert_eq!(reason(&format!("{header}.RkFJTA.")), Reason::TokenMalformed);
    // With claims and an algorithm that would pass, what is left is `crit` itself.
    let mut members: Value = serde_json::from_slice(&decode(header)).unwrap();
    assert_eq!(members["crit"], json!(["http://example.com/UNDEFINED"]));
    members["alg"] = json!("ES256");
    assert_eq!(reason(&format!("{}.{PAYLOAD}.{ES256_SIGNATURE}", encode(members.to_string()))), Reason::CriticalHeader);
}

/// JWT-12, RFC 7515 A.7
#[test]
fn the_flattened_form_of_an_example_is_refused() {
    let flattened = json!({"payload": PAYLOAD, "protected": "eyJhbGciOiJFUzI1NiJ9", "signature": ES256_SIGNATURE});
    assert_eq!(Unverified::parse(&flattened.to_string()).unwrap_err(), Reason::TokenMalformed);
}

/// JWT-18, RFC 8037 A.1, A.2 and A.4
#[test]
fn the_ed25519_key_pair_signs_the_example_and_its_public_half_verifies_tokens() {
    use jwt_simple::algorithms::{Ed25519KeyPair, EdDSAKeyPairLike as _};

    let private = decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    let public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let pair = Ed25519KeyPair::from_bytes(&[private, decode(public)].concat()).unwrap();
    let sign = |input: &str| encode(pair.key_pair().as_ref().sk.sign(input, None));
    assert_eq!(sign(ED25519_INPUT), ED25519_SIGNATURE);

    let keys = key_set(&[json!({"kty": "OKP", "crv": "Ed25519", "x": public})]);
    let input = format!("eyJhbGciOiJFZERTQSJ9.{PAYLOAD}");
    let verdict = |signature: &str| {
        Unverified::parse(&format!("{input}.{signature}"))
            .unwrap()
            .verify(&joe(), &keys, BEFORE_EXPIRY, SKEW)
            .map(|_| ())
    };
    assert_eq!(verdict(&sign(&input)), Ok(()));
    assert_eq!(verdict(ED25519_SIGNATURE), Err(Reason::SignatureInvalid));
    // The example itself is no JWT: its payload is a sentence.
    assert_eq!(Unverified::parse(&format!("{ED25519_INPUT}.{ED25519_SIGNATURE}")).unwrap_err(), Reason::TokenMalformed);
}
