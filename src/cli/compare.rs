//! `simclr compare`: what differs between two runs, or between two variants of a sweep.

use super::args::{CompareArguments, Format};
use super::failure::{Failure, Finish};
use super::fit::wrap_indented;
use super::output;
use super::stage_rows::{stage_rows, stem};
use super::status::{started, state_style};
use super::table::{Cell, Column, fitted};
use super::text::Text;
use crate::analysis::comparison::SIGNIFICANT;
use crate::base::Result;
use crate::base::text::visible;
use crate::engine::Store;
use crate::engine::difference::FieldChange;
use crate::runs::compare::{MetricComparison, StageComparison};
use crate::runs::{self, RecordedRun, RunComparison, StageRecord};
use crate::stages;
use serde_json::json;
use std::path::Path;
use unicode_width::UnicodeWidthStr;

/// Up to this many stages with the same difference are listed by name; of more, only the first is named.
const MAX_NAMED: usize = 2;
/// Separates a run from the settings of a variant.
const AT: char = '@';
/// Metric that is shown alone unless all are wanted.
const ACCURACY: &str = "accuracy";
/// Smaller p-values are shown as smaller than this.
const MIN_SHOWN: f64 = 0.001;
/// Maximum number of columns of a line of sentences.
const MAX_TEXT_WIDTH: usize = 100;
const INDENT: usize = 2;

/// Name, run, state and age.
const HEAD_COLUMNS: [Column; 4] =
    [Column::left(), Column::left().cut_middle(24), Column::left(), Column::left().optional(1)];
/// Stages and what differs.
const SETTING_COLUMNS: [Column; 2] = [Column::left().cut_middle(20), Column::left().cut_middle(24)];
/// Evaluation, both values, their difference with its interval, p.
const METRIC_COLUMNS: [Column; 6] = [
    Column::left().cut_middle(16),
    Column::right(),
    Column::right(),
    Column::right(),
    Column::left().optional(2),
    Column::left().optional(1),
];

/// A run, or a variant of it.
struct Compared {
    run: RecordedRun,
    name: String,
}

impl Compared {
    /// Finds `RUN` or `RUN@SETTING=VALUE`.
    fn find(output: &Path, name: &str) -> Result<Self> {
        match (runs::find(output, name), name.rsplit_once(AT)) {
            (Ok(run), _) => Ok(Self { name: run.name(), run }),
            (Err(_), Some((run, settings))) => {
                let mut run = runs::find(output, run)?;
                run.record = runs::variant(&run.record, settings)?;
                Ok(Self { name: format!("{}{AT}{settings}", run.name()), run })
            }
            (Err(error), None) => Err(error),
        }
    }

    fn row(&self, name: &str) -> [Cell; 4] {
        let state = self.run.state;
        [
            name.into(),
            self.name.as_str().into(),
            Cell::styled(state.to_string(), state_style(state)),
            started(&self.run).into(),
        ]
    }
}

pub(super) fn run(arguments: &CompareArguments) -> Result<Finish, Failure> {
    let output = &arguments.output.output;
    let (first, second) = (Compared::find(output, &arguments.first)?, Compared::find(output, &arguments.second)?);
    let store = Store::open(output)?;
    let tested = |stage: &StageRecord| stages::shared::tested(&store.verified_artifact(&stage.kind, &stage.key)?);
    let comparison = runs::compare(&first.run.record, &second.run.record, &tested);
    match arguments.format {
        Format::Text => {
            let width = output::width();
            let head = fitted(&[first.row("A"), second.row("B")], &HEAD_COLUMNS, width);
            output::print(Text::join([head, text(&comparison, arguments.all, width)], "\n"))?;
        }
        Format::Json => {
            output::print_json(&json!({ "first": first.name, "second": second.name, "comparison": comparison }))?;
        }
    }
    Ok(Finish::Done)
}

fn text(comparison: &RunComparison, all: bool, width: usize) -> Text {
    let parts = [
        settings(comparison, all, width),
        metrics(&comparison.stages, all, width),
        wrap_indented(&same(&comparison.stages), width, 0).into(),
    ];
    Text::join(parts, "\n")
}

