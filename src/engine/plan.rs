//! What a run would compute, and why.

use crate::base::Result;
use crate::engine::estimate::Estimates;
use crate::engine::reason::History;
use crate::engine::select::{Fault, Need, needs};
use crate::engine::store::Verifier;
use crate::engine::{Cost, Graph, RunOptions, StageId, Store};
use serde::Serialize;

/// One stage of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanEntry {
    /// The stage.
    pub id: StageId,
    /// Its name.
    pub name: String,
    /// Key of its artifact.
    pub key: String,
    /// What a run does with it.
    pub status: Status,
    /// What computing it takes, where that can be told.
    pub cost: Option<Cost>,
    /// How many seconds computing it will take, by what its kind took on this machine before.
    pub seconds: Option<f64>,
}

/// What a run does with a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The artifact is there.
    Cached,
    /// The stage is computed.
    WillRun {
        /// `new`, `loss.nt_xent.temperature 0.1 -> 0.5`, `input pretrain changed`, `forced`, ...
        reason: String,
    },
    /// The stage is to be computed, and cannot be.
    CannotRun {
        /// Why: there is no such device, or it needs a stage that cannot run.
        reason: String,
    },
    /// The artifact is missing, but nothing that is asked for needs it.
    NotNeeded,
}

/// What a run without options would do, in the order in which it would.
///
/// # Errors
/// None today; the store's problems are reasons to run.
pub fn plan(graph: &Graph, store: &Store) -> Result<Vec<PlanEntry>> {
    plan_with(graph, store, &RunOptions::default())
}

/// What a run with these options would do, in the order in which it would.
///
/// # Errors
/// A pattern of the options means no stage.
pub fn plan_with(graph: &Graph, store: &Store, options: &RunOptions) -> Result<Vec<PlanEntry>> {
    let verifier = Verifier::new(store, options.verify);
    let needs = needs(graph, store, &verifier, options)?;
    let mut history = History::new(graph, store);
    let mut estimates = Estimates::new(store);
    let mut entries: Vec<PlanEntry> = Vec::with_capacity(graph.len());
    for id in graph.iter() {
        let status = match obstacle(graph, id, &needs, &entries) {
            Some(reason) => Status::CannotRun { reason },
            None => status(id, &needs, &mut history),
        };
        let cost = graph.cost(id);
        let seconds = cost.and_then(|cost| estimates.seconds(graph.kind(id), cost));
        let (name, key) = (graph.name(id).to_owned(), graph.key(id).to_owned());
        entries.push(PlanEntry { id, name, key, status, cost, seconds });
    }
    Ok(entries)
}

fn status(id: StageId, needs: &[Need], history: &mut History<'_>) -> Status {
    match &needs[id.index()] {
        Need::Cached(_) | Need::CachedUnless(_) => Status::Cached,
        Need::NotNeeded => Status::NotNeeded,
        Need::Compute { fault: Some(Fault::Damaged(damage)), .. } => {
            Status::WillRun { reason: format!("damaged: {damage}") }
        }
        Need::Compute { fault: Some(Fault::Stale(why)), .. } => Status::WillRun { reason: why.clone() },
        Need::Compute { forced: true, .. } => Status::WillRun { reason: "forced".to_owned() },
        Need::Compute { .. } => Status::WillRun { reason: history.reason(id, needs) },
    }
}

/// Why a stage cannot be computed: by itself, or since one that it needs cannot be; `before` are the earlier entries.
fn obstacle(graph: &Graph, id: StageId, needs: &[Need], before: &[PlanEntry]) -> Option<String> {
    if !needs[id.index()].is_compute() {
        return None;
    }
    if let Some(error) = graph.stage(id).obstacle() {
        return Some(error.what().to_owned());
    }
    let cannot_run = |input: &&StageId| matches!(before[input.index()].status, Status::CannotRun { .. });
    graph.inputs(id).values().find(cannot_run).map(|input| format!("needs {}", graph.name(*input)))
}
