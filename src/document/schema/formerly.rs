//! Earlier names of keys, which are still read.

use crate::document::node::{TomlNode, TomlValue};
use crate::document::schema::{self, Alternative, schema_of};
use serde_json::Value as Schema;
use std::collections::HashSet;

const FORMERLY: &str = "x-formerly";

/// All earlier names that a schema has.
pub(crate) fn names(schema: &'static Schema) -> HashSet<&'static str> {
    let mut names = HashSet::new();
    collect(schema, &mut names);
    names
}

fn collect(schema: &'static Schema, names: &mut HashSet<&'static str>) {
    match schema {
        Schema::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Schema::Object(object) => {
            names.extend(earlier_names(schema));
            object.values().for_each(|value| collect(value, names));
        }
        _ => {}
    }
}

fn earlier_names(schema: &Schema) -> impl Iterator<Item = &str> {
    schema.get(FORMERLY).and_then(Schema::as_array).into_iter().flatten().filter_map(Schema::as_str)
}

/// Whether a key has one of these names.
pub(crate) fn has_any(node: &TomlNode, names: &HashSet<&'static str>) -> bool {
    match &node.value {
        TomlValue::Array(items) => items.iter().any(|item| has_any(item, names)),
        TomlValue::Table(entries) => {
            entries.iter().any(|entry| names.contains(entry.key.as_str()) || has_any(&entry.node, names))
        }
        _ => false,
    }
}

/// Gives every key its present name.
pub(crate) fn rename(node: &mut TomlNode, schema: &'static Schema) {
    let alternatives = schema::alternatives(schema);
    match &mut node.value {
        TomlValue::Array(items) => {
            let of_items = schema::plain(&alternatives, "array").and_then(|schema| schema.get("items"));
            of_items.into_iter().for_each(|schema| items.iter_mut().for_each(|item| rename(item, schema)));
        }
        TomlValue::Table(entries) => {
            for entry in entries {
                if let Some(now) = present_name(&entry.key, schema, &alternatives) {
                    now.clone_into(&mut entry.key);
                }
                if let Some(below) = schema_of(&entry.key, &alternatives) {
                    rename(&mut entry.node, below);
                }
            }
        }
        _ => {}
    }
}

fn present_name(key: &str, schema: &'static Schema, alternatives: &[Alternative]) -> Option<&'static str> {
    let was = |schema: &Schema| earlier_names(schema).any(|name| name == key);
    let variants = schema.get("oneOf").and_then(Schema::as_array).map(Vec::as_slice).unwrap_or_default();
    let choice = variants.iter().filter(|variant| was(variant)).find_map(|variant| schema::properties(variant).next());
    let of_table = || schema::plains(alternatives).flat_map(schema::properties).find(|(_, schema)| was(schema));
    choice.or_else(of_table).map(|(name, _)| name)
}
