//! What a run did.

use crate::base::{Error, Result};
use crate::engine::StageId;
use serde::Serialize;
use std::path::PathBuf;

/// What a run did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Artifact directories by stage ([`StageId::index`]); none for those that were not needed or could not be computed.
    pub artifacts: Vec<Option<PathBuf>>,
    /// Stages computed by this run.
    pub computed: usize,
    /// Stages whose artifacts were there.
    pub cached: usize,
    /// Each stage, in the graph's order.
    pub stages: Vec<StageOutcome>,
    /// Stages that failed while the run kept going, and why.
    pub failures: Vec<(StageId, Error)>,
    /// Stages that were not computed since they need a failed one, and the failed one.
    pub skipped: Vec<(StageId, StageId)>,
}

impl Outcome {
    /// Artifact directory of a stage.
    ///
    /// # Errors
    /// The stage was not needed by this run and is not there, or could not be computed.
    pub fn artifact(&self, id: StageId) -> Result<&PathBuf> {
        let missing = || Error::stage("the artifact is not there").help("run again without --only");
        self.artifacts[id.index()].as_ref().ok_or_else(|| missing().at(self.stages[id.index()].name.clone()))
    }

    /// The outcome of a run whose earlier rounds did this.
    #[must_use]
    pub(super) fn after(mut self, earlier: Option<Self>) -> Self {
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

    /// Whether every stage that was asked for is there.
    pub fn is_whole(&self) -> bool {
        self.failures.is_empty()
    }
}

/// What a run did with one stage.
#[derive(Clone, Debug, Serialize)]
pub struct StageOutcome {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Key of its artifact.
    pub key: String,
    /// Computed or not.
    pub status: StageStatus,
    /// Time that this run took for it.
    pub seconds: f64,
}

/// What became of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// This run computed it.
    Computed,
    /// Its artifact was there, or another run computed it meanwhile.
    Cached,
    /// Its artifact is missing and nothing that was asked for needs it.
    NotNeeded,
    /// It failed.
    Failed,
    /// It needs a stage that failed.
    Skipped,
}