/// The settings that differ between the runs.
fn settings(comparison: &RunComparison, all: bool, width: usize) -> Text {
    let mut rows: Vec<[Cell; 2]> = Vec::new();
    for (change, stages) in changes(&comparison.stages) {
        let (first, more) = (stages.first().copied().unwrap_or_default(), stages.len().saturating_sub(1));
        let is_short = all || stages.len() <= MAX_NAMED;
        let stages = if is_short { stages.join(", ") } else { format!("{first} and {more} more") };
        rows.push([stages.into(), change.to_string().into()]);
    }
    for (names, run) in [(&comparison.only_first, "A"), (&comparison.only_second, "B")] {
        let stages = stage_rows(names, all, |name| name, |_| ());
        rows.extend(stages.into_iter().map(|row| [row.name.into(), Cell::from(format!("only in {run}"))]));
    }
    if rows.is_empty() {
        return wrap_indented("the settings are the same\n", width, 0).into();
    }
    Text::from("settings, A -> B\n").with(fitted(&rows, &SETTING_COLUMNS, width))
}

/// Returns each difference with the stages that have it.
fn changes(stages: &[StageComparison]) -> Vec<(&FieldChange, Vec<&str>)> {
    let mut changes: Vec<(&FieldChange, Vec<&str>)> = Vec::new();
    for stage in stages {
        for change in &stage.changes {
            match changes.iter_mut().find(|(known, _)| *known == change) {
                Some((_, names)) => names.push(&stage.name),
                None => changes.push((change, vec![&stage.name])),
            }
        }
    }
    changes
}

/// The metrics of the stages whose artifacts differ, below the name of each stage and variant. Of evaluations only the
/// accuracy is shown, unless all metrics are wanted.
fn metrics(stages: &[StageComparison], all: bool, width: usize) -> Text {
    let changed: Vec<&StageComparison> = stages.iter().filter(|stage| !stage.same).collect();
    let of_stage = |stage: &&StageComparison| {
        let label = Label::of(stage);
        let is_evaluation = stage.metrics.iter().any(|metric| metric.metric == ACCURACY);
        let shown = stage.metrics.iter().filter(move |metric| all || !is_evaluation || metric.metric == ACCURACY);
        shown.map(|metric| (label.heading.clone(), metric_row(&label.name(&metric.metric), metric))).collect::<Vec<_>>()
    };
    let rows: Vec<(String, [String; 6])> = changed.iter().flat_map(of_stage).collect();
    if rows.is_empty() {
        return Text::default();
    }
    let mut headings: Vec<&str> = rows.iter().map(|(heading, _)| heading.as_str()).collect();
    headings.dedup();
    let head = ["", "A", "B", "B - A", "95 % interval", "p"].map(str::to_owned);
    // The tables below the headings are aligned with each other.
    let columns = || rows.iter().map(|(_, row)| row).chain([&head]);
    let widest: [usize; 6] = std::array::from_fn(|at| columns().map(|row| row[at].width()).max().unwrap_or(0));
    let padded = |row: &[String; 6]| -> [String; 6] {
        std::array::from_fn(|at| {
            let space = " ".repeat(widest[at] - row[at].width());
            if (1..4).contains(&at) { format!("{space}{}", row[at]) } else { format!("{}{space}", row[at]) }
        })
    };
    let mut text = Text::from("results\n").with(fitted(&[padded(&head).map(Cell::heading)], &METRIC_COLUMNS, width));
    for heading in headings {
        let below: Vec<[Cell; 6]> =
            rows.iter().filter(|(other, _)| other == heading).map(|(_, row)| padded(row).map(Cell::from)).collect();
        text.push(format!("  {}\n", wrap_indented(heading, width, INDENT)));
        text.push(fitted(&below, &METRIC_COLUMNS, width));
    }
    text.with(notes(stages, width))
}

/// Name of a comparison of two stages in two parts.
struct Label {
    /// The stage with its swept settings: `linear_eval.main, temperature 0.05`.
    heading: String,
    /// `depth 0, 100 % labels`
    place: String,
}

impl Label {
    fn of(stage: &StageComparison) -> Self {
        // A stage of a sweep may be compared with one without: its name has more.
        let first = stage.first_name.as_deref().unwrap_or_default();
        let name = if first.len() > stage.name.len() { first } else { &stage.name };
        let stem = stem(name);
        let items = name[stem.len()..].trim_start_matches('[').trim_end_matches(']');
        let (place, variant): (Vec<&str>, Vec<&str>) =
            items.split(", ").filter(|item| !item.is_empty()).partition(|item| runs::is_place(item));
        let heading = std::iter::once(stem).chain(variant).collect::<Vec<_>>().join(", ");
        Self { heading, place: place.join(", ") }
    }

    /// Returns the name of a row: depth and labels, and the metric unless it is the accuracy.
    fn name(&self, metric: &str) -> String {
        match (self.place.is_empty(), metric == ACCURACY) {
            (true, _) => format!("  {metric}"),
            (false, true) => format!("  {}", self.place),
            (false, false) => format!("  {}, {metric}", self.place),
        }
    }
}

