//! What the audit record of a denial says: which field did not suffice and why, and never a value.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails by panicking, as the test does")]

use filter_kit::{
    fields::Fields,
    policy::{Policy, Step},
    request::{Property, RequestHead},
};
use oauth_core::time::UnixTime;
use rar_enforcement::RarEnforcement;
use serde_json::{Value, json};

const NOW: i64 = 1_900_000_000;

/// The record of `GET /pay/12.50` with a token of these details.
fn record(details: &Value) -> Value {
    let types = json!({
        "payment": {"fields": {"sum": {"amount": "ceiling", "currency": "equal"}, "to": "equal", "note": "ignored"}},
        "once": {"fields": {"sum": "ceiling"}, "single_use": true},
    });
    let require = json!({"type": "payment", "sum": {"amount": "{path.amount}", "currency": "EUR"}, "to": "DE02"});
    let document = json!({"types": types, "rules": [
        {"name": "pay", "match": {"path": {"template": "/pay/{amount}"}}, "require": require},
    ]});
    let (settings, mut shared) = RarEnforcement::configure(document.to_string().as_bytes()).unwrap();
    let fields = [(":method", "GET"), (":path", "/pay/12.50"), (":authority", "tools.example")];
    let fields: Fields =
        fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
    let left = json!({
        "v": 1, "state": "verified", "resource": "https://tools.example", "issuer": "https://as.example",
        "profile": "generic", "credential_sha256": "x",
        "claims": {"iss": "https://as.example", "exp": NOW + 300, "authorization_details": details},
    });
    let head = RequestHead::new(fields, true).with_properties(vec![Property::Value(left.to_string().into_bytes())]);
    let state = match RarEnforcement::begin(&settings, &mut shared, &head, UnixTime::from_secs(NOW)) {
        Step::Deny(refusal) => refusal.state,
        Step::Allow(edits) => edits.state,
        other => panic!("{other:?}"),
    };
    serde_json::from_slice(&state.first().unwrap().1).unwrap()
}

fn payment(amount: Value) -> Value {
    json!({"type": "payment", "sum": {"amount": amount, "currency": "EUR"}, "to": "DE02"})
}

#[test]
fn a_denial_says_which_field_of_the_closest_object_does_not_suffice_and_why() {
    let failed =
        |field: &str, comparator: &str, why: &str| json!([{"field": field, "comparator": comparator, "why": why}]);
    let other = json!({"type": "file_access", "identifier": "a-secret-name"});
    let mut extra = payment(json!("13"));
    extra["until"] = json!("a-secret-date");
    let mut undeclared_place = payment(json!("13"));
    undeclared_place["locations"] = json!(["https://other.example"]);
    for (details, held, expected) in [
        (json!([]), json!([]), failed("type", "equal", "absent")),
        (json!([other]), json!(["file_access"]), failed("type", "equal", "absent")),
        (json!([payment(json!("12.49"))]), json!(["payment"]), failed("sum.amount", "ceiling", "exceeds")),
        (json!([payment(json!(13))]), json!(["payment"]), failed("sum.amount", "ceiling", "type")),
        (json!([undeclared_place]), json!(["payment"]), failed("locations", "superset", "exceeds")),
        (
            json!([{"type": "payment"}, {"type": "payment", "sum": {"amount": "13", "currency": "EUR"}}, other]),
            json!(["payment", "file_access"]),
            failed("to", "equal", "absent"),
        ),
    ] {
        let found = record(&details);
        assert_eq!((&found["code"], &found["rule"]), (&json!("insufficient_authorization"), &json!("pay")));
        assert_eq!((&found["failed"], &found["details_held"]), (&expected, &held), "{details}");
        assert!(!found.to_string().contains("secret"), "{found}");
    }
    let found = record(&json!([extra]));
    assert_eq!(found["failed"], json!([{"field": "until", "why": "extra_field"}]));
    assert!(!found.to_string().contains("secret"), "{found}");
}

#[test]
fn what_passes_has_nothing_that_failed_and_what_cannot_be_read_is_said_so() {
    let found = record(&json!([payment(json!("13"))]));
    assert_eq!((&found["decision"], &found["details_held"]), (&json!("allow"), &json!(["payment"])));
    assert!(found.get("failed").is_none(), "{found}");
    assert_eq!(record(&json!("x"))["details_held"], json!(["malformed"]));
}

/// LOG-03
#[test]
fn a_record_stays_short_whatever_the_token_says() {
    let mut object = payment(json!("13"));
    for index in 0..50 {
        object[format!("{index}{}", "x".repeat(1_000))] = json!(1);
    }
    let many: Vec<Value> = (0..100).map(|index| json!({"type": format!("{index}{}", "t".repeat(1_000))})).collect();
    let found = record(&json!([vec![object], many].concat()));
    assert_eq!(found["failed"].as_array().unwrap().len(), 20);
    assert_eq!(found["details_held"].as_array().unwrap().len(), 20);
    assert!(found.to_string().len() < 14_000, "{}", found.to_string().len());
}
