//! The JSON Schema for editors: one for a whole pipeline, and one without required keys for a file with `extends`.

use crate::document::setting::EXTENDS;
use serde_json::{Map, Value, json};

/// Pointer of the definitions.
const DEFINITIONS: &str = "#/$defs/";

/// Name of the definition of a whole pipeline, with its required keys.
const WHOLE: &str = "File";

/// Prefix of a definition without its required keys.
const PARTIAL: &str = "Partial";

/// Returns the JSON Schema (2020-12) of a pipeline file for editors, `docs/pipeline.schema.json`. It is generated from
/// the types that files are checked against.
/// The schema of a whole file as one that editors complete from: a file that extends another one may lack keys. `head` is
/// put before it.
pub(crate) fn schema(whole: &Value, head: Value) -> Value {
    let mut whole = whole.clone();
    let definitions = whole.as_object_mut().and_then(|whole| whole.remove("$defs")).unwrap_or_default();
    let definitions = definitions.as_object().cloned().unwrap_or_default();
    let relaxed = definitions_with_required_keys(&definitions);
    let mut file = partial(&whole, &relaxed);
    let mut all: Map<String, Value> =
        relaxed.iter().map(|name| (format!("{PARTIAL}{name}"), partial(&definitions[name], &relaxed))).collect();
    all.extend(definitions);
    all.insert(WHOLE.to_owned(), without_head(whole));
    let rest = json!({
        // Files are read from their properties, which editors complete; what must exist, a base may have.
        "if": { "not": { "required": [EXTENDS] } },
        "then": { "$ref": format!("{DEFINITIONS}{WHOLE}") },
        "$defs": all,
    });
    if let (Value::Object(file), Value::Object(head), Value::Object(rest)) = (&mut file, head, rest) {
        file.extend(head);
        file.extend(rest);
    }
    file
}

/// Returns the definitions that have required keys, or refer to one that does.
fn definitions_with_required_keys(definitions: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    loop {
        let differs =
            |name: &str, schema: &Value| !names.iter().any(|it| it == name) && partial(schema, &names) != *schema;
        let more: Vec<String> =
            definitions.iter().filter(|(name, schema)| differs(name, schema)).map(|(name, _)| name.clone()).collect();
        if more.is_empty() {
            return names;
        }
        names.extend(more);
    }
}

/// Returns a schema without `required`; a choice still needs its kind. References to the definitions in `relaxed` point
/// to their partial versions.
fn partial(schema: &Value, relaxed: &[String]) -> Value {
    match schema {
        Value::Object(object) => {
            let kept = object.iter().filter(|(key, value)| !(*key == "required" && value.is_array()));
            kept.map(|(key, value)| (key.clone(), partial_keyword(key, value, relaxed))).collect()
        }
        Value::Array(items) => items.iter().map(|item| partial(item, relaxed)).collect(),
        other => other.clone(),
    }
}

fn partial_keyword(keyword: &str, value: &Value, relaxed: &[String]) -> Value {
    match (keyword, value) {
        ("$ref", target) => reference(target, relaxed),
        ("oneOf", Value::Array(kinds)) => kinds.iter().map(|kind| partial_kind(kind, relaxed)).collect(),
        _ => partial(value, relaxed),
    }
}

/// Relaxes one kind of a choice, which is a table with one required key, or a string.
fn partial_kind(kind: &Value, relaxed: &[String]) -> Value {
    let mut partial = partial(kind, relaxed);
    if let (Value::Object(partial), Some(required)) = (&mut partial, kind.get("required")) {
        partial.insert("required".to_owned(), required.clone());
    }
    partial
}

fn reference(target: &Value, relaxed: &[String]) -> Value {
    let name = target.as_str().and_then(|target| target.strip_prefix(DEFINITIONS));
    match name.filter(|name| relaxed.iter().any(|other| other == name)) {
        Some(name) => format!("{DEFINITIONS}{PARTIAL}{name}").into(),
        None => target.clone(),
    }
}

fn without_head(mut schema: Value) -> Value {
    if let Value::Object(schema) = &mut schema {
        schema.remove("$schema");
        schema.remove("title");
    }
    schema
}
