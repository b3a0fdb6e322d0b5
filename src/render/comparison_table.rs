//! Comparisons as a table of text, for the page and for CSV.

use crate::analysis::Pairing;
use crate::render::comparisons::{self, Comparison, Question};
use crate::render::data::Report;
use crate::render::groups;
use crate::render::table::{Column, Table};
use crate::render::verdict;
use crate::render::words::{self, Naming};

const NOTE: &str = "Differences in test accuracy are in percentage points, paired by test image and, with several \
     seeds, by seed. Their confidence intervals cover test images and, with several seeds, seeds; they are not \
     adjusted. p is from McNemar's exact test for one seed and from a t-test for several, Holm-adjusted within each kind of \
     comparison; * marks p < .05.";
const UNPAIRED: &str = "‡ The test images differ, so this comparison is not paired.";

/// Columns of `comparisons.csv`.
pub(crate) const COLUMNS: [&str; 18] = [
    "question",
    "kind",
    "stage",
    "from",
    "depth",
    "fraction",
    "labels_per_class",
    "variant",
    "accuracy",
    "against_stage",
    "against_depth",
    "against_accuracy",
    "difference",
    "low",
    "high",
    "p_value",
    "images",
    "seeds",
];

/// Returns the comparisons that the verdict reports.
pub(crate) fn shown(report: &Report) -> Table<'static> {
    let groups = groups::over_seeds(&report.results);
    let measured = groups::measured(&groups);
    let shown = verdict::shown(&measured);
    if shown.is_empty() {
        return Table::default();
    }
    let (text, number) = (Column::text::<&str>, Column::number::<&str>);
    let columns = vec![
        text("Result"),
        text("Compared with"),
        number("Labels"),
        number("Accuracies"),
        number("Difference"),
        number("95 % CI"),
        number("p"),
    ];
    let naming =
        Naming::of(&shown.iter().flat_map(|comparison| [comparison.first, comparison.second]).collect::<Vec<_>>());
    let naming = naming.with_kind_and_depth().without_fraction();
    let is_unpaired = shown.iter().any(|comparison| comparison.difference.pairing == Pairing::Unpaired);
    let notes = [Some(NOTE), is_unpaired.then_some(UNPAIRED)].into_iter().flatten().collect();
    Table { columns, rows: shown.iter().map(|comparison| row(comparison, naming)).collect(), notes }
}

fn row(comparison: &Comparison<'_, '_>, naming: Naming) -> Vec<String> {
    let Comparison { first, second, difference, adjusted, .. } = comparison;
    let mark = if difference.pairing == Pairing::Unpaired { " ‡" } else { "" };
    let star = if *adjusted < crate::analysis::comparison::SIGNIFICANT { " *" } else { "" };
    let p = words::p_value(*adjusted);
    vec![
        naming.name(first),
        naming.name(second),
        words::label_amount(first.first().fraction, first.first().labels_per_class),
        format!("{} / {}", words::percent(first.mean), words::percent(second.mean)),
        words::points(difference.value) + mark,
        words::points_range(difference.interval),
        p.trim_start_matches("p = ").trim_start_matches("p ").to_owned() + star,
    ]
}

/// Returns every comparison of the study as cells of [`COLUMNS`].
pub(crate) fn all(report: &Report) -> Vec<Vec<String>> {
    let groups = groups::over_seeds(&report.results);
    let measured = groups::measured(&groups);
    let of_question = |question| comparisons::compare(question, comparisons::pairs(question, &measured));
    Question::ALL.into_iter().flat_map(of_question).map(|comparison| cells(&comparison)).collect()
}

fn cells(comparison: &Comparison<'_, '_>) -> Vec<String> {
    let Comparison { question, first, second, difference, .. } = comparison;
    let (a, b) = (first.first(), second.first());
    let depth = |depth: Option<usize>| depth.map(|depth| depth.to_string()).unwrap_or_default();
    vec![
        question.title().to_owned(),
        words::kind(a.kind).to_owned(),
        a.stage.clone(),
        a.from.clone().unwrap_or_default(),
        depth(a.depth),
        a.fraction.to_string(),
        a.labels_per_class.map(|count| count.to_string()).unwrap_or_default(),
        first.variant.clone(),
        first.mean.to_string(),
        b.stage.clone(),
        depth(b.depth),
        second.mean.to_string(),
        difference.value.to_string(),
        difference.interval.0.to_string(),
        difference.interval.1.to_string(),
        difference.p_value.to_string(),
        difference.images.to_string(),
        difference.seeds.to_string(),
    ]
}
