//! Objects within an object: each member is compared as a field of the whole is.

use super::*;

fn payments() -> Types {
    types(json!({"p": {"fields": {
        "instructedAmount": {"currency": "equal", "amount": "ceiling", "note": "ignored"},
        "creditor": {"account": {"iban": "equal"}, "names": "superset"},
    }}}))
}

fn settings(require: &Value) -> (WantedTemplate, Problems) {
    let raw: RawWanted = serde_json::from_value(require.clone()).unwrap();
    let mut problems = Problems::default();
    (raw.settings(&payments(), &offered(), "require", &mut problems), problems)
}

fn filled(require: &Value, arguments: &Value) -> Result<Wanted, String> {
    let (template, problems) = settings(require);
    assert!(problems.is_empty(), "{problems}");
    let arguments = arguments.to_string();
    let arguments = json::InPlace::check(arguments.as_bytes(), 9).unwrap();
    let facts = RequestFacts { arguments: Some(arguments), ..NOTHING };
    template.fill(&payments(), &facts).map_err(|unfillable| unfillable.field)
}

/// What of one object keeps it from granting, as `field why`.
fn unmet(granted: &Value, wanted: &Wanted) -> Vec<String> {
    let token = token(&json!([granted]).to_string());
    let details = AuthorizationDetails::of(&token).unwrap();
    let unmet = payments().closest_unmet(&details, wanted, Some(R));
    let grants = payments().granting(&details, wanted, Some(R)).next().is_some();
    assert_eq!(grants, unmet.is_empty(), "{granted}");
    unmet.iter().map(|unmet| format!("{} {}", unmet.field, unmet.why.as_str())).collect()
}

/// RFC 9396 §2
#[test]
fn every_member_of_an_inner_object_is_compared() {
    let by_member =
        json!({"type": "p", "instructedAmount": {"currency": "EUR", "amount": "{mcp.arguments/sum/amount}"}});
    let as_a_whole = json!({"type": "p", "instructedAmount": "{mcp.arguments/sum}"});
    for require in [by_member, as_a_whole] {
        let wanted = filled(&require, &json!({"sum": {"currency": "EUR", "amount": "12.50"}})).unwrap();
        let of = |inner: Value| unmet(&json!({"type": "p", "instructedAmount": inner}), &wanted);
        let none: [&str; 0] = [];
        assert_eq!(of(json!({"currency": "EUR", "amount": "12.50"})), none);
        assert_eq!(of(json!({"currency": "EUR", "amount": "13", "note": {"x": [null]}})), none);
        for (inner, expected) in [
            (json!({"currency": "EUR", "amount": "12.49"}), "instructedAmount.amount exceeds"),
            (json!({"currency": "EUR", "amount": 13}), "instructedAmount.amount type"),
            (json!({"currency": "EUR", "amount": "1e3"}), "instructedAmount.amount type"),
            (json!({"currency": "USD", "amount": "13"}), "instructedAmount.currency exceeds"),
            (json!({"currency": "EUR"}), "instructedAmount.amount absent"),
            (json!({"amount": "13"}), "instructedAmount.currency absent"),
            (json!({"currency": "EUR", "amount": "13", "until": "x"}), "instructedAmount.until extra_field"),
            (json!("EUR 13"), "instructedAmount type"),
            (json!([{"currency": "EUR", "amount": "13"}]), "instructedAmount type"),
            (json!(null), "instructedAmount type"),
        ] {
            assert_eq!(of(inner.clone()), [expected], "{inner}");
        }
        assert_eq!(unmet(&json!({"type": "p"}), &wanted), ["instructedAmount absent"]);
        let more = json!({"type": "p", "instructedAmount": {"currency": "EUR", "amount": "13"}, "creditor": {}});
        assert_eq!(unmet(&more, &wanted), ["creditor extra_field"]);
    }
}

