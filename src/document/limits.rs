//! How much a file may ask for: few bytes can ask for more stages than any machine computes.

use crate::document::diagnostic::Problem;
use crate::document::node::{PathStep, TableEntry, TomlNode, TomlValue};
use crate::document::schema;
use crate::document::source::Span;
use serde_json::Value as Schema;

/// Maximum number of stages of a study, all combinations of its sweep together.
const MAX_STAGES: usize = 100_000;
/// Maximum number of named tables of a section.
const MAX_TABLES: usize = 1000;
/// Maximum number of values of a list by which a table becomes several stages.
const MAX_VALUES: usize = 1000;

/// What is wrong with the size of one combination's tree, if something is.
pub(crate) fn of_tree(root: &TomlNode, schema: &'static Schema) -> Option<Problem> {
    let help = "split the study into several files";
    for (section, entry) in schema::properties(schema).filter_map(|(name, section)| Some((section, root.entry(name)?)))
    {
        let tables: Vec<&TableEntry> = named_tables(section, &entry.node).collect();
        if let Some(first_too_many) = tables.get(MAX_TABLES) {
            let message = format!("there are more than {MAX_TABLES} tables `[{}....]`", entry.key);
            return Some(Problem::new(first_too_many.key_span, message).help(help));
        }
        for (key, list) in tables.iter().flat_map(|table| lists(section, &table.node)) {
            if length(list) > MAX_VALUES {
                return Some(Problem::new(list.span, format!("`{key}` has more than {MAX_VALUES} values")).help(help));
            }
        }
    }
    None
}

/// What is wrong with this number of stages, if something is; the sweep is at this span.
pub(crate) fn of_study(stages: usize, span: Span) -> Option<Problem> {
    let problem = || {
        let message = format!("the study has more than {MAX_STAGES} stages");
        Problem::new(span, message).help("every combination of a sweep has the stages of the file: list fewer values")
    };
    (stages > MAX_STAGES).then(problem)
}

/// Number of stages that one combination's tree asks for.
pub(crate) fn stages(root: &TomlNode, schema: &'static Schema) -> usize {
    let sections = schema::properties(schema).filter(|(_, section)| schema::has(section, "x-stage"));
    let tables = sections.filter_map(|(name, section)| Some((section, &root.entry(name)?.node)));
    let of_table = |section: &'static Schema, table: &TomlNode| {
        lists(section, table).map(|(_, list)| length(list).max(1)).fold(1, usize::saturating_mul)
    };
    tables
        .flat_map(|(section, node)| named_tables(section, node).map(move |table| of_table(section, &table.node)))
        .fold(0, usize::saturating_add)
}

fn named_tables<'a>(section: &'static Schema, node: &'a TomlNode) -> impl Iterator<Item = &'a TableEntry> {
    node.entries().iter().filter(move |entry| schema::is_named_entry(section, entry))
}

/// The lists of a table of which every value is computed by itself.
fn lists<'a>(section: &'static Schema, table: &'a TomlNode) -> impl Iterator<Item = (&'static str, &'a TomlNode)> {
    let keys = schema::named_entries(section).into_iter().flat_map(schema::properties);
    keys.filter(|(_, value)| schema::has(value, "x-each"))
        .filter_map(|(key, _)| Some((key, table.child(&PathStep::from(key))?)))
}

fn length(node: &TomlNode) -> usize {
    match &node.value {
        TomlValue::Array(items) => items.len(),
        _ => 1,
    }
}
