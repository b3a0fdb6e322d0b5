//! The record of a run, the content of `run.json`.

use crate::engine::{Event, Graph, StageId};
use crate::runs::{Commit, Hardware};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// What was asked of a run, what it computed, on what machine, and how it ended. Fields that earlier versions did not
/// write are empty when their records are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the study.
    pub study: String,
    /// How the run ended.
    pub status: RunState,
    /// Why it did not finish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The command line.
    pub command: Vec<String>,
    /// The working directory.
    #[serde(default)]
    pub directory: String,
    /// The `--set` values.
    pub overrides: Vec<String>,
    /// State of the git repository that holds the pipeline file.
    #[serde(default)]
    pub commit: Option<Commit>,
    /// When it started, in UTC, as RFC 3339.
    pub started: String,
    /// Time until the end.
    pub seconds: f64,
    /// Stages computed.
    pub computed: usize,
    /// Stages whose artifacts were there.
    pub cached: usize,
    /// Stages that failed.
    #[serde(default)]
    pub failed: usize,
    /// Stages not tried because one that they need failed.
    #[serde(default)]
    pub skipped: usize,
    /// Versions of what made the artifacts.
    pub versions: Versions,
    /// Where training ran: `cpu`, `cuda:0`.
    #[serde(default)]
    pub device: String,
    /// The machine.
    pub hardware: Hardware,
    /// The stages, each after those that it reads.
    pub stages: Vec<StageRecord>,
}

/// Versions of what made the artifacts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    /// Of the program.
    pub simclr: String,
    /// Of the store's layout.
    pub store: u32,
}

/// How a run ended, or that it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on.
    Running,
    /// Every stage that was asked for is there.
    Finished,
    /// Some stages failed, and those that do not need them are there.
    Partial,
    /// A stage failed, and the run stopped.
    Failed,
    /// The user stopped it.
    Interrupted,
    /// It ended without saying so: killed, out of memory, power lost. Never written, only found.
    Killed,
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Killed => "killed",
        })
    }
}

/// One stage of a run. The parameters of all stages are the resolved configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Name in the pipeline.
    pub name: String,
    /// Kind of the stage.
    pub kind: String,
    /// Key of its artifact.
    pub key: String,
    /// Version of its algorithm; 0 in records that do not say.
    #[serde(default)]
    pub version: u32,
    /// What became of it; nothing for a stage that the run did not get to or did not need.
    pub status: Option<StageState>,
    /// Time that this run took for it.
    pub seconds: f64,
    /// Its line of result.
    pub summary: String,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How far it was, where it did not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Numbers by which runs are compared.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// All settings, defaults filled in.
    pub parameters: Value,
    /// Names of the stages that it reads, by role.
    pub inputs: BTreeMap<String, String>,
}

/// What became of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// It is being computed.
    Running,
    /// This run computed it.
    Computed,
    /// Its artifact was there.
    Cached,
    /// It failed.
    Failed,
    /// A stage that it needs failed.
    Skipped,
    /// The run ended while it was being computed.
    Interrupted,
}

/// How far a stage is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// `epoch 3/20  loss 2.31`.
    pub detail: String,
}

impl RunRecord {
    /// Takes down what an event says of its stage.
    pub(super) fn apply(&mut self, event: &Event) {
        let (Event::Started { stage: name }
        | Event::Cached { stage: name }
        | Event::Progress { stage: name, .. }
        | Event::Finished { stage: name, .. }
        | Event::Skipped { stage: name, .. }
        | Event::Failed { stage: name, .. }) = event
        else {
            return;
        };
        if let Some(stage) = self.stages.iter_mut().find(|stage| stage.name == *name) {
            stage.apply(event);
        }
    }

    /// Counts the stages anew.
    pub(super) fn count(&mut self) {
        let count = |state| self.stages.iter().filter(|stage| stage.status == Some(state)).count();
        (self.computed, self.cached) = (count(StageState::Computed), count(StageState::Cached));
        (self.failed, self.skipped) = (count(StageState::Failed), count(StageState::Skipped));
    }
}

impl StageRecord {
    /// A stage before the run.
    pub(super) fn new(graph: &Graph, id: StageId) -> Self {
        let document = graph.key_document(id);
        Self {
            name: graph.name(id).to_owned(),
            kind: document.kind.clone(),
            key: graph.key(id).to_owned(),
            version: document.version,
            status: None,
            seconds: 0.0,
            summary: String::new(),
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
            Event::Cached { .. } => self.end(StageState::Cached),
            Event::Progress { done, total, detail, .. } => {
                self.progress = Some(Progress { done: *done, total: *total, detail: detail.clone() });
            }
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
            Event::Note { .. } | Event::Warning { .. } => {}
        }
    }

    fn end(&mut self, state: StageState) {
        (self.status, self.progress) = (Some(state), None);
    }

    /// Marks a stage that was being computed when the run ended.
    pub(super) fn interrupt(&mut self) {
        (self.status, self.reason) = (Some(StageState::Interrupted), None);
    }
}
