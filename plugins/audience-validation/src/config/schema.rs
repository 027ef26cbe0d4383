//! The JSON Schema of the configuration, for people and editors.

use serde_json::Value;

use super::RawConfig;

/// The JSON Schema of the configuration. What it cannot say, such as ranges that depend on each other, is still checked
/// when the filter loads.
#[must_use]
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(RawConfig).to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "Configuration of audience-validation".into());
    }
    forbid_null(&mut schema);
    format!("{schema:#}\n")
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
