//! What a token grants: which objects count, and that nothing combines across them.

use super::*;

/// RAR-01
#[test]
fn a_claim_that_is_no_array_of_objects_with_a_type_grants_nothing() {
    let sound = r#"{"type":"file_access","actions":["read"],"identifier":"a"}"#;
    assert!(grants(&format!("[{sound}]"), read("a")));
    for details in [
        sound.to_owned(),
        Value::from(format!("[{sound}]")).to_string(),
        "[]".to_owned(),
        "null".to_owned(),
        "true".to_owned(),
        format!("[[{sound}]]"),
        format!(r#"[{sound},"file_access"]"#),
        format!("[{sound},null]"),
        format!("[{sound},{{}}]"),
        format!(r#"[{sound},{{"type":1}}]"#),
        format!(r#"[{sound},{{"type":""}}]"#),
        format!(r#"[{sound},{{"actions":["read"]}}]"#),
        format!("[{}]", vec![sound; MAX_OBJECTS + 1].join(",")),
    ] {
        assert!(!grants(&details, read("a")), "{details}");
    }
    let many: Vec<String> = (0..MAX_FIELDS).map(|index| format!(r#""x{index}":1"#)).collect();
    let large = format!(r#"[{sound},{{"type":"x",{}}}]"#, many.join(","));
    assert_eq!(AuthorizationDetails::of(&token(&large)).err(), Some(Reason::ClaimInvalid));
}

/// RAR-01
#[test]
fn a_token_without_the_claim_grants_nothing_and_one_whose_text_was_lost_is_refused() {
    let plain = json!({"iss": "https://as.example", "exp": 2_000_000_000, "scope": "tools.access"});
    let claims = |members: &Value| {
        VerifiedClaims::proven(Claims::from_members(members.as_object().unwrap().clone(), Profile::Generic).unwrap())
    };
    let without = claims(&plain);
    let details = AuthorizationDetails::of(&without).unwrap();
    assert!(all_types().granting(&details, &wanted(read("a")), Some(R)).next().is_none());
    let mut with = plain;
    with["authorization_details"] = json!([read("a")]);
    assert_eq!(AuthorizationDetails::of(&claims(&with)).err(), Some(Reason::ClaimInvalid));
}

/// RAR-10
#[test]
fn the_literal_example_opens_one_file_and_nothing_else() {
    let details = r#"[{"type":"file_access","locations":["https://files.internal.corp/finance"],"actions":["read"],
                       "identifier":"Q4-report.pdf"}]"#;
    assert!(grants(details, read("Q4-report.pdf")));
    assert!(!grants(details, read("Q3-report.pdf")));
    assert!(!grants(details, json!({"type": "file_access", "actions": ["write"], "identifier": "Q4-report.pdf"})));
    assert!(!grants(
        details,
        json!({"type": "file_access", "actions": ["read", "write"], "identifier": "Q4-report.pdf"})
    ));
    for elsewhere in [Some("https://files.internal.corp/finance/"), Some("https://files.internal.corp/hr"), None] {
        assert!(!grants_wanted(details, &wanted(read("Q4-report.pdf")), elsewhere), "{elsewhere:?}");
    }
}

/// RAR-10
#[test]
fn locations_that_are_there_must_name_this_resource() {
    let at = |locations: Value| {
        let object = json!({"type": "file_access", "actions": ["read"], "identifier": "a", "locations": locations});
        grants(&json!([object]).to_string(), read("a"))
    };
    assert!(at(json!([R])) && at(json!(["https://other.example", R])));
    for locations in [
        json!([]),
        json!(R),
        json!(null),
        json!({}),
        json!(["https://other.example"]),
        json!([R, 1]),
        json!([R, null]),
        json!([[R]]),
        json!(["HTTPS://files.internal.corp/finance"]),
        json!([format!("{R}/")]),
    ] {
        assert!(!at(locations.clone()), "{locations}");
    }
}

/// RAR-02, RAR-03
#[test]
fn within_one_object_everything_combines_and_across_objects_nothing() {
    let asks = |action: &str, data: &str| json!({"type": "photos", "actions": [action], "datatypes": [data]});
    let product = r#"[{"type":"photos","actions":["read","write"],"datatypes":["contacts","photos"]}]"#;
    for (action, data) in [("read", "contacts"), ("read", "photos"), ("write", "contacts"), ("write", "photos")] {
        assert!(grants(product, asks(action, data)));
    }
    let union = r#"[{"type":"photos","actions":["read"],"datatypes":["contacts"]},
                    {"type":"photos","actions":["write"],"datatypes":["photos"]}]"#;
    assert!(grants(union, asks("read", "contacts")) && grants(union, asks("write", "photos")));
    assert!(!grants(union, asks("write", "contacts")) && !grants(union, asks("read", "photos")));
}

/// RAR-04, RAR-06
#[test]
fn every_object_of_the_type_counts_and_unknown_types_take_nothing_away() {
    assert!(grants(
        r#"[{"type":"unknown","x":1},{"type":"file_access","actions":["read"],"identifier":"b"},
            {"type":"file_access","actions":["read"],"identifier":"a"}]"#,
        read("a")
    ));
    assert!(!grants(r#"[{"type":"unknown","actions":["read"],"identifier":"a"}]"#, read("a")));
    assert!(!grants(r#"[{"type":"photos","actions":["read"],"identifier":"a"}]"#, read("a")));
}
