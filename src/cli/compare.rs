//! `simclr compare`: what differs between two runs.

use super::args::{CompareArguments, Format};
use super::failure::{Failure, Finish};
use super::output;
use super::status::{started, state_style};
use super::table::{Cell, table};
use super::text::{Style, Text};
use crate::analysis::comparison::SIGNIFICANT;
use crate::base::Result;
use crate::engine::Store;
use crate::engine::difference::FieldChange;
use crate::runs::compare::{MetricComparison, StageComparison};
use crate::runs::{self, RecordedRun, RunComparison, StageRecord};
use crate::stages;
use serde_json::json;

/// Up to this many stages with the same difference are listed by name; of more, only the first is named.
const MAX_NAMED: usize = 2;

pub(super) fn run(arguments: &CompareArguments) -> Result<Finish, Failure> {
    let output = &arguments.output.output;
    let (first, second) = (runs::find(output, &arguments.first)?, runs::find(output, &arguments.second)?);
    let store = Store::open(output)?;
    let tested = |stage: &StageRecord| stages::shared::tested(&store.verified_artifact(&stage.kind, &stage.key)?);
    let comparison = runs::compare(&first.record, &second.record, &tested);
    match arguments.format {
        Format::Text => output::print(text(&first, &second, &comparison))?,
        Format::Json => {
            output::print_json(&json!({ "first": first.name(), "second": second.name(), "comparison": comparison }))?;
        }
    }
    Ok(Finish::Done)
}

fn text(first: &RecordedRun, second: &RecordedRun, comparison: &RunComparison) -> Text {
    let heads = [head("A", first), head("B", second)];
    let parts =
        [table(&heads, &[]), settings(comparison), metrics(&comparison.stages), same(&comparison.stages).into()];
    Text::join(parts, "\n")
}

fn head(name: &str, run: &RecordedRun) -> [Cell; 4] {
    [name.into(), run.name().into(), Cell::styled(run.state.to_string(), state_style(run.state)), started(run).into()]
}

/// The settings that differ between the runs.
fn settings(comparison: &RunComparison) -> Text {
    let mut rows: Vec<[Cell; 2]> = Vec::new();
    for (change, stages) in changes(&comparison.stages) {
        let (first, more) = (stages.first().copied().unwrap_or_default(), stages.len().saturating_sub(1));
        let stages = if stages.len() > MAX_NAMED { format!("{first} and {more} more") } else { stages.join(", ") };
        rows.push([stages.into(), change.to_string().into()]);
    }
    let only = |names: &[String], run: &str| -> Vec<[Cell; 2]> {
        names.iter().map(|name| [name.as_str().into(), format!("only in {run}").into()]).collect()
    };
    rows.extend(only(&comparison.only_first, "A"));
    rows.extend(only(&comparison.only_second, "B"));
    if rows.is_empty() {
        return "the settings are the same\n".into();
    }
    Text::from("settings, A -> B\n").with(table(&rows, &[]))
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

/// The metrics of the stages whose artifacts differ.
fn metrics(stages: &[StageComparison]) -> Text {
    let changed = stages.iter().filter(|stage| !stage.same);
    let rows: Vec<[Cell; 7]> =
        changed.flat_map(|stage| stage.metrics.iter().map(|metric| metric_row(&stage.name, metric))).collect();
    if rows.is_empty() {
        return Text::default();
    }
    let head =
        ["stage", "metric", "A", "B", "B - A", "95 % interval", "p"].map(|name| Cell::styled(name, Some(Style::Dim)));
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    Text::from("results\n").with(table(&rows, &[2, 3, 4])).with(notes(stages))
}

/// Explains how the intervals were computed.
fn notes(stages: &[StageComparison]) -> String {
    let changed = || stages.iter().filter(|stage| !stage.same).flat_map(|stage| &stage.metrics);
    let intervals = || changed().filter(|metric| metric.interval.is_some());
    let (paired, unpaired) = (intervals().any(|metric| metric.is_paired), intervals().any(|metric| !metric.is_paired));
    let notes = [(paired, PAIRED), (unpaired, UNPAIRED), (paired || unpaired, SEEDS)];
    notes.into_iter().filter(|(applies, _)| *applies).map(|(_, note)| note).collect()
}

const PAIRED: &str =
    "  Intervals are for B - A, paired by test image; p is from McNemar's exact test, Holm-corrected for the number of
  comparisons; * marks p < .05.
";
const UNPAIRED: &str =
    "  ~ The test images differ or predictions are missing, so this interval assumes independent test sets (Newcombe).
";
const SEEDS: &str = "  A different seed can change a result by more than this: sweep over seeds to find out.
";

fn metric_row(stage: &str, metric: &MetricComparison) -> [Cell; 7] {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), shown);
    let difference = metric.difference.map_or_else(String::new, |difference| format!("{difference:+.4}"));
    let interval = metric.interval.map_or_else(String::new, |(low, high)| {
        let mark = if metric.is_paired { "" } else { " ~" };
        format!("[{low:+.3}, {high:+.3}]{mark}")
    });
    let p_value = metric.adjusted_p_value.map_or_else(String::new, |p| {
        let star = if p < SIGNIFICANT { " *" } else { "" };
        format!("{p:.3}{star}")
    });
    [
        stage.into(),
        metric.metric.as_str().into(),
        number(metric.first).into(),
        number(metric.second).into(),
        difference.into(),
        interval.into(),
        p_value.into(),
    ]
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
