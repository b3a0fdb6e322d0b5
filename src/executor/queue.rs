//! What a queue answers about the tasks of a run.

use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// State of a task in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueueState {
    /// It waits.
    Pending,
    /// It runs, starts or ends.
    Running,
    /// It has ended; the store says with what.
    Ended,
    /// It has ended because it used more memory than it asked for, as far as the queue knows.
    OutOfMemory,
    /// It was canceled.
    Canceled,
    /// Its node failed. The queue may start it again under the same id.
    NodeFailed,
}

impl QueueState {
    /// Whether the task may still compute something.
    pub(crate) fn is_alive(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// A task in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueueEntry {
    /// Its state.
    pub(crate) state: QueueState,
    /// Why it waits; empty if unknown.
    pub(crate) reason: String,
    /// Its node; empty if it has none.
    pub(crate) node: String,
}

/// The answer of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueueAnswer {
    /// The queue answered.
    Reached(QueueView),
    /// It did not answer, for this reason. Nothing is known about any task.
    Unreachable(String),
}

/// The tasks that a queue knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueView {
    /// The tasks, by job and number in the array.
    pub(crate) entries: HashMap<(String, usize), QueueEntry>,
    /// Jobs that run, where nothing is known about their tasks.
    pub(crate) running: HashSet<String>,
    /// Jobs that the queue has forgotten: it said that it does not know them.
    pub(crate) forgotten: HashSet<String>,
}

impl QueueView {
    /// Returns what is known about a task: its entry, or that its job has been forgotten. None if the queue said nothing
    /// about it.
    pub(crate) fn task(&self, job: &str, element: usize) -> Option<QueueEntry> {
        let known = self.entries.get(&(job.to_owned(), element)).cloned();
        known.or_else(|| {
            let entry = |state| QueueEntry { state, reason: String::new(), node: String::new() };
            match (self.running.contains(job), self.forgotten.contains(job)) {
                (true, _) => Some(entry(QueueState::Running)),
                (_, true) => Some(entry(QueueState::Ended)),
                _ => None,
            }
        })
    }
}
