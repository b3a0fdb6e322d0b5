//! How the JSON Schema of a file is read. Beside the standard's keywords it may have:
//!
//! - `x-section`: the string is the name of a table of this section; `x-none`: or this word.
//! - `x-default-table`: the section may be one table, named tables, or both.
//! - `x-stage`: the tables of the section are computed; a file has at least one of them.
//! - `x-each`: every value of the list is computed by itself.
//! - `x-whole-file`: the key belongs to the file as a whole and cannot be swept.
//! - `x-not-inherited`: a file that extends another one does not take this key over.
//! - `x-formerly`: earlier names of the key.
//! - `x-scale`: a number out of range is probably on a scale from 0 to this, which the help then says.
//! - `x-elsewhere`: help for names that belong to another span.
//! - `x-synonyms`: pairs of a name that people bring along and the one that is meant; at the top of the schema.
//! - `x-example`: an assignment such as `section.name.key=value`, for messages; at the top of the schema.

use crate::base::nearest::nearest;
use crate::document::node::{PathStep, TableEntry, TomlNode, TomlValue};
use serde_json::Value;

pub(crate) mod defaults;
pub(crate) mod editor;
pub(crate) mod formerly;
pub(crate) mod inline;
pub(crate) mod placeholder;
pub(crate) mod range;
pub(crate) mod reference;
pub(crate) mod scope;
pub(crate) mod structure;
pub(crate) mod wording;

