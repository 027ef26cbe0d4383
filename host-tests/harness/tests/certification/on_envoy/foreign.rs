//! Functions that the proxy offers beside those of the ABI.

use fourleg_harness::{Gateway, Plugin, Request, post};
use fourleg_lab::mint::{Algorithm, SigningKey, key};

use crate::on_envoy::{compare::certify, filters};

/// Calls a function with the request's body, and logs the status; what it does with the result is `then`.
fn caller(function: &str, then: &str) -> Plugin {
    let source = r#"
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
  (local $at i32) (local $size i32) (local $all i32)
  (if (i32.eqz (local.get 2)) (then (return (i32.const 1))))
  (drop (call $get_buffer (i32.const 0) (i32.const 0) (i32.const 99999) (i32.const 1024) (i32.const 1028)))
  (local.set $at (i32.load (i32.const 1024)))
  (local.set $size (i32.load (i32.const 1028)))
  (i64.store (i32.const 1024) (i64.const 0))
  (call $log_number {{status }}
    (call $foreign {{FUNCTION}} (local.get $at) (local.get $size) (i32.const 1024) (i32.const 1028)))
  (local.set $at (i32.load (i32.const 1024)))
  (local.set $size (i32.load (i32.const 1028)))
THEN
  (i32.const 0))
"#;
    filters::named(function, &source.replace("FUNCTION", function).replace("THEN", then))
}

/// Logs of the result its size, its first two bytes and what follows.
fn verifier() -> Plugin {
    caller(
        "verify_signature",
        r"
  (call $log_number {{size }} (local.get $size))
  (if (local.get $size) (then
    (call $log_number {{first }} (i32.load8_u (local.get $at)))
    (call $log_number {{second }} (i32.load8_u (i32.add (i32.const 1) (local.get $at))))
    (call $log (i32.add (i32.const 2) (local.get $at)) (i32.sub (local.get $size) (i32.const 2)))))
",
    )
}

/// Logs of the result its first three bytes or the error that it is. `Exactly`: its size too, and a number that all its
/// bytes make.
fn signer(exactly: bool) -> Plugin {
    let then = r"
  (if (i32.eqz (local.get $size)) (then (return (i32.const 0))))
  (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x1a))
    (then (call $log (i32.add (i32.const 2) (local.get $at)) (i32.sub (local.get $size) (i32.const 2))) (return (i32.const 0))))
  (call $log_number {{first }} (i32.load8_u (local.get $at)))
  (call $log_number {{second }} (i32.load8_u (i32.add (i32.const 1) (local.get $at))))
  (call $log_number {{third }} (i32.load8_u (i32.add (i32.const 2) (local.get $at))))
  (if (i32.const EXACTLY) (then
    (call $log_number {{size }} (local.get $size))
    (loop $bytes
      (local.set $all (i32.add (i32.mul (local.get $all) (i32.const 31)) (i32.load8_u (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $size (i32.sub (local.get $size) (i32.const 1)))
      (br_if $bytes (local.get $size)))
    (call $log_number {{all }} (local.get $all))))
";
    caller("sign", &then.replace("EXACTLY", if exactly { "1" } else { "0" }))
}

fn field(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut field = vec![tag];
    let mut length = value.len();
    while length >= 0x80 {
        field.push(0x80 | u8::try_from(length & 0x7f).unwrap());
        length >>= 7;
    }
    field.push(u8::try_from(length).unwrap());
    field.extend_from_slice(value);
    field
}

fn question(hash: &str, key: &[u8], signature: &[u8], text: &[u8]) -> Vec<u8> {
    [field(0x0a, hash.as_bytes()), field(0x12, key), field(0x1a, signature), field(0x22, text)].concat()
}

fn signature(key: &SigningKey, text: &[u8]) -> Vec<u8> {
    match key.algorithm() {
        Algorithm::Es256 | Algorithm::Es384 => key.sign_der(text),
        _ => key.sign(text),
    }
}

#[test]
fn signatures_are_verified_alike() {
    const TEXT: &[u8] = b"what was signed";
    let mut messages = Vec::new();
    for (algorithm, hash) in [
        (Algorithm::Rs256, "sha256"),
        (Algorithm::Rs384, "sha384"),
        (Algorithm::Rs512, "sha512"),
        (Algorithm::Es256, "sha256"),
        (Algorithm::Es384, "sha384"),
    ] {
        let key = key(algorithm);
        let (public, good) = (key.public_der(), signature(key, TEXT));
        for hash in [hash, &hash.to_uppercase(), "sha224", "sha256", "sha384", "sha512", "sha3-256", "", "\u{e9}"] {
            messages.push(question(hash, &public, &good, TEXT));
        }
        messages.push(question(hash, &public, &good, b"what was not signed"));
        messages.push(question(hash, &public, &good, b""));
        messages.push(question(hash, &public, &signature(key, b""), b""));
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bad in [
            &flipped[..],
            &good[1..],
            &good[..good.len() - 1],
            &[&good[..], &[0]].concat(),
            &key.sign_as(Algorithm::Ps256, TEXT),
            b"",
        ] {
            messages.push(question(hash, &public, bad, TEXT));
        }
        for bad in [&public[1..], &public[..public.len() - 1], b"", b"no key", &key.public_number()] {
            messages.push(question(hash, bad, &good, TEXT));
        }
        let whole = question(hash, &public, &good, TEXT);
        messages.push(whole[..whole.len() - 1].to_vec());
        messages.push([&whole[..], &field(0x7a, b"unknown")].concat());
        messages.push([&question("sha1", b"first", b"one", b"counts not"), &whole[..]].concat());
    }
    messages.push(b"\x08".to_vec());
    let requests: Vec<Request> = messages.into_iter().map(|message| post("/").body(message)).collect();
    certify(|| Gateway::chain([verifier()]), requests);
}

fn request(hash: &str, key: &[u8], text: &[u8]) -> Vec<u8> {
    [field(0x0a, hash.as_bytes()), field(0x12, key), field(0x1a, text)].concat()
}

/// RSA signs the same text always alike. ECDSA need not, so the form is compared there; the scenarios of token
/// exchange verify what is made. Envoy knows SHA-1 too, which the emulator leaves out.
#[test]
fn texts_are_signed_alike() {
    const TEXT: &[u8] = b"what is to be signed";
    for (algorithm, exactly) in
        [(Algorithm::Rs256, true), (Algorithm::Es256, false), (Algorithm::Es384, false), (Algorithm::EdDsa, true)]
    {
        let key = key(algorithm).private_der();
        let mut messages = Vec::new();
        for hash in ["sha256", "SHA256", "sha224", "sha384", "sha512", "sha3-256", "", "\u{e9}"] {
            messages.push(request(hash, &key, TEXT));
        }
        messages.push(request("sha256", &key, b""));
        messages.push(request("sha256", &key, &[0x80; 5000]));
        for bad in [&key[1..], &key[..key.len() - 1], &[&key[..], &[0]].concat(), b"", b"no key"] {
            messages.push(request("sha256", bad, TEXT));
        }
        let whole = request("sha256", &key, TEXT);
        messages.push(whole[..whole.len() - 1].to_vec());
        messages.push([&whole[..], &field(0x7a, b"unknown")].concat());
        messages.push([&request("sha384", b"first", b"one"), &whole[..]].concat());
        messages.push(b"\x08".to_vec());
        let requests: Vec<Request> = messages.into_iter().map(|message| post("/").body(message)).collect();
        certify(|| Gateway::chain([signer(exactly)]), requests);
    }
}
