//! The results as rows of text, for the page and for Markdown.

use crate::render::data::Report;
use crate::render::groups::{self, Group};
use crate::render::words::{self, Naming};

/// A table of text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Its columns.
    pub(crate) columns: Vec<Column>,
    /// Cells by row.
    pub(crate) rows: Vec<Vec<String>>,
    /// Sentences below it.
    pub(crate) notes: Vec<&'static str>,
}

/// A column of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its heading.
    pub(crate) name: &'static str,
    /// Is it set flush right?
    pub(crate) number: bool,
}

const SELECTED_ON_TEST: &str = "† The test set chose the epoch, so this accuracy flatters.";
const MISSING: &str = "Missing results are of stages that failed, or that need one that did: see Failures.";
const ONE_SEED: &str = "Intervals are 95 % intervals over the images of the test set (Wilson). They are not for judging \
     differences, since all evaluations are on the same images: see Comparisons.";
const SEVERAL_SEEDS: &str = "Intervals are 95 % intervals over the images of the test set and over seeds together. They \
     are not for judging differences, since all evaluations are on the same images: see Comparisons.";
const BALANCED: &str = "Balanced accuracy is the mean over classes of the share of their test images that was found; \
     classes differ in their number of test images.";

/// One row a group of seeds, only the columns that say something.
pub(crate) fn results(report: &Report) -> Table {
    let groups = groups::by_seed(&report.results);
    let columns: Vec<(Column, Cell)> = columns(&groups);
    let rows = groups.iter().map(|group| columns.iter().map(|(_, cell)| cell(group)).collect()).collect();
    Table { columns: columns.into_iter().map(|(column, _)| column).collect(), rows, notes: notes(&groups) }
}

type Cell = fn(&Group<'_>) -> String;

fn columns(groups: &[Group<'_>]) -> Vec<(Column, Cell)> {
    let naming = Naming::of(&groups.iter().collect::<Vec<_>>());
    let any = |says: fn(&Group<'_>) -> bool| groups.iter().any(says);
    let text = |name| Column { name, number: false };
    let number = |name| Column { name, number: true };
    let all: [(bool, Column, Cell); 11] = [
        (true, text("Evaluation"), |group| words::kind(group.first().kind).into()),
        (true, text("Stage"), |group| group.first().stage.clone()),
        (naming.from, text("Pretraining"), |group| or_unknown(group.first().from.as_deref().unwrap_or_default())),
        (any(|group| !group.first().depth_label.is_empty()), text("Features"), |group| {
            or_unknown(&group.first().depth_label)
        }),
        (naming.variant, text("Variant"), |group| or_unknown(&group.variant)),
        (true, number("Labels"), labels),
        (any(|group| group.results.len() + group.missing > 1), number("Seeds"), seeds),
        (true, number("Test accuracy"), accuracy),
        (true, number("95 % interval"), interval),
        (any(|group| !group.is_balanced()), number("Balanced accuracy"), |group| {
            words::percent(group.balanced_accuracy())
        }),
        (any(|group| group.first().validation_accuracy.is_some()), number("Validation accuracy"), validation),
    ];
    all.into_iter().filter(|(shown, ..)| *shown).map(|(_, column, cell)| (column, cell)).collect()
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { words::UNKNOWN.into() } else { text.into() }
}

fn labels(group: &Group<'_>) -> String {
    if group.first().is_missing {
        return words::share(group.first().fraction);
    }
    format!("{} ({})", words::share(group.first().fraction), group.first().labeled)
}

/// `3`, or `2 of 3` where one is missing.
fn seeds(group: &Group<'_>) -> String {
    let measured = group.results.iter().filter(|result| !result.is_missing).count();
    match group.missing {
        0 => measured.to_string(),
        missing => format!("{measured} of {}", measured + missing),
    }
}

fn accuracy(group: &Group<'_>) -> String {
    if group.first().is_missing {
        return "missing".into();
    }
    let mark = if group.results.iter().any(|result| result.selected_on_test) { " †" } else { "" };
    words::percent(group.mean) + mark
}

fn interval(group: &Group<'_>) -> String {
    if group.first().is_missing { words::UNKNOWN.into() } else { words::percent_range(group.interval) }
}

fn validation(group: &Group<'_>) -> String {
    words::percent(group.validation().unwrap_or(f64::NAN))
}

fn notes(groups: &[Group<'_>]) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if !groups.is_empty() {
        let several = groups.iter().any(|group| group.results.len() > 1);
        notes.push(if several { SEVERAL_SEEDS } else { ONE_SEED });
    }
    if groups.iter().any(|group| !group.is_balanced()) {
        notes.push(BALANCED);
    }
    if groups.iter().any(|group| group.results.iter().any(|result| result.selected_on_test)) {
        notes.push(SELECTED_ON_TEST);
    }
    if groups.iter().any(|group| group.missing > 0) {
        notes.push(MISSING);
    }
    notes
}
