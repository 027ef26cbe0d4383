//! What the shipped access logs say, as an operator's tools read it.

use serde_json::Value;

/// The lines of the access log.
pub(super) fn lines(logs: &[String]) -> Vec<Value> {
    logs.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok().filter(Value::is_object)).collect()
}

/// The records of a filter in it.
pub(super) fn records(logs: &[String], plugin: &str) -> Vec<Value> {
    let texts = lines(logs).into_iter().filter_map(|line| line[plugin].as_str().map(str::to_owned));
    texts.map(|text| serde_json::from_str(&text).unwrap()).collect()
}
