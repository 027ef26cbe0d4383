//! The model: what a request is, and whether it passes, as plainly as can be.

use serde_json::{Map, Value, json};

use super::RESOURCE;

/// A rule as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) shadow: bool,
    pub(crate) about: About,
    /// `type` and fields.
    pub(crate) require: Value,
    pub(crate) arguments: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) enum About {
    /// `/f/{file}` by one method.
    File(&'static str),
    /// `/s`, with a query.
    Search,
    /// The calls of these tools at `/mcp`.
    Tools(Vec<&'static str>),
}

#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) tenant: Option<&'static str>,
    /// What is called, with which arguments, if anything.
    pub(crate) calls: Option<Vec<(&'static str, Value)>>,
}

impl Sent {
    pub(crate) fn body(&self) -> String {
        let message = |(tool, arguments): &(&str, Value)| json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
        let calls = self.calls.iter().flatten().map(message).collect::<Vec<_>>();
        if calls.len() == 1 { calls[0].to_string() } else { json!(calls).to_string() }
    }

    /// The value of `q`, where nothing else could be taken for it.
    fn query(&self) -> Option<&str> {
        match self.path {
            "/s?q=a" | "/s?x=1&q=%61" => Some("a"),
            "/s?q=/a/b" => Some("/a/b"),
            _ => None,
        }
    }
}

impl About {
    fn is_about(&self, sent: &Sent, call: Option<&(&str, Value)>) -> bool {
        match self {
            Self::File(method) => {
                let covered = sent.method == *method || (*method == "GET" && sent.method == "HEAD");
                covered && sent.path.starts_with("/f/")
            }
            Self::Search => sent.path.split('?').next() == Some("/s"),
            Self::Tools(tools) => call.is_some_and(|(tool, _)| tools.contains(tool)),
        }
    }
}

fn is_known_path(path: &str) -> bool {
    ["/", "/a", "/a/b", "/ab", "a", "b", "a/b", "EUR", "pay", "list", "100", "1.50", "x"].contains(&path)
}

/// In hundredths, and whether it is text.
fn hundredths(value: &Value) -> Option<(bool, i64)> {
    let amount = match value.as_str().map_or_else(|| value.to_string(), str::to_owned).as_str() {
        "0" => 0,
        "1.5" | "1.50" => 150,
        "99.99" => 9_999,
        "100" | "100.0" => 10_000,
        _ => return None,
    };
    (value.is_string() || value.is_number()).then_some((value.is_string(), amount))
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array().filter(|list| !list.is_empty())?.iter().map(Value::as_str).collect()
}

fn is_comparable(kind: &str, field: &str, wanted: &Value) -> bool {
    let empty = [json!(null), json!(""), json!([]), json!({})];
    !empty.contains(wanted)
        && match (kind, field) {
            ("file", "actions") => texts(wanted).is_some(),
            ("tree", "actions") => wanted.is_string() || texts(wanted).is_some(),
            ("tree", "root") => wanted.as_str().is_some_and(is_known_path),
            ("payment", "max") => hundredths(wanted).is_some(),
            ("order", "sum") => wanted.as_object().is_some_and(|members| {
                let fits = |(name, wanted): (&String, &Value)| {
                    ["currency", "max"].contains(&name.as_str()) && is_comparable("payment", name, wanted)
                };
                members.iter().all(fits)
            }),
            _ => true,
        }
}

fn suffices(kind: &str, field: &str, granted: &Value, wanted: &Value) -> bool {
    match (kind, field) {
        ("file", "actions") => match (texts(granted), texts(wanted)) {
            (Some(granted), Some(wanted)) => wanted.iter().all(|action| granted.contains(action)),
            _ => false,
        },
        ("tree", "actions") => {
            let one = |granted: &str, wanted: &str| granted == wanted || (granted, wanted) == ("write", "read");
            match (granted.as_str(), wanted.as_str(), texts(granted), texts(wanted)) {
                (Some(granted), Some(wanted), ..) => one(granted, wanted),
                (_, _, Some(granted), Some(wanted)) => {
                    wanted.iter().all(|wanted| granted.iter().any(|granted| one(granted, wanted)))
                }
                _ => false,
            }
        }
        ("tree", "root") => granted.as_str().zip(wanted.as_str()).is_some_and(|(granted, wanted)| {
            let below = if granted == "/" { "/".to_owned() } else { format!("{granted}/") };
            is_known_path(granted) && (granted == wanted || wanted.starts_with(&below))
        }),
        ("payment", "max") => match (hundredths(granted), hundredths(wanted)) {
            (Some(granted), Some(wanted)) => granted.0 == wanted.0 && granted.1 >= wanted.1,
            _ => false,
        },
        ("order", "sum") => match (granted.as_object(), wanted.as_object()) {
            (Some(granted), Some(wanted)) => {
                let sound = |(name, value): (&String, &Value)| {
                    name == "note" || wanted.get(name).is_some_and(|wanted| suffices("payment", name, value, wanted))
                };
                granted.iter().all(sound) && wanted.keys().all(|name| granted.contains_key(name))
            }
            _ => false,
        },
        _ => match (granted.as_f64(), wanted.as_f64()) {
            (Some(granted), Some(wanted)) => granted.total_cmp(&wanted).is_eq(),
            _ => granted == wanted,
        },
    }
}

fn grants(object: &Value, wanted: &Map<String, Value>) -> bool {
    let kind = wanted["type"].as_str().unwrap();
    let all = object.as_object().unwrap();
    let sound = |(name, value): (&String, &Value)| match (name.as_str(), wanted.get(name)) {
        ("type", _) => value == kind,
        ("locations", _) => texts(value).is_some_and(|places| places.contains(&RESOURCE)),
        ("note", _) => kind == "payment",
        (_, Some(wanted)) => suffices(kind, name, value, wanted),
        (_, None) => false,
    };
    all.iter().all(sound) && wanted.keys().all(|name| all.contains_key(name))
}

/// What each template of a rule stands for in this request; `None` if one stands for nothing.
fn wanted(rule: &Rule, sent: &Sent, call: Option<&(&str, Value)>) -> Option<Map<String, Value>> {
    let kind = rule.require["type"].as_str().unwrap();
    let mut wanted = Map::new();
    for (name, value) in rule.require.as_object().unwrap() {
        let value = match value.as_str() {
            Some("{path.file}") => json!(sent.path.strip_prefix("/f/")?),
            Some("{query.q}") => json!(sent.query()?),
            Some("{header.x-tenant}") => json!(sent.tenant.filter(|tenant| !tenant.contains(','))?),
            Some("{mcp.tool}") => json!(call?.0),
            Some(text) if text.starts_with("{mcp.arguments/") => {
                let pointer = text.trim_start_matches("{mcp.arguments").trim_end_matches('}');
                call?.1.pointer(pointer)?.clone()
            }
            _ => value.clone(),
        };
        if name != "type" && !is_comparable(kind, name, &value) {
            return None;
        }
        wanted.insert(name.clone(), value);
    }
    Some(wanted)
}

/// The ways to everything that has nothing below it.
fn ways(value: &Value, way: &[String], found: &mut Vec<Vec<String>>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    if below.is_empty() && !way.is_empty() {
        found.push(way.to_vec());
    }
    below.into_iter().for_each(|(step, value)| ways(value, &[way, &[step]].concat(), found));
}

fn arguments_may_pass(rule: &Rule, arguments: &Value) -> bool {
    let pointers = rule.require.as_object().unwrap().values().filter_map(Value::as_str);
    let pointers = pointers.filter_map(|text| text.strip_prefix("{mcp.arguments/")?.strip_suffix('}'));
    let named: Vec<Vec<String>> = pointers.map(|text| text.split('/').map(str::to_owned).collect()).collect();
    let mut present = Vec::new();
    ways(arguments, &[], &mut present);
    let alike = |one: &str, other: &str| one != other && one.to_lowercase() == other.to_lowercase();
    let hides = |way: &Vec<String>, named: &Vec<String>| {
        let first = way.iter().zip(named).find(|(one, other)| one != other);
        first.is_some_and(|(one, other)| alike(one, other))
    };
    let is_closed = rule.arguments.map_or(!named.is_empty(), |arguments| arguments == "closed");
    present.iter().all(|way| {
        !named.iter().any(|named| hides(way, named)) && (!is_closed || named.iter().any(|named| way.starts_with(named)))
    })
}

/// The model.
pub(crate) fn passes(rules: &[Rule], unmatched: &str, sent: &Sent, details: &Value) -> bool {
    // Shadow never decides.
    let rules: Vec<&Rule> = rules.iter().filter(|rule| !rule.shadow).collect();
    let is_read = rules.iter().any(|rule| matches!(rule.about, About::Tools(_)));
    let none = [];
    let objects = match details.as_array() {
        Some(list) if list.iter().all(|object| object["type"].as_str().is_some_and(|name| !name.is_empty())) => {
            list.as_slice()
        }
        _ => &none,
    };
    let asked: Vec<Option<&(&str, Value)>> = match &sent.calls {
        Some(calls) if is_read => calls.iter().map(Some).collect(),
        _ => vec![None],
    };
    asked.into_iter().all(|call| match rules.iter().find(|rule| rule.about.is_about(sent, call)) {
        None => unmatched == "allow",
        Some(rule) => {
            call.is_none_or(|(_, arguments)| arguments_may_pass(rule, arguments))
                && wanted(rule, sent, call).is_some_and(|wanted| objects.iter().any(|object| grants(object, &wanted)))
        }
    })
}
