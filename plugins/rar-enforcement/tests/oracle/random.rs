//! Rules, details and requests at random.

use plugin_checks::Dice;
use serde_json::{Value, json};

use super::{
    RESOURCE,
    model::{About, Rule, Sent},
};

const FIELDS: [(&str, [&str; 2]); 4] = [
    ("file", ["actions", "identifier"]),
    ("tree", ["actions", "root"]),
    ("payment", ["currency", "max"]),
    ("order", ["sum", "identifier"]),
];

/// A value for a field, of a token or of a rule; not always a fitting one.
fn value(dice: &mut Dice, field: &str) -> Value {
    if dice.roll(12) == 0 {
        return dice.pick(&[json!(null), json!([]), json!(""), json!(7), json!({"a": [1]}), json!(["read", 1])]);
    }
    match field {
        "sum" => {
            let mut sum = json!({});
            for field in ["currency", "max"] {
                if dice.roll(8) != 0 {
                    sum[field] = value(dice, field);
                }
            }
            if dice.roll(12) == 0 {
                sum[dice.pick(&["note", "unknown"])] = json!("x");
            }
            sum
        }
        "actions" => dice.pick(&[
            json!(["read"]),
            json!(["write", "read"]),
            json!(["write"]),
            json!("read"),
            json!("write"),
            json!(["read", "read"]),
        ]),
        "root" => dice.pick(&[
            json!("/"),
            json!("/a"),
            json!("/a/b"),
            json!("/ab"),
            json!("a"),
            json!("/a/"),
            json!("/a/../b"),
        ]),
        "max" => dice.pick(&[
            json!(100),
            json!(1.5),
            json!("1.50"),
            json!("100"),
            json!(99.99),
            json!(-1),
            json!("1e2"),
            json!("0100"),
            json!(0),
        ]),
        "currency" => dice.pick(&[json!("EUR"), json!("eur"), json!(1), json!(1.0)]),
        _ => dice.pick(&[json!("a"), json!("b"), json!("pay"), json!("list")]),
    }
}

pub(crate) fn rule(dice: &mut Dice) -> Rule {
    let about = match dice.roll(4) {
        0 => About::File(dice.pick(&["GET", "PUT"])),
        1 => About::Search,
        _ => About::Tools(dice.pick(&[vec!["pay"], vec!["list"], vec!["pay", "list"], vec!["other"]])),
    };
    let templates: &[&str] = match about {
        About::File(_) => &["{path.file}", "{header.x-tenant}"],
        About::Search => &["{query.q}", "{header.x-tenant}"],
        About::Tools(_) => {
            &["{mcp.tool}", "{mcp.arguments/x}", "{mcp.arguments/to/x}", "{mcp.arguments/y}", "{mcp.arguments/to}"]
        }
    };
    let (kind, fields) = dice.pick(&FIELDS);
    let mut require = json!({"type": kind});
    let alone = dice.roll(3);
    for (position, field) in fields.iter().enumerate() {
        if alone != position {
            let template = dice.roll(3) != 0;
            require[*field] = if template { json!(dice.pick(templates)) } else { value(dice, field) };
        }
    }
    let arguments = match about {
        About::Tools(_) => dice.pick(&[None, Some("open"), Some("closed")]),
        _ => None,
    };
    Rule { shadow: dice.roll(4) == 0, about, require, arguments }
}

