//! What happens during a run, for the terminal, the log and the report.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A stage starts to compute.
    Started {
        /// Name of the stage.
        stage: String,
    },
    /// A stage's artifact was in the store already.
    Cached {
        /// Name of the stage.
        stage: String,
    },
    /// How far a stage is; `done` of `total`.
    Progress {
        /// Name of the stage.
        stage: String,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
        /// What is shown beside the bar: `loss 2.31  lr 0.098  410 views/s`.
        detail: String,
    },
    /// A line worth keeping.
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
    /// A stage's artifact is in the store now.
    Finished {
        /// Name of the stage.
        stage: String,
        /// Time it took.
        elapsed: Duration,
        /// One line of result: `accuracy 0.592 [0.530, 0.651]`.
        summary: String,
    },
    /// A stage is not computed, since it needs one that failed.
    Skipped {
        /// Name of the stage.
        stage: String,
        /// Name of the stage that failed.
        because: String,
    },
    /// A stage failed.
    Failed {
        /// Name of the stage.
        stage: String,
        /// Why.
        error: String,
    },
}

/// Takes events; called from any thread.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn emit(&self, event: &Event);
}
