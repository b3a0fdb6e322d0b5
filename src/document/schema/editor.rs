//! The JSON Schema for editors: that of a whole pipeline, and for a file with `extends` one that lets keys be missing.

use crate::document::setting::EXTENDS;
use serde_json::{Map, Value, json};

/// Where definitions lie.
const DEFINITIONS: &str = "#/$defs/";

/// The definition of a whole pipeline, in which nothing is missing.
const WHOLE: &str = "File";

/// Before the name of a definition: the same without the keys that it must have.
const PART: &str = "Part";

/// The schema of a whole file as one that editors complete from: a file that extends another one may lack keys. `head` is
/// put before it.
pub(crate) fn schema(whole: &Value, head: Value) -> Value {
    let mut whole = whole.clone();
    let definitions = whole.as_object_mut().and_then(|whole| whole.remove("$defs")).unwrap_or_default();
    let definitions = definitions.as_object().cloned().unwrap_or_default();
    let lacking = lacking_definitions(&definitions);
    let mut file = part(&whole, &lacking);
    let mut all: Map<String, Value> =
        lacking.iter().map(|name| (format!("{PART}{name}"), part(&definitions[name], &lacking))).collect();
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

/// The definitions that say what must be there, or lead to one that does.
fn lacking_definitions(definitions: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    loop {
        let differs =
            |name: &str, schema: &Value| !names.iter().any(|it| it == name) && part(schema, &names) != *schema;
        let more: Vec<String> =
            definitions.iter().filter(|(name, schema)| differs(name, schema)).map(|(name, _)| name.clone()).collect();
        if more.is_empty() {
            return names;
        }
        names.extend(more);
    }
}

/// A schema without the keys that tables must have; a choice still has its kind. References to the definitions named
/// lead to their parts.
fn part(schema: &Value, lacking: &[String]) -> Value {
    match schema {
        Value::Object(object) => {
            let kept = object.iter().filter(|(key, value)| !(*key == "required" && value.is_array()));
            kept.map(|(key, value)| (key.clone(), part_of_keyword(key, value, lacking))).collect()
        }
        Value::Array(items) => items.iter().map(|item| part(item, lacking)).collect(),
        other => other.clone(),
    }
}

fn part_of_keyword(keyword: &str, value: &Value, lacking: &[String]) -> Value {
    match (keyword, value) {
        ("$ref", target) => reference(target, lacking),
        ("oneOf", Value::Array(kinds)) => kinds.iter().map(|kind| part_of_kind(kind, lacking)).collect(),
        _ => part(value, lacking),
    }
}

/// One of the kinds of a choice: a table with one key, which must be there, or a word.
fn part_of_kind(kind: &Value, lacking: &[String]) -> Value {
    let mut part = part(kind, lacking);
    if let (Value::Object(part), Some(required)) = (&mut part, kind.get("required")) {
        part.insert("required".to_owned(), required.clone());
    }
    part
}

fn reference(target: &Value, lacking: &[String]) -> Value {
    let name = target.as_str().and_then(|target| target.strip_prefix(DEFINITIONS));
    match name.filter(|name| lacking.iter().any(|other| other == name)) {
        Some(name) => format!("{DEFINITIONS}{PART}{name}").into(),
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
