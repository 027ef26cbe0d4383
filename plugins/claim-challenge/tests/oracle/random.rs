//! Rules, tokens and requests at random.

use plugin_checks::Dice;
use serde_json::{Value, json};

use super::{
    NOW,
    model::{Asked, Mcp, Rule, Sent},
};

pub(crate) fn rule(dice: &mut Dice) -> Rule {
    let mcp = (dice.roll(3) != 0).then(|| Mcp {
        kinds: (dice.roll(4) == 0).then(|| {
            dice.pick(&[
                vec!["request"],
                vec!["notification", "response"],
                vec!["stream"],
                vec!["end_session", "request"],
            ])
        }),
        methods: (dice.roll(3) == 0).then(|| {
            dice.pick(&[
                vec!["tools/*"],
                vec!["tools/call", "ping"],
                vec!["*"],
                vec!["resources/*"],
                vec!["notifications/*"],
            ])
        }),
        names: (dice.roll(2) == 0).then(|| {
            dice.pick(&[
                ("tools", vec!["delete_*"]),
                ("tools", vec!["*_a", "pay"]),
                ("tools", vec!["*"]),
                ("prompts", vec!["a*"]),
                ("resources", vec!["file:///private/*"]),
            ])
        }),
    });
    Rule {
        shadow: dice.roll(4) == 0,
        methods: (dice.roll(4) == 0).then(|| dice.pick(&[vec!["POST"], vec!["GET", "DELETE"], vec!["PUT", "POST"]])),
        path: (dice.roll(5) != 0).then(|| {
            dice.pick(&[
                (false, "/mcp"),
                (true, "/mcp"),
                (true, "/mcp/a"),
                (false, "/mcp/a"),
                (true, "/"),
                (false, "/mcp/"),
            ])
        }),
        mcp,
        require: dice.pick(&[
            vec![],
            vec!["acr"],
            vec!["acr", "auth_time"],
            vec!["scope"],
            vec!["amr"],
            vec!["amr", "scope"],
        ]),
    }
}

pub(crate) fn written(rules: &[Rule], unmatched: &str) -> Value {
    let written = |(position, rule): (usize, &Rule)| {
        let mut matches = json!({});
        if let Some(methods) = &rule.methods {
            matches["methods"] = json!(methods);
        }
        if let Some((open, path)) = rule.path {
            matches["path"] = if open { json!({"prefix": path}) } else { json!({"exact": path}) };
        }
        if let Some(mcp) = &rule.mcp {
            matches["mcp"] = json!({});
            for (name, list) in [("kinds", &mcp.kinds), ("methods", &mcp.methods)] {
                if let Some(list) = list {
                    matches["mcp"][name] = json!(list);
                }
            }
            if let Some((category, names)) = &mcp.names {
                matches["mcp"][category] = json!(names);
            }
        }
        let mut require = json!({});
        for claim in &rule.require {
            match *claim {
                "acr" => require["acr_values"] = json!(["mfa", "phr"]),
                "auth_time" => require["max_age_seconds"] = json!(300),
                "amr" => require["amr"] = json!(["otp"]),
                _ => require["scopes"] = json!(["write"]),
            }
        }
        let mode = if rule.shadow { "shadow" } else { "enforce" };
        json!({"name": position.to_string(), "match": matches, "require": require, "mode": mode})
    };
    let rules: Vec<Value> = rules.iter().enumerate().map(written).collect();
    json!({"rules": rules, "unmatched": unmatched})
}

