//! Signatures verified by the proxy and by the filter itself (`crypto`): the same tokens get the same verdicts.

use std::collections::BTreeMap;

use fourleg_harness::{ForeignFunctions, Runner, Running, Wasmtime, get};
use fourleg_lab::mint::{Algorithm, Token, base64url, compact_with_signature, key, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{config, gateway, good};

fn with_crypto(crypto: &str) -> Value {
    let mut config = config();
    config["crypto"] = json!(crypto);
    config
}

/// The same gateway twice: the proxy verifies, and the filter does.
fn both(runner: &dyn Runner) -> [Box<dyn Running>; 2] {
    ["host", "guest"].map(|crypto| runner.start(gateway(with_crypto(crypto))).unwrap())
}

fn accepts(gateway: &dyn Running, token: &str) {
    gateway.send(get("/mcp").bearer(token)).allowed();
}

fn refuses(gateway: &dyn Running, token: &str) {
    let outcome = gateway.send(get("/mcp").bearer(token));
    outcome.denied_with(401).challenge().scheme("Bearer").param("error", "invalid_token");
    assert_eq!(outcome.code(), "signature_invalid");
}

/// A token that names `algorithm` and its key, and carries this signature.
fn signed(token: Token, algorithm: Algorithm, signature: impl AsRef<[u8]>) -> String {
    token.alg(algorithm.name()).kid(key(algorithm).kid()).with_signature(signature)
}

fn signature_of(token: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap()
}

fn resigned(token: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{}.{}", token.rsplit_once('.').unwrap().0, base64url(signature))
}

/// What DER does with a number: it drops leading zeros, and puts one before a sign bit.
fn shape(number: &[u8]) -> &'static str {
    match number {
        [0, 0x80..=0xff, ..] => "a zero that stays",
        [0, ..] => "a zero that goes",
        [0x80..=0xff, ..] => "a sign bit",
        _ => "plain",
    }
}

/// The order of the curve (SEC 2).
fn order(algorithm: Algorithm) -> Vec<u8> {
    let text = match algorithm {
        Algorithm::Es256 => "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        _ => "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    };
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Big-endian numbers of one length.
fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = false;
    let mut digits: Vec<u8> = Vec::new();
    for (a, b) in a.iter().zip(b).rev() {
        let (difference, first) = a.overflowing_sub(*b);
        let (difference, second) = difference.overflowing_sub(u8::from(borrow));
        borrow = first || second;
        digits.insert(0, difference);
    }
    digits
}

const ECDSA: [Algorithm; 2] = [Algorithm::Es256, Algorithm::Es384];

