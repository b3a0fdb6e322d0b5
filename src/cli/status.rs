//! `simclr status`: the runs of an output directory, or the stages of one run.

use super::args::{Format, StatusArguments};
use super::cluster::task_rows;
use super::failure::{Failure, Finish};
use super::fit::wrap_indented;
use super::output;
use super::stage_rows::{StageRow, stage_rows};
use super::table::{Cell, Column, fitted};
use super::text::{Style, Text};
use crate::base::text::{shell_command, visible};
use crate::base::{Result, human};
use crate::engine::Figure;
use crate::runs::{self, RecordedRun, RunList, RunState, StageRecord, StageState};
use crate::sinks::wording;
use serde_json::{Value, json};
use std::path::Path;
use unicode_width::UnicodeWidthStr;

/// Maximum number of runs listed without `--all`.
const MAX_LISTED: usize = 20;
/// Study, run, state, started, took, computed, cached and whether it is pinned.
const RUN_COLUMNS: [Column; 8] = [
    Column::left().cut_middle(10),
    Column::left().cut_middle(22),
    Column::left(),
    Column::left().optional(1),
    Column::right().optional(2),
    Column::right().optional(4),
    Column::right().optional(3),
    Column::left(),
];
/// State, name, time and result.
const STAGE_COLUMNS: [Column; 4] = [
    Column::left(),
    Column::left().cut_middle(34),
    Column::right().optional(2),
    Column::left().cut_end(16).optional(1),
];
/// Columns of the names of facts with the space around them.
const FACT_INDENT: usize = 11;

pub(super) fn run(arguments: &StatusArguments) -> Result<Finish, Failure> {
    let (output, format) = (&arguments.output.output, arguments.format);
    match &arguments.run {
        Some(name) => {
            let run = runs::find(output, name)?;
            let is_submitted = run.state == RunState::Submitted;
            let tasks = is_submitted.then(|| task_rows(&run, output, arguments.all)).transpose()?;
            match format {
                Format::Text => {
                    let text = run_text(&run, arguments.all, output::width());
                    output::print(tasks.map_or(text.clone(), |tasks| text.with(tasks.text)))?;
                }
                Format::Json => {
                    let mut value = run_json(&run, true);
                    value["cluster"] = tasks.map_or(Value::Null, |tasks| tasks.json);
                    output::print_json(&value)?;
                }
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
    fitted(&rows, &RUN_COLUMNS, output::width())
}

fn run_text(run: &RecordedRun, all: bool, width: usize) -> Text {
    let record = &run.record;
    let took = human::seconds(record.seconds);
    let is_running = matches!(run.state, RunState::Running | RunState::Submitted);
    let time = if is_running { format!("for {took}") } else { format!("took {took}") };
    let state = Text::styled(run.state.to_string(), state_style(run.state));
    let pinned = if run.pinned { ", pinned" } else { "" };
    let about = format!(", started {}, {time}{pinned}\n", started(run));
    let one_line = [run.name().as_str(), "  ", &run.state.to_string(), about.trim_end()].concat().width() <= width;
    let mut text = Text::from(run.name()).with(if one_line { "  " } else { "\n  " }).with(state).with(about);
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
        ("live", run.live_page().map(|page| page.display().to_string())),
    ];
    for (name, fact) in facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))) {
        let label = format!("  {name:<width$}", width = FACT_INDENT - 2);
        let fact = wrap_indented(&visible(&fact), width, FACT_INDENT);
        text.push(Text::styled(label, Style::Dim).with(format!("{fact}\n")));
    }
    text.push("\n");
    let rows = stage_rows(&record.stages, all, |stage| &stage.name, |stage| stage.status.map(|status| status as u8));
    text.push(fitted(&rows.iter().map(stage_row).collect::<Vec<_>>(), &STAGE_COLUMNS, width));
    if let Some(error) = &record.error {
        let error = wrap_indented(&format!("error: {error}"), width, 0);
        let error = error.strip_prefix("error:").unwrap_or(&error).to_owned();
        text.push(Text::from("\n").with(Text::styled("error:", Style::Error)).with(format!("{error}\n")));
    }
    text
}

fn stage_row(stages: &StageRow<'_, StageRecord>) -> [Cell; 4] {
    let (state, style) = match stages.first().status {
        None => ("-", Some(Style::Dim)),
        Some(StageState::Running) => ("running", Some(Style::Warning)),
        Some(StageState::Computed) => ("computed", Some(Style::Good)),
        Some(StageState::Cached) => ("cached", Some(Style::Dim)),
        Some(StageState::Failed) => ("failed", Some(Style::Error)),
        Some(StageState::Skipped) => ("skipped", Some(Style::Warning)),
        Some(StageState::Interrupted) => ("interrupted", Some(Style::Warning)),
    };
    let seconds = stages.stages.iter().map(|stage| stage.seconds).sum();
    let time =
        if stages.first().status == Some(StageState::Computed) { human::seconds(seconds) } else { String::new() };
    let line = stages.common(details).or_else(|| accuracies(&stages.stages)).unwrap_or_default();
    [Cell::styled(state, style), stages.name.as_str().into(), time.into(), line.into()]
}

/// Returns the reason, the progress or the result of a stage.
fn details(stage: &StageRecord) -> String {
    let reason = stage.reason.as_deref().and_then(|reason| reason.lines().next()).map(str::to_owned);
    let progress = stage.progress.as_ref().map(wording::progress);
    reason.or(progress).unwrap_or_else(|| wording::summary(&stage.summary))
}

/// Returns the range of the accuracies of several stages: `accuracy 21.3 % to 41.3 %`.
fn accuracies(stages: &[&StageRecord]) -> Option<String> {
    const ACCURACY: &str = "accuracy";
    let of = |stage: &&StageRecord| {
        stage.summary.0.iter().find_map(|figure| match figure {
            Figure::Fraction { name, value, .. } if name == ACCURACY => Some(*value),
            _ => None,
        })
    };
    let values: Vec<f64> = stages.iter().map(of).collect::<Option<_>>()?;
    let (low, high) = (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?);
    Some(format!("{ACCURACY} {} to {}", human::percent(low), human::percent(high)))
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
        RunState::Running | RunState::Submitted | RunState::Interrupted | RunState::Partial => Some(Style::Warning),
        RunState::Finished => Some(Style::Good),
        RunState::Failed | RunState::Killed => Some(Style::Error),
    }
}
