//! The tasks of a submitted run in `simclr status`.

use super::super::output;
use super::super::table::{Cell, Column, fitted};
use super::super::text::{Style, Text};
use super::follow::counts;
use super::plan::task_name;
use crate::base::Result;
use crate::engine::Store;
use crate::executor::driver::{Driver, Look};
use crate::executor::state::{TaskState, TaskView};
use crate::runs::RecordedRun;
use serde_json::{Value, json};
use std::path::Path;

/// State, task, job, node, restarts and reason.
const COLUMNS: [Column; 6] = [
    Column::left(),
    Column::left().cut_middle(34),
    Column::left(),
    Column::left().optional(2),
    Column::right().optional(3),
    Column::left().cut_end(16).optional(1),
];
/// Maximum number of tasks shown without `--all`.
const MAX_ROWS: usize = 40;

/// The tasks of a run, as text and as JSON.
pub(crate) struct TaskRows {
    pub(crate) text: Text,
    pub(crate) json: Value,
}

/// Looks at the tasks of a submitted run.
pub(crate) fn task_rows(run: &RecordedRun, output: &Path, all: bool) -> Result<TaskRows> {
    let store = Store::open(output)?;
    let mut driver = Driver::open(&run.directory, &store)?;
    let look = driver.look()?;
    look.advice.iter().for_each(output::warn);
    if let Some((why, _)) = &look.unreachable {
        output::warn(format!("the queue does not answer ({why}): what is shown is what the store and the tasks say"));
    }
    Ok(TaskRows { text: text(&driver, &look, all), json: json(&driver, &look) })
}

fn text(driver: &Driver<'_>, look: &Look, all: bool) -> Text {
    let head = ["state", "task", "job", "node", "restarts", "reason"];
    let mut rows = vec![head.map(|name| Cell::styled(name, Some(Style::Dim)))];
    let shown = if all { look.tasks.len() } else { MAX_ROWS };
    rows.extend(look.tasks.iter().enumerate().take(shown).map(|(number, task)| row(driver, number, task)));
    let mut text = Text::from(format!("\n{}\n", counts(&look.tasks)));
    text.push(fitted(&rows, &COLUMNS, output::width()));
    if look.tasks.len() > shown {
        text.push(format!("  and {} more: --all\n", look.tasks.len() - shown));
    }
    text
}

fn row(driver: &Driver<'_>, number: usize, task: &TaskView) -> [Cell; 6] {
    let (word, style) = match &task.state {
        TaskState::Done => ("done", Style::Good),
        TaskState::Waiting => ("to submit", Style::Dim),
        TaskState::Queued { .. } => ("in the queue", Style::Dim),
        TaskState::Running => ("running", Style::Warning),
        TaskState::Unknown => ("unknown", Style::Warning),
        TaskState::Ended { .. } => ("ended", Style::Warning),
        TaskState::Failed { .. } => ("failed", Style::Error),
        TaskState::Skipped { .. } => ("skipped", Style::Warning),
    };
    let restarts = if task.restarts == 0 { String::new() } else { task.restarts.to_string() };
    [
        Cell::styled(word, Some(style)),
        task_name(&driver.submission, number).into(),
        task.job.clone().unwrap_or_default().into(),
        task.node.clone().unwrap_or_default().into(),
        restarts.into(),
        reason(driver, task).into(),
    ]
}

fn reason(driver: &Driver<'_>, task: &TaskView) -> String {
    match &task.state {
        TaskState::Queued { reason } => reason.clone(),
        TaskState::Failed { failures } => {
            failures.first().and_then(|(_, error)| error.lines().next()).unwrap_or_default().to_owned()
        }
        TaskState::Skipped { because } => format!("{} failed", task_name(&driver.submission, *because)),
        TaskState::Ended { .. } => "`simclr collect` submits it again if it is lost".to_owned(),
        _ => String::new(),
    }
}

fn json(driver: &Driver<'_>, look: &Look) -> Value {
    let submission = &driver.submission;
    let stages = |number: usize| {
        let stages = submission.tasks[number].stages.iter();
        stages.map(|stage| submission.stages[*stage].name.as_str()).collect::<Vec<_>>()
    };
    let tasks = look.tasks.iter().enumerate().map(|(number, task)| {
        let mut value = json!(task);
        value["wave"] = json!(submission.tasks[number].wave);
        value["stages"] = json!(stages(number));
        value
    });
    json!({
        "executor": submission.executor,
        "queue": look.unreachable.as_ref().map_or_else(|| "answers".to_owned(), |(why, _)| why.clone()),
        "advice": look.advice,
        "tasks": tasks.collect::<Vec<_>>(),
    })
}