pub(crate) fn written(rules: &[Rule], unmatched: &str) -> Value {
    let written = |(position, rule): (usize, &Rule)| {
        let matches = match &rule.about {
            About::File(method) => json!({"methods": [method], "path": {"template": "/f/{file}"}}),
            About::Search => json!({"path": {"exact": "/s"}}),
            About::Tools(tools) => json!({"path": {"exact": "/mcp"}, "mcp": {"tools": tools}}),
        };
        let mode = if rule.shadow { "shadow" } else { "enforce" };
        let mut written =
            json!({"name": position.to_string(), "match": matches, "require": rule.require, "mode": mode});
        if let Some(arguments) = rule.arguments {
            written["arguments"] = json!(arguments);
        }
        written
    };
    let rules: Vec<Value> = rules.iter().enumerate().map(written).collect();
    let types = json!({
        "file": {"fields": {"actions": "superset", "identifier": "equal"}},
        "tree": {"fields": {"actions": {"subsumes": {"write": ["read"]}}, "root": "prefix_path"}},
        "payment": {"fields": {"currency": "equal", "max": "ceiling", "note": "ignored"}},
        "order": {"fields": {"sum": {"currency": "equal", "max": "ceiling", "note": "ignored"}, "identifier": "equal"}},
    });
    json!({"types": types, "rules": rules, "unmatched": unmatched})
}

fn arguments(dice: &mut Dice) -> Value {
    let mut arguments = json!({});
    let fields = ["actions", "root", "max", "currency", "identifier", "sum"];
    for name in ["x", "y", "to", "X"] {
        if dice.roll(if name == "X" { 8 } else { 2 }) != 0 {
            continue;
        }
        let field = dice.pick(&fields);
        let of_field = value(dice, field);
        arguments[name] = match (name, dice.roll(3)) {
            ("to", 0) => json!({"x": of_field}),
            ("to", 1) => json!({"x": of_field, dice.pick(&["y", "X"]): 1}),
            _ => of_field,
        };
    }
    arguments
}

pub(crate) fn sent(dice: &mut Dice) -> Sent {
    let tenant = dice.pick(&[None, Some("a"), Some("b"), Some("EUR"), Some("100"), Some("a,b")]);
    match dice.roll(4) {
        0 => Sent {
            method: dice.pick(&["GET", "PUT", "HEAD", "DELETE"]),
            path: dice.pick(&["/f/a", "/f/b", "/f/EUR", "/f/100"]),
            tenant,
            calls: None,
        },
        1 => Sent {
            method: "GET",
            path: dice.pick(&[
                "/s?q=a",
                "/s?x=1&q=%61",
                "/s?q=/a/b",
                "/s",
                "/s?q=",
                "/s?q=a&q=b",
                "/s?q=a&Q=b",
                "/s?q=a&+q=b",
            ]),
            tenant,
            calls: None,
        },
        _ => {
            let calls =
                (0..=dice.roll(3) / 2).map(|_| (dice.pick(&["pay", "list", "other"]), arguments(dice))).collect();
            Sent { method: "POST", path: "/mcp", tenant, calls: Some(calls) }
        }
    }
}

/// The claim, sound for the most part.
pub(crate) fn details(dice: &mut Dice) -> Value {
    let object = |dice: &mut Dice| {
        let (kind, fields) = dice.pick(&FIELDS);
        let mut object = json!({"type": kind});
        for field in fields {
            if dice.roll(5) != 0 {
                object[field] = value(dice, field);
            }
        }
        match dice.roll(12) {
            0 => object["note"] = json!({"any": null}),
            1 => object["unknown"] = json!("x"),
            2 => object["locations"] = json!(["https://other.example"]),
            3 | 4 => object["locations"] = json!([RESOURCE, "https://other.example"]),
            5 => object["locations"] = dice.pick(&[json!(RESOURCE), json!([]), json!([RESOURCE, 1])]),
            6 => object["type"] = dice.pick(&[json!("unknown"), json!("File")]),
            _ => {}
        }
        object
    };
    let mut objects: Vec<Value> = (0..dice.roll(12)).map(|_| object(dice)).collect();
    match dice.roll(24) {
        0 => objects.push(dice.pick(&[json!({"type": ""}), json!({"actions": ["read"]}), json!({"type": ["file"]})])),
        1 => return dice.pick(&[json!(objects.first()), json!(null), json!(json!(objects).to_string())]),
        _ => {}
    }
    json!(objects)
}
