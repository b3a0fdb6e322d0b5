//! Events of a run, for the terminal, the log and the report.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Event of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A stage started.
    Started {
        /// Name of the stage.
        stage: String,
    },
    /// A stage's artifact was already in the store.
    Cached {
        /// Name of the stage.
        stage: String,
    },
    /// Progress of a stage: `done` of `total`.
    Progress {
        /// Name of the stage.
        stage: String,
        /// Units completed.
        done: u64,
        /// Total number of units.
        total: u64,
        /// Text next to the progress bar: `loss 2.31  lr 0.098  410 views/s`.
        detail: String,
    },
    /// A note for the log.
    Note {
        /// Name of the stage.
        stage: String,
        /// The line.
        text: String,
    },
    /// Something the user should look at.
    Warning {
        /// Name of the stage.
        stage: String,
        /// The line.
        text: String,
    },
    /// A stage finished; its artifact is in the store.
    Finished {
        /// Name of the stage.
        stage: String,
        /// Time it took.
        elapsed: Duration,
        /// Result in one line: `accuracy 0.592 [0.530, 0.651]`.
        summary: String,
    },
    /// A stage was skipped because it depends on a failed stage.
    Skipped {
        /// Name of the stage.
        stage: String,
        /// Name of the failed stage.
        because: String,
    },
    /// A stage failed.
    Failed {
        /// Name of the stage.
        stage: String,
        /// Error message.
        error: String,
    },
}

/// Receiver of events; called from any thread.
pub trait EventSink: Send + Sync {
    /// Receives an event.
    fn emit(&self, event: &Event);
}

/// A sink that ignores events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn emit(&self, _: &Event) {}
}
