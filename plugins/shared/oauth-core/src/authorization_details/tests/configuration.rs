//! Mistakes of the configuration.

use super::*;

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
        (file("identifier", json!("{header.host}")), offered(), "require.identifier names no field that is seen"),
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
