//! The Markdown reference of the pipeline file, generated from its schema: the second part of `docs/configuration.md`.

use crate::augment::PolicyConfig;
use crate::config::de::InvalidValue;
use crate::config::node::{PathStep, TableEntry, TomlNode, TomlValue};
use crate::config::placeholder;
use crate::config::raw::{RawEmbed, RawKnnEval, RawLinearEval, RawPretrain, RawSupervised};
use crate::config::schema::{self, Alternative};
use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::Span;
use crate::config::text::parse_file;
use crate::config::wording::{expected_plain, quoted};
use crate::dataset::DatasetConfig;
use serde::Deserialize;
use serde_json::Value as Schema;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A file with every key, used to probe the ranges of values.
const EVERY_KEY: &str = include_str!("../../docs/every_key.toml");

/// The sections in the order of the reference.
const SECTIONS: [&str; 9] =
    ["dataset", "augment", "pretrain", "linear_eval", "knn_eval", "supervised", "embed", "report", "sweep"];

/// Returns a description of every section and key with type, range, default and meaning, as Markdown.
pub fn reference() -> String {
    let mut page = ReferencePage { text: String::new(), documented: BTreeSet::new(), example: example() };
    page.file();
    for section in SECTIONS {
        page.section(section);
    }
    page.text
}

fn example() -> TomlNode {
    parse_file(EVERY_KEY, 0).unwrap_or_else(|_| TomlNode::empty_table(Span::new(0, 0..0)))
}

struct ReferencePage {
    text: String,
    /// Tables that have been documented, by the address of their schema.
    documented: BTreeSet<usize>,
    example: TomlNode,
}

impl ReferencePage {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn file(&mut self) {
        self.line("## The file\n");
        let keys =
            ["extends", "name", "seed", "device", "verify"].into_iter().filter_map(|key| property(schema::root(), key));
        let rows: Vec<KeyRow> = keys.map(|(key, value)| self.row(key, value, schema::root(), &[])).collect();
        self.table(&rows);
    }

    fn section(&mut self, name: &'static str) {
        let Some(section) = schema::root()["properties"].get(name) else { return };
        let described = schema::named_entries(section).unwrap_or(section);
        let table = schema::alternatives(described).into_iter().find_map(plain);
        let title = if NAMED_SECTIONS.contains(&name) { format!("{name}.NAME") } else { name.to_owned() };
        self.line(&format!("## `[{title}]`\n"));
        let meaning = table.map(description).filter(|text| !text.is_empty()).unwrap_or(description(section));
        self.line(&format!("{meaning}\n"));
        let path: Vec<PathStep> = if NAMED_SECTIONS.contains(&name) {
            // The first table of the section; the others cover other alternatives.
            let first = self.example.entry(name).and_then(|entry| entry.node.entries().first());
            vec![name.into(), first.map_or("", |entry| &entry.key).into()]
        } else {
            vec![name.into()]
        };
        if let Some(table) = table.filter(|table| schema::properties(table).next().is_some()) {
            self.keys(table, &path);
        }
    }

    /// Documents the keys of a table, then the alternatives and tables below them.
    fn keys(&mut self, table: &'static Schema, path: &[PathStep]) {
        let keys = in_order(table);
        let rows: Vec<KeyRow> = keys.iter().map(|(key, value)| self.row(key, value, table, path)).collect();
        self.table(&rows);
        for (key, value) in keys {
            self.below(key, value, &[path, &[key.into()]].concat());
        }
    }

    fn below(&mut self, key: &str, value: &'static Schema, path: &[PathStep]) {
        let list = schema::alternatives(value);
        let items = list.iter().find_map(|alternative| plain(*alternative)?.get("items"));
        let value = items.unwrap_or(value);
        let alternatives = schema::alternatives(value);
        let resolved = schema::resolve_some(value);
        let is_new = self.documented.insert(std::ptr::from_ref(resolved).addr());
        if !is_new {
            return;
        }
        let choices: Vec<_> = alternatives.iter().filter_map(choice).collect();
        if !choices.is_empty() {
            self.choices(key, description(resolved), &choices, path);
        } else if let [Alternative::Plain(table)] = alternatives.as_slice()
            && schema::properties(table).next().is_some()
        {
            self.line(&format!("### `{key}`\n\n{}\n", description(table)));
            self.keys(table, path);
        }
    }

