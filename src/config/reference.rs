//! The reference of the pipeline file in Markdown, made from its schema; the second part of `docs/configuration.md`.

use crate::augment::PolicyConfig;
use crate::config::de::Invalid;
use crate::config::node::{Entry, Node, Step, Value};
use crate::config::placeholder;
use crate::config::raw::{RawEmbed, RawKnnEval, RawLinearEval, RawPretrain, RawSupervised};
use crate::config::schema::{self, Alternative};
use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::Place;
use crate::config::text::parse_file;
use crate::config::wording::{expected_plain, quoted};
use crate::dataset::DatasetConfig;
use serde::Deserialize;
use serde_json::Value as Schema;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A file with every key, on which ranges are tried.
const EVERY_KEY: &str = include_str!("../../docs/every_key.toml");

/// The sections in the order in which they are told.
const SECTIONS: [&str; 9] =
    ["dataset", "augment", "pretrain", "linear_eval", "knn_eval", "supervised", "embed", "report", "sweep"];

/// Every section and key with its type, range, default and meaning, as Markdown.
pub fn reference() -> String {
    let mut page = Page { text: String::new(), told: BTreeSet::new(), example: example() };
    page.file();
    for section in SECTIONS {
        page.section(section);
    }
    page.text
}

fn example() -> Node {
    parse_file(EVERY_KEY, 0).unwrap_or_else(|_| Node::empty_table(Place::new(0, 0..0)))
}

struct Page {
    text: String,
    /// Tables that have been told, by the address of their schema.
    told: BTreeSet<usize>,
    example: Node,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn file(&mut self) {
        self.line("## The file\n");
        let keys =
            ["extends", "name", "seed", "device", "verify"].into_iter().filter_map(|key| property(schema::root(), key));
        let rows: Vec<Row> = keys.map(|(key, value)| self.row(key, value, schema::root(), &[])).collect();
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
        let path: Vec<Step> = if NAMED_SECTIONS.contains(&name) {
            // The first table of the section; the others show other alternatives.
            let first = self.example.entry(name).and_then(|entry| entry.node.entries().first());
            vec![name.into(), first.map_or("", |entry| &entry.key).into()]
        } else {
            vec![name.into()]
        };
        if let Some(table) = table.filter(|table| schema::properties(table).next().is_some()) {
            self.keys(table, &path);
        }
    }

    /// The keys of a table, then the alternatives and tables that they lead to.
    fn keys(&mut self, table: &'static Schema, path: &[Step]) {
        let keys = in_order(table);
        let rows: Vec<Row> = keys.iter().map(|(key, value)| self.row(key, value, table, path)).collect();
        self.table(&rows);
        for (key, value) in keys {
            self.below(key, value, &[path, &[key.into()]].concat());
        }
    }

    fn below(&mut self, key: &str, value: &'static Schema, path: &[Step]) {
        let list = schema::alternatives(value);
        let items = list.iter().find_map(|alternative| plain(*alternative)?.get("items"));
        let value = items.unwrap_or(value);
        let alternatives = schema::alternatives(value);
        let resolved = schema::resolve_some(value);
        let is_told = !self.told.insert(std::ptr::from_ref(resolved).addr());
        if is_told {
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
        path: &[Step],
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
            if schema::properties(table).next().is_none() || !self.told.insert(std::ptr::from_ref(table).addr()) {
                continue;
            }
            let same = choices[index..].iter().filter(|(_, other, _)| std::ptr::eq(schema::resolve(other), table));
            let names: Vec<String> = same.map(|(name, ..)| format!("`{name}`")).collect();
            self.line(&format!("#### {}\n\n{}\n", names.join(", "), description(table)));
            let path = self.path_of_choice(path, name).unwrap_or_else(|| self.put_choice(path, name, table));
            self.keys(table, &path);
        }
    }

