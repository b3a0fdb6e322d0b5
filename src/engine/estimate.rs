//! Time estimates for stages, from how long stages of the same kind took before.

use crate::engine::record::host;
use crate::engine::select::Action;
use crate::engine::{ArtifactRecord, Graph, StageHardware, StageId, Store};
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
    /// Estimated work ([`Cost::work`](crate::engine::Cost)); none if it is negligible.
    pub work: Option<f64>,
    /// Estimated time in seconds, if a stage of this kind has been computed on such hardware before.
    pub seconds: Option<f64>,
}

/// Returns the stages to compute, in the order of the graph.
pub(super) fn planned(graph: &Graph, store: &Store, actions: &[Action]) -> Vec<PlannedStage> {
    let mut estimates = TimeEstimator::new(store);
    let to_compute = graph.iter().filter(|id| actions[id.index()].is_compute());
    let planned = to_compute.map(|id| {
        let (stage, kind, cost) = (graph.name(id).to_owned(), graph.kind(id).to_owned(), graph.cost(id));
        let seconds = estimates.seconds(graph, id);
        PlannedStage { stage, kind, work: cost.map(|cost| cost.work), seconds }
    });
    planned.collect()
}

/// Estimator of stage times, based on the records of a store.
pub(super) struct TimeEstimator<'a> {
    store: &'a Store,
    host: String,
    /// Seconds per unit of work, by kind and processor.
    rates: HashMap<(String, String), Option<f64>>,
}

impl<'a> TimeEstimator<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, host: host(), rates: HashMap::new() }
    }

    /// Estimates the seconds that a stage takes on its hardware; none if no stage of its kind was computed on such
    /// hardware yet.
    pub(super) fn seconds(&mut self, graph: &Graph, id: StageId) -> Option<f64> {
        let (kind, cost, hardware) = (graph.kind(id), graph.cost(id)?, graph.stage(id).hardware());
        let key = (kind.to_owned(), hardware.processor.clone());
        let rate = match self.rates.get(&key) {
            Some(rate) => *rate,
            None => *self.rates.entry(key).or_insert(rate(self.store, kind, &hardware, &self.host)),
        };
        rate.map(|rate| rate * cost.work)
    }
}

/// Returns the median over the newest records of such hardware, of those with the same number of threads if any.
fn rate(store: &Store, kind: &str, hardware: &StageHardware, host: &str) -> Option<f64> {
    let keys = store.keys(kind).into_iter().take(MAX_RECORDS);
    let records: Vec<ArtifactRecord> = keys.filter_map(|key| store.record(kind, &key).ok()).collect();
    let alike: Vec<&ArtifactRecord> = records.iter().filter(|record| is_alike(record, hardware, host)).collect();
    let same_threads: Vec<&ArtifactRecord> =
        alike.iter().filter(|record| record.threads == hardware.threads).copied().collect();
    median(rates(if same_threads.is_empty() { &alike } else { &same_threads }))
}

/// Whether a stage ran on the same model of processor or GPU. Records of earlier versions only have the host.
fn is_alike(record: &ArtifactRecord, hardware: &StageHardware, host: &str) -> bool {
    match record.processor.as_str() {
        "" => record.host == host,
        processor => processor == hardware.processor,
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
