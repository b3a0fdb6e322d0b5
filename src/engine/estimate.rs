//! How long a stage will take, from what stages of its kind took before.

use crate::engine::record::host;
use crate::engine::{Cost, Record, Store};
use std::collections::HashMap;

/// Records that an estimate looks at, the newest first.
const RECORDS: usize = 20;

/// Estimates from the records of a store.
pub(super) struct Estimates<'a> {
    store: &'a Store,
    host: String,
    /// Seconds for a unit of work, by kind.
    rates: HashMap<String, Option<f64>>,
}

impl<'a> Estimates<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, host: host(), rates: HashMap::new() }
    }

    /// Seconds that a stage of this kind will take; none where no stage of the kind was computed on this machine.
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

    /// The median over the newest records of this machine; with as many threads as now where there are such.
    fn rate(&self, kind: &str) -> Option<f64> {
        let keys = self.store.keys(kind).into_iter().take(RECORDS);
        let records: Vec<Record> = keys.filter_map(|key| self.store.record(kind, &key).ok()).collect();
        let here: Vec<&Record> = records.iter().filter(|record| record.host == self.host).collect();
        let threads = rayon::current_num_threads();
        let alike: Vec<&Record> = here.iter().filter(|record| record.threads == threads).copied().collect();
        median(rates(if alike.is_empty() { &here } else { &alike }))
    }
}

fn rates(records: &[&Record]) -> Vec<f64> {
    let rate = |record: &&Record| record.work.filter(|work| *work > 0.0).map(|work| record.seconds / work);
    records.iter().filter_map(rate).filter(|rate| rate.is_finite()).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
