//! What holds for every grant and every rule, tried at random.

use plugin_checks::Dice;

use super::*;

fn object(dice: &mut Dice, fields: &[(&str, Vec<Value>)]) -> serde_json::Map<String, Value> {
    let mut object = serde_json::Map::new();
    for (name, values) in fields {
        if dice.roll(3) > 0 {
            object.insert((*name).to_owned(), dice.pick(values));
        }
    }
    object
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
    types.granting(&details, wanted, Some(R)).next().is_some()
}

/// RAR-07
#[test]
fn a_declared_field_that_the_rule_does_not_require_turns_allow_into_deny() {
    let (types, fields) = wide();
    let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
    let mut allowed = 0;
    for _ in 0..10_000 {
        let mut require = object(&mut dice, &fields);
        let field = dice.roll(fields.len());
        require.remove(fields[field].0);
        if require.is_empty() {
            continue;
        }
        let wanted = wide_wanted(&types, &require);
        let object = if dice.roll(2) == 0 { require.clone() } else { object(&mut dice, &fields) };
        if wide_grants(&types, std::slice::from_ref(&object), &wanted) {
            allowed += 1;
            let mut more = object.clone();
            more.insert(fields[field].0.to_owned(), dice.pick(&fields[field].1));
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
    let mut dice = Dice::new(0x2545_f491_4f6c_dd1d);
    let (mut allowed, mut denied) = (0, 0);
    for _ in 0..10_000 {
        let require = object(&mut dice, &fields);
        if require.is_empty() {
            continue;
        }
        let wanted = wide_wanted(&types, &require);
        let (one, two) =
            (object(&mut dice, &fields), if dice.roll(2) == 0 { require.clone() } else { object(&mut dice, &fields) });
        let objects = [one, two];
        let before = wide_grants(&types, &objects, &wanted);
        let mut restricted = objects.clone();
        let (at, field) = (dice.roll(2), dice.roll(fields.len() + 3));
        let (name, value) = match fields.get(field) {
            Some((name, values)) => (*name, dice.pick(values)),
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
    let mut dice = Dice::new(0xd1b5_4a32_d192_ed03);
    for _ in 0..2_000 {
        let require = object(&mut dice, &fields);
        if require.is_empty() {
            continue;
        }
        let wanted = wide_wanted(&types, &require);
        let object = if dice.roll(2) == 0 { require.clone() } else { object(&mut dice, &fields) };
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
            let granting = types.granting(&details, &wanted, Some(R)).next();
            verdicts.push(granting.is_some());
            texts.extend(granting.map(|granted| granted.canonical()));
        }
        assert!(verdicts.windows(2).all(|pair| pair[0] == pair[1]), "{members:?}");
        assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
    }
}
