//! The results as a table of text, for the page and for Markdown.

use crate::render::data::Report;
use crate::render::groups::{self, Group};
use crate::render::words::{self, Naming, or_unknown};
use std::borrow::Cow;

/// A table of text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table<'a> {
    pub(crate) columns: Vec<Column<'a>>,
    /// Cells by row.
    pub(crate) rows: Vec<Vec<String>>,
    /// Notes below it.
    pub(crate) notes: Vec<&'static str>,
}

/// A column of a [`Table`].
#[derive(Clone, Debug)]
pub(crate) struct Column<'a> {
    /// Heading.
    pub(crate) name: Cow<'a, str>,
    /// Whether it holds numbers, which are aligned right.
    pub(crate) number: bool,
}

impl<'a> Column<'a> {
    pub(crate) fn text<N: Into<Cow<'a, str>>>(name: N) -> Self {
        Self { name: name.into(), number: false }
    }

    pub(crate) fn number<N: Into<Cow<'a, str>>>(name: N) -> Self {
        Self { name: name.into(), number: true }
    }
}

const SELECTED_ON_TEST: &str = "† The epoch was selected on the test set, which biases this accuracy upward.";
const MISSING: &str = "Missing results belong to stages that failed or depend on a failed stage; see Failures.";
const ONE_SEED: &str = "Confidence intervals cover the test images (Wilson score). They do not show whether two \
     results differ, since evaluations on a data set share its test images; see Comparisons.";
const SEVERAL_SEEDS: &str = "Confidence intervals cover the test images and, with several seeds, the seeds. They do \
     not show whether two results differ, since evaluations on a data set share its test images; see Comparisons.";
const MAJORITY: &str = "Majority class: accuracy of always predicting the most frequent class of the test images. \
     Macro F1: mean of the F1 scores of the classes.";
const BALANCED: &str =
    "Balanced accuracy is the mean recall over the classes, which differ in their number of test images.";

/// Returns one row per group of seeds, with only the columns that carry information.
pub(crate) fn results(report: &Report) -> Table<'static> {
    let groups = groups::over_seeds(&report.results);
    let columns: Vec<(Column<'_>, Cell)> = columns(&groups);
    let rows = groups.iter().map(|group| columns.iter().map(|(_, cell)| cell(group)).collect()).collect();
    Table { columns: columns.into_iter().map(|(column, _)| column).collect(), rows, notes: notes(&groups) }
}

type Cell = fn(&Group<'_>) -> String;

fn columns(groups: &[Group<'_>]) -> Vec<(Column<'static>, Cell)> {
    let naming = Naming::of(&groups.iter().collect::<Vec<_>>());
    let any = |applies: fn(&Group<'_>) -> bool| groups.iter().any(applies);
    let (text, number) = (Column::text::<&str>, Column::number::<&str>);
    let all: [(bool, Column<'static>, Cell); 15] = [
        (true, text("Evaluation"), |group| words::kind(group.first().kind).into()),
        (true, text("Stage"), |group| group.first().stage.clone()),
        (naming.from, text("Pretraining run"), |group| or_unknown(group.first().from.as_deref().unwrap_or_default())),
        (naming.dataset, text("Evaluated on"), |group| words::dataset(&group.first().dataset).into()),
        (any(|group| !group.first().depth_label.is_empty()), text("Features"), |group| {
            or_unknown(&group.first().depth_label)
        }),
        (naming.variant, text("Variant"), |group| or_unknown(&group.variant)),
        (true, number("Labels"), labels),
        (any(|group| group.results.len() + group.missing > 1), number("Seeds"), |group| group.seeds()),
        (true, number("Test accuracy"), accuracy),
        (true, number("95 % CI"), interval),
        (true, number("Majority class"), |group| words::percent(group.majority_rate())),
        (any(|group| !group.is_balanced()), number("Balanced accuracy"), |group| {
            words::percent(group.balanced_accuracy())
        }),
        (true, number("Macro F1"), |group| words::percent(group.macro_f1())),
        (any(|group| group.top5_accuracy().is_some()), number("Top-5 accuracy"), |group| {
            words::percent(group.top5_accuracy().unwrap_or(f64::NAN))
        }),
        (any(|group| group.first().validation_accuracy.is_some()), number("Validation accuracy"), validation),
    ];
    all.into_iter().filter(|(shown, ..)| *shown).map(|(_, column, cell)| (column, cell)).collect()
}

/// Returns the recall of each class in some evaluations.
pub(crate) fn recalls(shown: &[&Group<'_>]) -> Table<'static> {
    let naming = Naming::of(shown).with_kind_and_depth().with_variant();
    let column = |(name, number): (&'static str, bool)| Column { name: name.into(), number };
    let columns = [("Evaluation", false), ("Class", false), ("Test images", true), ("Recall", true), ("95 % CI", true)];
    let rows = shown.iter().flat_map(|group| {
        let name = naming.name(group);
        group.recalls().into_iter().map(move |recall| {
            let (images, class) = (recall.images.to_string(), recall.class.to_owned());
            vec![name.clone(), class, images, words::percent(recall.recall), words::percent_range(recall.interval)]
        })
    });
    Table { columns: columns.map(column).to_vec(), rows: rows.collect(), notes: Vec::new() }
}

fn labels(group: &Group<'_>) -> String {
    let first = group.first();
    let amount = words::label_amount(first.fraction, first.labels_per_class);
    if first.is_missing { amount } else { format!("{amount} ({})", first.labeled) }
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
        notes.push(MAJORITY);
    }
    if groups.iter().any(|group| !group.is_balanced()) {
        notes.push(BALANCED);
    }
    notes.extend(caveats(&groups.iter().collect::<Vec<_>>()));
    notes
}

/// Returns the notes on accuracies that are biased or missing.
pub(crate) fn caveats(groups: &[&Group<'_>]) -> Vec<&'static str> {
    let is_biased = groups.iter().any(|group| group.results.iter().any(|result| result.selected_on_test));
    let is_missing = groups.iter().any(|group| group.missing > 0);
    [is_biased.then_some(SELECTED_ON_TEST), is_missing.then_some(MISSING)].into_iter().flatten().collect()
}
