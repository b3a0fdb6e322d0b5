//! How much a file may ask for: few bytes can ask for more stages than any machine computes.

use crate::config::diagnostic::Problem;
use crate::config::node::{Node, Value};
use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::Place;

/// Most stages of a study, all combinations of its sweep together.
const MOST_STAGES: usize = 100_000;
/// Most named tables of a section.
const MOST_TABLES: usize = 1000;
/// Most values of a list by which a table becomes several stages.
const MOST_VALUES: usize = 1000;

/// Lists that make a stage of each of their values.
const MANIFOLD: [&str; 2] = ["depths", "labeled_fraction"];

/// What is wrong with the size of one combination's tree, if something is.
pub(super) fn of_tree(root: &Node) -> Option<Problem> {
    let help = "split the study into several files";
    for entry in NAMED_SECTIONS.iter().filter_map(|section| root.entry(section)) {
        let tables = entry.node.entries();
        if let Some(first_too_many) = tables.get(MOST_TABLES) {
            let message = format!("there are more than {MOST_TABLES} tables `[{}....]`", entry.key);
            return Some(Problem::new(first_too_many.key_place, message).help(help));
        }
        for (key, list) in tables.iter().flat_map(|table| lists(&table.node)) {
            if length(list) > MOST_VALUES {
                return Some(
                    Problem::new(list.place, format!("`{key}` has more than {MOST_VALUES} values")).help(help),
                );
            }
        }
    }
    None
}

/// What is wrong where so many combinations have so many stages together; `place` is that of the sweep.
pub(super) fn of_study(stages: usize, place: Place) -> Option<Problem> {
    let problem = || {
        let message = format!("the study has more than {MOST_STAGES} stages");
        Problem::new(place, message).help("every combination of a sweep has the stages of the file: list fewer values")
    };
    (stages > MOST_STAGES).then(problem)
}

/// Stages that a tree declares; those that they need are not counted.
pub(super) fn stages(root: &Node) -> usize {
    let sections = NAMED_SECTIONS.iter().filter(|section| **section != "augment");
    let tables = sections.filter_map(|section| root.entry(section)).flat_map(|entry| entry.node.entries());
    let of_table = |table: &Node| lists(table).map(|(_, list)| length(list).max(1)).fold(1, usize::saturating_mul);
    tables.map(|table| of_table(&table.node)).fold(0, usize::saturating_add)
}

fn lists(table: &Node) -> impl Iterator<Item = (&'static str, &Node)> {
    MANIFOLD.into_iter().filter_map(|key| Some((key, &table.entry(key)?.node)))
}

fn length(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => items.len(),
        _ => 1,
    }
}
