//! Placeholders for missing or invalid values, so that the rest of their table can be read and checked. They are never
//! used: a section with a placeholder has been reported and is discarded.

use crate::document::node::{TableEntry, TomlNode, TomlValue};
use crate::document::schema::{self, Alternative};
use crate::document::source::Span;
use serde_json::Value as Schema;

/// A value in the range of every required number.
const FLOAT: f64 = 0.5;

/// A value in the range of every required whole number.
const INTEGER: i128 = 8;

/// Creates a value that the schema accepts.
pub(crate) fn placeholder(schema: &'static Schema) -> TomlNode {
    let value = match schema::alternatives(schema).first() {
        Some(Alternative::Choice(name, parameters, _)) => TomlValue::Table(vec![entry(name, parameters)]),
        Some(Alternative::Plain(schema)) => plain(schema),
        None => TomlValue::Table(Vec::new()),
    };
    TomlNode { span: Span::NOWHERE, value }
}

/// Creates an entry with a placeholder.
pub(crate) fn entry(key: &str, schema: &'static Schema) -> TableEntry {
    TableEntry { key: key.to_owned(), key_span: Span::NOWHERE, node: placeholder(schema) }
}

fn plain(schema: &'static Schema) -> TomlValue {
    let admits = |kind| schema::admits(schema, kind);
    if admits("object") {
        let required = match schema::has_default_table(schema) {
            true => schema::required_of_section(schema),
            false => schema::required(schema).collect(),
        };
        return TomlValue::Table(
            schema::properties(schema)
                .filter(|(key, _)| required.contains(key))
                .map(|(key, value)| entry(key, value))
                .collect(),
        );
    }
    if admits("array") {
        let min = schema.get("minItems").and_then(Schema::as_u64).unwrap_or(0);
        return TomlValue::Array(
            schema.get("items").map(|item| (0..min).map(|_| placeholder(item)).collect()).unwrap_or_default(),
        );
    }
    if admits("string") {
        return TomlValue::String(schema::words(schema).first().copied().unwrap_or("placeholder").to_owned());
    }
    match (admits("integer"), admits("boolean")) {
        (true, _) => TomlValue::Integer(INTEGER),
        (_, true) => TomlValue::Boolean(false),
        _ => TomlValue::Float(FLOAT),
    }
}
