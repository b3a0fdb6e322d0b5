//! Which stages a run computes: those that are asked for and whose artifacts are missing, and what these need.

use crate::base::Result;
use crate::engine::{Graph, State, Store, pattern};
use std::path::PathBuf;
use std::time::Duration;

/// What a kill costs at most, against writing some hundred megabytes of a large network.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5 * 60);

/// What the user asks of a run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Patterns of stages that are computed even if their artifacts are there ([`pattern::matches`]).
    pub force: Vec<String>,
    /// Patterns of the stages that are wanted; all where there is none.
    pub only: Vec<String>,
    /// Most stages that are computed at the same time.
    pub jobs: usize,
    /// After a failure go on with the stages that do not need the failed one.
    pub keep_going: bool,
    /// How often a long stage leaves a checkpoint.
    pub checkpoint_every: Duration,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { force: Vec::new(), only: Vec::new(), jobs: 1, keep_going: false, checkpoint_every: CHECKPOINT_EVERY }
    }
}

/// What becomes of one stage.
#[derive(Clone, Debug)]
pub(crate) enum Need {
    /// Its artifact is there.
    Cached(PathBuf),
    /// It is computed.
    Compute {
        /// The user asks for it though the artifact is there.
        forced: bool,
        /// What is wrong with the artifact that is there.
        damage: Option<String>,
    },
    /// Its artifact is missing, and nothing that is wanted needs it.
    NotNeeded,
}

impl Need {
    pub(crate) fn is_compute(&self) -> bool {
        matches!(self, Need::Compute { .. })
    }
}

/// What becomes of each stage, in the graph's order.
///
/// # Errors
/// A pattern means no stage.
pub(crate) fn needs(graph: &Graph, store: &Store, options: &RunOptions) -> Result<Vec<Need>> {
    let forced = pattern::select(graph, &options.force)?;
    let mut wanted = match options.only.is_empty() {
        true => vec![true; graph.len()],
        false => pattern::select(graph, &options.only)?,
    };
    let mut needs = vec![Need::NotNeeded; graph.len()];
    // From the last stage to the first: a stage is visited after all that read it.
    for id in graph.iter().rev() {
        let index = id.index();
        let forced = forced[index];
        needs[index] = match store.state(graph.kind(id), graph.key(id)) {
            State::Whole(path) if !forced => Need::Cached(path),
            _ if !forced && !wanted[index] => Need::NotNeeded,
            State::Damaged(damage) => Need::Compute { forced, damage: Some(damage) },
            _ => Need::Compute { forced, damage: None },
        };
        if needs[index].is_compute() {
            graph.inputs(id).values().for_each(|input| wanted[input.index()] = true);
        }
    }
    Ok(needs)
}
