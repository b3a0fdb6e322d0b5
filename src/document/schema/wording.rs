//! Messages for tables and values that do not match the schema.

use crate::base::nearest::{listed, shortened};
use crate::document::diagnostic::Problem;
use crate::document::node::{TableEntry, TomlNode, TomlValue};
use crate::document::schema::range::Range;
use crate::document::schema::scope::Scope;
use crate::document::schema::{self, Alternative, Property, choices, plain, plains, property};
use serde_json::Value as Schema;

/// Returns the problem of a value of the wrong type.
pub(crate) fn mismatch(node: &TomlNode, alternatives: &[Alternative], scope: &Scope<'_>) -> Problem {
    let span = if matches!(node.value, TomlValue::Table(_)) { scope.span } else { node.span };
    let message = format!("`{}`: expected {}, found {}", scope.key, expected(alternatives), node.description());
    let kinds = choices(alternatives).next().map(|_| kinds(alternatives));
    Problem::new(span, message).maybe_help(conversion(node, alternatives, scope)).maybe_help(kinds)
}

/// Suggests the value that was meant if a number out of range is in it once it is divided by the schema's `x-scale`.
pub(crate) fn rescaled(number: f64, written: &str, range: Range, schema: &Schema) -> Option<String> {
    let scale = schema.get("x-scale")?.as_f64()?;
    let meant = (number / scale * 1e4).round() / 1e4;
    let explained = || format!("if {written} is on a scale of 0 to {scale}, write {meant}");
    range.contains(meant).then(explained)
}

pub(crate) fn unknown_choice(
    entry: &TableEntry,
    schema: &'static Schema,
    alternatives: &[Alternative],
    scope: &Scope<'_>,
) -> Problem {
    let names: Vec<&str> = choices(alternatives).map(|(name, _)| name).collect();
    Problem::new(entry.key_span, format!("unknown kind `{}` for `{}`", shortened(&entry.key), scope.key))
        .maybe_help(scope.nearest(&entry.key, names.iter().copied()).map(|near| format!("did you mean `{near}`?")))
        .maybe_help(schema::elsewhere(schema, &entry.key))
        .help(kinds(alternatives))
}

pub(crate) fn kinds(alternatives: &[Alternative]) -> String {
    format!("expected one of {}", listed(choices(alternatives).map(|(name, _)| name)))
}

pub(crate) fn unknown_key(entry: &TableEntry, schema: &'static Schema, scope: &Scope<'_>) -> Problem {
    let key = shortened(&entry.key);
    let what = match (scope.depth(), &entry.node.value) {
        (0, TomlValue::Table(_)) => format!("unknown section `[{key}]`"),
        _ => format!("unknown key `{key}`"),
    };
    let names = || schema::properties(schema).map(|(name, _)| name);
    let near = meant(entry, schema, scope).map(|near| match scope.depth() == 0 && is_named_section(scope.file, near) {
        true => format!("did you mean `[{near}.NAME]`?"),
        false => format!("did you mean `{near}`?"),
    });
    let elsewhere = if near.is_none() { elsewhere(&entry.key, schema, scope) } else { None };
    let all = if names().next().is_none() {
        format!("{} takes no keys", scope.table())
    } else {
        format!("the keys of {} are {}", scope.table(), listed(names()))
    };
    Problem::new(entry.key_span, what).maybe_help(near).maybe_help(elsewhere).help(all)
}

/// Returns the key of the table that an unknown one was probably meant to be.
pub(crate) fn meant(entry: &TableEntry, schema: &'static Schema, scope: &Scope<'_>) -> Option<&'static str> {
    match schema::entry_property(schema, entry) {
        Property::Unknown => scope.nearest(&entry.key, schema::properties(schema).map(|(name, _)| name)),
        _ => None,
    }
}

/// Suggests other tables that have the key.
fn elsewhere(key: &str, schema: &'static Schema, scope: &Scope<'_>) -> Option<String> {
    /// Maximum number of tables that are worth suggesting.
    const MAX_TABLES: usize = 4;
    let below = schema::tables_with_key(schema, key);
    if !below.is_empty() && below.len() <= MAX_TABLES {
        return Some(format!("`{key}` is a key of {}", listed(below.iter().map(String::as_str))));
    }
    let of_file = schema::properties(scope.file).any(|(name, _)| name == key);
    of_file.then(|| format!("`{key}` belongs at the top of the file, before the first section"))
}

pub(crate) fn missing(key: &str, schema: &'static Schema, scope: &Scope<'_>) -> Problem {
    let Property::Known(property) = property(schema, key) else {
        return Problem::new(scope.span, format!("{} is missing the key `{key}`", scope.table()));
    };
    if scope.depth() == 0 {
        let keys = listed(schema::required_of_section(property));
        return Problem::new(scope.span, format!("the section `[{key}]` is missing"))
            .help(format!("add `[{key}]` with the keys {keys}"));
    }
    let meaning = property.get("description").and_then(Schema::as_str).unwrap_or_default().replace('\n', " ");
    let alternatives = schema::alternatives(property);
    let kinds = choices(&alternatives).next().map(|_| kinds(&alternatives));
    let (what, meaning) = (expected(&alternatives), lower_first(meaning.trim_end_matches('.')));
    Problem::new(scope.span, format!("{} is missing the key `{key}`", scope.table()))
        .help(format!("add `{key}`, {what}: {meaning}"))
        .maybe_help(kinds)
}