/// Explains how the intervals were computed.
fn notes(stages: &[StageComparison], width: usize) -> String {
    let changed = || stages.iter().filter(|stage| !stage.same).flat_map(|stage| &stage.metrics);
    let intervals = || changed().filter(|metric| metric.interval.is_some());
    let (paired, unpaired) = (intervals().any(|metric| metric.is_paired), intervals().any(|metric| !metric.is_paired));
    let notes = [(paired, PAIRED), (unpaired, UNPAIRED), (paired || unpaired, SEEDS)];
    let shown = notes.into_iter().filter(|(applies, _)| *applies);
    shown.map(|(_, note)| format!("  {}\n", wrap_indented(note, width.min(MAX_TEXT_WIDTH), INDENT))).collect()
}

const PAIRED: &str = "Intervals are for B - A, paired by test image; p is from McNemar's exact test, Holm-corrected for \
     the number of comparisons; * marks p < .05.";
const UNPAIRED: &str = "~ The test images differ or predictions are missing, so this interval assumes independent test \
     sets (Newcombe).";
const SEEDS: &str = "A different seed can change a result by more than this: sweep over seeds to find out.";

fn metric_row(name: &str, metric: &MetricComparison) -> [String; 6] {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), shown);
    let difference = metric.difference.map_or_else(String::new, |difference| format!("{difference:+.4}"));
    let interval = metric.interval.map_or_else(String::new, |(low, high)| {
        let mark = if metric.is_paired { "" } else { " ~" };
        format!("[{low:+.3}, {high:+.3}]{mark}")
    });
    let p_value = metric.adjusted_p_value.map_or_else(String::new, |p| {
        let star = if p < SIGNIFICANT { " *" } else { "" };
        if p < MIN_SHOWN { format!("< {MIN_SHOWN}{star}") } else { format!("{p:.3}{star}") }
    });
    [visible(name).into_owned(), number(metric.first), number(metric.second), difference, interval, p_value]
}

fn shown(value: f64) -> String {
    format!("{value:.4}")
}

fn same(stages: &[StageComparison]) -> String {
    match stages.iter().filter(|stage| stage.same).count() {
        0 => "no artifact is the same\n".to_owned(),
        count if count == stages.len() => "all artifacts are the same\n".to_owned(),
        1 => "1 stage has the same artifact\n".to_owned(),
        count => format!("{count} stages have the same artifacts\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison() -> RunComparison {
        let metric = |metric: &str| MetricComparison {
            metric: metric.to_owned(),
            first: Some(0.4131),
            second: Some(0.5282),
            difference: Some(0.1151),
            interval: Some((0.051, 0.178)),
            p_value: Some(0.001),
            adjusted_p_value: Some(0.004),
            is_paired: true,
        };
        let change = || FieldChange {
            path: "loss.nt_xent.temperature".to_owned(),
            old: Some("0.1".to_owned()),
            new: Some("0.05".to_owned()),
        };
        let stage = |name: String| StageComparison {
            first_name: Some("linear_eval.main[depth 0, 100 % labels]".to_owned()),
            name,
            same: false,
            changes: vec![change()],
            metrics: vec![metric("accuracy"), metric("balanced_accuracy")],
        };
        let names = |kind: &str| (0..5).map(|depth| format!("{kind}.main[depth {depth}]")).collect();
        let temperatures = ["0.05", "0.1", "0.5"];
        let name = |value| format!("linear_eval.main[depth 0, 100 % labels, temperature {value}]");
        RunComparison {
            stages: temperatures.map(|value| stage(name(value))).into(),
            only_first: names("knn_eval"),
            only_second: names("embed"),
        }
    }

    fn plain(all: bool, width: usize) -> String {
        anstream::adapter::strip_str(&text(&comparison(), all, width).to_string()).to_string()
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for (all, width) in (20..120).flat_map(|width| [(false, width), (true, width)]) {
            let text = plain(all, width);
            assert!(text.lines().all(|line| line.width() <= width), "{width}:\n{text}");
        }
    }

    #[test]
    fn eighty_columns_have_every_number() {
        let text = plain(false, 80);
        for part in [
            "temperature 0.1 -> 0.05",
            "  knn_eval.main[...]  x 5",
            "only in A",
            "  linear_eval.main, temperature 0.05\n    depth 0, 100 % labels  0.4131  0.5282",
            "+0.1151  [+0.051, +0.178]  0.004 *",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        assert!(!text.contains("balanced_accuracy") && plain(true, 140).contains("labels, balanced_accuracy"));
    }
}