    /// Where the example has an alternative: at this path, or at the same key of another table or element.
    fn path_of_choice(&self, path: &[Step], name: &str) -> Option<Vec<Step>> {
        let mut paths = vec![Vec::new()];
        for step in path {
            paths = paths.iter().flat_map(|path: &Vec<Step>| self.siblings(path, step)).collect();
        }
        // Through a list, one step more leads to an element.
        let elements = paths.iter().flat_map(|path| self.siblings(path, &Step::Index(0)));
        let wanted = Step::from(name);
        paths
            .iter()
            .cloned()
            .chain(elements)
            .map(|path| [path, vec![wanted.clone()]].concat())
            .find(|path| self.example.get(path).is_some())
    }

    /// Puts an alternative into the example in the place of another; returns its path.
    fn put_choice(&mut self, path: &[Step], name: &str, table: &'static Schema) -> Vec<Step> {
        let place = self.example.place;
        let keys = schema::properties(table).map(|(key, value)| placeholder::entry(key, value)).collect();
        let node = Node { place, value: Value::Table(keys) };
        let entry = Entry { key: name.to_owned(), key_place: place, node };
        if let Some(node) = path.iter().try_fold(&mut self.example, |node, step| node.child_mut(step)) {
            node.value = Value::Table(vec![entry]);
        }
        [path, &[name.into()]].concat()
    }

    /// The paths of a step, or of all names and elements where the step is one of them.
    fn siblings(&self, path: &[Step], step: &Step) -> Vec<Vec<Step>> {
        let Some(node) = self.example.get(path) else { return Vec::new() };
        let extended = |step: Step| [path, &[step]].concat();
        let is_named = matches!(path, [Step::Key(section)] if NAMED_SECTIONS.contains(&section.as_str()));
        match (&node.value, step) {
            (Value::List(items), _) => (0..items.len()).map(|index| extended(index.into())).collect(),
            (Value::Table(entries), _) if is_named => {
                entries.iter().map(|entry| extended((&entry.key).into())).collect()
            }
            _ => vec![extended(step.clone())],
        }
    }

    fn row(&self, key: &'static str, value: &'static Schema, table: &'static Schema, path: &[Step]) -> Row {
        let is_required = schema::required(table).any(|other| other == key);
        let default = match value.get("default") {
            _ if is_required => "required".to_owned(),
            None | Some(Schema::Null) => String::new(),
            Some(default) => format!("`{}`", toml_text(default)),
        };
        let range = self.range(&[path, &[key.into()]].concat()).unwrap_or_default();
        Row { key, kind: kind(value), range, default, meaning: meaning(value) }
    }

    /// The range that a value out of it is told.
    fn range(&self, path: &[Step]) -> Option<String> {
        let (last, parent) = path.split_last()?;
        let elsewhere = match last {
            Step::Key(key) if self.example.get(path).is_none() => self.path_of_choice(parent, key),
            _ => None,
        };
        let path = elsewhere.as_deref().unwrap_or(path);
        let node = self.example.get(path)?;
        let far = [Value::Number(1e18), Value::Whole(1 << 50), Value::Number(-1.0), Value::Whole(0)];
        let probes = match &node.value {
            Value::Whole(_) | Value::Number(_) => far.to_vec(),
            Value::List(items) => far
                .map(|value| Node { place: node.place, value })
                .map(|number| Value::List(vec![number; items.len().max(1)]))
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
            let refused = read_section(&tree, path).err()?.message;
            let (_, range) = refused.split_once("must be ")?;
            Some(range.rsplit_once(", got")?.0.to_owned())
        })
    }

    fn table(&mut self, rows: &[Row]) {
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

struct Row {
    key: &'static str,
    kind: String,
    range: String,
    default: String,
    meaning: String,
}

/// Reads the section of a path into its type.
fn read_section(tree: &Node, path: &[Step]) -> Result<(), Invalid> {
    let [Step::Key(section), rest @ ..] = path else { return Ok(()) };
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

/// The keys of a table, those that must be there first.
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

/// What a key means, and each of its words.
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

/// A JSON value as it would be written in the file.
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