#[test]
fn objects_nest_at_any_depth_and_lists_are_sets_there_too() {
    let require = json!({"type": "p", "creditor": {"account": {"iban": "DE02"}, "names": "{mcp.arguments/names}"}});
    let wanted = filled(&require, &json!({"names": ["b", "a", "b"]})).unwrap();
    let of = |iban: &str, names: Value| {
        unmet(&json!({"type": "p", "creditor": {"account": {"iban": iban}, "names": names}}), &wanted)
    };
    let none: [&str; 0] = [];
    assert_eq!(of("DE02", json!(["a", "b"])), none);
    assert_eq!(of("DE03", json!(["a"])), ["creditor.account.iban exceeds", "creditor.names exceeds"]);
    let remedy = wanted.object(None);
    assert_eq!(remedy.get("creditor").unwrap().to_string(), r#"{"account":{"iban":"DE02"},"names":["a","b"]}"#);
}

#[test]
fn a_whole_object_from_the_request_holds_known_members_and_nothing_empty() {
    let require = json!({"type": "p", "instructedAmount": "{mcp.arguments/sum}"});
    for sum in [
        json!({}),
        json!({"currency": "EUR", "amount": ""}),
        json!({"currency": "EUR", "amount": null}),
        json!({"currency": "EUR", "amount": "-1"}),
        json!({"currency": "EUR", "other": "x"}),
        json!({"note": "x"}),
        json!("EUR"),
        json!(["EUR"]),
    ] {
        assert_eq!(filled(&require, &json!({"sum": sum})), Err("instructedAmount".to_owned()), "{sum}");
    }
    let by_member = json!({"type": "p", "instructedAmount": {"amount": "{mcp.arguments/sum}"}});
    assert_eq!(filled(&by_member, &json!({"sum": -1})), Err("instructedAmount.amount".to_owned()));
    let large = json!({"names": vec!["a"; 1024]});
    let listed = json!({"type": "p", "creditor": {"names": "{mcp.arguments/names}"}});
    assert_eq!(filled(&listed, &large), Err("creditor.names".to_owned()), "no token grants so many");
}

#[test]
fn mistakes_within_an_object_are_told_with_their_place() {
    for (require, expected) in [
        (json!({"type": "p", "instructedAmount": {"sum": 1}}), "require.instructedAmount.sum is no field"),
        (json!({"type": "p", "instructedAmount": {}}), "require.instructedAmount is empty"),
        (json!({"type": "p", "instructedAmount": {"amount": "-1"}}), "require.instructedAmount.amount can be granted"),
        (json!({"type": "p", "instructedAmount": {"note": "x"}}), "require.instructedAmount.note can be granted"),
        (json!({"type": "p", "instructedAmount": "EUR"}), "require.instructedAmount can be granted by nothing"),
        (json!({"type": "p", "instructedAmount": "{path.file}"}), "require.instructedAmount can be granted by nothing"),
        (json!({"type": "p", "creditor": {"account": {"iban": "{path.x}"}}}), "require.creditor.account.iban is never"),
    ] {
        let (_, problems) = settings(&require);
        let found: Vec<String> =
            problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect();
        assert!(found.len() == 1 && found[0].starts_with(expected), "{require}: {found:?}");
    }
    for fields in [json!({"a": {"subsumes": {}, "b": "equal"}}), json!({"a": {"b": "at_most"}}), json!({"a": 1})] {
        assert!(serde_json::from_value::<RawType>(json!({"fields": fields})).is_err(), "{fields}");
    }
}

#[test]
fn fields_that_can_never_match_are_noted() {
    let noted = |fields: Value, require: Value| {
        let raw: BTreeMap<String, RawType> = serde_json::from_value(json!({"p": {"fields": fields}})).unwrap();
        let mut problems = Problems::default();
        let types = Types::settings(&raw, "types", &mut problems);
        let template = serde_json::from_value::<RawWanted>(require).unwrap();
        let template = template.settings(&types, &offered(), "require", &mut problems);
        WantedTemplate::note_unused(&[&template], &types, "p", "types.p.fields", &mut problems);
        assert!(problems.is_empty(), "{problems}");
        problems.notes().iter().map(|note| note.path.clone()).collect::<Vec<_>>()
    };
    let inner = json!({"sum": {"currency": "equal", "amount": "ceiling", "note": "ignored"}});
    let none: [&str; 0] = [];
    assert_eq!(noted(inner.clone(), json!({"type": "p", "sum": {"currency": "EUR"}})), ["types.p.fields.sum.amount"]);
    assert_eq!(noted(inner.clone(), json!({"type": "p", "sum": {"currency": "EUR", "amount": "1"}})), none);
    assert_eq!(noted(inner, json!({"type": "p", "sum": "{mcp.arguments/sum}"})), none);
    for path in ["sum.amount", "/sum/amount"] {
        let place = format!("types.p.fields.{path}");
        assert_eq!(noted(json!({path: "ceiling"}), json!({"type": "p", path: "1"})), [place]);
    }
    assert_eq!(noted(json!({"a": "equal", "b": "equal"}), json!({"type": "p", "a": "1"})), ["types.p.fields.b"]);
}
