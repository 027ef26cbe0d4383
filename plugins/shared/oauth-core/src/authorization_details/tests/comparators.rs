//! How a granted value is compared with a wanted one.

use super::*;

/// RAR-05
#[test]
fn texts_are_equal_code_point_by_code_point() {
    let one =
        |identifier: &str| format!(r#"[{{"type":"file_access","actions":["\u0072ead"],"identifier":{identifier}}}]"#);
    assert!(grants(&one(r#""\u0061""#), read("a")));
    assert!(!grants(&one("\"e\u{301}\""), read("\u{e9}")));
    assert!(!grants(&one("\"A\""), read("a")) && !grants(&one("\"a \""), read("a")));
    assert!(!grants(&one("\"https://h/p\""), read("https://h/p/")));
}

/// RAR-07
#[test]
fn a_field_that_nobody_compares_may_restrict_so_the_object_grants_nothing() {
    for more in [r#""max_amount":"1""#, r#""privileges":["x"]"#, r#""Actions":["read"]"#, r#""x":null"#] {
        let details = format!(r#"[{{"type":"file_access","actions":["read"],"identifier":"a",{more}}}]"#);
        assert!(!grants(&details, read("a")), "{more}");
    }
    // Declared, but not looked at by this rule.
    let details = r#"[{"type":"file_access","actions":["read"],"identifier":"a"}]"#;
    assert!(!grants(details, json!({"type": "file_access", "actions": ["read"]})));
    // Said to be no restriction.
    let pay = json!({"type": "payment", "currency": "EUR", "max_amount": "10"});
    assert!(grants(r#"[{"type":"payment","currency":"EUR","max_amount":"10","note":{"x":[null]}}]"#, pay));
}

/// RAR-08
#[test]
fn wrong_types_and_missing_fields_grant_nothing() {
    for object in [
        r#"{"type":"file_access","actions":"read","identifier":"a"}"#,
        r#"{"type":"file_access","actions":[["read"]],"identifier":"a"}"#,
        r#"{"type":"file_access","actions":["read",1],"identifier":"a"}"#,
        r#"{"type":"file_access","actions":["read",null],"identifier":"a"}"#,
        r#"{"type":"file_access","actions":["read",""],"identifier":"a"}"#,
        r#"{"type":"file_access","actions":[],"identifier":"a"}"#,
        r#"{"type":"file_access","actions":{"read":true},"identifier":"a"}"#,
        r#"{"type":"file_access","actions":["read"],"identifier":["a"]}"#,
        r#"{"type":"file_access","actions":["read"],"identifier":null}"#,
        r#"{"type":"file_access","actions":["read"]}"#,
        r#"{"type":"file_access","identifier":"a"}"#,
        r#"{"type":"file_access"}"#,
    ] {
        assert!(!grants(&format!("[{object}]"), read("a")), "{object}");
    }
}

/// RAR-08, RAR-09
#[test]
fn a_ceiling_is_exact_and_of_the_declared_json_type() {
    let pay = |granted: &str, amount: Value| {
        let details = format!(r#"[{{"type":"payment","currency":"EUR","max_amount":{granted}}}]"#);
        grants(&details, json!({"type": "payment", "currency": "EUR", "max_amount": amount}))
    };
    assert!(pay(r#""100.00""#, json!("100")) && pay(r#""123.5""#, json!("123.50")) && pay("100", json!(99)));
    assert!(pay("9007199254740993", json!(9_007_199_254_740_993_u64)));
    assert!(!pay("9007199254740992", json!(9_007_199_254_740_993_u64)));
    assert!(!pay("0.99999999999999999", json!(1)) && pay("1.0", json!(1)));
    for (granted, amount) in [
        ("100", json!("50")),
        (r#""100""#, json!(50)),
        ("1e3", json!(50)),
        ("-100", json!(50)),
        (r#""+100""#, json!("50")),
        (r#""1e3""#, json!("50")),
        (r#""""#, json!("50")),
        ("null", json!(50)),
        ("[100]", json!(50)),
        ("1234567890123456789", json!(50)),
        (r#""0100""#, json!("50")),
        ("100", json!(101)),
        (r#""99.99""#, json!("100")),
    ] {
        assert!(!pay(granted, amount.clone()), "{granted} {amount}");
    }
}

/// RAR-09
#[test]
fn one_action_stands_for_another_only_where_the_table_says_so() {
    let tree = |granted: &str, actions: Value| {
        let details = format!(r#"[{{"type":"tree","root":"/a","actions":{granted}}}]"#);
        grants(&details, json!({"type": "tree", "root": "/a/b", "actions": actions}))
    };
    assert!(tree(r#"["write"]"#, json!(["read"])) && tree(r#"["write"]"#, json!(["read", "list", "write"])));
    assert!(tree(r#""write""#, json!("read")) && tree(r#"["admin"]"#, json!(["write"])));
    assert!(!tree(r#"["read"]"#, json!(["write"])) && !tree(r#"["other"]"#, json!(["read"])));
    // The table is complete: nothing follows over several steps.
    assert!(!tree(r#"["admin"]"#, json!(["read"])));
    assert!(
        !tree("[]", json!(["read"])) && !tree(r#""write""#, json!(["read"])) && !tree(r#"["write"]"#, json!("read"))
    );
}

/// SMG-14
#[test]
fn a_path_is_at_or_below_another_by_whole_segments_and_has_one_reading() {
    let tree = |root: &str, path: &str| {
        let details = json!([{"type": "tree", "root": root, "actions": "read"}]).to_string();
        let template = template(json!({"type": "tree", "root": "{mcp.arguments/path}", "actions": "read"}));
        let arguments = json!({"path": path}).to_string();
        let arguments = json::InPlace::check(arguments.as_bytes(), 9).unwrap();
        let facts = RequestFacts { arguments: Some(arguments), ..NOTHING };
        template.fill(&all_types(), &facts).is_ok_and(|wanted| grants_wanted(&details, &wanted, Some(R)))
    };
    for (root, path) in
        [("/a", "/a"), ("/a", "/a/b"), ("/", "/a/b"), ("/", "/"), ("a/b", "a/b/c.txt"), ("/a.b", "/a.b/c")]
    {
        assert!(tree(root, path), "{root} {path}");
    }
    for (root, path) in [
        ("/a", "/ab"),
        ("/a/b", "/a"),
        ("/a", "a"),
        ("a", "/a"),
        ("/", "a"),
        ("/a", "/A"),
        ("/a", "/a/../b"),
        ("/a", "/a/./b"),
        ("/a", "/a//b"),
        ("/a", "/a/b/"),
        ("/a", "/a/%2e%2e/b"),
        ("/a", "/a/%62"),
        ("/a", "/a?x"),
        ("/a", "/a#x"),
        ("/a", "/a\\b"),
        ("/a", "/a/b\0"),
        ("/a", "/a/b c"),
        ("/a", "/a/;x"),
        ("/a", "/a/\u{2025}/b"),
        ("/a", ""),
        ("", "a"),
        ("/a/", "/a/b"),
        ("/a/..", "/b"),
        ("/%61", "/a"),
        (".", "a"),
        ("..", "a"),
        ("//", "/a"),
    ] {
        assert!(!tree(root, path), "{root} {path}");
    }
}

/// A call may be as long as a body, so what a list costs grows with its length and not with its square.
#[test]
fn long_lists_are_compared_in_time() {
    let texts: Vec<String> = (0..40_000).map(|number| number.to_string()).collect();
    let backwards: Vec<&String> = texts.iter().rev().collect();
    let details = json!([{"type": "photos", "actions": texts}, {"type": "tree", "actions": texts}]).to_string();
    for type_name in ["photos", "tree"] {
        assert!(grants(&details, json!({"type": type_name, "actions": backwards})));
        assert!(!grants(&details, json!({"type": type_name, "actions": [backwards[0], "x"]})));
    }
}
