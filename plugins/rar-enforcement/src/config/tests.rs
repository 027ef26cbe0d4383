//! One table of mistakes, each told once with its place.

use serde_json::{Value, json};

use super::*;

fn sound() -> Value {
    json!({
        "token": {"source": "verified"},
        "clock_skew_seconds": 10,
        "types": {
            "file_access": {"fields": {"actions": "superset", "identifier": "equal"}},
            "payment": {"fields": {"currency": "equal", "max_amount": "ceiling", "note": "ignored"}, "single_use": false},
        },
        "rules": [
            {"name": "read", "match": {"methods": ["GET"], "path": {"template": "/files/{file}"}},
             "require": {"type": "file_access", "actions": ["read"], "identifier": "{path.file}"}},
            {"name": "pay", "match": {"path": {"exact": "/mcp"}, "mcp": {"tools": ["pay"]}}, "arguments": "open", "mode": "enforce",
             "require": {"type": "payment", "currency": "{header.x-currency}", "max_amount": "{mcp.arguments/amount}"}},
        ],
        "unmatched": "deny",
        "error_code": "insufficient_authorization_details",
        "remediation": true,
        "introspection": null,
        "body_mode": "hold_headers",
        "cors": {"allow_origins": ["https://app.example"]},
        "mcp": {"allowed_origins": ["https://app.example"], "max_body_bytes": 65_536},
    })
}

/// The sound configuration with one member set, or taken out.
fn with(pointer: &str, value: Option<Value>) -> String {
    let mut document = sound();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(members), Some(value)) => drop(members.insert(member.to_owned(), value)),
        (Value::Object(members), None) => drop(members.remove(member).unwrap()),
        _ => panic!("no place {pointer}"),
    }
    document.to_string()
}

fn mistakes(document: &str) -> Vec<String> {
    let problems = Settings::read(document.as_bytes()).map(drop).unwrap_err();
    problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
}

#[test]
fn reads_a_sound_configuration() {
    let settings = Settings::read(sound().to_string().as_bytes()).unwrap();
    assert_eq!((settings.rules.len(), settings.unmatched, settings.remediation), (2, Unmatched::Deny, true));
    assert_eq!(settings.rules[1].require.arguments, [["amount".to_owned()]]);
    assert_eq!(settings.named.headers.iter().collect::<Vec<_>>(), ["x-currency"]);
    assert!(settings.common.notes.is_empty(), "{:?}", settings.common.notes);
}

#[test]
fn a_rule_that_compares_arguments_is_closed_unless_it_says_otherwise() {
    let others = |document: &str| Settings::read(document.as_bytes()).unwrap().rules[1].require.others;
    assert_eq!(others(&sound().to_string()), Others::Open);
    assert_eq!(others(&with("/rules/1/arguments", None)), Others::Closed);
    let mut document = sound();
    document["rules"][1] = json!({"name": "pay", "match": {"path": {"exact": "/mcp"}, "mcp": {"tools": ["pay"]}}, "require": {"type": "payment", "currency": "EUR"}});
    assert_eq!(others(&document.to_string()), Others::Open);
}

#[test]
fn what_is_left_out_is_denied_and_told() {
    let mut document = sound();
    for member in ["unmatched", "error_code", "remediation"] {
        document.as_object_mut().unwrap().remove(member);
    }
    let settings = Settings::read(document.to_string().as_bytes()).unwrap();
    assert_eq!(
        (settings.unmatched, &*settings.error_code, settings.remediation),
        (Unmatched::Deny, "insufficient_authorization", true)
    );
}

/// `cargo xtask schema` writes the file anew.
#[test]
fn the_committed_schema_is_the_one_of_this_version() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
    if std::env::var_os("FOURLEG_WRITE_SCHEMA").is_some() {
        std::fs::write(path, schema()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), schema(), "type `cargo xtask schema`");
}

#[test]
fn each_typical_mistake_is_named_with_its_place() {
    let set = |pointer, value| with(pointer, Some(value));
    let gone = |pointer| with(pointer, None);
    for (document, expected) in [
        (gone("/types"), "types is missing"),
        (set("/types", json!({})), "types is empty"),
        (
            set("/types/payment/fields/max_amount", json!("at_most")),
            "types.payment.fields.max_amount has a wrong value",
        ),
        (
            set("/types/payment/fields/max_amount", json!({"subsumes": []})),
            "types.payment.fields.max_amount.subsumes is of type list",
        ),
        (set("/types/payment/single_use", json!(true)), "types.payment.single_use is not supported"),
        (gone("/types/payment/fields/currency"), "rules[1].require.currency is no field of the type"),
        (gone("/rules"), "rules is missing"),
        (set("/rules", json!([])), "rules is empty"),
        (gone("/rules/0/name"), "rules[0].name is missing"),
        (gone("/rules/0/require"), "rules[0].require is missing"),
        (gone("/rules/0/require/type"), "rules[0].require.type is missing"),
        (set("/rules/0/require/identifier", json!("{path.name}")), "rules[0].require.identifier is never filled"),
        (set("/rules/0/require/identifier", json!("{mcp.tool}")), "rules[0].require.identifier is never filled"),
        (set("/rules/0/require/identifier", json!("{mcp.arguments/x}")), "rules[0].require.identifier is never filled"),
        (set("/rules/0/require/actions", json!(["{path.file}"])), "rules[0].require.actions is a template inside"),
        (set("/rules/0/arguments", json!("closed")), "rules[0].arguments is about nothing"),
        (set("/rules/1/match/mcp", json!({"resources": ["a:b"]})), "rules[1].arguments is about nothing"),
        (set("/rules/1/arguments", json!("some")), "rules[1].arguments has a wrong value: expected `closed` or `open`"),
        (set("/rules/1/scopes", json!([])), "rules[1].scopes is not known here"),
        (set("/unmatched", json!("pass")), "unmatched has a wrong value: expected `allow` or `deny`"),
        (set("/error_code", json!("")), "error_code is no error code"),
        (set("/error_code", json!("a\"b")), "error_code is no error code"),
        (set("/introspection", json!({"cluster": "idp"})), "introspection is not supported"),
        (set("/body_mode", json!("headers_only")), "body_mode shows no arguments"),
        (set("/clock_skew_seconds", json!(61)), "clock_skew_seconds is too large"),
        (set("/mcp", json!({"max_body_bytes": 0})), "mcp.max_body_bytes is out of range"),
        (set("/token", json!({"source": "introspection"})), "token.source introspection is not supported"),
        (set("/mode", json!("shadow")), "mode is not known here"),
        ("[]".to_owned(), "is not a JSON object"),
    ] {
        let found = mistakes(&document);
        let told = found.iter().filter(|mistake| mistake.contains(expected)).count();
        assert_eq!(told, 1, "{expected} in {found:#?}");
        assert!(found.len() <= 2, "{expected} in {found:#?}");
    }
}

#[test]
fn a_type_that_no_rule_requires_is_noted() {
    let notes = Settings::read(with("/types/other", Some(json!({"fields": {}}))).as_bytes()).unwrap().common.notes;
    assert_eq!(notes, ["types.other is not used: no rule requires it"]);
}