scenarios! {
    /// JWT-26
    fn each_algorithm_passes_whoever_verifies(runner) {
        for crypto in ["host", "guest", "auto"] {
            let gateway = runner.start(gateway(with_crypto(crypto))).unwrap();
            for algorithm in Algorithm::ALL {
                accepts(&*gateway, &good(&*gateway).sign_with(key(algorithm)));
            }
            let told = gateway.logs().iter().any(|line| line.contains("crypto: the proxy verifies signatures"));
            assert_eq!(told, crypto != "guest", "{crypto}");
        }
    }

    /// JWT-26
    fn a_forged_or_truncated_signature_is_refused_whoever_verifies(runner) {
        for gateway in both(runner) {
            for algorithm in Algorithm::ALL {
                let token = good(&*gateway).sign_with(key(algorithm));
                let signature = signature_of(&token);
                refuses(&*gateway, &good(&*gateway).sign_with(stranger(algorithm)));
                refuses(&*gateway, &resigned(&good(&*gateway).subject("mallory").sign_with(key(algorithm)), &signature));
                let mut flipped = signature.clone();
                flipped[7] ^= 0x10;
                let size = signature.len();
                for wrong in [
                    flipped, signature[..size - 1].to_vec(), signature[1..].to_vec(), signature[..size / 2].to_vec(),
                    [&signature[..], &[0]].concat(), [&[0], &signature[..]].concat(), vec![0; size], vec![0xff; size], Vec::new(),
                ] {
                    refuses(&*gateway, &resigned(&token, wrong));
                }
                accepts(&*gateway, &token);
            }
        }
    }

    /// JWT-16: RFC 7518 §3.4 has numbers of fixed length, and the proxy wants DER.
    fn numbers_with_leading_zeros_and_sign_bits_are_verified_whoever_does(runner) {
        for gateway in both(runner) {
            for algorithm in ECDSA {
                let mut tokens = BTreeMap::new();
                // The rarest pairs that are worth waiting for come once in a thousand.
                while tokens.len() < 12 {
                    let token = good(&*gateway).sign_with(key(algorithm));
                    let signature = signature_of(&token);
                    let (r, s) = signature.split_at(signature.len() / 2);
                    tokens.entry((shape(r), shape(s))).or_insert(token);
                }
                for token in tokens.values() {
                    accepts(&*gateway, token);
                    let mut signature = signature_of(token);
                    signature.rotate_left(1);
                    refuses(&*gateway, &resigned(token, signature));
                }
            }
        }
    }

    /// JWT-17
    fn psychic_signatures_are_refused_whoever_verifies(runner) {
        for gateway in both(runner) {
            for algorithm in ECDSA {
                let order = order(algorithm);
                let zero = vec![0; order.len()];
                let one = [vec![0; order.len() - 1], vec![1]].concat();
                let past = vec![0xff; order.len()];
                let numbers = [&zero, &one, &order, &past];
                for r in numbers {
                    for s in numbers {
                        refuses(&*gateway, &signed(good(&*gateway), algorithm, [&r[..], &s[..]].concat()));
                    }
                }
                let token = good(&*gateway).sign_with(key(algorithm));
                let signature = signature_of(&token);
                let (r, s) = signature.split_at(order.len());
                refuses(&*gateway, &resigned(&token, [s, r].concat()));
                refuses(&*gateway, &resigned(&token, [r, &zero].concat()));
                refuses(&*gateway, &resigned(&token, [&zero, s].concat()));
            }
        }
    }

    /// JWT-16
    fn a_signature_in_another_form_is_refused_whoever_verifies(runner) {
        for gateway in both(runner) {
            let claims = good(&*gateway).claims().to_string();
            let token = |algorithm: Algorithm, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
                let header = json!({"alg": algorithm.name(), "kid": key(algorithm).kid(), "typ": "at+jwt"});
                compact_with_signature(header.to_string(), &claims, |input| sign(input))
            };
            for algorithm in ECDSA {
                // What the proxy itself would take.
                refuses(&*gateway, &token(algorithm, &|input| key(algorithm).sign_der(input)));
            }
            let rsa = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256];
            for named in rsa {
                for real in rsa.into_iter().filter(|real| *real != named) {
                    refuses(&*gateway, &token(named, &|input| key(named).sign_as(real, input)));
                }
            }
        }
    }

    /// With R and S, R and the order less S is a signature of the same text, and RFC 7518 prefers neither.
    fn the_mirrored_signature_gets_the_same_verdict_whoever_verifies(runner) {
        for gateway in both(runner) {
            for algorithm in ECDSA {
                let token = good(&*gateway).sign_with(key(algorithm));
                let signature = signature_of(&token);
                let (r, s) = signature.split_at(signature.len() / 2);
                accepts(&*gateway, &resigned(&token, [r, &minus(&order(algorithm), s)].concat()));
            }
        }
    }
}

/// A proxy that is not Envoy, or one whose function is not what it seems.
#[test]
fn without_the_proxys_help_auto_verifies_itself_and_host_does_not_load() {
    let none = ForeignFunctions { verify_signature: false, ..ForeignFunctions::default() };
    let start = |crypto| Wasmtime::default().start(gateway(with_crypto(crypto)).foreign_functions(none));
    for crypto in ["auto", "guest"] {
        let gateway = start(crypto).unwrap();
        for algorithm in Algorithm::ALL {
            accepts(&*gateway, &good(&*gateway).sign_with(key(algorithm)));
            refuses(&*gateway, &good(&*gateway).sign_with(stranger(algorithm)));
        }
        let told = gateway.logs().iter().any(|line| line.contains("the filter verifies signatures itself"));
        assert_eq!(told, crypto == "auto", "{crypto}");
    }
    let logs = start("host").map(drop).unwrap_err().logs.join("\n");
    assert!(logs.contains(r#"crypto is "host", but this proxy has no verify_signature that works"#), "{logs}");
}
