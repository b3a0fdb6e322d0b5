//! The tasks of a run before it is submitted (`--dry-run`).

use super::super::output;
use super::super::table::{Cell, Column, fitted};
use super::super::text::Style;
use crate::base::{Result, human};
use crate::executor::config::Settings;
use crate::executor::driver::asked;
use crate::executor::submission::Submission;

/// Wave, name, processors, GPUs, memory, time and number of stages.
const COLUMNS: [Column; 7] = [
    Column::right(),
    Column::left().cut_middle(34),
    Column::right(),
    Column::right(),
    Column::right(),
    Column::right(),
    Column::right().optional(1),
];

/// Prints the tasks, one row each.
pub(super) fn show(submission: &Submission, settings: &Settings) -> Result<()> {
    let head = ["wave", "task", "cpus", "gpus", "memory", "time", "stages"];
    let mut rows = vec![head.map(|name| Cell::styled(name, Some(Style::Dim)))];
    for (number, task) in submission.tasks.iter().enumerate() {
        let resources = asked(submission, settings, number);
        rows.push([
            task.wave.to_string().into(),
            task_name(submission, number).into(),
            resources.cpus.to_string().into(),
            resources.gpus.to_string().into(),
            human::bytes(resources.memory).into(),
            human::rough_seconds(resources.seconds as f64).into(),
            task.stages.len().to_string().into(),
        ]);
    }
    let counts = format!(
        "{} of {}; the report is rendered when the results are collected\n",
        human::count(submission.tasks.len(), "task"),
        human::count(submission.stages.len(), "stage"),
    );
    output::print(fitted(&rows, &COLUMNS, output::width()).with(counts))
}

/// Names a task by its first training run, or else its first stage, and the number of others.
pub(super) fn task_name(submission: &Submission, task: usize) -> String {
    let stages: Vec<_> = submission.tasks[task].stages.iter().map(|stage| &submission.stages[*stage]).collect();
    let is_training = |stage: &&&_| {
        let stage: &crate::executor::submission::SubmittedStage = stage;
        matches!(stage.kind.as_str(), "pretrain" | "supervised")
    };
    let named = stages.iter().find(is_training).or(stages.first());
    let name = named.map(|stage| stage.name.as_str()).unwrap_or_default();
    match stages.len() {
        0 | 1 => name.to_owned(),
        count => format!("{name} + {}", count - 1),
    }
}
