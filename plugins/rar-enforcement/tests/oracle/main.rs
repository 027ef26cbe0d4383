//! Rules, tokens and requests at random, against a model of a few lines: the policy lets pass what the model lets pass,
//! and nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails by panicking, as the test does"
)]

mod model;
mod random;

use filter_kit::{
    fields::Fields,
    policy::{Input, Policy, Step},
    request::{Property, RequestHead},
};
use oauth_core::time::UnixTime;
use plugin_checks::Dice;
use rar_enforcement::RarEnforcement;
use serde_json::{Value, json};

use model::{Rule, Sent, passes};
use random::{details, rule, sent, written};

const NOW: i64 = 1_900_000_000;
const RESOURCE: &str = "https://tools.example";

fn head(sent: &Sent, left: &Value) -> RequestHead {
    let mut fields = vec![(":method", sent.method), (":path", sent.path), (":authority", "tools.example")];
    if sent.calls.is_some() {
        fields.push(("accept", "application/json, text/event-stream"));
        fields.push(("content-type", "application/json"));
    }
    fields.extend(sent.tenant.iter().map(|tenant| ("x-tenant", *tenant)));
    let fields: Fields =
        fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
    RequestHead::new(fields, sent.calls.is_none()).with_properties(vec![Property::Value(left.to_string().into_bytes())])
}

#[test]
fn what_passes_is_what_a_simple_model_lets_pass() {
    let mut dice = Dice::new(0x5eed_0005);
    let (mut configurations, mut allowed, mut denied) = (0, 0, 0);
    while configurations < 800 {
        let rules: Vec<Rule> = (0..=dice.roll(4)).map(|_| rule(&mut dice)).collect();
        let unmatched = dice.pick(&["allow", "deny", "deny"]);
        // What does not load decides nothing: a rule that is never reached, a template that is never filled.
        let document = written(&rules, unmatched);
        let Ok((settings, mut shared)) = RarEnforcement::configure(document.to_string().as_bytes()) else { continue };
        configurations += 1;
        for _ in 0..60 {
            let (sent, details) = (sent(&mut dice), details(&mut dice));
            let left = json!({
                "v": 1, "state": "verified", "resource": RESOURCE, "issuer": "https://as.example",
                "profile": "generic", "credential_sha256": "x",
                "claims": {"iss": "https://as.example", "exp": NOW + 300, "authorization_details": details},
            });
            let now = UnixTime::from_secs(NOW);
            let mut step = RarEnforcement::begin(&settings, &mut shared, &head(&sent, &left), now);
            if let Step::ReadBody { then, .. } = step {
                let body = sent.body();
                step = RarEnforcement::resume(&settings, &mut shared, then, Input::Body(body.as_bytes()), now);
            }
            let passed = match step {
                Step::Allow(_) => true,
                Step::Deny(_) => false,
                other => panic!("{other:?}"),
            };
            assert_eq!(passed, passes(&rules, unmatched, &sent, &details), "{document}\n{sent:?}\n{left}");
            if passed { allowed += 1 } else { denied += 1 }
        }
    }
    assert!(allowed > 2_000 && denied > 10_000, "{allowed} {denied}");
}
