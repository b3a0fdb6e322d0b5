//! Limits on the size of a study: a few bytes can declare more stages than any machine can compute.

use crate::config::diagnostic::Problem;
use crate::config::node::{TomlNode, TomlValue};
use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::Span;

/// Maximum number of stages of a study, over all combinations of its sweep.
const MAX_STAGES: usize = 100_000;
/// Maximum number of named tables of a section.
const MAX_TABLES: usize = 1000;
/// Maximum number of values of a list that multiplies stages.
const MAX_VALUES: usize = 1000;

/// Lists that make one stage per value.
const MULTIPLYING_KEYS: [&str; 2] = ["depths", "labeled_fraction"];

/// Returns the problem with the size of one combination's tree, if any.
pub(super) fn check_tree(root: &TomlNode) -> Option<Problem> {
    let help = "split the study into several files";
    for entry in NAMED_SECTIONS.iter().filter_map(|section| root.entry(section)) {
        let tables = entry.node.entries();
        if let Some(first_too_many) = tables.get(MAX_TABLES) {
            let message = format!("there are more than {MAX_TABLES} tables `[{}....]`", entry.key);
            return Some(Problem::new(first_too_many.key_span, message).help(help));
        }
        for (key, list) in tables.iter().flat_map(|table| lists(&table.node)) {
            if length(list) > MAX_VALUES {
                return Some(Problem::new(list.span, format!("`{key}` has more than {MAX_VALUES} values")).help(help));
            }
        }
    }
    None
}

/// Returns the problem with the total number of stages, if any; `span` is that of the sweep.
pub(super) fn check_study(stages: usize, span: Span) -> Option<Problem> {
    let problem = || {
        let message = format!("the study has more than {MAX_STAGES} stages");
        Problem::new(span, message)
            .help("each combination of the sweep runs all stages of the file: sweep fewer values")
    };
    (stages > MAX_STAGES).then(problem)
}

/// Returns the number of stages that a tree declares, without the stages that they need.
pub(super) fn stage_count(root: &TomlNode) -> usize {
    let sections = NAMED_SECTIONS.iter().filter(|section| **section != "augment");
    let tables = sections.filter_map(|section| root.entry(section)).flat_map(|entry| entry.node.entries());
    let of_table = |table: &TomlNode| lists(table).map(|(_, list)| length(list).max(1)).fold(1, usize::saturating_mul);
    tables.map(|table| of_table(&table.node)).fold(0, usize::saturating_add)
}

fn lists(table: &TomlNode) -> impl Iterator<Item = (&'static str, &TomlNode)> {
    MULTIPLYING_KEYS.into_iter().filter_map(|key| Some((key, &table.entry(key)?.node)))
}

fn length(node: &TomlNode) -> usize {
    match &node.value {
        TomlValue::Array(items) => items.len(),
        _ => 1,
    }
}
