//! Checks the estimated memory of a run against the memory of the machine.

use crate::base::{Error, Result, human};
use crate::engine::{self, Graph, PlanEntry, PlanStatus, RunOptions, StageId, Store};
use crate::pipeline::Assembly;
use crate::runs::Hardware;

/// Stages that would be computed in parallel and do not fit into memory together.
#[derive(Debug, PartialEq, Eq)]
struct Excess {
    /// Memory that they need, bytes.
    needed: u64,
    /// How many of the largest fit together; 0 if even the largest does not fit.
    jobs_that_fit: usize,
}

/// The share of the ranks that is on this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct RanksHere {
    /// Ranks on this machine.
    pub(super) here: u64,
    /// Ranks on all.
    pub(super) all: u64,
}

impl RanksHere {
    /// All ranks are on this machine.
    pub(super) const ALL: Self = Self { here: 1, all: 1 };

    /// Returns the memory on this machine of a stage that the ranks divide if it has shards.
    fn memory(self, graph: &Graph, id: StageId) -> Option<u64> {
        let memory = graph.cost(id)?.memory;
        match graph.stage(id).shards() {
            1 => Some(memory),
            _ => Some((u128::from(memory) * u128::from(self.here) / u128::from(self.all)) as u64),
        }
    }
}

/// Returns the error of a CPU run whose stages, alone or in parallel, do not fit into the machine's memory. The system
/// would kill such a run partway through.
///
/// # Errors
/// A pattern in the options matches no stage.
pub(super) fn obstacle(
    assembly: &Assembly,
    store: &Store,
    options: &RunOptions,
    ranks: RanksHere,
) -> Result<Option<Error>> {
    let graph = &assembly.graph;
    let Some(available) = Hardware::here().memory_bytes else { return Ok(None) };
    // Finding out which stages would run means checking every artifact; skip it if even all stages together fit.
    let all = graph.iter().filter_map(|id| ranks.memory(graph, id)).collect();
    if excess(all, options.jobs, available).is_none() {
        return Ok(None);
    }
    let mut entries: Vec<PlanEntry> = engine::plan_with(graph, store, options)?;
    entries.retain(|entry| matches!(entry.status, PlanStatus::WillRun { .. }));
    let needed = entries.iter().filter_map(|entry| ranks.memory(graph, entry.id)).collect();
    let Some(excess) = excess(needed, options.jobs, available) else { return Ok(None) };
    let largest = entries.iter().filter_map(|entry| Some((entry, ranks.memory(graph, entry.id)?)));
    let largest = largest.max_by_key(|(_, memory)| *memory);
    Ok(largest.map(|largest| error(assembly, largest, &excess, available)))
}

/// Compares the sum of the `jobs` largest stages with the available memory.
fn excess(mut needed: Vec<u64>, jobs: usize, available: u64) -> Option<Excess> {
    needed.sort_unstable_by(|a, b| b.cmp(a));
    let (mut sum, mut jobs_that_fit) = (0_u64, 0);
    for memory in needed.into_iter().take(jobs.max(1)) {
        sum = sum.saturating_add(memory);
        jobs_that_fit += usize::from(sum <= available);
    }
    (sum > available).then_some(Excess { needed: sum, jobs_that_fit })
}

/// `memory` is what the largest stage needs.
fn error(assembly: &Assembly, (largest, memory): (&PlanEntry, u64), excess: &Excess, available: u64) -> Error {
    const OVERRIDE: &str = "--force-memory overrides this check";
    let (name, machine) = (&largest.name, human::bytes(available));
    let needed = human::bytes(excess.needed);
    if excess.jobs_that_fit > 0 {
        let what = format!("stages computed in parallel need about {needed} of memory, and this machine has {machine}");
        return Error::stage(what).help(format!("run with --jobs {}; {OVERRIDE}", excess.jobs_that_fit));
    }
    let needed = human::bytes(memory);
    let advice = assembly.what_fits(largest.id, available);
    let advice = advice.unwrap_or_else(|| "use a smaller encoder, smaller batches or smaller images".to_owned());
    Error::stage(format!("{name} needs about {needed} of memory, and this machine has {machine}"))
        .help(format!("{advice}; {OVERRIDE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_parallel_stages_are_summed() {
        let of = |jobs, available| excess(vec![1, 5, 3, 4], jobs, available);
        assert_eq!((of(1, 5), of(2, 9), of(9, 13)), (None, None, None));
        assert_eq!(of(1, 4), Some(Excess { needed: 5, jobs_that_fit: 0 }));
        assert_eq!(of(3, 11), Some(Excess { needed: 12, jobs_that_fit: 2 }));
        assert_eq!(excess(vec![u64::MAX, 1], 2, u64::MAX - 1), Some(Excess { needed: u64::MAX, jobs_that_fit: 0 }));
        assert_eq!(excess(Vec::new(), 4, 0), None);
    }
}
