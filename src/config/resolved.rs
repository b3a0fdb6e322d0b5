//! A configuration as one text: what it extends merged in, settings of the command line made.

use crate::config::load::Loaded;
use crate::config::node::{Entry, Value};
use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::Source;
use crate::config::sweep::{Axis, SweptKey, TOGETHER};
use crate::config::written::{assignment, inline, key, sorted, string};
use std::fmt::Write;

impl Loaded {
    /// The whole pipeline as it is run, as one TOML text: files that are extended are merged in, settings of the
    /// command line made, and `[sweep]` holds what is still swept. Keys are sorted, but for the stages of a kind and the
    /// swept keys, whose order means something; there are no comments. Relative paths are relative to the directory of
    /// the pipeline file: there the text is the same study as the file.
    pub fn resolved_toml(&self) -> String {
        let mut page = Page { text: String::new(), sources: &self.sources };
        let name = assignment("name", &string(&self.study.name));
        let (sections, keys): (Vec<&Entry>, Vec<&Entry>) =
            sorted(self.root.entries()).into_iter().partition(|entry| matches!(entry.node.value, Value::Table(_)));
        let mut lines: Vec<String> =
            keys.into_iter().filter(|entry| entry.key != "name").map(|entry| page.line(entry)).chain([name]).collect();
        lines.sort();
        lines.iter().for_each(|line| page.push(line));
        for section in sections {
            page.section(section);
        }
        page.sweep(&self.axes);
        page.text
    }
}

struct Page<'a> {
    text: String,
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
        if NAMED_SECTIONS.contains(&section.key.as_str()) {
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
