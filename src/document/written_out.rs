//! A configuration as one text: what it extends merged in, settings of the command line made.

use crate::document::Document;
use crate::document::node::{Entry, Value};
use crate::document::schema;
use crate::document::source::Source;
use crate::document::sweep::{Axis, SweptKey, TOGETHER};
use crate::document::written::{assignment, inline, key, sorted, string};
use serde_json::Value as Schema;
use std::fmt::Write;

/// The whole file as one TOML text, under this name: files that are extended are merged in, settings of the command line
/// are made, keys are sorted. Relative paths are relative to the first file.
pub(crate) fn written_out(document: &Document, name: &str) -> String {
    let mut page = Page { text: String::new(), schema: document.schema, sources: &document.sources };
    let name = assignment("name", &string(name));
    let (sections, keys): (Vec<&Entry>, Vec<&Entry>) =
        sorted(document.root.entries()).into_iter().partition(|entry| matches!(entry.node.value, Value::Table(_)));
    let mut lines: Vec<String> =
        keys.into_iter().filter(|entry| entry.key != "name").map(|entry| page.line(entry)).chain([name]).collect();
    lines.sort();
    lines.iter().for_each(|line| page.push(line));
    for section in sections {
        page.section(section);
    }
    page.sweep(&document.axes);
    page.text
}

struct Page<'a> {
    text: String,
    schema: &'static Schema,
    sources: &'a [Source],
}

impl Page<'_> {
    fn push(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn line(&self, entry: &Entry) -> String {
        assignment(&entry.key, &self.value(entry))
    }

    /// A value on one line; a list of tables with each of them on its own.
    fn value(&self, entry: &Entry) -> String {
        match &entry.node.value {
            Value::List(items) if items.iter().any(|item| matches!(item.value, Value::Table(_))) => {
                let items: Vec<String> =
                    items.iter().map(|item| format!("  {},\n", inline(item, self.sources))).collect();
                format!("[\n{}]", items.concat())
            }
            _ => inline(&entry.node, self.sources),
        }
    }

    fn section(&mut self, section: &Entry) {
        if schema::named_sections(self.schema).any(|named| named == section.key) {
            for stage in section.node.entries() {
                self.table(&format!("{}.{}", key(&section.key), key(&stage.key)), stage);
            }
        } else if !section.node.entries().is_empty() {
            self.table(&key(&section.key), section);
        }
    }

    fn table(&mut self, name: &str, table: &Entry) {
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
