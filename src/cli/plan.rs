//! `simclr plan`: what a run would compute, and why.

use super::args::{Format, PlanArguments};
use super::failure::{Failure, Finish};
use super::fit::{cut_end, wrap};
use super::output;
use super::run;
use super::stage_rows::{StageRow, stage_rows};
use super::table::{Cell, Column, fitted};
use super::text::Style;
use crate::base::{Result, human};
use crate::engine::{self, Graph, PlanEntry, PlanStatus, RunOptions, Store};
use crate::pipeline::Assembly;
use crate::runs::{self, Hardware};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::mem::{Discriminant, discriminant};
use std::path::Path;

/// Status, name, time, memory and reason.
const COLUMNS: [Column; 5] = [
    Column::left(),
    Column::left().cut_middle(34),
    Column::right().optional(2),
    Column::right().optional(3),
    Column::left().cut_end(16).optional(1),
];
/// Maximum number of columns of a reason; `--all` and JSON have the whole.
const MAX_REASON: usize = 80;

pub(super) fn run(arguments: &PlanArguments) -> Result<Finish, Failure> {
    run::start_threads(&arguments.store)?;
    let study = run::open(&arguments.pipeline, &arguments.store)?;
    let verify = run::verify_choice(&study.loaded, &arguments.store);
    let options = RunOptions { verify, ..RunOptions::default() };
    let entries = entries(&study.assembly, &study.store, &options, &arguments.store.output)?;
    match arguments.format {
        Format::Text => show_text(&entries, arguments.all)?,
        Format::Json => show_json(&study.loaded.study.name, &study.assembly, &entries)?,
    }
    study.assembly.messages().for_each(output::warn);
    let stale = entries.iter().any(will_run);
    Ok(if stale && arguments.exit_code { Finish::Stale } else { Finish::Done })
}

/// Returns the plan of a study. New stages are explained by what they change of its own earlier runs: a comparison with
/// another study would list everything that the two do not share.
pub(super) fn entries(
    assembly: &Assembly,
    store: &Store,
    options: &RunOptions,
    output: &Path,
) -> Result<Vec<PlanEntry>> {
    let own = runs::list(output).runs.into_iter().filter(|run| run.study == assembly.study);
    let own: HashSet<String> = own.flat_map(|run| run.record.stages).map(|stage| stage.key).collect();
    engine::plan_with_history(&assembly.graph, store, options, Some(&own))
}

fn will_run(entry: &PlanEntry) -> bool {
    matches!(entry.status, PlanStatus::WillRun { .. })
}

/// Prints a plan as a table, followed by its totals and warnings. The stages of a sweep are one row, unless all rows are
/// wanted.
pub(super) fn show_text(entries: &[PlanEntry], all: bool) -> Result<()> {
    let status = |entry: &PlanEntry| -> Discriminant<PlanStatus> { discriminant(&entry.status) };
    let rows = stage_rows(entries, all, |entry| &entry.name, status);
    let rows: Vec<[Cell; 5]> = rows.iter().map(|stages| row(stages, all)).collect();
    let width = output::width();
    let totals = wrap(&totals(entries), width).join("\n");
    output::print(fitted(&rows, &COLUMNS, width).with(format!("{totals}\n")))?;
    let memory = Hardware::here().memory_bytes.unwrap_or(u64::MAX);
    entries.iter().filter_map(|entry| too_large(entry, memory)).for_each(|warning| output::warn(&warning));
    Ok(())
}

/// Returns status, name, time, memory and reason. Only stages that would run have a time and memory.
fn row(stages: &StageRow<'_, PlanEntry>, all: bool) -> [Cell; 5] {
    let (word, style, runs) = match &stages.first().status {
        PlanStatus::Cached => ("cached", Style::Dim, false),
        PlanStatus::NotNeeded => ("not needed", Style::Dim, false),
        PlanStatus::CannotRun { .. } => ("cannot run", Style::Error, true),
        PlanStatus::WillRun { .. } => ("will run", Style::Good, true),
    };
    let (time, memory) = if runs { (time(&stages.stages), memory(&stages.stages)) } else { Default::default() };
    let reason = stages.text(|entry| reason(entry).to_owned());
    let reason = if all { reason } else { cut_end(&reason, MAX_REASON).into_owned() };
    [Cell::styled(word, Some(style)), stages.name.as_str().into(), time.into(), memory.into(), reason.into()]
}

