//! Outcome of a run.

use crate::base::{Error, Result};
use crate::engine::StageId;
use serde::Serialize;
use std::path::PathBuf;

/// Outcome of a run.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// Artifact directories by stage ([`StageId::index`]); none for stages that were not needed or
    /// could not be computed.
    pub artifacts: Vec<Option<PathBuf>>,
    /// Number of stages computed by this run.
    pub computed: usize,
    /// Number of stages whose artifacts were already in the store.
    pub cached: usize,
    /// Outcome of each stage, in the graph's order.
    pub stages: Vec<StageOutcome>,
    /// Stages that failed in a run that kept going, with their errors.
    pub failures: Vec<(StageId, Error)>,
    /// Skipped stages, each with the failed stage it depends on.
    pub skipped: Vec<(StageId, StageId)>,
}

impl RunOutcome {
    /// Returns the artifact directory of a stage.
    ///
    /// # Errors
    /// The run did not need the stage and its artifact is missing, or the stage could not be computed.
    pub fn artifact(&self, id: StageId) -> Result<&PathBuf> {
        let missing = || Error::stage("the artifact is missing").help("run again without --only");
        self.artifacts[id.index()].as_ref().ok_or_else(|| missing().at(self.stages[id.index()].name.clone()))
    }

    /// Adds the outcome of the earlier rounds of the run.
    #[must_use]
    pub(super) fn merge_earlier(mut self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        for (stage, before) in self.stages.iter_mut().zip(earlier.stages) {
            if before.status == StageStatus::Computed && stage.status == StageStatus::Cached {
                stage.status = StageStatus::Computed;
            }
            stage.seconds += before.seconds;
        }
        let count = |status| self.stages.iter().filter(|stage| stage.status == status).count();
        (self.computed, self.cached) = (count(StageStatus::Computed), count(StageStatus::Cached));
        self
    }

    /// Whether every requested stage has an artifact.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Outcome of one stage of a run.
#[derive(Clone, Debug, Serialize)]
pub struct StageOutcome {
    /// Name of the stage.
    pub name: String,
    /// Kind of the stage.
    pub kind: String,
    /// Key of its artifact.
    pub key: String,
    /// Whether it was computed.
    pub status: StageStatus,
    /// Seconds this run spent on it.
    pub seconds: f64,
}

/// Status of a stage after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// This run computed it.
    Computed,
    /// Its artifact was already in the store, or another run computed it meanwhile.
    Cached,
    /// Its artifact is missing and no requested stage depends on it.
    NotNeeded,
    /// It failed.
    Failed,
    /// It depends on a stage that failed.
    Skipped,
}