    fn choices(
        &mut self,
        key: &str,
        meaning: &str,
        choices: &[(&'static str, &'static Schema, &'static str)],
        path: &[PathStep],
    ) {
        self.line(&format!("### `{key}`\n\n{meaning} One of:\n"));
        for (name, parameters, meaning) in choices {
            let table = schema::resolve(parameters);
            let keys = in_order(table);
            if keys.is_empty() {
                self.line(&format!("- `{{ {name} = {{}} }}`: {}", meaning.replace('\n', " ")));
                continue;
            }
            let names: Vec<String> = keys.iter().map(|(key, _)| format!("`{key}`")).collect();
            let meaning = meaning.replace('\n', " ");
            self.line(&format!("- `{{ {name} = {{ ... }} }}`: {meaning} Keys: {}.", names.join(", ")));
        }
        self.line("");
        for (index, (name, parameters, _)) in choices.iter().enumerate() {
            let table = schema::resolve(parameters);
            if schema::properties(table).next().is_none() || !self.documented.insert(std::ptr::from_ref(table).addr()) {
                continue;
            }
            let same = choices[index..].iter().filter(|(_, other, _)| std::ptr::eq(schema::resolve(other), table));
            let names: Vec<String> = same.map(|(name, ..)| format!("`{name}`")).collect();
            self.line(&format!("#### {}\n\n{}\n", names.join(", "), description(table)));
            let path = self.path_of_choice(path, name).unwrap_or_else(|| self.replace_choice(path, name, table));
            self.keys(table, &path);
        }
    }

    /// Finds an alternative in the example: at this path, or at the same key of another table or element.
    fn path_of_choice(&self, path: &[PathStep], name: &str) -> Option<Vec<PathStep>> {
        let mut paths = vec![Vec::new()];
        for step in path {
            paths = paths.iter().flat_map(|path: &Vec<PathStep>| self.siblings(path, step)).collect();
        }
        // A list needs one more step, to an element.
        let elements = paths.iter().flat_map(|path| self.siblings(path, &PathStep::Index(0)));
        let wanted = PathStep::from(name);
        paths
            .iter()
            .cloned()
            .chain(elements)
            .map(|path| [path, vec![wanted.clone()]].concat())
            .find(|path| self.example.get(path).is_some())
    }

    /// Replaces an alternative of the example by another; returns its path.
    fn replace_choice(&mut self, path: &[PathStep], name: &str, table: &'static Schema) -> Vec<PathStep> {
        let span = self.example.span;
        let keys = schema::properties(table).map(|(key, value)| placeholder::entry(key, value)).collect();
        let node = TomlNode { span, value: TomlValue::Table(keys) };
        let entry = TableEntry { key: name.to_owned(), key_span: span, node };
        if let Some(node) = path.iter().try_fold(&mut self.example, |node, step| node.child_mut(step)) {
            node.value = TomlValue::Table(vec![entry]);
        }
        [path, &[name.into()]].concat()
    }

    /// Returns the path of a step; for a name or a list index, the paths of all names or elements.
    fn siblings(&self, path: &[PathStep], step: &PathStep) -> Vec<Vec<PathStep>> {
        let Some(node) = self.example.get(path) else { return Vec::new() };
        let extended = |step: PathStep| [path, &[step]].concat();
        let is_named = matches!(path, [PathStep::Key(section)] if NAMED_SECTIONS.contains(&section.as_str()));
        match (&node.value, step) {
            (TomlValue::Array(items), _) => (0..items.len()).map(|index| extended(index.into())).collect(),
            (TomlValue::Table(entries), _) if is_named => {
                entries.iter().map(|entry| extended((&entry.key).into())).collect()
            }
            _ => vec![extended(step.clone())],
        }
    }

    fn row(&self, key: &'static str, value: &'static Schema, table: &'static Schema, path: &[PathStep]) -> KeyRow {
        let is_required = schema::required(table).any(|other| other == key);
        let default = match value.get("default") {
            _ if is_required => "required".to_owned(),
            None | Some(Schema::Null) => String::new(),
            Some(default) => format!("`{}`", toml_text(default)),
        };
        let range = self.range(&[path, &[key.into()]].concat()).unwrap_or_default();
        KeyRow { key, kind: kind(value), range, default, meaning: meaning(value) }
    }

    /// Returns the range of a value as stated by the error for a value outside it.
    fn range(&self, path: &[PathStep]) -> Option<String> {
        let (last, parent) = path.split_last()?;
        let elsewhere = match last {
            PathStep::Key(key) if self.example.get(path).is_none() => self.path_of_choice(parent, key),
            _ => None,
        };
        let path = elsewhere.as_deref().unwrap_or(path);
        let node = self.example.get(path)?;
        let out_of_range =
            [TomlValue::Float(1e18), TomlValue::Integer(1 << 50), TomlValue::Float(-1.0), TomlValue::Integer(0)];
        let probes = match &node.value {
            TomlValue::Integer(_) | TomlValue::Float(_) => out_of_range.to_vec(),
            TomlValue::Array(items) => out_of_range
                .map(|value| TomlNode { span: node.span, value })
                .map(|number| TomlValue::Array(vec![number; items.len().max(1)]))
                .into(),
            _ => Vec::new(),
        };
        probes.into_iter().find_map(|probe| {
            let mut tree = self.example.clone();
            let mut target = &mut tree;
            for step in path {
                target = target.child_mut(step)?;
            }
            target.value = probe;
            let message = read_section(&tree, path).err()?.message;
            let (_, range) = message.split_once("must be ")?;
            Some(range.rsplit_once(", got")?.0.to_owned())
        })
    }

    fn table(&mut self, rows: &[KeyRow]) {
        self.line("| key | type | range | default | meaning |");
        self.line("| --- | --- | --- | --- | --- |");
        for row in rows {
            let cells = [&format!("`{}`", row.key), &row.kind, &row.range, &row.default, &row.meaning];
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "| {} |", cells.join(" | "));
        }
        self.line("");
    }
}

struct KeyRow {
    key: &'static str,
    kind: String,
    range: String,
    default: String,
    meaning: String,
}

/// Reads the section that a path lies in into its type.
fn read_section(tree: &TomlNode, path: &[PathStep]) -> Result<(), InvalidValue> {
    let [PathStep::Key(section), rest @ ..] = path else { return Ok(()) };
    let depth = if NAMED_SECTIONS.contains(&section.as_str()) { 2 } else { 1 };
    let (Some(node), false) = (tree.get(&path[..depth.min(path.len())]), rest.is_empty()) else { return Ok(()) };
    match section.as_str() {
        "dataset" => DatasetConfig::deserialize(node).map(drop),
        "augment" => PolicyConfig::deserialize(node).map(drop),
        "pretrain" => RawPretrain::deserialize(node).map(drop),
        "linear_eval" => RawLinearEval::deserialize(node).map(drop),
        "knn_eval" => RawKnnEval::deserialize(node).map(drop),
        "supervised" => RawSupervised::deserialize(node).map(drop),
        "embed" => RawEmbed::deserialize(node).map(drop),
        _ => Ok(()),
    }
}

fn plain(alternative: Alternative) -> Option<&'static Schema> {
    match alternative {
        Alternative::Plain(schema) => Some(schema),
        Alternative::Choice(..) => None,
    }
}

