//! Signatures that the proxy cannot verify cost the filter milliseconds, and anybody can send them.

use std::time::{Duration, Instant};

use fourleg_harness::{Gateway, get, plugin};
use fourleg_lab::mint::{Algorithm, key};
use fourleg_tests::scenarios;
use serde_json::json;

use crate::fixture::{I, R, good, public_keys};

/// Verifications by Ed25519 in a second, and at once.
const MOST: usize = 250;

/// audience-validation with the algorithms that it accepts by default.
fn gateway() -> Gateway {
    let issuer = json!({"issuer": I, "jwks": {"inline": public_keys()}});
    Gateway::chain([plugin("audience_validation", json!({"issuers": [issuer], "resources": [{"resource": R}]}))])
}

scenarios! {
    fn garbage_that_the_filter_would_have_to_verify_is_bounded_and_no_other_token_suffers(runner) {
        let gateway = runner.start(gateway()).unwrap();
        let kept = good(&*gateway).sign_with(key(Algorithm::EdDsa));
        // Remembered from the second time on.
        for _ in 0..2 {
            gateway.send(get("/mcp").bearer(&kept)).allowed();
        }
        let garbage = |number: usize| {
            let token = good(&*gateway).subject(&number.to_string()).alg("EdDSA").kid(key(Algorithm::EdDsa).kid());
            get("/mcp").bearer(&token.with_signature([1; 64]))
        };
        let started = Instant::now();
        let outcomes = gateway.send_all((0..4 * MOST).map(garbage).collect());
        let most = MOST + usize::try_from(started.elapsed().as_millis()).unwrap() / 4 + 1;
        let mut verified = 0;
        for outcome in &outcomes {
            match outcome.response.status {
                401 => {
                    outcome.denied_with(401).has_code("signature_invalid");
                    verified += 1;
                }
                _ => assert_eq!(outcome.denied_with(503).has_code("overloaded").header("retry-after"), "1"),
            }
        }
        assert!((1..=most).contains(&verified) && verified < outcomes.len(), "{verified} of {}, {most} at most", outcomes.len());
        gateway.send(get("/mcp").bearer(&kept)).allowed();
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Rs256)))).allowed();
        gateway.pass(Duration::from_millis(1500));
        gateway.send(get("/mcp").bearer(&good(&*gateway).subject("late").sign_with(key(Algorithm::EdDsa)))).allowed();
    }

    fn ps256_is_accepted_only_where_it_is_configured(runner) {
        let gateway = runner.start(gateway()).unwrap();
        let token = good(&*gateway).sign_with(key(Algorithm::Ps256));
        gateway.send(get("/mcp").bearer(&token)).denied_with(401).has_code("algorithm_not_allowed");
    }
}
