//! Keys that name a table of another section: the schema says which (`x-section`).

use crate::document::node::{PathStep, TomlNode, TomlValue};
use crate::document::schema::{alternatives, plain, plains, schema_of};
use crate::document::source::Span;
use serde_json::Value as Schema;

/// A key that names a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Where the name is written.
    pub(crate) path: Vec<PathStep>,
    /// The section of the table.
    pub(crate) section: &'static str,
    /// Its name.
    pub(crate) name: String,
}

/// The references below a value at `path`, in the order of the file; those that stand in for missing keys are left out.
pub(crate) fn references(node: &TomlNode, path: &[PathStep], schema: &'static Schema) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(node, &mut path.to_vec(), schema, &mut found);
    found
}

fn collect(node: &TomlNode, path: &mut Vec<PathStep>, schema: &'static Schema, found: &mut Vec<Reference>) {
    let alternatives = alternatives(schema);
    match &node.value {
        TomlValue::String(name) if node.span != Span::NOWHERE => {
            let keyword = |key| plains(&alternatives).chain([schema]).find_map(move |schema| schema.get(key)?.as_str());
            if let Some(section) = keyword("x-section").filter(|_| keyword("x-none") != Some(name)) {
                found.push(Reference { path: path.clone(), section, name: name.clone() });
            }
        }
        TomlValue::Array(items) => {
            let of_items = plain(&alternatives, "array").and_then(|schema| schema.get("items"));
            for (index, item) in items.iter().enumerate().filter(|_| of_items.is_some()) {
                path.push(index.into());
                of_items.into_iter().for_each(|schema| collect(item, path, schema, found));
                path.pop();
            }
        }
        TomlValue::Table(entries) => {
            for entry in entries {
                path.push(PathStep::from(&entry.key));
                let below = schema_of(&entry.key, &alternatives);
                below.into_iter().for_each(|schema| collect(&entry.node, path, schema, found));
                path.pop();
            }
        }
        _ => {}
    }
}
