//! Rules, tokens and requests at random, against a model of a few lines: the policy lets pass what the model lets pass,
//! and nothing else.

#![expect(clippy::indexing_slicing, reason = "a helper of a test fails by panicking, as the test does")]

mod model;
mod random;

use claim_challenge::ClaimChallenge;
use filter_kit::{
    fields::Fields,
    policy::{Input, Policy, Step},
    request::{Property, RequestHead},
};
use oauth_core::time::UnixTime;
use plugin_checks::Dice;
use serde_json::{Value, json};

use model::{Rule, Sent, passes};
use random::{rule, sent, token, written};

const NOW: i64 = 1_900_000_000;

fn head(sent: &Sent, left: &Value) -> RequestHead {
    let mut fields = vec![
        (":method", sent.method),
        (":path", sent.path),
        (":authority", "tools.example"),
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-session-id", "s-1"),
    ];
    fields.extend(sent.revision.map(|revision| ("mcp-protocol-version", revision)));
    let fields: Fields =
        fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
    RequestHead::new(fields, sent.body.is_none()).with_properties(vec![Property::Value(left.to_string().into_bytes())])
}

#[test]
fn what_passes_is_what_a_simple_model_lets_pass() {
    let mut dice = Dice::new(0x5eed_0004);
    let (mut configurations, mut allowed, mut denied) = (0, 0, 0);
    while configurations < 1_500 {
        let rules: Vec<Rule> = (0..=dice.roll(4)).map(|_| rule(&mut dice)).collect();
        let unmatched = dice.pick(&["allow", "deny"]);
        // What does not load decides nothing: an empty block, a rule that is never reached.
        let document = written(&rules, unmatched);
        let Ok((settings, mut shared)) = ClaimChallenge::configure(document.to_string().as_bytes()) else { continue };
        configurations += 1;
        for _ in 0..40 {
            let (sent, (claims, met)) = (sent(&mut dice), token(&mut dice));
            let is_public = dice.roll(8) == 0;
            let left = if is_public {
                json!({"v": 1, "state": "public"})
            } else {
                json!({
                    "v": 1, "state": "verified", "resource": "https://tools.example", "issuer": "https://as.example",
                    "profile": "generic", "credential_sha256": "x", "claims": claims,
                })
            };
            let now = UnixTime::from_secs(NOW);
            let mut step = ClaimChallenge::begin(&settings, &mut shared, &head(&sent, &left), now);
            if let Step::ReadBody { then, .. } = step {
                let body = sent.body.as_ref().map(Value::to_string).unwrap_or_default();
                step = ClaimChallenge::resume(&settings, &mut shared, then, Input::Body(body.as_bytes()), now);
            }
            let passed = match step {
                Step::Allow(_) => true,
                Step::Deny(_) => false,
                other => panic!("{other:?}"),
            };
            let expected = passes(&rules, unmatched, &sent, (!is_public).then_some(&met));
            assert_eq!(passed, expected, "{document}\n{sent:?}\n{left}");
            if passed { allowed += 1 } else { denied += 1 }
        }
    }
    assert!(allowed > 10_000 && denied > 10_000, "{allowed} {denied}");
}
