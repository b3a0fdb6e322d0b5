//! The JSON Schema of a pipeline file, generated from the raw types, and access to it.

use crate::config::raw::RawPipeline;
use serde_json::Value;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(RawPipeline).to_value());

/// Returns the JSON Schema (2020-12) of a whole pipeline.
pub(super) fn root() -> &'static Value {
    &SCHEMA
}

/// One alternative that a value may be.
#[derive(Clone, Copy)]
pub(super) enum Alternative {
    /// A table with a single key: (key, schema of the parameters, description).
    Choice(&'static str, &'static Value, &'static str),
    /// Anything else.
    Plain(&'static Value),
}

/// Follows a `$ref` into the definitions.
pub(super) fn resolve(schema: &'static Value) -> &'static Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(pointer) => SCHEMA.pointer(pointer.trim_start_matches('#')).map_or(schema, resolve),
        None => schema,
    }
}

/// Returns the definition of a value, also of an optional one.
pub(super) fn resolve_some(schema: &'static Value) -> &'static Value {
    let members = schema.get("anyOf").and_then(Value::as_array);
    let mut present = members.into_iter().flatten().filter(|member| member["type"] != "null");
    match (present.next(), present.next()) {
        (Some(only), None) => resolve(only),
        _ => resolve(schema),
    }
}

/// Returns the alternatives of a value, without `null`, which TOML does not have.
pub(super) fn alternatives(schema: &'static Value) -> Vec<Alternative> {
    let schema = resolve(schema);
    let list = |key| schema.get(key).and_then(Value::as_array);
    if let Some(variants) = list("oneOf") {
        return variants.iter().map(|variant| choice(variant).unwrap_or(Alternative::Plain(variant))).collect();
    }
    match list("anyOf") {
        Some(members) => members.iter().filter(|member| member["type"] != "null").flat_map(alternatives).collect(),
        None => vec![Alternative::Plain(schema)],
    }
}

fn choice(variant: &'static Value) -> Option<Alternative> {
    let (name, parameters) = properties(variant).next()?;
    let meaning = variant.get("description").and_then(Value::as_str).unwrap_or_default();
    Some(Alternative::Choice(name, parameters, meaning))
}

/// Whether a schema admits values of this JSON type.
pub(super) fn admits(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == kind,
        Some(Value::Array(names)) => names.iter().any(|name| name == kind),
        _ => false,
    }
}

/// Returns the strings that a schema admits; none if it admits any string.
pub(super) fn words(schema: &'static Value) -> Vec<&'static str> {
    let listed = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    listed.iter().chain(schema.get("const")).filter_map(Value::as_str).collect()
}

/// Returns the keys of a table with their schemas, by name.
pub(super) fn properties(schema: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// Returns the required keys of a table, in the order of their declaration.
pub(super) fn required(schema: &'static Value) -> impl Iterator<Item = &'static str> + Clone {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Returns the schema of entries with user-defined names.
pub(super) fn named_entries(schema: &'static Value) -> Option<&'static Value> {
    schema.get("additionalProperties").filter(|entry| entry.is_object())
}

/// Returns the tables below this one that have the key, as dotted paths: `optimizer.sgd`.
pub(super) fn tables_with_key(schema: &'static Value, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    search(schema, key, &mut Vec::new(), &mut found);
    found
}

fn search(schema: &'static Value, key: &str, path: &mut Vec<&'static str>, found: &mut Vec<String>) {
    /// Maximum depth, larger than that of any key; ends the search if the schema is ever recursive.
    const MAX_DEPTH: usize = 8;
    if path.len() > MAX_DEPTH {
        return;
    }
    for alternative in alternatives(schema) {
        match alternative {
            Alternative::Choice(name, parameters, _) => within(name, parameters, key, path, found),
            Alternative::Plain(table) => {
                if !path.is_empty() && properties(table).any(|(name, _)| name == key) {
                    found.push(path.join("."));
                    continue;
                }
                for (name, value) in properties(table) {
                    within(name, value, key, path, found);
                }
                if let Some(entry) = named_entries(table) {
                    within("NAME", entry, key, path, found);
                }
            }
        }
    }
}

fn within(
    name: &'static str,
    schema: &'static Value,
    key: &str,
    path: &mut Vec<&'static str>,
    found: &mut Vec<String>,
) {
    path.push(name);
    search(schema, key, path, found);
    path.pop();
}

/// The result of looking up a key in the schema of its table.
pub(super) enum Property {
    Known(&'static Value),
    Free,
    Unknown,
}

/// Looks a key up in the schema of a table.
pub(super) fn property(schema: &'static Value, key: &str) -> Property {
    match schema.get("properties").and_then(|properties| properties.get(key)) {
        Some(property) => Property::Known(property),
        None => match schema.get("additionalProperties") {
            Some(Value::Bool(true)) | None => Property::Free,
            Some(Value::Bool(false)) => Property::Unknown,
            Some(entry) => Property::Known(entry),
        },
    }
}

/// Returns the alternatives that are not choices.
pub(super) fn plains(alternatives: &[Alternative]) -> impl Iterator<Item = &'static Value> {
    alternatives.iter().filter_map(|alternative| match alternative {
        Alternative::Plain(schema) => Some(*schema),
        Alternative::Choice(..) => None,
    })
}

/// Returns the alternative of this JSON type.
pub(super) fn plain(alternatives: &[Alternative], kind: &str) -> Option<&'static Value> {
    plains(alternatives).find(|schema| admits(schema, kind))
}

/// Returns the choices as (name, schema of the parameters).
pub(super) fn choices(alternatives: &[Alternative]) -> impl Iterator<Item = (&'static str, &'static Value)> {
    alternatives.iter().filter_map(|alternative| match alternative {
        Alternative::Choice(name, parameters, _) => Some((*name, *parameters)),
        Alternative::Plain(_) => None,
    })
}
