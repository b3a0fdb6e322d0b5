//! The state of every task, from the store, the records of the tasks and the queue, each of which may be missing or late.

use crate::engine::Store;
use crate::executor::arrays::{Array, ArrayState, Element};
use crate::executor::queue::{QueueAnswer, QueueState};
use crate::executor::submission::{ClusterDirectory, Submission};
use crate::executor::task_files::{EndState, Life, lives};
use serde::Serialize;
use std::collections::HashSet;

/// State of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum TaskState {
    /// Every stage has an artifact.
    Done,
    /// It is not submitted yet.
    Waiting,
    /// It is in the queue.
    Queued {
        /// Why it waits.
        reason: String,
    },
    /// It runs.
    Running,
    /// It was submitted, and nothing else is known.
    Unknown,
    /// It has ended, and an artifact is missing.
    Ended {
        /// How it ended, as far as known.
        ending: Ending,
    },
    /// It failed.
    Failed {
        /// Names of stages with their errors.
        failures: Vec<(String, String)>,
    },
    /// It reads what a failed task should have computed.
    Skipped {
        /// Position of the task.
        because: usize,
    },
}

/// How a task ended without its artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// Without a record.
    Killed,
    /// Probably because of its memory.
    OutOfMemory,
    /// It was canceled.
    Canceled,
    /// Its node failed.
    NodeFailed,
    /// It stopped after a checkpoint.
    Interrupted,
    /// What it reads was missing.
    Blocked,
    /// It reported its artifacts, which are not visible.
    Invisible,
}

/// A task with what is known about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TaskView {
    /// Its state.
    #[serde(flatten)]
    pub(crate) state: TaskState,
    /// Job and number in the array, `85_3`, if it was submitted.
    pub(crate) job: Option<String>,
    /// Its node, or the last one that it was on.
    pub(crate) node: Option<String>,
    /// How often it has been requeued.
    pub(crate) restarts: u32,
    /// How often it was lost.
    pub(crate) losses: u32,
    /// Factor on its memory.
    #[serde(skip)]
    pub(crate) memory_factor: f64,
    /// Age of the record of its end in seconds, if there is one.
    #[serde(skip)]
    pub(crate) ended: Option<u64>,
}

impl TaskView {
    /// Whether nothing more will happen to it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, TaskState::Done | TaskState::Failed { .. } | TaskState::Skipped { .. })
    }

    /// Whether it takes a place in the queue, as far as known.
    pub(crate) fn is_in_queue(&self) -> bool {
        matches!(self.state, TaskState::Queued { .. } | TaskState::Running | TaskState::Unknown)
    }
}

/// What the states are made of.
pub(crate) struct Evidence<'a> {
    pub(crate) submission: &'a Submission,
    pub(crate) directory: &'a ClusterDirectory,
    pub(crate) store: &'a Store,
    /// The arrays, each with how far its submission is.
    pub(crate) arrays: &'a [(Array, ArrayState)],
    pub(crate) queue: &'a QueueAnswer,
    /// Keys that a living process is computing.
    pub(crate) held: &'a HashSet<String>,
}

/// The latest submission of a task.
struct Place<'a> {
    array: &'a Array,
    state: &'a ArrayState,
    element: &'a Element,
    /// Its number in the array.
    number: usize,
}

/// Returns the view of every task.
pub(crate) fn views(evidence: &Evidence<'_>) -> Vec<TaskView> {
    (0..evidence.submission.tasks.len()).map(|task| evidence.view(task)).collect()
}

/// Marks the tasks that read what failed tasks should have computed, and that are not in the queue.
pub(crate) fn skip_readers(submission: &Submission, tasks: &mut [TaskView]) {
    // Tasks come after those that they need.
    for (task, plan) in submission.tasks.iter().enumerate() {
        let has_failed =
            |need: &&usize| matches!(tasks[**need].state, TaskState::Failed { .. } | TaskState::Skipped { .. });
        let because = plan.needs.iter().find(has_failed).copied();
        if let (false, Some(because)) = (tasks[task].is_over() || tasks[task].is_in_queue(), because) {
            tasks[task].state = TaskState::Skipped { because };
        }
    }
}

