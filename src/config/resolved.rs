//! The resolved configuration as one text: base files merged in, `--set` applied.

use crate::config::load::LoadedStudy;
use crate::config::node::{TableEntry, TomlValue};
use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::SourceText;
use crate::config::sweep::{Axis, SweptKey, TOGETHER};
use crate::config::written::{assignment, inline, key, sorted, string};
use std::fmt::Write;

impl LoadedStudy {
    /// Returns the whole pipeline as it is run, as one TOML text: base files are merged in, `--set` is applied, and
    /// `[sweep]` holds the keys that are still swept. Keys are sorted, except stages of a kind and swept keys, whose
    /// order matters; there are no comments. Relative paths are relative to the directory of the pipeline file, so the
    /// text declares the same study as the file when saved there.
    pub fn resolved_toml(&self) -> String {
        let mut writer = TomlWriter { text: String::new(), sources: &self.sources };
        let name = assignment("name", &string(&self.study.name));
        let (sections, keys): (Vec<&TableEntry>, Vec<&TableEntry>) =
            sorted(self.root.entries()).into_iter().partition(|entry| matches!(entry.node.value, TomlValue::Table(_)));
        let mut lines: Vec<String> = keys
            .into_iter()
            .filter(|entry| entry.key != "name")
            .map(|entry| writer.line(entry))
            .chain([name])
            .collect();
        lines.sort();
        lines.iter().for_each(|line| writer.push(line));
        for section in sections {
            writer.section(section);
        }
        writer.sweep(&self.axes);
        writer.text
    }
}

struct TomlWriter<'a> {
    text: String,
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
        if NAMED_SECTIONS.contains(&section.key.as_str()) {
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