/// Whether a section has named tables only.
fn is_named_section(file: &'static Schema, name: &str) -> bool {
    schema::named_sections(file).any(|section| section == name)
}

fn lower_first(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// Describes a key of a section of named tables; `named` is one of these, if there are any.
pub(crate) fn missing_name(entry: &TableEntry, named: Option<&TableEntry>, scope: &Scope<'_>) -> Problem {
    if let Some(named) = named {
        let (section, key) = (scope.key, &entry.key);
        return Problem::new(entry.key_span, format!("`{section}.{key}` lacks the name of a table"))
            .help(format!("write `{section}.{}.{key}`", named.key));
    }
    Problem::new(scope.span, format!("`[{}]` needs a name", scope.key))
        .help(format!("write `[{}.main]`, or any other name", scope.key))
}

/// Returns what to do with a table that has two alternatives.
pub(crate) fn one_choice(first: &str, second: &str, scope: &Scope<'_>) -> String {
    if scope.is_element {
        return format!("write each in braces of its own: `{{ {first} = ... }}, {{ {second} = ... }}`");
    }
    "keep one and remove the other".to_owned()
}

/// Describes the expected value.
fn expected(alternatives: &[Alternative]) -> String {
    if choices(alternatives).next().is_some() {
        return "a table".to_owned();
    }
    let words: Vec<&str> = plains(alternatives).flat_map(schema::words).collect();
    if !words.is_empty() {
        return format!("one of {}", quoted(&words));
    }
    plains(alternatives).map(|schema| expected_plain(schema, false)).collect::<Vec<_>>().join(" or ")
}

pub(crate) fn expected_plain(schema: &'static Schema, many: bool) -> String {
    let (a, s) = if many { ("", "s") } else { ("a ", "") };
    if schema::admits(schema, "array") {
        let items = schema.get("items").map(|items| match schema::alternatives(items).as_slice() {
            [Alternative::Plain(item)] => expected_plain(item, true),
            _ => "tables".to_owned(),
        });
        let size = schema.get("maxItems").map(|size| format!("{size} ")).unwrap_or_default();
        return format!("{a}list{s} of {size}{}", items.unwrap_or_else(|| "values".to_owned()));
    }
    let names = [("string", "string"), ("integer", "whole number"), ("number", "number"), ("boolean", "boolean")];
    let name = names.iter().find(|(kind, _)| schema::admits(schema, kind)).map_or("table", |(_, name)| name);
    match name {
        "boolean" if !many => "`true` or `false`".to_owned(),
        _ => format!("{a}{name}{s}"),
    }
}

/// Suggests how to write the value.
fn conversion(node: &TomlNode, alternatives: &[Alternative], scope: &Scope<'_>) -> Option<String> {
    let key = scope.key;
    let takes = |kind| plain(alternatives, kind).is_some();
    match &node.value {
        TomlValue::String(text) if (takes("number") || takes("integer")) && text.parse::<f64>().is_ok() => {
            Some(format!("write it without quotes: {text}"))
        }
        TomlValue::String(text) if takes("boolean") && matches!(text.as_str(), "true" | "false") => {
            Some(format!("write it without quotes: {text}"))
        }
        TomlValue::String(text) => {
            let near = scope.nearest(text, choices(alternatives).map(|(name, _)| name));
            let (name, parameters) = choices(alternatives).find(|(name, _)| near.is_none_or(|near| near == *name))?;
            let written = format!("{{ {name} = {} }}", with_required(parameters));
            let written = if scope.is_element { written } else { format!("{key} = {written}") };
            Some(format!("write {written}"))
        }
        TomlValue::Float(number) if takes("integer") && number.fract() == 0.0 => Some(format!("write {number}")),
        _ if takes("array") && !matches!(node.value, TomlValue::Array(_)) => {
            Some(format!("write a list: {key} = [...]"))
        }
        _ if takes("object") && scope.parent.is_some_and(|parent| parent.depth() == 1) => {
            scope.parent.map(|parent| format!("write `[{}.NAME]` and the keys below it", parent.key))
        }
        TomlValue::Array(_) if takes("object") && scope.depth() == 1 => {
            Some(format!("write `[{key}.NAME]`, with a name of your choice"))
        }
        _ => None,
    }
}

/// Formats a table with its required keys.
fn with_required(schema: &'static Schema) -> String {
    let keys: Vec<String> = schema::required(schema).map(|key| format!("{key} = ...")).collect();
    if keys.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", keys.join(", ")) }
}

pub(crate) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}
