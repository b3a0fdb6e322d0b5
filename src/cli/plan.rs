//! `simclr plan`: what a run would compute, and why.

use super::args::{Format, PlanArguments};
use super::failure::{Failure, Finish};
use super::output;
use super::run;
use super::table::{Cell, table};
use super::text::Style;
use crate::base::{Result, human};
use crate::engine::{self, Graph, PlanEntry, PlanStatus, RunOptions};
use crate::pipeline::Assembly;
use crate::runs::Hardware;
use serde_json::{Value, json};

pub(super) fn run(arguments: &PlanArguments) -> Result<Finish, Failure> {
    run::start_threads(&arguments.store)?;
    let study = run::open(&arguments.pipeline, &arguments.store)?;
    let verify = run::verify_choice(&study.loaded, &arguments.store);
    let options = RunOptions { verify, ..RunOptions::default() };
    let entries = engine::plan_with(&study.assembly.graph, &study.store, &options)?;
    match arguments.format {
        Format::Text => show_text(&entries)?,
        Format::Json => show_json(&study.loaded.study.name, &study.assembly, &entries)?,
    }
    study.assembly.messages().for_each(output::warn);
    let stale = entries.iter().any(will_run);
    Ok(if stale && arguments.exit_code { Finish::Stale } else { Finish::Done })
}

fn will_run(entry: &PlanEntry) -> bool {
    matches!(entry.status, PlanStatus::WillRun { .. })
}

/// Prints a plan as a table, followed by its totals and warnings.
pub(super) fn show_text(entries: &[PlanEntry]) -> Result<()> {
    let rows: Vec<[Cell; 5]> = entries.iter().map(row).collect();
    output::print(table(&rows, &[2, 3]).with(totals(entries)))?;
    let memory = Hardware::here().memory_bytes.unwrap_or(u64::MAX);
    entries.iter().filter_map(|entry| too_large(entry, memory)).for_each(|warning| output::warn(&warning));
    Ok(())
}

/// Returns status, name, time, memory and reason. Only stages that would run have a time and memory.
fn row(entry: &PlanEntry) -> [Cell; 5] {
    let (word, style, reason) = match &entry.status {
        PlanStatus::Cached => ("cached", Style::Dim, None),
        PlanStatus::NotNeeded => ("not needed", Style::Dim, None),
        PlanStatus::CannotRun { reason } => ("cannot run", Style::Error, Some(reason)),
        PlanStatus::WillRun { reason } => ("will run", Style::Good, Some(reason)),
    };
    let (time, memory) = match reason {
        Some(_) => (time(entry), memory(entry)),
        None => Default::default(),
    };
    let reason = reason.cloned().unwrap_or_default();
    [Cell::styled(word, Some(style)), entry.name.as_str().into(), time.into(), memory.into(), reason.into()]
}

/// Returns the estimated time, if this kind of stage has been computed on this machine before.
fn time(entry: &PlanEntry) -> String {
    entry.seconds.map(|seconds| format!("~ {}", human::seconds(seconds))).unwrap_or_default()
}

fn memory(entry: &PlanEntry) -> String {
    entry.cost.map(|cost| human::bytes(cost.memory)).unwrap_or_default()
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
        text.push_str(&format!("; about {}", human::seconds(known.iter().sum())));
        // Stages of negligible cost have no estimate either.
        let unknown = to_run.iter().filter(|entry| entry.seconds.is_none() && entry.cost.is_some()).count();
        if unknown > 0 {
            text.push_str(&format!(" plus {unknown} stages without an estimate yet"));
        }
    }
    if let Some(max) = to_run.iter().filter_map(|entry| entry.cost).map(|cost| cost.memory).max() {
        text.push_str(&format!("; up to {}", human::bytes(max)));
    }
    text + "\n"
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