fn choice(alternative: &Alternative) -> Option<(&'static str, &'static Schema, &'static str)> {
    match alternative {
        Alternative::Choice(name, parameters, meaning) => Some((*name, *parameters, *meaning)),
        Alternative::Plain(_) => None,
    }
}

fn property(table: &'static Schema, key: &str) -> Option<(&'static str, &'static Schema)> {
    schema::properties(table).find(|(other, _)| *other == key)
}

/// Returns the keys of a table, required ones first.
fn in_order(table: &'static Schema) -> Vec<(&'static str, &'static Schema)> {
    let required = schema::required(table);
    let rank = |key: &str| required.clone().position(|other| other == key).unwrap_or(usize::MAX);
    let mut keys: Vec<_> = schema::properties(table).collect();
    keys.sort_by_key(|(key, _)| (rank(key), *key));
    keys
}

fn kind(value: &'static Schema) -> String {
    let alternatives = schema::alternatives(value);
    let words: Vec<&str> = alternatives.iter().filter_map(|a| plain(*a)).flat_map(schema::words).collect();
    if !words.is_empty() {
        return quoted(&words).split(", ").map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    if alternatives.iter().any(|alternative| choice(alternative).is_some()) {
        return "table".to_owned();
    }
    let kinds: Vec<String> = alternatives.iter().filter_map(|a| plain(*a)).map(|s| expected_plain(s, false)).collect();
    kinds.iter().map(|kind| kind.trim_start_matches("a ")).collect::<Vec<_>>().join(" or ")
}

/// Returns the description of a key and of each of its values.
fn meaning(value: &'static Schema) -> String {
    let mut text = description(value).replace('\n', " ");
    for alternative in schema::alternatives(value) {
        if let Some(schema) = plain(alternative)
            && let Some(word) = schema.get("const").and_then(Schema::as_str)
        {
            let _ = write!(text, " `\"{word}\"`: {}", description(schema).replace('\n', " "));
        }
    }
    text
}

fn description(schema: &'static Schema) -> &'static str {
    schema.get("description").and_then(Schema::as_str).unwrap_or_default()
}

/// Formats a JSON value as TOML.
fn toml_text(value: &Schema) -> String {
    match value {
        Schema::Object(table) => {
            let entries = table.iter().filter(|(_, value)| !value.is_null());
            let entries: Vec<String> = entries.map(|(key, value)| format!("{key} = {}", toml_text(value))).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
        Schema::Array(items) => format!("[{}]", items.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
