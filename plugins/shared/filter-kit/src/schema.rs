//! The JSON Schema of a configuration, for people and editors; no part of a module.

use schemars::JsonSchema;
use serde_json::Value;

use crate::matching::Members;

/// The JSON Schema of a plugin's raw configuration. What it cannot say, such as ranges that depend on each other, is
/// still checked when the filter loads. `members` says what its matches may name.
#[must_use]
pub fn of<T: JsonSchema>(plugin: &str, members: Members) -> String {
    let mut schema = schemars::schema_for!(T).to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), format!("Configuration of {plugin}").into());
    }
    forbid_null(&mut schema);
    if members == Members::Http {
        remove_mcp(&mut schema);
    }
    format!("{schema:#}\n")
}

/// A filter that reads no bodies refuses `match.mcp`.
fn remove_mcp(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, _| !["RawMcpMatch", "OperationKind"].contains(&name.as_str()));
            if let Some(Value::Object(properties)) = members.get_mut("properties") {
                properties.retain(|_, property| property["$ref"] != "#/$defs/RawMcpMatch");
            }
            members.values_mut().for_each(remove_mcp);
        }
        Value::Array(elements) => elements.iter_mut().for_each(remove_mcp),
        _ => {}
    }
}

/// A member that is not given is left out, never null.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, value| !(name == "default" && value.is_null()));
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    members.remove("anyOf");
                    members.extend(only);
                }
            }
            members.values_mut().for_each(forbid_null);
        }
        Value::Array(elements) => elements.iter_mut().for_each(forbid_null),
        _ => {}
    }
}
