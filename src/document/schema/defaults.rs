//! A file with every key that has a default and is not written.

use serde_json::{Map, Value};

/// Adds the defaults of a schema without references to a TOML document; `None` if it is not valid TOML.
///
/// A default that means "nothing is set" is left out, and so is one that depends on other keys or on the data.
pub(crate) fn with_defaults(document: &str, schema: &Value) -> Option<String> {
    let mut value: Value = toml::from_str(document).ok()?;
    fill(&mut value, schema);
    toml::to_string_pretty(&value).ok()
}

fn fill(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(table) => {
            let is_absent_default_table =
                schema["x-default-table"] == true && !properties(schema).any(|(key, _)| table.contains_key(key));
            if !is_absent_default_table {
                fill_properties(table, schema);
            }
            fill_named(table, schema);
            for form in ["oneOf", "anyOf", "allOf"] {
                let forms = schema[form].as_array().into_iter().flatten();
                let chosen: Vec<&Value> = forms.filter(|option| form == "allOf" || suits(table, option)).collect();
                let mut filled = Value::Object(std::mem::take(table));
                chosen.iter().for_each(|option| fill(&mut filled, option));
                if let Value::Object(filled) = filled {
                    *table = filled;
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, &schema["items"])),
        _ => {}
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn fill_properties(table: &mut Map<String, Value>, schema: &Value) {
    for (key, of_key) in properties(schema) {
        if !table.contains_key(key)
            && let Some(default) = of_key.get("default").and_then(without_null)
        {
            table.insert(key.clone(), default);
        }
        if let Some(value) = table.get_mut(key) {
            fill(value, of_key);
        }
    }
}

/// Fills tables whose names are not in the schema: `[section.NAME]`.
fn fill_named(table: &mut Map<String, Value>, schema: &Value) {
    let of_tables = &schema["additionalProperties"];
    let is_own = |key: &String| schema["properties"].get(key).is_some();
    if of_tables.is_object() {
        table.iter_mut().filter(|(key, _)| !is_own(key)).for_each(|(_, value)| fill(value, of_tables));
    }
}

/// Returns whether a table can be of this form: it has the required keys and no others than those of the form.
fn suits(table: &Map<String, Value>, option: &Value) -> bool {
    let is_table = option["properties"].is_object();
    let required = option["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    is_table
        && required.into_iter().all(|key| table.contains_key(key))
        && table.keys().all(|key| option["properties"].get(key).is_some())
}

/// Returns the value without the keys that are null, which TOML does not have; `None` if nothing is left.
fn without_null(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(table) => {
            let kept = table.iter().filter_map(|(key, value)| Some((key.clone(), without_null(value)?)));
            Some(Value::Object(kept.collect()))
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_that_are_not_written_get_their_defaults_at_any_depth() {
        let optimizer = json!({ "oneOf": [
            { "properties": { "sgd": { "properties": { "momentum": { "default": 0.9 }, "lr": {} } } }, "required": ["sgd"] },
            { "properties": { "adam": { "properties": { "beta": { "default": 0.5 } } } }, "required": ["adam"] },
        ] });
        let run = json!({ "properties": {
            "epochs": { "default": 10 },
            "clip": { "default": null },
            "schedule": { "default": { "cosine": { "steps": null, "warmup": 0.0 } } },
            "optimizer": optimizer,
        } });
        let data = json!({ "x-default-table": true, "properties": { "size": { "default": 3 } } });
        let schema = json!({ "properties": { "runs": { "additionalProperties": run }, "dataset": data } });
        let text = "[dataset.a]\n[runs.main]\nepochs = 5\n[runs.main.optimizer.sgd]\nlr = 0.1\n";
        let filled: Value = toml::from_str(&with_defaults(text, &schema).unwrap()).unwrap();
        let main = json!({
            "epochs": 5,
            "schedule": { "cosine": { "warmup": 0.0 } },
            "optimizer": { "sgd": { "lr": 0.1, "momentum": 0.9 } },
        });
        assert_eq!(filled, json!({ "dataset": { "a": {} }, "runs": { "main": main } }));
        assert!(with_defaults("=", &schema).is_none());
    }
}
