//! Tokens: numbers and signatures at the edge.

use fourleg_harness::get;
use fourleg_lab::mint::{Algorithm, compact_with_signature, key};
use fourleg_tests::scenarios;
use serde_json::json;

use crate::fixture::{good, serve};

/// `number + other`, little-endian, without the carry.
fn sum(number: &[u8], other: &[u8]) -> Vec<u8> {
    let mut carry = 0_u16;
    let digits = number.iter().zip(other).map(|(a, b)| {
        let digit = u16::from(*a) + u16::from(*b) + carry;
        carry = digit >> 8;
        digit.to_le_bytes()[0]
    });
    digits.collect()
}

fn header_of(algorithm: Algorithm) -> String {
    json!({"alg": algorithm.name(), "kid": key(algorithm).kid(), "typ": "at+jwt"}).to_string()
}

scenarios! {
    fn no_second_signature_of_a_number_out_of_range_verifies(runner) {
        let gateway = serve(runner);
        let claims = good(&*gateway).claims().to_string();
        let refuses = |algorithm: Algorithm, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
            let token = compact_with_signature(header_of(algorithm), &claims, |input| change(key(algorithm).sign(input)));
            gateway.send(get("/mcp").bearer(&token)).denied_with(401).has_code("signature_invalid");
        };
        // RFC 8032 §5.1.7: S is below the order of the group; S + L is the same number to a careless verifier.
        let order = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        refuses(Algorithm::EdDsa, &|signature| [&signature[..32], &sum(&signature[32..], &order)].concat());
        // R of small order, with S = 0 and with the right S.
        for point in [{ let mut one = [0; 32]; one[0] = 1; one }, [0; 32], [0xff; 32]] {
            refuses(Algorithm::EdDsa, &|_| [point, [0; 32]].concat());
            refuses(Algorithm::EdDsa, &|signature| [&point, &signature[32..]].concat());
        }
        // RFC 8017 §8.1.2, §8.2.2: as long as the modulus, and below it.
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Rs512] {
            for change in [
                &(|_: Vec<u8>| vec![0_u8; 256]) as &dyn Fn(Vec<u8>) -> Vec<u8>, &|_| vec![0xff; 256], &|mut signature| { signature.insert(0, 0); signature },
                &|mut signature| { signature.push(0); signature }, &|signature| signature[1..].to_vec(), &|_| { let mut one = vec![0; 256]; one[255] = 1; one }, &|_| Vec::new(),
                &|signature| signature.repeat(2), &|mut signature| { signature.reverse(); signature },
            ] {
                refuses(algorithm, change);
            }
        }
        // RFC 7518 §3.4: two numbers of the curve's length.
        for algorithm in [Algorithm::Es256, Algorithm::Es384] {
            refuses(algorithm, &|signature| { let (r, s) = signature.split_at(signature.len() / 2); [s, r].concat() });
            refuses(algorithm, &|signature| vec![0xff; signature.len()]);
            refuses(algorithm, &|signature| { let (r, s) = signature.split_at(signature.len() / 2); [&[0], r, &[0], s].concat() });
            refuses(algorithm, &|signature| [&signature[..signature.len() / 2], &vec![0; signature.len() / 2]].concat());
        }
    }

    fn numbers_at_the_edge_of_every_type_neither_trap_nor_wrap(runner) {
        let gateway = serve(runner);
        let now = gateway.now();
        // Beyond 32 bits a clock that wraps would call these long gone, or a sum would trap.
        for exp in [0xffff_ffff_u64, 0xffff_fc78, 0x1_0000_0000, 0x1_0000_0001, 0x1_ffff_ffff, 253_402_300_799] {
            gateway.send(get("/mcp").bearer(&good(&*gateway).expires_at(exp).sign())).allowed();
            for claim in ["nbf", "iat"] {
                gateway.send(get("/mcp").bearer(&good(&*gateway).expires_at(exp).claim(claim, exp).sign())).denied_with(401);
            }
        }
        for exp in [0, 1, 0x7fff_ffff_u64.min(now - 100), now - 31] {
            gateway.send(get("/mcp").bearer(&good(&*gateway).expires_at(exp).sign())).denied_with(401).has_code("token_expired");
        }
        for number in ["1e-999999999", "1E+00000000000000000001", "-0", "0.1e1", "123456789012345678901234567890", "1.7976931348623157e308", "4.9e-324", &"1".repeat(300), &format!("0.{}", "1".repeat(9000))] {
            let claims = good(&*gateway).claim("x", "X").claims().to_string().replace("\"X\"", number);
            gateway.send(get("/mcp").bearer(&good(&*gateway).payload_text(claims.clone()).sign())).allowed();
            gateway.send(get("/mcp").bearer(&good(&*gateway).payload_text(claims.replace("\"x\":", "\"cnf\":")).sign())).denied_with(401);
        }
        for number in ["1e999999999", "-1e999999999", "1e", "0x10", "1_000", "01", ".5", "5.", "+1", "Infinity", &"9".repeat(9000)] {
            let claims = good(&*gateway).claim("x", "X").claims().to_string().replace("\"X\"", number);
            gateway.send(get("/mcp").bearer(&good(&*gateway).payload_text(claims).sign())).denied_with(401).has_code("token_malformed");
        }
    }
}
