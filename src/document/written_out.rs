//! The resolved configuration as one text: base files merged in, `--set` applied.

use crate::document::Document;
use crate::document::node::{TableEntry, TomlValue};
use crate::document::schema;
use crate::document::source::SourceText;
use crate::document::sweep::{Axis, SweptKey, TOGETHER};
use crate::document::written::{assignment, inline, key, sorted, string};
use serde_json::Value as Schema;
use std::fmt::Write;

/// The whole file as one TOML text, under this name: files that are extended are merged in, settings of the command line
/// are made, keys are sorted. Relative paths are relative to the first file.
pub(crate) fn written_out(document: &Document, name: &str) -> String {
    let mut writer = TomlWriter { text: String::new(), schema: document.schema, sources: &document.sources };
    let name = assignment("name", &string(name));
    let (sections, keys): (Vec<&TableEntry>, Vec<&TableEntry>) =
        sorted(document.root.entries()).into_iter().partition(|entry| matches!(entry.node.value, TomlValue::Table(_)));
    let mut lines: Vec<String> =
        keys.into_iter().filter(|entry| entry.key != "name").map(|entry| writer.line(entry)).chain([name]).collect();
    lines.sort();
    lines.iter().for_each(|line| writer.push(line));
    for section in sections {
        writer.section(section);
    }
    writer.sweep(&document.axes);
    writer.text
}

struct TomlWriter<'a> {
    text: String,
    schema: &'static Schema,
    sources: &'a [SourceText],
}

impl TomlWriter<'_> {
    fn push(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn line(&self, entry: &TableEntry) -> String {
        assignment(&entry.key, &self.value(entry))
    }

    /// Formats a value on one line; a list of tables has one line per table.
    fn value(&self, entry: &TableEntry) -> String {
        match &entry.node.value {
            TomlValue::Array(items) if items.iter().any(|item| matches!(item.value, TomlValue::Table(_))) => {
                let items: Vec<String> =
                    items.iter().map(|item| format!("  {},\n", inline(item, self.sources))).collect();
                format!("[\n{}]", items.concat())
            }
            _ => inline(&entry.node, self.sources),
        }
    }

    fn section(&mut self, section: &TableEntry) {
        if schema::named_sections(self.schema).any(|named| named == section.key) {
            for stage in section.node.entries() {
                self.table(&format!("{}.{}", key(&section.key), key(&stage.key)), stage);
            }
        } else if !section.node.entries().is_empty() {
            self.table(&key(&section.key), section);
        }
    }

    fn table(&mut self, name: &str, table: &TableEntry) {
        self.push(&format!("\n[{name}]"));
        for entry in sorted(table.node.entries()) {
            self.push(&self.line(entry));
        }
    }

    fn sweep(&mut self, axes: &[Axis]) {
        let (groups, alone): (Vec<&Axis>, Vec<&Axis>) = axes.iter().partition(|axis| axis.is_group);
        if !alone.is_empty() {
            self.push("\n[sweep]");
            alone.iter().flat_map(|axis| &axis.keys).for_each(|key| self.swept(key));
        }
        for group in groups {
            self.push(&format!("\n[[sweep.{TOGETHER}]]"));
            group.keys.iter().for_each(|key| self.swept(key));
        }
    }

    fn swept(&mut self, key: &SweptKey) {
        let values: Vec<String> = key.values.iter().map(|value| inline(value, self.sources)).collect();
        self.push(&assignment(&key.name(), &format!("[{}]", values.join(", "))));
    }
}
