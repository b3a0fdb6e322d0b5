//! Selects the stages that a run computes: requested stages whose artifacts are missing, and the inputs they need.

use crate::base::Result;
use crate::engine::provenance::Provenance;
use crate::engine::store::{Inspection, Verifier, Verify};
use crate::engine::{Graph, StageId, Store, pattern};
use crate::group::Team;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Default checkpoint interval: the maximum work lost to a kill, weighed against writing several hundred megabytes for
/// a large network.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5 * 60);

/// Options of a run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Patterns of stages to compute even if their artifacts exist (`pattern::matches`).
    pub force: Vec<String>,
    /// Patterns of the requested stages; if empty, all stages are requested.
    pub only: Vec<String>,
    /// The requested stages, instead of `only`, if given.
    pub stages: Option<Vec<StageId>>,
    /// Maximum number of stages computed at the same time.
    pub jobs: usize,
    /// Whether to continue after a failure with the stages that do not depend on the failed one.
    pub keep_going: bool,
    /// How often a long stage writes a checkpoint.
    pub checkpoint_every: Duration,
    /// When artifacts are compared with the digests in their manifests.
    pub verify: Verify,
    /// This rank's connection to those that compute training stages with it.
    pub team: Arc<Team>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            force: Vec::new(),
            only: Vec::new(),
            stages: None,
            jobs: 1,
            keep_going: false,
            checkpoint_every: CHECKPOINT_EVERY,
            verify: Verify::default(),
            team: Arc::new(Team::alone()),
        }
    }
}

/// What a run does with a stage.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Uses the existing artifact.
    Cached(PathBuf),
    /// Uses the existing artifact unless an input that is recomputed turns out different.
    CachedIfInputsMatch(PathBuf),
    /// Computes the stage.
    Compute {
        /// Whether the user forces it even if the artifact exists.
        forced: bool,
        /// Why the existing artifact cannot be used.
        fault: Option<Fault>,
    },
    /// Its artifact is missing, but no requested stage depends on it.
    NotNeeded,
}

/// Why an existing artifact cannot be used.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Its files do not match its manifest.
    Damaged(String),
    /// It was computed from inputs other than the current ones.
    Stale(String),
}

impl Action {
    pub(crate) fn is_compute(&self) -> bool {
        matches!(self, Action::Compute { .. })
    }
}

/// Decides what to do with each stage, in the graph's order.
///
/// # Errors
/// A pattern matches no stage.
pub(crate) fn decide_actions(
    graph: &Graph,
    store: &Store,
    verifier: &Verifier<'_>,
    options: &RunOptions,
) -> Result<Vec<Action>> {
    let forced = pattern::select(graph, &options.force)?;
    let mut wanted = match (&options.stages, options.only.is_empty()) {
        (Some(stages), _) => graph.iter().map(|id| stages.contains(&id)).collect(),
        (None, true) => vec![true; graph.len()],
        (None, false) => pattern::select(graph, &options.only)?,
    };
    let provenance = Provenance::new(graph, store, verifier);
    let mut actions = vec![Action::NotNeeded; graph.len()];
    // In reverse order, so that a stage is visited after all stages that read it.
    for id in graph.iter().rev() {
        let index = id.index();
        let misfit = |artifact: &Path| graph.stage(id).misfit(artifact);
        actions[index] = action(&provenance, id, (forced[index], wanted[index]), &misfit);
        if actions[index].is_compute() {
            graph.inputs(id).values().for_each(|input| wanted[input.index()] = true);
        }
    }
    for id in graph.iter() {
        if let Action::Cached(path) = &actions[id.index()]
            && waits_for_inputs(graph, &provenance, &actions, id)
        {
            actions[id.index()] = Action::CachedIfInputsMatch(path.clone());
        }
    }
    Ok(actions)
}

fn action(
    provenance: &Provenance<'_>,
    id: StageId,
    (forced, wanted): (bool, bool),
    misfit: &dyn Fn(&Path) -> Option<String>,
) -> Action {
    let fault = match (provenance.inspection(id), provenance.stale(id)) {
        (Inspection::Intact(snapshot), None) if !forced => match wanted.then(|| misfit(&snapshot.path)).flatten() {
            None => return Action::Cached(snapshot.path.clone()),
            Some(why) => Some(Fault::Stale(why)),
        },
        _ if !forced && !wanted => return Action::NotNeeded,
        (Inspection::Incomplete(damage) | Inspection::Corrupt(damage), _) => Some(Fault::Damaged(damage.clone())),
        (_, stale) => stale.cloned().map(Fault::Stale),
    };
    Action::Compute { forced, fault }
}

/// Whether an artifact can be used only if its recomputed inputs turn out unchanged.
fn waits_for_inputs(graph: &Graph, provenance: &Provenance<'_>, actions: &[Action], id: StageId) -> bool {
    let is_unconfirmed =
        |input: &StageId| matches!(actions[input.index()], Action::Compute { .. } | Action::CachedIfInputsMatch(_));
    graph.inputs(id).iter().any(|(role, input)| is_unconfirmed(input) && provenance.depends_on_content_of(id, role))
}
