//! Values as TOML text on one line, with sorted keys and scalars as written in their sources.

use crate::document::node::{TableEntry, TomlNode, TomlValue};
use crate::document::source::SourceText;

/// Formats a value on one line.
pub(crate) fn inline(node: &TomlNode, sources: &[SourceText]) -> String {
    match &node.value {
        TomlValue::String(text) => string(text),
        TomlValue::Array(items) => format!("[{}]", joined(items.iter().map(|item| inline(item, sources)))),
        TomlValue::Table(entries) if entries.is_empty() => "{}".to_owned(),
        TomlValue::Table(entries) => {
            let entries = sorted(entries).into_iter();
            format!("{{ {} }}", joined(entries.map(|entry| assignment(&entry.key, &inline(&entry.node, sources)))))
        }
        // A number keeps its notation: 1e-3, 1_000.
        _ => sources.get(node.span.source as usize).map_or("", |source| source.slice(node.span)).to_owned(),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// Returns the entries of a table sorted by key.
pub(crate) fn sorted(entries: &[TableEntry]) -> Vec<&TableEntry> {
    let mut entries: Vec<&TableEntry> = entries.iter().collect();
    entries.sort_by_key(|entry| &entry.key);
    entries
}

/// Formats `key = value`.
pub(crate) fn assignment(name: &str, value: &str) -> String {
    format!("{} = {value}", key(name))
}

/// Formats a key, in quotes if it needs them.
pub(crate) fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare { name.to_owned() } else { string(name) }
}

/// Formats a string in quotes, on one line.
pub(crate) fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::text::parse_file;
    use std::path::Path;

    fn rewritten(text: &str) -> String {
        let sources = [SourceText::of_file(Path::new("a.toml"), text.to_owned())];
        inline(&parse_file(text, 0).unwrap(), &sources)
    }

    #[test]
    fn keys_are_sorted_and_numbers_keep_their_notation() {
        assert_eq!(
            rewritten("b = [1e-3,0x10,\n 1_000]\na = { d = true, \"c c\" = {} }\n[e.f]"),
            "{ a = { \"c c\" = {}, d = true }, b = [1e-3, 0x10, 1_000], e = { f = {} } }"
        );
    }

    #[test]
    fn strings_read_back_as_they_are() {
        for text in ["", "a \"b\" \\ 'c'", "\u{1}\t\n\u{7f}\u{85}", "\u{e4}\u{1f600}"] {
            let table: toml::Table = format!("x = {}", string(text)).parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
        }
    }
}
