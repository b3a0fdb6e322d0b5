//! Files without stages, base files or sweeps, such as the settings of a cluster.

use crate::document::diagnostic::{Diagnostics, Problem, Problems};
use crate::document::file::is_blank;
use crate::document::node::TomlNode;
use crate::document::read::read;
use crate::document::schema::structure;
use crate::document::source::{SourceText, Span};
use crate::document::text::parse_file;
use serde::de::DeserializeOwned;
use serde_json::Value as Schema;
use std::collections::BTreeMap;
use std::path::Path;

/// A file that has been read, with the line of each of its keys.
#[derive(Debug)]
pub(crate) struct PlainFile<T> {
    /// The content.
    pub(crate) value: T,
    /// Dotted paths of the keys in the file, each with its line, from 1.
    pub(crate) lines: BTreeMap<String, usize>,
}

/// Reads the text of a file; an empty one has the defaults. `check` reports what the schema cannot express.
///
/// # Errors
/// Every problem in it, each with its span.
pub(crate) fn parse_plain<T: DeserializeOwned>(
    text: &str,
    path: &Path,
    schema: &'static Schema,
    check: impl FnOnce(&TomlNode, &mut Problems),
) -> Result<PlainFile<T>, Diagnostics> {
    let source = SourceText::of_file(path, text.to_owned());
    let mut problems = Problems::default();
    let value = tree(text, &mut problems).and_then(|mut root| {
        let mut lines = BTreeMap::new();
        add_lines(&root, "", &source, &mut lines);
        structure::check(&mut root, schema, &mut problems);
        check(&root, &mut problems);
        let value = read(&mut root, &[], schema, &mut problems)?;
        Some(PlainFile { value, lines })
    });
    match value {
        Some(file) if problems.is_empty() => Ok(file),
        _ => Err(problems.into_diagnostics(vec![source])),
    }
}

fn tree(text: &str, problems: &mut Problems) -> Option<TomlNode> {
    if is_blank(text) {
        return Some(TomlNode::empty_table(Span::new(0, 0..0)));
    }
    parse_file(text, 0).map_err(|mistakes: Vec<Problem>| mistakes.into_iter().for_each(|it| problems.report(it))).ok()
}

fn add_lines(node: &TomlNode, path: &str, source: &SourceText, lines: &mut BTreeMap<String, usize>) {
    for entry in node.entries() {
        let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        lines.insert(path.clone(), source.excerpt(entry.key_span).line);
        add_lines(&entry.node, &path, source, lines);
    }
}