impl Evidence<'_> {
    fn view(&self, task: usize) -> TaskView {
        let place = self.place(task);
        let lives = lives(self.directory, task);
        let last = place.as_ref().and_then(|place| lives.iter().rev().find(|life| life.array == place.array.number));
        let job = place.as_ref().and_then(|place| match place.state {
            ArrayState::Submitted(job) => Some((job.clone(), place.number)),
            _ => None,
        });
        let entry = match (self.queue, &job) {
            (QueueAnswer::Reached(view), Some((job, element))) => view.task(job, *element),
            _ => None,
        };
        let state = self.state(task, job.is_some(), last, entry.as_ref().map(|entry| (entry.state, &*entry.reason)));
        let node = entry.map(|entry| entry.node).filter(|node| !node.is_empty());
        let started = last.and_then(|life| life.start.as_ref());
        let end = last.and_then(|life| life.end.as_ref());
        TaskView {
            state,
            job: job.map(|(job, element)| format!("{job}_{element}")),
            node: node.or_else(|| started.map(|start| start.node.clone())).filter(|node| !node.is_empty()),
            restarts: last.map_or(0, |life| life.restart),
            losses: place.as_ref().map_or(0, |place| place.element.losses),
            memory_factor: place.as_ref().map_or(1.0, |place| place.element.memory_factor),
            ended: end.and_then(|end| crate::engine::clock::since(&end.time)).map(|age| age.as_secs()),
        }
    }

    fn is_sequential(&self) -> bool {
        matches!(self.queue, QueueAnswer::Reached(view) if !view.running.is_empty())
    }

    fn place(&self, task: usize) -> Option<Place<'_>> {
        self.arrays.iter().rev().find_map(|(array, state)| {
            let number = array.elements.iter().position(|element| element.task == task)?;
            Some(Place { array, state, element: &array.elements[number], number })
        })
    }

    fn state(
        &self,
        task: usize,
        is_submitted: bool,
        last: Option<&Life>,
        entry: Option<(QueueState, &str)>,
    ) -> TaskState {
        let stages = || self.submission.tasks[task].stages.iter().map(|stage| &self.submission.stages[*stage]);
        if stages().all(|stage| self.store.artifact(&stage.kind, &stage.key).is_some()) {
            return TaskState::Done;
        }
        let end = last.and_then(|life| life.end.as_ref());
        let failed = || {
            let end = end.filter(|end| end.state == EndState::Failed)?;
            Some(TaskState::Failed { failures: end.failures.clone() })
        };
        match entry {
            Some((QueueState::Pending, reason)) => TaskState::Queued { reason: reason.to_owned() },
            // The job computes one task after the other.
            Some((QueueState::Running, _)) if last.is_none() && self.is_sequential() => {
                TaskState::Queued { reason: String::new() }
            }
            Some((state, _)) if state.is_alive() => TaskState::Running,
            None => failed().unwrap_or(if is_submitted { TaskState::Unknown } else { TaskState::Waiting }),
            // An orphan of a node that the queue has lost.
            Some(_) if stages().any(|stage| self.held.contains(&stage.key)) => TaskState::Running,
            Some((state, _)) => {
                failed().unwrap_or(TaskState::Ended { ending: ending(state, end.map(|end| end.state)) })
            }
        }
    }
}

fn ending(state: QueueState, end: Option<EndState>) -> Ending {
    match (end, state) {
        (Some(EndState::Done), _) => Ending::Invisible,
        (Some(EndState::Blocked), _) => Ending::Blocked,
        (Some(EndState::Interrupted | EndState::Requeued), _) => Ending::Interrupted,
        (_, QueueState::OutOfMemory) => Ending::OutOfMemory,
        (_, QueueState::Canceled) => Ending::Canceled,
        (_, QueueState::NodeFailed) => Ending::NodeFailed,
        _ => Ending::Killed,
    }
}
