//! Plans: what a run would compute, and why.

use crate::base::Result;
use crate::engine::estimate::TimeEstimator;
use crate::engine::reason::History;
use crate::engine::select::{Action, Fault, decide_actions};
use crate::engine::store::Verifier;
use crate::engine::{Cost, Graph, RunOptions, StageId, Store};
use serde::Serialize;
use std::collections::HashSet;

/// Stage of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanEntry {
    /// The stage.
    pub id: StageId,
    /// Name of the stage.
    pub name: String,
    /// Key of its artifact.
    pub key: String,
    /// What a run would do with the stage.
    pub status: PlanStatus,
    /// Estimated cost, if known.
    pub cost: Option<Cost>,
    /// Estimated time in seconds, if a stage of this kind has been computed on such hardware before.
    pub seconds: Option<f64>,
}

/// What a run would do with a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// The artifact is in the store.
    Cached,
    /// The stage would be computed.
    WillRun {
        /// Why: `new`, `loss.nt_xent.temperature 0.1 -> 0.5`, `input pretrain changed`, `forced`, ...
        reason: String,
    },
    /// The stage has to be computed, but cannot be.
    CannotRun {
        /// Why: the device is missing, or it depends on a stage that cannot run.
        reason: String,
    },
    /// The artifact is missing, but no requested stage depends on it.
    NotNeeded,
}

/// Returns what a run with default options would do, in the order of execution.
///
/// # Errors
/// None at present: problems of the store become reasons to run a stage.
pub fn plan(graph: &Graph, store: &Store) -> Result<Vec<PlanEntry>> {
    plan_with(graph, store, &RunOptions::default())
}

/// Returns what a run with these options would do, in the order of execution.
///
/// # Errors
/// A pattern of the options matches no stage.
pub fn plan_with(graph: &Graph, store: &Store, options: &RunOptions) -> Result<Vec<PlanEntry>> {
    plan_with_history(graph, store, options, None)
}

/// Same as [`plan_with`]. The reasons compare missing artifacts only with those whose keys are in `own`, if given.
///
/// # Errors
/// A pattern of the options matches no stage.
pub(crate) fn plan_with_history(
    graph: &Graph,
    store: &Store,
    options: &RunOptions,
    own: Option<&HashSet<String>>,
) -> Result<Vec<PlanEntry>> {
    let verifier = Verifier::new(store, options.verify);
    let actions = decide_actions(graph, store, &verifier, options)?;
    let mut history = History::new(graph, store, own);
    let mut estimates = TimeEstimator::new(store);
    let mut entries: Vec<PlanEntry> = Vec::with_capacity(graph.len());
    for id in graph.iter() {
        let status = match obstacle(graph, id, &actions, &entries) {
            Some(reason) => PlanStatus::CannotRun { reason },
            None => status(id, &actions, &mut history),
        };
        let cost = graph.cost(id);
        let seconds = estimates.seconds(graph, id);
        let (name, key) = (graph.name(id).to_owned(), graph.key(id).to_owned());
        entries.push(PlanEntry { id, name, key, status, cost, seconds });
    }
    Ok(entries)
}

fn status(id: StageId, actions: &[Action], history: &mut History<'_>) -> PlanStatus {
    match &actions[id.index()] {
        Action::Cached(_) | Action::CachedIfInputsMatch(_) => PlanStatus::Cached,
        Action::NotNeeded => PlanStatus::NotNeeded,
        Action::Compute { fault: Some(Fault::Damaged(damage)), .. } => {
            PlanStatus::WillRun { reason: format!("damaged: {damage}") }
        }
        Action::Compute { fault: Some(Fault::Stale(why)), .. } => PlanStatus::WillRun { reason: why.clone() },
        Action::Compute { forced: true, .. } => PlanStatus::WillRun { reason: "forced".to_owned() },
        Action::Compute { .. } => PlanStatus::WillRun { reason: history.reason(id, actions) },
    }
}

/// Returns why a stage cannot be computed: its own obstacle, or an input that cannot run. `before` has the earlier
/// entries of the plan.
fn obstacle(graph: &Graph, id: StageId, actions: &[Action], before: &[PlanEntry]) -> Option<String> {
    if !actions[id.index()].is_compute() {
        return None;
    }
    if let Some(error) = graph.stage(id).obstacle() {
        return Some(error.what().to_owned());
    }
    let cannot_run = |input: &&StageId| matches!(before[input.index()].status, PlanStatus::CannotRun { .. });
    graph.inputs(id).values().find(cannot_run).map(|input| format!("needs {}", graph.name(*input)))
}
