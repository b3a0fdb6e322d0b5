//! The reference of a file in Markdown, made from its schema.

use crate::document::schema::inline::{TYPE, TYPE_DESCRIPTION};
use crate::document::schema::range::Range;
use crate::document::schema::wording::{expected_plain, quoted};
use crate::document::schema::{self, Alternative};
use serde_json::Value as Schema;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Every section and key with its type, range, default and meaning, as Markdown; the sections in this order.
pub(crate) fn reference(schema: &'static Schema, sections: &[&str]) -> String {
    let mut page = Page { text: String::new(), written: BTreeSet::new(), schema };
    page.file();
    for section in sections {
        page.section(section);
    }
    page.text
}

/// The keys of the table at this path, and of the tables below it, as Markdown.
#[cfg(test)]
pub(crate) fn table(schema: &'static Schema, path: &[&str]) -> String {
    let mut page = Page { text: String::new(), written: BTreeSet::new(), schema };
    let at = |table: &'static Schema, key: &&str| schema::properties(table).find(|(name, _)| name == key);
    if let Some(table) = path.iter().try_fold(schema, |table, key| at(table, key).map(|(_, value)| value)) {
        page.keys(table);
        for (key, entry) in
            schema::properties(table).filter_map(|(key, value)| Some((key, schema::named_entries(value)?)))
        {
            page.line(&format!("### `[{}.{key}.NAME]`\n\n{}\n", path.join("."), type_description(entry)));
            page.keys(entry);
        }
    }
    page.text
}

struct Page {
    text: String,
    /// Names of the types that have been written.
    written: BTreeSet<String>,
    schema: &'static Schema,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Whether a type is written now for the first time; a schema without a name is.
    fn is_new(&mut self, schema: &Schema) -> bool {
        schema.get(TYPE).and_then(Schema::as_str).is_none_or(|name| self.written.insert(name.to_owned()))
    }

    /// The keys that are no tables.
    fn file(&mut self) {
        self.line("## The file\n");
        let is_table = |value| {
            schema::alternatives(value).into_iter().filter_map(plain).any(|schema| schema::admits(schema, "object"))
        };
        let keys = schema::properties(self.schema).filter(|(_, value)| !is_table(value));
        let rows: Vec<Row> = keys.map(|(key, value)| row(key, value, self.schema)).collect();
        self.table(&rows);
    }

    fn section(&mut self, name: &str) {
        let Some(section) = self.schema["properties"].get(name) else { return };
        let described = schema::named_entries(section).unwrap_or(section);
        let table = schema::alternatives(described).into_iter().find_map(plain);
        let title = match (schema::is_named(section), schema::has_default_table(section)) {
            (true, _) => format!("`[{name}.NAME]`"),
            (_, true) => format!("`[{name}]`, `[{name}.NAME]`"),
            _ => format!("`[{name}]`"),
        };
        self.line(&format!("## {title}\n"));
        let meaning = table.map(type_description).filter(|text| !text.is_empty()).unwrap_or(description(section));
        self.line(&format!("{meaning}\n"));
        if let Some(table) = table.filter(|table| schema::properties(table).next().is_some()) {
            self.keys(table);
        }
    }

    /// The keys of a table, then the alternatives and tables that they lead to.
    fn keys(&mut self, table: &'static Schema) {
        let keys = in_order(table);
        let rows: Vec<Row> = keys.iter().map(|(key, value)| row(key, value, table)).collect();
        self.table(&rows);
        for (key, value) in keys {
            self.below(key, value);
        }
    }

    fn below(&mut self, key: &str, value: &'static Schema) {
        let list = schema::alternatives(value);
        let items = list.iter().find_map(|alternative| plain(*alternative)?.get("items"));
        let value = items.unwrap_or(value);
        let alternatives = schema::alternatives(value);
        let some = schema::resolve_some(value);
        let choices: Vec<_> = alternatives.iter().filter_map(choice).collect();
        if !choices.is_empty() {
            if self.is_new(some) {
                self.choices(key, type_description(some), &choices);
            }
        } else if let [Alternative::Plain(table)] = alternatives.as_slice()
            && schema::properties(table).next().is_some()
            && self.is_new(some)
        {
            self.line(&format!("### `{key}`\n\n{}\n", type_description(table)));
            self.keys(table);
        }
    }

    fn choices(&mut self, key: &str, meaning: &str, choices: &[(&'static str, &'static Schema, &'static str)]) {
        self.line(&format!("### `{key}`\n\n{meaning} One of:\n"));
        for (name, table, meaning) in choices {
            let meaning = meaning.replace('\n', " ");
            let keys: Vec<String> = in_order(table).iter().map(|(key, _)| format!("`{key}`")).collect();
            match keys.is_empty() {
                true => self.line(&format!("- `{{ {name} = {{}} }}`: {meaning}")),
                false => self.line(&format!("- `{{ {name} = {{ ... }} }}`: {meaning} Keys: {}.", keys.join(", "))),
            }
        }
        self.line("");
        for (index, (_, table, _)) in choices.iter().enumerate() {
            if schema::properties(table).next().is_none() || !self.is_new(table) {
                continue;
            }
            let same = choices[index..].iter().filter(|(_, other, _)| other.get(TYPE) == table.get(TYPE));
            let names: Vec<String> = same.map(|(name, ..)| format!("`{name}`")).collect();
            self.line(&format!("#### {}\n\n{}\n", names.join(", "), type_description(table)));
            self.keys(table);
        }
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

fn row(key: &'static str, value: &'static Schema, table: &'static Schema) -> Row {
    let is_required = schema::required(table).any(|other| other == key);
    let default = match value.get("default") {
        _ if is_required => "required".to_owned(),
        None | Some(Schema::Null) => String::new(),
        Some(default) => format!("`{}`", toml_text(default)),
    };
    Row { key, kind: kind(value), range: range(value), default, meaning: meaning(value) }
}

/// The range of a number, or of the numbers of a list.
fn range(value: &'static Schema) -> String {
    let words = |schema: &'static Schema| match schema.get("items") {
        Some(items) => Range::of(items).words(),
        None => Range::of(schema).words(),
    };
    let alternatives = schema::alternatives(value);
    let own = words(value);
    if !own.is_empty() {
        return own;
    }
    alternatives.into_iter().filter_map(plain).map(words).find(|words| !words.is_empty()).unwrap_or_default()
}

/// What a type means, where the key that has it means something of its own.
fn type_description(schema: &'static Schema) -> &'static str {
    schema.get(TYPE_DESCRIPTION).and_then(Schema::as_str).unwrap_or_else(|| description(schema))
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
