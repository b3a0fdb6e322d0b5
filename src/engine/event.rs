//! Events of a run: numbers and names, from which sinks make sentences, charts or files.

use crate::engine::{EpochMetrics, PlannedStage, Progress, StageSummary, TrainingSpeed};
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
    /// A stage resumes from a checkpoint.
    Resumed {
        /// Name of the stage.
        stage: String,
        /// Epoch in which it resumes, from 1.
        epoch: u64,
        /// Number of steps already taken.
        step: u64,
    },
    /// Progress of a stage; with metrics after a training step.
    Progress {
        /// Name of the stage.
        stage: String,
        /// How far it is.
        #[serde(flatten)]
        progress: Progress,
    },
    /// An epoch ended.
    Epoch {
        /// Name of the stage.
        stage: String,
        /// Its metrics.
        #[serde(flatten)]
        metrics: EpochMetrics,
    },
    /// Training ended.
    Speed {
        /// Name of the stage.
        stage: String,
        /// How fast it was.
        #[serde(flatten)]
        speed: TrainingSpeed,
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
        /// Its result.
        summary: StageSummary,
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

impl Event {
    /// Returns the name of the stage.
    pub fn stage(&self) -> &str {
        match self {
            Self::Started { stage }
            | Self::Cached { stage }
            | Self::Resumed { stage, .. }
            | Self::Progress { stage, .. }
            | Self::Epoch { stage, .. }
            | Self::Speed { stage, .. }
            | Self::Note { stage, .. }
            | Self::Warning { stage, .. }
            | Self::Finished { stage, .. }
            | Self::Skipped { stage, .. }
            | Self::Failed { stage, .. } => stage,
        }
    }
}

/// Receiver of events; called from any thread.
pub trait EventSink: Send + Sync {
    /// Receives an event.
    fn emit(&self, event: &Event);

    /// Receives the stages that are going to be computed, before they start. A run that finds artifacts to be damaged or
    /// changed plans again.
    fn planned(&self, _stages: &[PlannedStage]) {}

    /// Shows or writes what is still pending at the end of the run.
    fn finish(&self) {}
}

/// A sink that ignores events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn emit(&self, _: &Event) {}
}
