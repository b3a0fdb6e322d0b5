//! Scheduler: which stages of a run are done, and which can be computed next.

use crate::base::Error;
use crate::engine::select::Action;
use crate::engine::{Graph, RunOutcome, StageId, StageOutcome, StageStatus};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// State of a stage during a run.
#[derive(Debug)]
enum NodeState {
    NotNeeded,
    /// Waiting for inputs or for a worker.
    Waiting,
    Running,
    Done {
        artifact: PathBuf,
        status: StageStatus,
        seconds: f64,
    },
    Failed(Error),
    /// Stopped by the user, after another stage failed, or because an input changed.
    Stopped,
    /// Depends on this failed stage.
    Skipped(StageId),
}

/// Scheduler of a run, shared by its workers.
pub(super) struct Scheduler<'a> {
    graph: &'a Graph,
    states: Vec<NodeState>,
    /// Stages that read each stage.
    readers: Vec<Vec<StageId>>,
    /// Number of inputs of each stage that have not been computed yet.
    missing: Vec<usize>,
    /// Stages whose inputs are complete.
    ready: BTreeSet<StageId>,
    running: usize,
}

impl<'a> Scheduler<'a> {
    /// Creates the scheduler at the start of a run.
    pub(super) fn new(graph: &'a Graph, actions: &[Action]) -> Self {
        let state = |action: &Action| match action {
            Action::NotNeeded => NodeState::NotNeeded,
            Action::Compute { .. } => NodeState::Waiting,
            Action::Cached(artifact) | Action::CachedIfInputsMatch(artifact) => {
                NodeState::Done { artifact: artifact.clone(), status: StageStatus::Cached, seconds: 0.0 }
            }
        };
        let mut readers = vec![Vec::new(); graph.len()];
        let mut missing = vec![0; graph.len()];
        let mut ready = BTreeSet::new();
        for id in graph.iter().filter(|id| actions[id.index()].is_compute()) {
            for input in graph.inputs(id).values().collect::<BTreeSet<_>>() {
                if actions[input.index()].is_compute() {
                    readers[input.index()].push(id);
                    missing[id.index()] += 1;
                }
            }
            if missing[id.index()] == 0 {
                ready.insert(id);
            }
        }
        Self { graph, states: actions.iter().map(state).collect(), readers, missing, ready, running: 0 }
    }

    /// Returns the stages that can be computed now, in the graph's order.
    pub(super) fn ready(&self) -> Vec<StageId> {
        self.ready.iter().copied().collect()
    }

    /// Whether a worker is computing a stage, which may make others ready.
    pub(super) fn is_busy(&self) -> bool {
        self.running > 0
    }

    /// Marks a stage as running.
    pub(super) fn start(&mut self, id: StageId) {
        self.ready.remove(&id);
        self.running += 1;
        self.states[id.index()] = NodeState::Running;
    }

    /// Marks a stage as done; stages that waited only for it become ready.
    pub(super) fn finish(&mut self, id: StageId, artifact: PathBuf, status: StageStatus, seconds: f64) {
        self.running -= 1;
        self.states[id.index()] = NodeState::Done { artifact, status, seconds };
        for reader in &self.readers[id.index()] {
            self.missing[reader.index()] -= 1;
            // A stage that cannot be computed on this machine has already failed.
            if self.missing[reader.index()] == 0 && matches!(self.states[reader.index()], NodeState::Waiting) {
                self.ready.insert(*reader);
            }
        }
    }

    /// Marks a stage as stopped.
    pub(super) fn stop(&mut self, id: StageId) {
        self.running -= 1;
        self.states[id.index()] = NodeState::Stopped;
    }

    /// Marks a stage as failed. Returns the stages skipped because of it, in the graph's order.
    pub(super) fn fail(&mut self, id: StageId, error: Error) -> Vec<StageId> {
        if matches!(self.states[id.index()], NodeState::Running) {
            self.running -= 1;
        }
        self.ready.remove(&id);
        self.states[id.index()] = NodeState::Failed(error);
        let mut skipped = BTreeSet::new();
        let mut open = self.readers[id.index()].clone();
        while let Some(reader) = open.pop() {
            if matches!(self.states[reader.index()], NodeState::Waiting) {
                self.ready.remove(&reader);
                self.states[reader.index()] = NodeState::Skipped(id);
                skipped.insert(reader);
                open.extend(&self.readers[reader.index()]);
            }
        }
        skipped.into_iter().collect()
    }

    /// Returns the first failure in the graph's order.
    pub(super) fn first_failure(&self) -> Option<&Error> {
        self.failures().next()
    }

    /// Returns the failures in the graph's order.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Error> {
        self.states.iter().filter_map(|state| match state {
            NodeState::Failed(error) => Some(error),
            _ => None,
        })
    }

    /// Returns the outcome of the run.
    pub(super) fn into_outcome(self) -> RunOutcome {
        let (mut artifacts, mut stages) = (Vec::new(), Vec::new());
        let (mut failures, mut skipped) = (Vec::new(), Vec::new());
        for (id, state) in self.graph.iter().zip(self.states) {
            let (artifact, status, seconds) = match state {
                NodeState::Done { artifact, status, seconds } => (Some(artifact), status, seconds),
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
        RunOutcome { artifacts, computed, cached, stages, failures, skipped }
    }
}
