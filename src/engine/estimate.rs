//! Time estimates for stages, from how long stages of the same kind took before.

use crate::engine::record::host;
use crate::engine::select::Action;
use crate::engine::{ArtifactRecord, Cost, Graph, Store};
use std::collections::HashMap;

/// Number of records an estimate is based on, newest first.
const MAX_RECORDS: usize = 20;

/// Stage that a run is going to compute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlannedStage {
    /// Name of the stage.
    pub stage: String,
    /// Kind of the stage.
    pub kind: String,
    /// Estimated work ([`Cost::work`]); none if it is negligible.
    pub work: Option<f64>,
    /// Estimated time in seconds, if this machine has computed a stage of this kind before.
    pub seconds: Option<f64>,
}

/// Returns the stages to compute, in the order of the graph.
pub(super) fn planned(graph: &Graph, store: &Store, actions: &[Action]) -> Vec<PlannedStage> {
    let mut estimates = TimeEstimator::new(store);
    let to_compute = graph.iter().filter(|id| actions[id.index()].is_compute());
    let planned = to_compute.map(|id| {
        let (stage, kind, cost) = (graph.name(id).to_owned(), graph.kind(id).to_owned(), graph.cost(id));
        let seconds = cost.and_then(|cost| estimates.seconds(&kind, cost));
        PlannedStage { stage, kind, work: cost.map(|cost| cost.work), seconds }
    });
    planned.collect()
}

/// Estimator of stage times, based on the records of a store.
pub(super) struct TimeEstimator<'a> {
    store: &'a Store,
    host: String,
    /// Seconds per unit of work, by kind.
    rates: HashMap<String, Option<f64>>,
}

impl<'a> TimeEstimator<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, host: host(), rates: HashMap::new() }
    }

    /// Estimates the seconds a stage of this kind will take; none if this machine has not computed one yet.
    pub(super) fn seconds(&mut self, kind: &str, cost: Cost) -> Option<f64> {
        let rate = match self.rates.get(kind) {
            Some(rate) => *rate,
            None => {
                let rate = self.rate(kind);
                self.rates.insert(kind.to_owned(), rate);
                rate
            }
        };
        rate.map(|rate| rate * cost.work)
    }

    /// Returns the median over the newest records of this machine, of those with the current number of threads if any.
    fn rate(&self, kind: &str) -> Option<f64> {
        let keys = self.store.keys(kind).into_iter().take(MAX_RECORDS);
        let records: Vec<ArtifactRecord> = keys.filter_map(|key| self.store.record(kind, &key).ok()).collect();
        let here: Vec<&ArtifactRecord> = records.iter().filter(|record| record.host == self.host).collect();
        let threads = rayon::current_num_threads();
        let same_threads: Vec<&ArtifactRecord> =
            here.iter().filter(|record| record.threads == threads).copied().collect();
        median(rates(if same_threads.is_empty() { &here } else { &same_threads }))
    }
}

fn rates(records: &[&ArtifactRecord]) -> Vec<f64> {
    let rate = |record: &&ArtifactRecord| record.work.filter(|work| *work > 0.0).map(|work| record.seconds / work);
    records.iter().filter_map(rate).filter(|rate| rate.is_finite()).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
