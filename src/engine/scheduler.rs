//! Which stages of a run are done, and which can be computed next.

use crate::base::Error;
use crate::engine::select::Need;
use crate::engine::{Graph, Outcome, StageId, StageOutcome, StageStatus};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What has become of a stage so far.
#[derive(Debug)]
enum NodeState {
    NotNeeded,
    /// Waits for inputs or for a worker.
    Waiting,
    Running,
    There {
        artifact: PathBuf,
        status: StageStatus,
        seconds: f64,
    },
    Failed(Error),
    /// Told to stop: by the user, or after another one failed.
    Stopped,
    /// Needs a stage that failed.
    Skipped(StageId),
}

/// The state of a run, shared by its workers.
pub(super) struct Scheduler<'a> {
    graph: &'a Graph,
    fates: Vec<NodeState>,
    /// Stages that read each stage.
    readers: Vec<Vec<StageId>>,
    /// Inputs of each stage that are not there yet.
    missing: Vec<usize>,
    /// Stages that wait for nothing but a worker.
    ready: BTreeSet<StageId>,
    running: usize,
}

impl<'a> Scheduler<'a> {
    /// A run at its start.
    pub(super) fn new(graph: &'a Graph, needs: &[Need]) -> Self {
        let fate = |need: &Need| match need {
            Need::NotNeeded => NodeState::NotNeeded,
            Need::Compute { .. } => NodeState::Waiting,
            Need::Cached(artifact) | Need::CachedUnless(artifact) => {
                NodeState::There { artifact: artifact.clone(), status: StageStatus::Cached, seconds: 0.0 }
            }
        };
        let mut readers = vec![Vec::new(); graph.len()];
        let mut missing = vec![0; graph.len()];
        let mut ready = BTreeSet::new();
        for id in graph.iter().filter(|id| needs[id.index()].is_compute()) {
            for input in graph.inputs(id).values().collect::<BTreeSet<_>>() {
                if needs[input.index()].is_compute() {
                    readers[input.index()].push(id);
                    missing[id.index()] += 1;
                }
            }
            if missing[id.index()] == 0 {
                ready.insert(id);
            }
        }
        Self { graph, fates: needs.iter().map(fate).collect(), readers, missing, ready, running: 0 }
    }

    /// Stages that can be computed now, in the graph's order.
    pub(super) fn ready(&self) -> Vec<StageId> {
        self.ready.iter().copied().collect()
    }

    /// Whether a worker computes a stage, which may make others ready.
    pub(super) fn is_busy(&self) -> bool {
        self.running > 0
    }

    /// A worker takes a stage.
    pub(super) fn start(&mut self, id: StageId) {
        self.ready.remove(&id);
        self.running += 1;
        self.fates[id.index()] = NodeState::Running;
    }

    /// A stage is there; those that waited for it alone become ready.
    pub(super) fn finish(&mut self, id: StageId, artifact: PathBuf, status: StageStatus, seconds: f64) {
        self.running -= 1;
        self.fates[id.index()] = NodeState::There { artifact, status, seconds };
        for reader in &self.readers[id.index()] {
            self.missing[reader.index()] -= 1;
            // One that cannot be computed on this machine has failed already.
            if self.missing[reader.index()] == 0 && matches!(self.fates[reader.index()], NodeState::Waiting) {
                self.ready.insert(*reader);
            }
        }
    }

    /// A stage was told to stop.
    pub(super) fn stop(&mut self, id: StageId) {
        self.running -= 1;
        self.fates[id.index()] = NodeState::Stopped;
    }

    /// A stage failed. Returns those that cannot be computed for it, in the graph's order.
    pub(super) fn fail(&mut self, id: StageId, error: Error) -> Vec<StageId> {
        if matches!(self.fates[id.index()], NodeState::Running) {
            self.running -= 1;
        }
        self.ready.remove(&id);
        self.fates[id.index()] = NodeState::Failed(error);
        let mut skipped = BTreeSet::new();
        let mut open = self.readers[id.index()].clone();
        while let Some(reader) = open.pop() {
            if matches!(self.fates[reader.index()], NodeState::Waiting) {
                self.ready.remove(&reader);
                self.fates[reader.index()] = NodeState::Skipped(id);
                skipped.insert(reader);
                open.extend(&self.readers[reader.index()]);
            }
        }
        skipped.into_iter().collect()
    }

    /// The first failure in the graph's order.
    pub(super) fn first_failure(&self) -> Option<&Error> {
        self.fates.iter().find_map(|fate| match fate {
            NodeState::Failed(error) => Some(error),
            _ => None,
        })
    }

    /// What the run did.
    pub(super) fn into_outcome(self) -> Outcome {
        let (mut artifacts, mut stages) = (Vec::new(), Vec::new());
        let (mut failures, mut skipped) = (Vec::new(), Vec::new());
        for (id, fate) in self.graph.iter().zip(self.fates) {
            let (artifact, status, seconds) = match fate {
                NodeState::There { artifact, status, seconds } => (Some(artifact), status, seconds),
                NodeState::Failed(error) => {
                    failures.push((id, error));
                    (None, StageStatus::Failed, 0.0)
                }
                NodeState::Skipped(because) => {
                    skipped.push((id, because));
                    (None, StageStatus::Skipped, 0.0)
                }
                NodeState::NotNeeded | NodeState::Waiting | NodeState::Running | NodeState::Stopped => {
                    (None, StageStatus::NotNeeded, 0.0)
                }
            };
            let (name, kind, key) = (self.graph.name(id), self.graph.kind(id), self.graph.key(id));
            artifacts.push(artifact);
            stages.push(StageOutcome { name: name.into(), kind: kind.into(), key: key.into(), status, seconds });
        }
        let count = |status| stages.iter().filter(|stage| stage.status == status).count();
        let (computed, cached) = (count(StageStatus::Computed), count(StageStatus::Cached));
        Outcome { artifacts, computed, cached, stages, failures, skipped }
    }
}