/// One of the things that a value may be.
#[derive(Clone, Copy)]
pub(crate) enum Alternative {
    /// A table with this one key, whose value holds the parameters, and its meaning.
    Choice(&'static str, &'static Value, &'static str),
    /// Anything else.
    Plain(&'static Value),
}

/// The sections of named tables, those with a default table left out.
pub(crate) fn named_sections(root: &'static Value) -> impl Iterator<Item = &'static str> {
    properties(root).filter(|(_, section)| is_named(section)).map(|(name, _)| name)
}

/// Whether a section holds named tables and nothing else.
pub(crate) fn is_named(section: &Value) -> bool {
    section.get("additionalProperties").is_some_and(Value::is_object) && !has_default_table(section)
}

/// Whether a section may be one table, named tables, or both.
pub(crate) fn has_default_table(section: &Value) -> bool {
    has(section, "x-default-table")
}

/// Whether a keyword is there and true.
pub(crate) fn has(schema: &Value, keyword: &str) -> bool {
    schema.get(keyword).and_then(Value::as_bool).unwrap_or(false)
}

/// The definition of a value, also of one that may be left out.
pub(crate) fn resolve_some(schema: &'static Value) -> &'static Value {
    let members = schema.get("anyOf").and_then(Value::as_array);
    let mut present = members.into_iter().flatten().filter(|member| member["type"] != "null");
    match (present.next(), present.next()) {
        (Some(only), None) => only,
        _ => schema,
    }
}

/// What a value may be, without `null`, which TOML does not have.
pub(crate) fn alternatives(schema: &'static Value) -> Vec<Alternative> {
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
pub(crate) fn admits(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == kind,
        Some(Value::Array(names)) => names.iter().any(|name| name == kind),
        _ => false,
    }
}

/// The only words that a schema of a string admits; none where any string will do.
pub(crate) fn words(schema: &'static Value) -> Vec<&'static str> {
    let listed = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    listed.iter().chain(schema.get("const")).filter_map(Value::as_str).collect()
}

/// The keys of a table with their schemas, by name.
pub(crate) fn properties(schema: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// The keys that a table must have, in the order of their declaration.
pub(crate) fn required(schema: &'static Value) -> impl Iterator<Item = &'static str> + Clone {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The schema of entries with names of the user's choice.
pub(crate) fn named_entries(schema: &'static Value) -> Option<&'static Value> {
    schema.get("additionalProperties").filter(|entry| entry.is_object())
}

/// Tables below this one that have such a key, as dotted paths: `optimizer.sgd`.
pub(crate) fn tables_with_key(schema: &'static Value, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    search(schema, key, &mut Vec::new(), &mut found);
    found
}

fn search(schema: &'static Value, key: &str, path: &mut Vec<&'static str>, found: &mut Vec<String>) {
    /// Deeper than any key of the schema, in case that one is ever made of itself.
    const DEEPEST: usize = 8;
    if path.len() > DEEPEST {
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

/// What a key is to the schema of its table.
pub(crate) enum Property {
    Known(&'static Value),
    Free,
    Unknown,
}

/// Looks a key up in the schema of a table.
pub(crate) fn property(schema: &'static Value, key: &str) -> Property {
    match schema.get("properties").and_then(|properties| properties.get(key)) {
        Some(property) => Property::Known(property),
        None => match schema.get("additionalProperties") {
            Some(Value::Bool(true)) | None => Property::Free,
            Some(Value::Bool(false)) => Property::Unknown,
            Some(entry) => Property::Known(entry),
        },
    }
}

/// What an entry is to the schema of its table. In a section with a default table a table of another name than the keys
/// of that one is a named table, unless it is probably one of the keys, misspelt.
pub(crate) fn entry_property(schema: &'static Value, entry: &TableEntry) -> Property {
    if has_default_table(schema) && !is_named_entry(schema, entry) {
        let key = properties(schema).find(|(key, _)| *key == entry.key);
        return key.map_or(Property::Unknown, |(_, value)| Property::Known(value));
    }
    property(schema, &entry.key)
}

/// Whether an entry of a section is a named table.
pub(crate) fn is_named_entry(section: &'static Value, entry: &TableEntry) -> bool {
    if named_entries(section).is_none() || properties(section).any(|(key, _)| key == entry.key) {
        return false;
    }
    if !has_default_table(section) {
        return true;
    }
    let required = required_of_section(section);
    let TomlNode { value: TomlValue::Table(entries), .. } = &entry.node else { return false };
    let has_keys = || entries.iter().any(|below| required.contains(&below.key.as_str()));
    has_keys() || nearest(&entry.key, properties(section).map(|(key, _)| key)).is_none()
}

/// The alternatives that are no choices.
pub(crate) fn plains(alternatives: &[Alternative]) -> impl Iterator<Item = &'static Value> {
    alternatives.iter().filter_map(|alternative| match alternative {
        Alternative::Plain(schema) => Some(*schema),
        Alternative::Choice(..) => None,
    })
}

/// The alternative of this JSON type.
pub(crate) fn plain(alternatives: &[Alternative], kind: &str) -> Option<&'static Value> {
    plains(alternatives).find(|schema| admits(schema, kind))
}

/// The choices, by name.
pub(crate) fn choices(alternatives: &[Alternative]) -> impl Iterator<Item = (&'static str, &'static Value)> {
    alternatives.iter().filter_map(|alternative| match alternative {
        Alternative::Choice(name, parameters, _) => Some((*name, *parameters)),
        Alternative::Plain(_) => None,
    })
}

/// The schema of a key of a table, or of the parameters of a choice.
pub(crate) fn schema_of(key: &str, alternatives: &[Alternative]) -> Option<&'static Value> {
    let of_choice = choices(alternatives).find(|(name, _)| *name == key).map(|(_, parameters)| parameters);
    of_choice.or_else(|| {
        plains(alternatives).find_map(|table| match property(table, key) {
            Property::Known(schema) => Some(schema),
            Property::Free | Property::Unknown => None,
        })
    })
}

/// Names that people bring along, each with the one that is meant.
pub(crate) fn synonyms(root: &'static Value) -> Vec<(&'static str, &'static str)> {
    let pairs = root.get("x-synonyms").and_then(Value::as_array).into_iter().flatten();
    pairs.filter_map(|pair| Some((pair.get(0)?.as_str()?, pair.get(1)?.as_str()?))).collect()
}

/// An assignment for messages: `section.name.key=value`.
pub(crate) fn example(root: &'static Value) -> &'static str {
    root.get("x-example").and_then(Value::as_str).unwrap_or("section.name.key=1")
}

/// The required keys of a section: those of its table, where one is meant without a name.
pub(crate) fn required_of_section(section: &'static Value) -> Vec<&'static str> {
    required(named_entries(section).unwrap_or(section)).collect()
}

/// Help for a choice that belongs to another span.
pub(crate) fn elsewhere(schema: &'static Value, choice: &str) -> Option<String> {
    schema.get("x-elsewhere")?.get(choice)?.as_str().map(str::to_owned)
}

/// Paths of the keys that a file does not take over from the one that it extends.
pub(crate) fn not_inherited(root: &'static Value) -> Vec<Vec<PathStep>> {
    let is_own = |schema: &Value| has(schema, "x-not-inherited");
    let of_section = |(section, schema): (&'static str, &'static Value)| {
        let tables = alternatives(schema);
        let keys = plains(&tables)
            .flat_map(properties)
            .filter(|(_, schema)| is_own(schema))
            .map(|(key, _)| vec![section.into(), key.into()]);
        keys.collect::<Vec<_>>()
    };
    let at_top = properties(root).filter(|(_, schema)| is_own(schema)).map(|(key, _)| vec![key.into()]);
    at_top.chain(properties(root).flat_map(of_section)).collect()
}

/// Whether a key belongs to the file as a whole.
pub(crate) fn is_of_whole_file(root: &'static Value, key: &str) -> bool {
    properties(root).any(|(name, schema)| name == key && has(schema, "x-whole-file"))
}
