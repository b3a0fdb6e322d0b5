//! Whether what a run computes fits into the machine's memory, by the program's own estimate.

use crate::base::{Error, Result, human};
use crate::engine::{self, Graph, PlanEntry, RunOptions, Status, Store};
use crate::runs::Hardware;
use crate::stages::Assembly;

/// Stages that are computed at the same time and do not fit together.
#[derive(Debug, PartialEq, Eq)]
struct Excess {
    /// Memory that they need.
    needed: u64,
    /// How many of the largest fit together; 0 where not even the largest one does.
    jobs_that_fit: usize,
}

/// The error of a run on the CPU in which a stage, or those that are computed at the same time, cannot fit into the
/// machine's memory; the system would end such a run in the middle of its work.
///
/// # Errors
/// A pattern of the options means no stage.
pub(super) fn obstacle(assembly: &Assembly, store: &Store, options: &RunOptions) -> Result<Option<Error>> {
    let Some(there) = Hardware::here().memory_bytes else { return Ok(None) };
    // To know what is computed takes a look at every artifact, which most runs need not wait for.
    if excess(of_all(&assembly.graph), options.jobs, there).is_none() {
        return Ok(None);
    }
    let mut entries: Vec<PlanEntry> = engine::plan_with(&assembly.graph, store, options)?;
    entries.retain(|entry| matches!(entry.status, Status::WillRun { .. }));
    let needed = entries.iter().filter_map(|entry| entry.cost).map(|cost| cost.memory).collect();
    let Some(excess) = excess(needed, options.jobs, there) else { return Ok(None) };
    let largest = entries.iter().max_by_key(|entry| entry.cost.map(|cost| cost.memory));
    Ok(largest.map(|largest| error(assembly, largest, &excess, there)))
}

fn of_all(graph: &Graph) -> Vec<u64> {
    graph.iter().filter_map(|id| graph.cost(id)).map(|cost| cost.memory).collect()
}

/// Compares the largest `jobs` of the stages with what is there.
fn excess(mut needed: Vec<u64>, jobs: usize, there: u64) -> Option<Excess> {
    needed.sort_unstable_by(|a, b| b.cmp(a));
    let (mut sum, mut jobs_that_fit) = (0_u64, 0);
    for memory in needed.into_iter().take(jobs.max(1)) {
        sum = sum.saturating_add(memory);
        jobs_that_fit += usize::from(sum <= there);
    }
    (sum > there).then_some(Excess { needed: sum, jobs_that_fit })
}

fn error(assembly: &Assembly, largest: &PlanEntry, excess: &Excess, there: u64) -> Error {
    const ANYHOW: &str = "--force-memory tries it all the same";
    let (name, there_text) = (&largest.name, human::bytes(there));
    let needed = human::bytes(excess.needed);
    if excess.jobs_that_fit > 0 {
        let what =
            format!("stages computed at the same time need about {needed} of memory and this machine has {there_text}");
        return Error::stage(what).help(format!("run with --jobs {}; {ANYHOW}", excess.jobs_that_fit));
    }
    let needed = largest.cost.map(|cost| human::bytes(cost.memory)).unwrap_or(needed);
    let advice = assembly.what_fits(largest.id, there);
    let advice = advice.unwrap_or_else(|| "use a smaller encoder, smaller batches or smaller images".to_owned());
    Error::stage(format!("{name} needs about {needed} of memory and this machine has {there_text}"))
        .help(format!("{advice}; {ANYHOW}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_those_at_the_same_time_are_summed() {
        let of = |jobs, there| excess(vec![1, 5, 3, 4], jobs, there);
        assert_eq!((of(1, 5), of(2, 9), of(9, 13)), (None, None, None));
        assert_eq!(of(1, 4), Some(Excess { needed: 5, jobs_that_fit: 0 }));
        assert_eq!(of(3, 11), Some(Excess { needed: 12, jobs_that_fit: 2 }));
        assert_eq!(excess(vec![u64::MAX, 1], 2, u64::MAX - 1), Some(Excess { needed: u64::MAX, jobs_that_fit: 0 }));
        assert_eq!(excess(Vec::new(), 4, 0), None);
    }
}
