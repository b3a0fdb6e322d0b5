//! `simclr status`: the runs of an output directory, or the stages of one run.

use super::args::{Format, StatusArguments};
use super::failure::{Failure, Finish};
use super::output;
use super::table::{Cell, table};
use super::text::{Style, Text};
use crate::base::text::shell_command;
use crate::base::{Result, human};
use crate::runs::{self, RecordedRun, RunList, RunState, StageRecord, StageState};
use crate::sinks::wording;
use serde_json::{Value, json};
use std::path::Path;

/// Maximum number of runs listed without `--all`.
const MAX_LISTED: usize = 20;

pub(super) fn run(arguments: &StatusArguments) -> Result<Finish, Failure> {
    let (output, format) = (&arguments.output.output, arguments.format);
    match &arguments.run {
        Some(name) => {
            let run = runs::find(output, name)?;
            match format {
                Format::Text => output::print(run_text(&run))?,
                Format::Json => output::print_json(&run_json(&run, true))?,
            }
        }
        None => show_list(output, arguments.all, format)?,
    }
    Ok(Finish::Done)
}

fn show_list(output: &Path, all: bool, format: Format) -> Result<()> {
    let RunList { mut runs, unreadable } = runs::list(output);
    unreadable.iter().for_each(output::warn);
    let more = if all { 0 } else { runs.len().saturating_sub(MAX_LISTED) };
    runs.truncate(runs.len() - more);
    if format == Format::Json {
        return output::print_json(&runs.iter().map(|run| run_json(run, false)).collect::<Vec<_>>());
    }
    if runs.is_empty() {
        return output::print(format!("no runs in {}\n", output.display()));
    }
    let mut text = list_text(&runs);
    if more > 0 {
        text.push(format!("  and {more} older: simclr status --all\n"));
    }
    output::print(text)
}

fn list_text(runs: &[RecordedRun]) -> Text {
    let head = ["study", "run", "state", "started", "took", "computed", "cached", ""];
    let head = head.map(|name| Cell::styled(name, Some(Style::Dim)));
    let row = |run: &RecordedRun| {
        let record = &run.record;
        [
            run.study.as_str().into(),
            run.id.as_str().into(),
            Cell::styled(run.state.to_string(), state_style(run.state)),
            started(run).into(),
            human::seconds(record.seconds).into(),
            record.computed.to_string().into(),
            record.cached.to_string().into(),
            if run.pinned { "pinned".into() } else { "".into() },
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(runs.iter().map(row)).collect();
    table(&rows, &[4, 5, 6])
}

fn run_text(run: &RecordedRun) -> Text {
    let record = &run.record;
    let took = human::seconds(record.seconds);
    let time = if run.state == RunState::Running { format!("for {took}") } else { format!("took {took}") };
    let state = Text::styled(run.state.to_string(), state_style(run.state));
    let pinned = if run.pinned { ", pinned" } else { "" };
    let mut text = Text::from(run.name()).with("  ").with(state);
    text.push(format!(", started {}, {time}{pinned}\n", started(run)));
    let commit = record.commit.as_ref().map(ToString::to_string);
    let page = run.page().map(|page| page.display().to_string());
    let hardware = &record.hardware;
    let machine = format!("{} ({}, {} threads)", hardware.host, hardware.processor, hardware.threads);
    let facts = [
        ("command", Some(shell_command(record.command.iter().map(String::as_str)))),
        ("commit", commit),
        ("machine", Some(machine)),
        ("record", Some(run.directory.display().to_string())),
        ("report", page),
    ];
    let facts = facts.into_iter().filter_map(|(name, fact)| Some([Cell::styled(name, Some(Style::Dim)), fact?.into()]));
    text.push(table(&facts.collect::<Vec<_>>(), &[]).with("\n"));
    text.push(table(&record.stages.iter().map(stage_row).collect::<Vec<_>>(), &[2]));
    if let Some(error) = &record.error {
        text.push(Text::from("\n").with(Text::styled("error:", Style::Error)).with(format!(" {error}\n")));
    }
    text
}

fn stage_row(stage: &StageRecord) -> [Cell; 4] {
    let (state, style) = match stage.status {
        None => ("-", Some(Style::Dim)),
        Some(StageState::Running) => ("running", Some(Style::Warning)),
        Some(StageState::Computed) => ("computed", Some(Style::Good)),
        Some(StageState::Cached) => ("cached", Some(Style::Dim)),
        Some(StageState::Failed) => ("failed", Some(Style::Error)),
        Some(StageState::Skipped) => ("skipped", Some(Style::Warning)),
        Some(StageState::Interrupted) => ("interrupted", Some(Style::Warning)),
    };
    let time = if stage.status == Some(StageState::Computed) { human::seconds(stage.seconds) } else { String::new() };
    let reason = stage.reason.as_deref().and_then(|reason| reason.lines().next());
    let progress = stage.progress.as_ref();
    let progress = progress.map(wording::progress);
    let line = reason.map(str::to_owned).or(progress).unwrap_or_else(|| wording::summary(&stage.summary));
    [Cell::styled(state, style), stage.name.as_str().into(), time.into(), line.into()]
}

fn run_json(run: &RecordedRun, with_stages: bool) -> Value {
    let record = &run.record;
    let mut value = match with_stages {
        true => json!(record),
        false => json!({
            "started": record.started, "seconds": record.seconds, "computed": record.computed,
            "cached": record.cached, "failed": record.failed, "skipped": record.skipped,
        }),
    };
    value["id"] = json!(run.id);
    value["study"] = json!(run.study);
    value["status"] = json!(run.state);
    value["pinned"] = json!(run.pinned);
    value["directory"] = json!(run.directory);
    value
}

/// Formats when a run started, such as `3 days ago`.
pub(super) fn started(run: &RecordedRun) -> String {
    run.age().map(|age| format!("{} ago", human::age(age))).unwrap_or_default()
}

pub(super) fn state_style(state: RunState) -> Option<Style> {
    match state {
        RunState::Running | RunState::Interrupted | RunState::Partial => Some(Style::Warning),
        RunState::Finished => Some(Style::Good),
        RunState::Failed | RunState::Killed => Some(Style::Error),
    }
}
