//! The claim, the comparators, templates, and what holds for all of them together.

use serde_json::{Value, json};

use super::*;
use crate::claims::Claims;
use crate::config::Problems;
use crate::issuer::Profile;
use crate::json;

const R: &str = "https://files.internal.corp/finance";

/// The claims of a token with these details, from their text.
fn token(details: &str) -> VerifiedClaims {
    let text = format!(r#"{{"iss":"https://as.example","exp":2000000000,"authorization_details":{details}}}"#);
    let members = json::parse_object(text.as_bytes(), json::MAX_DEPTH).unwrap();
    let claims = Claims::from_members(members, Profile::Generic).unwrap();
    VerifiedClaims::proven(claims.with_details_of(text.as_bytes(), &[]))
}

fn types(raw: Value) -> Types {
    let raw: BTreeMap<String, RawType> = serde_json::from_value(raw).unwrap();
    let mut problems = Problems::default();
    let types = Types::settings(&raw, "types", &mut problems);
    assert!(problems.is_empty(), "{problems}");
    types
}

fn all_types() -> Types {
    types(json!({
        "file_access": {"fields": {"actions": "superset", "identifier": "equal"}},
        "payment": {"fields": {"currency": "equal", "max_amount": "ceiling", "note": "ignored"}, "single_use": true},
        "tree": {"fields": {"root": "prefix_path", "actions": {"subsumes": {"write": ["read", "list"], "admin": ["write"]}}}},
        "photos": {"fields": {"actions": "superset", "datatypes": "superset"}},
    }))
}

fn offered() -> Offered {
    Offered { variables: ["file".to_owned()].into(), tool: true, arguments: true }
}

fn template(require: Value) -> WantedTemplate {
    let raw: RawWanted = serde_json::from_value(require).unwrap();
    let mut problems = Problems::default();
    let template = raw.settings(&all_types(), &offered(), "require", &mut problems);
    assert!(problems.is_empty(), "{problems}");
    template
}

const NOTHING: RequestFacts<'_> =
    RequestFacts { captures: &[], query: &BTreeMap::new(), headers: &BTreeMap::new(), tool: None, arguments: None };

fn wanted(require: Value) -> Wanted {
    template(require).fill(&all_types(), &NOTHING).unwrap()
}

/// Whether a token with these details grants it. A claim that is malformed grants nothing.
fn grants(details: &str, require: Value) -> bool {
    grants_wanted(details, &wanted(require), Some(R))
}

fn grants_wanted(details: &str, wanted: &Wanted, resource: Option<&str>) -> bool {
    let token = token(details);
    AuthorizationDetails::of(&token).is_ok_and(|details| all_types().granting(&details, wanted, resource).is_some())
}

fn read(identifier: &str) -> Value {
    json!({"type": "file_access", "actions": ["read"], "identifier": identifier})
}

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
    assert!(all_types().granting(&details, &wanted(read("a")), Some(R)).is_none());
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
        let arguments = [("path".to_owned(), Exact::String(path.to_owned()))].into();
        let facts = RequestFacts { arguments: Some(&arguments), ..NOTHING };
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

#[test]
fn templates_keep_the_type_of_what_they_take() {
    let template = template(
        json!({"type": "file_access", "actions": "{mcp.arguments/in~1depth/0}", "identifier": "{mcp.arguments/id}"}),
    );
    let fill = |text: &str| {
        let arguments = json::parse_exact(text.as_bytes(), 9).unwrap();
        let facts = RequestFacts { arguments: arguments.as_object(), ..NOTHING };
        template.fill(&all_types(), &facts).map_err(|unfillable| unfillable.field)
    };
    assert!(grants_wanted(
        r#"[{"type":"file_access","actions":["a","b"],"identifier":1.50}]"#,
        &fill(r#"{"in/depth":[["b"]],"id":1.5}"#).unwrap(),
        None
    ));
    let found = fill(r#"{"in/depth":[["b"]],"id":"1.5"}"#).unwrap();
    assert!(!grants_wanted(r#"[{"type":"file_access","actions":["b"],"identifier":1.5}]"#, &found, None));
    for (arguments, field) in [
        (r#"{"in/depth":[["b"]]}"#, "identifier"),
        (r#"{"in/depth":[["b"]],"id":null}"#, "identifier"),
        (r#"{"in/depth":[["b"]],"id":""}"#, "identifier"),
        (r#"{"in/depth":[["b"]],"id":[]}"#, "identifier"),
        (r#"{"in/depth":[["b"]],"id":{"x":[null]}}"#, "identifier"),
        (r#"{"in/depth":[[]],"id":1}"#, "actions"),
        (r#"{"in/depth":["b"],"id":1}"#, "actions"),
        (r#"{"in/depth":"b","id":1}"#, "actions"),
        (r#"{"id":1}"#, "actions"),
    ] {
        assert_eq!(fill(arguments), Err(field.to_owned()), "{arguments}");
    }
}

#[test]
fn each_source_of_a_template_fills_it_or_denies() {
    let query = [("q".to_owned(), "1".to_owned())].into();
    let headers = [("x-h".to_owned(), "2".to_owned())].into();
    let captures = [("file".to_owned(), "3".to_owned())];
    let facts =
        RequestFacts { captures: &captures, query: &query, headers: &headers, tool: Some("4"), arguments: None };
    let twice = [("file".to_owned(), "3".to_owned()), ("file".to_owned(), "3".to_owned())];
    for (text, value) in [("{query.q}", "1"), ("{header.x-h}", "2"), ("{path.file}", "3"), ("{mcp.tool}", "4")] {
        let template = template(json!({"type": "file_access", "identifier": text}));
        let expected = wanted(json!({"type": "file_access", "identifier": value}));
        assert_eq!(template.fill(&all_types(), &facts), Ok(expected), "{text}");
        assert!(template.fill(&all_types(), &NOTHING).is_err(), "{text}");
        assert!(template.fill(&all_types(), &RequestFacts { captures: &twice, ..NOTHING }).is_err(), "{text}");
    }
}

#[test]
fn what_can_never_match_is_a_mistake_of_the_configuration() {
    let mistakes = |require: Value, offered: &Offered| {
        let raw: RawWanted = serde_json::from_value(require).unwrap();
        let mut problems = Problems::default();
        raw.settings(&all_types(), offered, "require", &mut problems);
        problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect::<Vec<_>>()
    };
    let file = |name: &str, value: Value| json!({"type": "file_access", name: value});
    let none = Offered::default();
    for (require, offered, expected) in [
        (json!({}), offered(), "require.type is missing"),
        (json!({"type": "other", "x": 1}), offered(), "require.type is no type of types"),
        (json!({"type": "{mcp.tool}", "x": 1}), offered(), "require.type is no type of types"),
        (json!({"type": "file_access"}), offered(), "require names no field"),
        (file("x", json!(1)), offered(), "require.x is no field of the type"),
        (file("locations", json!([R])), offered(), "require.locations is compared with the resource in any case"),
        (json!({"type": "payment", "note": "x"}), offered(), "require.note can be granted by nothing"),
        (
            json!({"type": "payment", "note": "{mcp.arguments/note}"}),
            offered(),
            "require.note can be granted by nothing",
        ),
        (file("actions", json!([])), offered(), "require.actions is empty"),
        (
            file("actions", json!("read")),
            offered(),
            "require.actions can be granted by nothing: expected a list of texts",
        ),
        (file("actions", json!(["read", 1])), offered(), "require.actions can be granted by nothing"),
        (file("actions", json!("{path.file}")), offered(), "require.actions can be granted by nothing"),
        (file("actions", json!("{mcp.tool}")), offered(), "require.actions can be granted by nothing"),
        (file("actions", json!(["{path.file}"])), offered(), "require.actions is a template inside a list"),
        (
            file("identifier", json!({"x": ["{path.file}"]})),
            offered(),
            "require.identifier is a template inside a list",
        ),
        (file("identifier", json!("")), offered(), "require.identifier is empty"),
        (file("identifier", json!("x{path.file}")), offered(), "require.identifier holds braces"),
        (file("identifier", json!("{path.file}{path.file}")), offered(), "require.identifier holds braces"),
        (file("identifier", json!("{file}")), offered(), "require.identifier holds braces"),
        (file("identifier", json!("{mcp.argument/x}")), offered(), "require.identifier holds braces"),
        (file("identifier", json!("{path.other}")), offered(), "require.identifier is never filled"),
        (file("identifier", json!("{mcp.tool}")), none.clone(), "require.identifier is never filled"),
        (file("identifier", json!("{mcp.arguments/x}")), none, "require.identifier is never filled"),
        (file("identifier", json!("{mcp.arguments}")), offered(), "require.identifier names no argument"),
        (file("identifier", json!("{mcp.arguments/~2}")), offered(), "require.identifier names no argument"),
        (
            file("identifier", json!("{header.authorization}")),
            offered(),
            "require.identifier names a field with secrets",
        ),
        (
            file("identifier", json!("{header.x-fourleg-x}")),
            offered(),
            "require.identifier names a field that is taken out",
        ),
        (file("identifier", json!("{header.X-Tenant}")), offered(), "require.identifier is no name of a field"),
        (file("identifier", json!(1.5)), offered(), "require.identifier is a number with a fraction"),
        (json!({"type": "payment", "max_amount": "-1"}), offered(), "require.max_amount can be granted by nothing"),
        (json!({"type": "payment", "max_amount": -1}), offered(), "require.max_amount can be granted by nothing"),
        (json!({"type": "tree", "root": "/a/../b"}), offered(), "require.root can be granted by nothing"),
        (json!({"type": "tree", "actions": 1}), offered(), "require.actions can be granted by nothing"),
    ] {
        let found = mistakes(require.clone(), &offered);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{require}: {expected} in {found:#?}");
    }
}

#[test]
fn mistakes_in_types_are_told_with_their_place() {
    let raw: BTreeMap<String, RawType> = serde_json::from_value(json!({
        "a": {"fields": {"type": "equal", "locations": "ignored", "x": {"subsumes": {"": ["a"], "b": [], "c": [""]}}}},
        "b": {},
    }))
    .unwrap();
    let mut problems = Problems::default();
    drop(Types::settings(&raw, "types", &mut problems));
    drop(Types::settings(&BTreeMap::new(), "none", &mut problems));
    let places: Vec<&str> = problems.as_slice().iter().map(|problem| problem.path.as_str()).collect();
    let expected = [
        "types.a.fields.locations",
        "types.a.fields.type",
        "types.a.fields.x.subsumes",
        "types.a.fields.x.subsumes.b",
        "types.a.fields.x.subsumes.c",
        "types.b.fields",
        "none",
    ];
    assert_eq!(places, expected);
}

/// RAR-13, RAR-14
#[test]
fn the_remediation_is_enough_when_it_comes_back_and_stays_small() {
    use base64::Engine as _;
    let all = [
        wanted(read("a")),
        wanted(json!({"type": "payment", "currency": "EUR", "max_amount": "12.50"})),
        wanted(read("a")),
    ];
    let text = remediation(&all, Some(R)).unwrap();
    assert_eq!(Some(text.clone()), remediation(&all, Some(R)), "equal requests get equal answers");
    let document = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&text).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["authorization_details"].as_array().unwrap().len(), 2, "{document}");
    for wanted in &all {
        assert!(grants_wanted(&document["authorization_details"].to_string(), wanted, Some(R)));
    }
    assert_eq!(document["authorization_details"][0]["locations"], json!([R]));
    assert_eq!(remediation(&[wanted(read(&"x".repeat(50_000)))], Some(R)), None);
}

/// A fixed sequence (xorshift), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0.checked_rem(sides as u64).unwrap()).unwrap()
    }

    fn pick<'v>(&mut self, values: &'v [Value]) -> &'v Value {
        &values[self.roll(values.len())]
    }

    fn object(&mut self, fields: &[(&str, Vec<Value>)]) -> serde_json::Map<String, Value> {
        let mut object = serde_json::Map::new();
        for (name, values) in fields {
            if self.roll(3) > 0 {
                object.insert((*name).to_owned(), self.pick(values).clone());
            }
        }
        object
    }
}

/// A type with a field of each comparator, and values that can be required of it.
fn wide() -> (Types, Vec<(&'static str, Vec<Value>)>) {
    let types = types(json!({"t": {"fields": {
        "actions": "superset", "id": "equal", "amount": "ceiling", "root": "prefix_path",
        "level": {"subsumes": {"high": ["low"]}}, "note": "ignored",
    }}}));
    let fields = vec![
        ("actions", vec![json!(["r"]), json!(["w"]), json!(["r", "w"])]),
        ("id", vec![json!("a"), json!("b"), json!(1), json!({"x": [1]})]),
        ("amount", vec![json!("1"), json!("10.5"), json!(7), json!(0)]),
        ("root", vec![json!("/a"), json!("/a/b"), json!("/"), json!("a")]),
        ("level", vec![json!("high"), json!("low"), json!(["low"]), json!(["high", "low"])]),
    ];
    (types, fields)
}

fn wide_wanted(types: &Types, require: &serde_json::Map<String, Value>) -> Wanted {
    let mut require = require.clone();
    require.insert("type".to_owned(), json!("t"));
    let raw: RawWanted = serde_json::from_value(Value::Object(require)).unwrap();
    let mut problems = Problems::default();
    let template = raw.settings(types, &offered(), "require", &mut problems);
    assert!(problems.is_empty(), "{problems}");
    template.fill(types, &NOTHING).unwrap()
}

fn wide_grants(types: &Types, objects: &[serde_json::Map<String, Value>], wanted: &Wanted) -> bool {
    let objects: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut object = object.clone();
            object.insert("type".to_owned(), json!("t"));
            Value::Object(object)
        })
        .collect();
    let token = token(&Value::from(objects).to_string());
    let details = AuthorizationDetails::of(&token).unwrap();
    types.granting(&details, wanted, Some(R)).is_some()
}

/// RAR-07
#[test]
fn a_declared_field_that_the_rule_does_not_require_turns_allow_into_deny() {
    let (types, fields) = wide();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut allowed = 0;
    for _ in 0..10_000 {
        let mut require = dice.object(&fields);
        let field = dice.roll(fields.len());
        require.remove(fields[field].0);
        if require.is_empty() {
            continue;
        }
        let wanted = wide_wanted(&types, &require);
        let object = if dice.roll(2) == 0 { require.clone() } else { dice.object(&fields) };
        if wide_grants(&types, std::slice::from_ref(&object), &wanted) {
            allowed += 1;
            let mut more = object.clone();
            more.insert(fields[field].0.to_owned(), dice.pick(&fields[field].1).clone());
            assert!(!wide_grants(&types, &[more], &wanted), "{object:?} {require:?}");
            let mut more = object.clone();
            more.insert("undeclared".to_owned(), json!(1));
            assert!(!wide_grants(&types, &[more], &wanted), "{object:?} {require:?}");
            let mut ignored = object.clone();
            ignored.insert("note".to_owned(), json!(1));
            assert!(wide_grants(&types, &[ignored], &wanted), "{object:?} {require:?}");
        }
    }
    assert!(allowed > 1_500, "{allowed}");
}

/// RAR-03, RAR-07
#[test]
fn a_restriction_more_never_allows_more() {
    let (types, fields) = wide();
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let (mut allowed, mut denied) = (0, 0);
    for _ in 0..10_000 {
        let require = dice.object(&fields);
        if require.is_empty() {
            continue;
        }
        let wanted = wide_wanted(&types, &require);
        let (one, two) = (dice.object(&fields), if dice.roll(2) == 0 { require.clone() } else { dice.object(&fields) });
        let objects = [one, two];
        let before = wide_grants(&types, &objects, &wanted);
        let mut restricted = objects.clone();
        let (at, field) = (dice.roll(2), dice.roll(fields.len() + 3));
        let (name, value) = match fields.get(field) {
            Some((name, values)) => (*name, dice.pick(values).clone()),
            None => (["locations", "undeclared", "note"][field - fields.len()], json!(["https://other.example"])),
        };
        if restricted[at].contains_key(name) {
            continue;
        }
        restricted[at].insert(name.to_owned(), value);
        let after = wide_grants(&types, &restricted, &wanted);
        // A field that the rule asks for is no restriction more: without it the object grants nothing of that.
        assert!(before || !after || require.contains_key(name), "{objects:?} {restricted:?} {require:?}");
        // The union of two is what each of them grants.
        let each = objects.iter().any(|object| wide_grants(&types, std::slice::from_ref(object), &wanted));
        assert_eq!(before, each, "{objects:?} {require:?}");
        if before { allowed += 1 } else { denied += 1 }
    }
    assert!(allowed > 1_000 && denied > 1_000, "{allowed} {denied}");
}

#[test]
fn the_order_of_members_decides_nothing() {
    let (types, fields) = wide();
    let mut dice = Dice(0xd1b5_4a32_d192_ed03);
    for _ in 0..2_000 {
        let require = dice.object(&fields);
        if require.is_empty() {
            continue;
        }
        let wanted = wide_wanted(&types, &require);
        let object = if dice.roll(2) == 0 { require.clone() } else { dice.object(&fields) };
        let mut members: Vec<String> =
            object.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
        members.push(r#""type":"t""#.to_owned());
        let mut verdicts = Vec::new();
        let mut texts = Vec::new();
        for _ in 0..4 {
            let at = dice.roll(members.len());
            members.rotate_left(at);
            let last = members.len() - 1;
            members.swap(0, last);
            let token = token(&format!("[{{{}}}]", members.join(",")));
            let details = AuthorizationDetails::of(&token).unwrap();
            let granting = types.granting(&details, &wanted, Some(R));
            verdicts.push(granting.is_some());
            texts.extend(granting.map(|granted| granted.canonical()));
        }
        assert!(verdicts.windows(2).all(|pair| pair[0] == pair[1]), "{members:?}");
        assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
    }
}
