//! Record of a run, the content of `run.json`.

use crate::engine::{Event, Graph, Progress, StageId, StageSummary};
use crate::runs::{Commit, Hardware};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Record of a run: its settings, what it computed, on what machine, and how it ended. Fields missing from records of
/// earlier versions are read as empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the study.
    pub study: String,
    /// How the run ended.
    pub status: RunState,
    /// Error that ended the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The command line.
    pub command: Vec<String>,
    /// The working directory.
    #[serde(default)]
    pub directory: String,
    /// The `--set` values.
    pub overrides: Vec<String>,
    /// Git commit of the pipeline file.
    #[serde(default)]
    pub commit: Option<Commit>,
    /// Start time in UTC, as RFC 3339.
    pub started: String,
    /// Duration in seconds.
    pub seconds: f64,
    /// Number of stages computed.
    pub computed: usize,
    /// Number of stages whose artifacts were already in the store.
    pub cached: usize,
    /// Number of stages that failed.
    #[serde(default)]
    pub failed: usize,
    /// Number of stages skipped because they depend on a failed stage.
    #[serde(default)]
    pub skipped: usize,
    /// Versions of the program and the store.
    pub versions: Versions,
    /// Training device: `cpu`, `cuda:0`.
    #[serde(default)]
    pub device: String,
    /// Machine that ran it.
    pub hardware: Hardware,
    /// Stages, each after its inputs.
    pub stages: Vec<StageRecord>,
}

/// Versions of the program and the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    /// Version of simclr.
    pub simclr: String,
    /// Version of the store's layout.
    pub store: u32,
}

/// State of a run: running, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is still running.
    Running,
    /// Its stages are computed by tasks on a cluster; `simclr collect` finishes it.
    Submitted,
    /// Every requested stage has an artifact.
    Finished,
    /// Some stages failed; those that do not depend on them have artifacts.
    Partial,
    /// A stage failed, and the run stopped.
    Failed,
    /// The user stopped it.
    Interrupted,
    /// It ended without recording its end: killed, out of memory, power failure. Never written, only inferred.
    Killed,
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Submitted => "submitted",
            Self::Finished => "finished",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Killed => "killed",
        })
    }
}

/// Stage of a run. The parameters of all stages together are the resolved configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Name in the pipeline.
    pub name: String,
    /// Kind of the stage.
    pub kind: String,
    /// Key of its artifact.
    pub key: String,
    /// Version of its algorithm; 0 in older records without it.
    #[serde(default)]
    pub version: u32,
    /// State of the stage; none if the run did not reach or need it.
    pub status: Option<StageState>,
    /// Seconds this run spent on it.
    pub seconds: f64,
    /// Its result.
    pub summary: StageSummary,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Progress when the run ended, if the stage was unfinished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Metrics for comparing runs.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// All settings, including defaults.
    pub parameters: Value,
    /// Names of its inputs, by role.
    pub inputs: BTreeMap<String, String>,
}

/// State of a stage in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// It is being computed.
    Running,
    /// This run computed it.
    Computed,
    /// Its artifact was already in the store.
    Cached,
    /// It failed.
    Failed,
    /// It depends on a stage that failed.
    Skipped,
    /// The run ended while it was being computed.
    Interrupted,
}

impl RunRecord {
    /// Updates the stage of an event.
    pub(super) fn apply(&mut self, event: &Event) {
        if let Some(stage) = self.stages.iter_mut().find(|stage| stage.name == event.stage()) {
            stage.apply(event);
        }
    }

    /// Recomputes the counts of stages.
    pub(super) fn count(&mut self) {
        let count = |state| self.stages.iter().filter(|stage| stage.status == Some(state)).count();
        (self.computed, self.cached) = (count(StageState::Computed), count(StageState::Cached));
        (self.failed, self.skipped) = (count(StageState::Failed), count(StageState::Skipped));
    }
}

impl StageRecord {
    /// Creates the record of a stage that has not run yet.
    pub(super) fn new(graph: &Graph, id: StageId) -> Self {
        let document = graph.key_document(id);
        Self {
            name: graph.name(id).to_owned(),
            kind: document.kind.clone(),
            key: graph.key(id).to_owned(),
            version: document.version,
            status: None,
            seconds: 0.0,
            summary: StageSummary::default(),
            reason: None,
            progress: None,
            metrics: BTreeMap::new(),
            parameters: document.parameters.clone(),
            inputs: graph.inputs(id).iter().map(|(role, id)| (role.clone(), graph.name(*id).to_owned())).collect(),
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Started { .. } => self.status = Some(StageState::Running),
            // A task of the run may have computed what is cached now.
            Event::Cached { .. } if self.status == Some(StageState::Computed) => {}
            Event::Cached { .. } => self.end(StageState::Cached),
            Event::Progress { progress, .. } => self.progress = Some(progress.clone()),
            Event::Finished { elapsed, summary, .. } => {
                self.end(StageState::Computed);
                (self.seconds, self.summary) = (elapsed.as_secs_f64(), summary.clone());
            }
            Event::Failed { error, .. } => {
                self.status = Some(StageState::Failed);
                self.reason = Some(error.clone());
            }
            Event::Skipped { because, .. } => {
                self.status = Some(StageState::Skipped);
                self.reason = Some(format!("{because} failed"));
            }
            Event::Resumed { .. }
            | Event::Epoch { .. }
            | Event::Speed { .. }
            | Event::Note { .. }
            | Event::Warning { .. } => {}
        }
    }

    fn end(&mut self, state: StageState) {
        (self.status, self.progress) = (Some(state), None);
    }

    /// Marks a stage as interrupted by the end of the run.
    pub(super) fn interrupt(&mut self) {
        (self.status, self.reason) = (Some(StageState::Interrupted), None);
    }
}