/// One message, and what it asks for.
fn message(dice: &mut Dice) -> (Value, Asked) {
    let call = |kind, method: &'static str, named, params: Value| {
        let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        if kind == "request" {
            message["id"] = json!(7);
        }
        (message, Asked { kind, method: Some(method), named })
    };
    match dice.roll(9) {
        0..=2 => {
            let name = dice.pick(&["delete_a", "delete_b", "read_a", "pay", "pays", "Delete_a"]);
            call("request", "tools/call", Some(("tools", name)), json!({"name": name}))
        }
        3 => {
            let name = dice.pick(&["a", "ab", "b"]);
            call("request", "prompts/get", Some(("prompts", name)), json!({"name": name}))
        }
        4 => {
            let uri = dice.pick(&["file:///private/a", "file:///public/a", "note://private/a"]);
            let method = dice.pick(&["resources/read", "resources/subscribe"]);
            call("request", method, Some(("resources", uri)), json!({"uri": uri}))
        }
        5 => call("request", "tools/list", None, json!({"name": "delete_a"})),
        6 => call("request", "ping", None, json!({})),
        7 => call("notification", "notifications/initialized", None, json!({})),
        _ => (json!({"jsonrpc": "2.0", "id": 3, "result": {}}), Asked { kind: "response", method: None, named: None }),
    }
}

pub(crate) fn sent(dice: &mut Dice) -> Sent {
    let path = dice.pick(&["/mcp", "/mcp", "/mcp", "/mcp/a", "/mcp/a/b", "/other", "/", "/mcp/", "/MCP", "/mcp/A/"]);
    let revision = dice.pick(&[None, Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25")]);
    let bodyless = |method, kind| Sent {
        method,
        path,
        revision,
        body: None,
        asked: Some(vec![Asked { kind, method: None, named: None }]),
    };
    match dice.roll(10) {
        0 => bodyless("GET", "stream"),
        1 => bodyless("DELETE", "end_session"),
        2 => Sent { asked: None, ..bodyless("PUT", "") },
        3 => Sent { body: Some(json!({"jsonrpc": "2.0"})), asked: None, ..bodyless("POST", "") },
        4 | 5 => {
            let (messages, asked): (Vec<Value>, Vec<Asked>) = (0..=dice.roll(4)).map(|_| message(dice)).unzip();
            let responses = asked.iter().filter(|asked| asked.kind == "response").count();
            let sound = matches!(revision, None | Some("2025-03-26")) && (responses == 0 || responses == asked.len());
            Sent { body: Some(messages.into()), asked: sound.then_some(asked), ..bodyless("POST", "") }
        }
        _ => {
            let (message, asked) = message(dice);
            Sent { body: Some(message), asked: Some(vec![asked]), ..bodyless("POST", "") }
        }
    }
}

/// Claims, and which demands they meet.
pub(crate) fn token(dice: &mut Dice) -> (Value, Vec<&'static str>) {
    let mut claims = json!({
        "iss": "https://as.example", "sub": "alice", "aud": "https://tools.example", "client_id": "agent-1", "jti": "1",
        "iat": NOW, "exp": NOW + 300,
    });
    let mut met = Vec::new();
    let table = [
        (
            "acr",
            vec![json!("mfa"), json!("phr")],
            vec![json!(null), json!("pwd"), json!(["mfa"]), json!("MFA"), json!("mfa phr"), json!({"mfa": true})],
        ),
        (
            "auth_time",
            vec![json!(NOW), json!(NOW - 300), json!(NOW - 330), json!(NOW + 30), json!(1.9e9), json!(1_899_999_900.5)],
            vec![
                json!(null),
                json!(NOW - 331),
                json!(NOW + 31),
                json!(NOW.to_string()),
                json!(-1),
                json!(0),
                json!(i64::MAX),
                json!(u64::MAX),
                json!(1e300),
                json!(i64::MIN),
                json!([NOW]),
                json!(true),
            ],
        ),
        (
            "amr",
            vec![json!(["otp"]), json!(["pwd", "otp"]), json!([1, "otp"])],
            vec![json!(null), json!("otp"), json!(["pwd"]), json!([["otp"]]), json!(["otp pwd"]), json!({"otp": 1})],
        ),
        (
            "scope",
            vec![json!("write"), json!("read write")],
            vec![json!("read"), json!("writes"), json!("WRITE"), json!("")],
        ),
    ];
    for (claim, good, bad) in table {
        let is_good = dice.roll(2) == 0;
        let value = dice.pick(if is_good { &good } else { &bad });
        if !value.is_null() {
            claims[claim] = value;
        }
        if is_good {
            met.push(claim);
        }
    }
    (claims, met)
}
