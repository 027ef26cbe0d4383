//! One table of mistakes, each told once with its place.

use plugin_checks::Sound;
use serde_json::{Value, json};

use super::*;

fn document() -> Value {
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

fn sound() -> Sound<impl Fn(&[u8]) -> Result<Settings, Problems>> {
    Sound::new(document(), Settings::read)
}

#[test]
fn reads_a_sound_configuration() {
    let settings = Settings::read(document().to_string().as_bytes()).unwrap();
    assert_eq!((settings.rules.len(), settings.unmatched, settings.remediation), (2, Unmatched::Deny, true));
    assert_eq!(settings.rules[1].require.arguments, [["amount".to_owned()]]);
    assert_eq!(settings.named.headers.iter().collect::<Vec<_>>(), ["x-currency"]);
    assert!(settings.common.notes.is_empty(), "{:?}", settings.common.notes);
}

#[test]
fn a_rule_that_compares_arguments_is_closed_unless_it_says_otherwise() {
    let others = |document: &str| Settings::read(document.as_bytes()).unwrap().rules[1].require.others;
    assert_eq!(others(&document().to_string()), Others::Open);
    assert_eq!(others(&sound().with("/rules/1/arguments", None)), Others::Closed);
    let mut document = document();
    document["rules"][1] = json!({"name": "pay", "match": {"path": {"exact": "/mcp"}, "mcp": {"tools": ["pay"]}}, "require": {"type": "payment", "currency": "EUR"}});
    assert_eq!(others(&document.to_string()), Others::Open);
}

#[test]
fn what_is_left_out_is_denied_and_told() {
    let mut document = document();
    for member in ["unmatched", "error_code", "remediation"] {
        document.as_object_mut().unwrap().remove(member);
    }
    let settings = Settings::read(document.to_string().as_bytes()).unwrap();
    assert_eq!(
        (settings.unmatched, &*settings.error_code, settings.remediation),
        (Unmatched::Deny, "insufficient_authorization", true)
    );
}

#[test]
fn the_committed_schema_is_the_one_of_this_version() {
    plugin_checks::schema_is_committed(env!("CARGO_MANIFEST_DIR"), &schema());
}

#[test]
fn each_typical_mistake_is_named_with_its_place() {
    let sound = sound();
    let set = |pointer, value| sound.set(pointer, value);
    let gone = |pointer| sound.gone(pointer);
    sound.each_is_told_once([
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
        (set("/types/payment/single_use", json!("once")), "types.payment.single_use is of type string"),
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
        (
            set("/introspection", json!({"introspection_endpoint": "https://idp.example/i", "issuer": "https://idp.example"})),
            "introspection.cluster is missing",
        ),
        (set("/introspection", json!({"cluster": "idp", "introspection_endpoint": "https://idp.example/i", "issuer": "https://idp.example", "resources": []})), "introspection.resources is not known here"),
        (set("/body_mode", json!("headers_only")), "body_mode shows no arguments"),
        (set("/clock_skew_seconds", json!(61)), "clock_skew_seconds is too large"),
        (set("/mcp", json!({"max_body_bytes": 0})), "mcp.max_body_bytes is out of range"),
        (set("/token", json!({"source": "introspected"})), "token.source has a wrong value"),
        (set("/mode", json!("shadow")), "mode is not known here"),
        ("[]".to_owned(), "is not a JSON object"),
    ]);
}

#[test]
fn a_field_that_no_rule_requires_is_noted() {
    let with = |field: &str, comparator: Value| {
        let document = sound().with(&format!("/types/payment/fields/{field}"), Some(comparator));
        Settings::read(document.as_bytes()).unwrap().common.notes
    };
    assert_eq!(with("other", json!("ignored")), [""; 0]);
    let notes = with("other", json!({"inner": "equal"}));
    assert!(notes.len() == 1 && notes[0].starts_with("types.payment.fields.other is required by no rule"), "{notes:?}");
    let notes = with("a.b", json!("ignored"));
    assert!(
        notes.len() == 1 && notes[0].starts_with("types.payment.fields.a.b is the name of one member"),
        "{notes:?}"
    );
}

/// Names and arguments have one reading where a rule looks at them, whatever its match names.
#[test]
fn what_rules_compare_is_known() {
    let compared = |mcp: Value, identifier: &str, mode: &str| {
        let rule = json!({"name": "a", "match": {"path": {"exact": "/mcp"}, "mcp": mcp}, "mode": mode,
                          "require": {"type": "t", "identifier": identifier}});
        let about_prompts = json!({"name": "b", "match": {"path": {"exact": "/mcp"}, "mcp": {"prompts": ["p"]}}, "require": {"type": "t", "identifier": "x"}});
        let document = json!({"types": {"t": {"fields": {"identifier": "equal"}}}, "rules": [rule, about_prompts]});
        Settings::read(document.to_string().as_bytes()).unwrap().common.endpoint.compared
    };
    let call = json!({"methods": ["tools/call"]});
    let with_prompts = Compared { prompts: true, ..Compared::NOTHING };
    assert_eq!(compared(call.clone(), "a literal", "enforce"), with_prompts);
    for text in ["{mcp.tool}", "{mcp.arguments/x}"] {
        assert_eq!(compared(call.clone(), text, "enforce"), Compared { tools: true, ..with_prompts }, "{text}");
        assert_eq!(compared(call.clone(), text, "shadow"), with_prompts, "{text}");
    }
    assert_eq!(compared(json!({"tools": ["x"]}), "x", "enforce"), Compared { tools: true, ..with_prompts });
    assert_eq!(compared(json!({"resources": ["*"]}), "x", "enforce"), Compared { resources: true, ..with_prompts });
}

#[test]
fn a_type_that_no_rule_requires_is_noted() {
    let notes =
        Settings::read(sound().with("/types/other", Some(json!({"fields": {}}))).as_bytes()).unwrap().common.notes;
    assert_eq!(notes, ["types.other is not used: no rule requires it"]);
}
