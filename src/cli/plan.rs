//! `simclr plan`: what a run would compute, and why.

use super::args::{Format, PlanArguments};
use super::failure::{Failure, Finish};
use super::output::{self, Tone, paint};
use super::run;
use crate::base::Result;
use crate::engine::{self, Graph, PlanEntry, Status};
use serde_json::{Value, json};

pub(super) fn run(arguments: &PlanArguments) -> Result<Finish, Failure> {
    run::start_threads(&arguments.store)?;
    let study = run::open(&arguments.pipeline, &arguments.store)?;
    let entries = engine::plan(&study.assembly.graph, &study.store)?;
    match arguments.format {
        Format::Text => show_text(&entries)?,
        Format::Json => show_json(&study.loaded.study.name, &study.assembly.graph, &entries)?,
    }
    let stale = entries.iter().any(will_run);
    Ok(if stale && arguments.exit_code { Finish::Stale } else { Finish::Done })
}

fn will_run(entry: &PlanEntry) -> bool {
    matches!(entry.status, Status::WillRun { .. })
}

/// Prints a plan as aligned lines.
pub(super) fn show_text(entries: &[PlanEntry]) -> Result<()> {
    let color = output::color_on_stdout();
    let names = entries.iter().filter(|entry| will_run(entry)).map(|entry| entry.name.chars().count());
    let width = names.max().unwrap_or(0);
    let mut text: String = entries.iter().map(|entry| line(entry, width, color)).collect();
    let count = |status: fn(&PlanEntry) -> bool| entries.iter().filter(|entry| status(entry)).count();
    let cached = count(|entry| entry.status == Status::Cached);
    text.push_str(&format!("{} to compute, {cached} cached\n", count(will_run)));
    output::print(&text)
}

fn line(entry: &PlanEntry, width: usize, color: bool) -> String {
    let name = &entry.name;
    match &entry.status {
        Status::Cached => format!("{}      {name}\n", paint("cached", Tone::Dim, color)),
        Status::NotNeeded => format!("{}  {name}\n", paint("not needed", Tone::Dim, color)),
        Status::CannotRun { reason } => {
            format!("{}  {name:width$}  {reason}\n", paint("cannot run", Tone::Error, color))
        }
        Status::WillRun { reason } => {
            format!("{}    {name:width$}  {reason}\n", paint("will run", Tone::Good, color))
        }
    }
}

fn show_json(study: &str, graph: &Graph, entries: &[PlanEntry]) -> Result<()> {
    let stages: Vec<Value> = entries.iter().map(|entry| entry_json(graph, entry)).collect();
    let to_run = entries.iter().filter(|entry| will_run(entry)).count();
    let plan = json!({ "study": study, "stages": stages, "to_compute": to_run, "cached": entries.len() - to_run });
    output::print_json(&plan)
}

fn entry_json(graph: &Graph, entry: &PlanEntry) -> Value {
    let (status, reason) = match &entry.status {
        Status::Cached => ("cached", None),
        Status::NotNeeded => ("not_needed", None),
        Status::WillRun { reason } => ("will_run", Some(reason)),
        Status::CannotRun { reason } => ("cannot_run", Some(reason)),
    };
    let kind = graph.kind(entry.id);
    json!({ "name": entry.name, "kind": kind, "key": entry.key, "status": status, "reason": reason })
}