fn reason(entry: &PlanEntry) -> &str {
    match &entry.status {
        PlanStatus::Cached | PlanStatus::NotNeeded => "",
        PlanStatus::CannotRun { reason } | PlanStatus::WillRun { reason } => reason,
    }
}

/// Returns the estimated time of all, if this kind of stage has been computed on such hardware before.
fn time(entries: &[&PlanEntry]) -> String {
    let seconds: Option<f64> = entries.iter().map(|entry| entry.seconds).sum();
    seconds.map(|seconds| format!("~ {}", human::rough_seconds(seconds)).replace("~ <", "<")).unwrap_or_default()
}

/// Returns the memory of the largest.
fn memory(entries: &[&PlanEntry]) -> String {
    let largest = entries.iter().filter_map(|entry| entry.cost).map(|cost| cost.memory).max();
    largest.map(human::bytes).unwrap_or_default()
}

/// `5 to compute, 22 cached; about 4 min 10 s, up to 1.2 GB`
fn totals(entries: &[PlanEntry]) -> String {
    let count = |status: fn(&PlanEntry) -> bool| entries.iter().filter(|entry| status(entry)).count();
    let mut text =
        format!("{} to compute, {} cached", count(will_run), count(|entry| entry.status == PlanStatus::Cached));
    match count(|entry| matches!(entry.status, PlanStatus::CannotRun { .. })) {
        0 => {}
        stages => text.push_str(&format!(", {stages} cannot run")),
    }
    let to_run: Vec<&PlanEntry> = entries.iter().filter(|entry| will_run(entry)).collect();
    let known: Vec<f64> = to_run.iter().filter_map(|entry| entry.seconds).collect();
    if !known.is_empty() {
        text.push_str(&format!("; about {}", human::rough_seconds(known.iter().sum())));
        // Stages of negligible cost have no estimate either.
        let unknown = to_run.iter().filter(|entry| entry.seconds.is_none() && entry.cost.is_some()).count();
        if unknown > 0 {
            text.push_str(&format!(" plus {unknown} stages without an estimate yet"));
        }
    }
    if let Some(max) = to_run.iter().filter_map(|entry| entry.cost).map(|cost| cost.memory).max() {
        text.push_str(&format!("; up to {}", human::bytes(max)));
    }
    text
}

/// Returns a warning if a stage needs more memory than the machine has.
fn too_large(entry: &PlanEntry, available: u64) -> Option<String> {
    let needed = entry.cost.filter(|cost| will_run(entry) && cost.memory > available)?.memory;
    let (name, needed, machine) = (&entry.name, human::bytes(needed), human::bytes(available));
    Some(format!("{name} needs about {needed} of memory, and this machine has {machine}"))
}

fn show_json(study: &str, assembly: &Assembly, entries: &[PlanEntry]) -> Result<()> {
    let stages: Vec<Value> = entries.iter().map(|entry| entry_json(&assembly.graph, entry)).collect();
    let to_run = entries.iter().filter(|entry| will_run(entry)).count();
    let cached = entries.iter().filter(|entry| entry.status == PlanStatus::Cached).count();
    let warnings: Vec<&String> = assembly.messages().collect();
    let plan =
        json!({ "study": study, "stages": stages, "to_compute": to_run, "cached": cached, "warnings": warnings });
    output::print_json(&plan)
}

fn entry_json(graph: &Graph, entry: &PlanEntry) -> Value {
    let (status, reason) = match &entry.status {
        PlanStatus::Cached => ("cached", None),
        PlanStatus::NotNeeded => ("not_needed", None),
        PlanStatus::WillRun { reason } => ("will_run", Some(reason)),
        PlanStatus::CannotRun { reason } => ("cannot_run", Some(reason)),
    };
    json!({
        "name": entry.name,
        "kind": graph.kind(entry.id),
        "key": entry.key,
        "status": status,
        "reason": reason,
        "seconds": entry.seconds,
        "memory_bytes": entry.cost.map(|cost| cost.memory),
    })
}
