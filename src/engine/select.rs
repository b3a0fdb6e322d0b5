//! Which stages a run computes: those that are asked for and whose artifacts are missing, and what these need.

use crate::base::Result;
use crate::engine::provenance::Provenance;
use crate::engine::store::{Found, Verifier, Verify};
use crate::engine::{Graph, StageId, Store, pattern};
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
    /// When artifacts are compared with the digests in their manifests.
    pub verify: Verify,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            force: Vec::new(),
            only: Vec::new(),
            jobs: 1,
            keep_going: false,
            checkpoint_every: CHECKPOINT_EVERY,
            verify: Verify::default(),
        }
    }
}

/// What becomes of one stage.
#[derive(Clone, Debug)]
pub(crate) enum Need {
    /// Its artifact is there.
    Cached(PathBuf),
    /// Its artifact is there, and an input is computed anew: if that comes out as another one, so does this.
    CachedUnless(PathBuf),
    /// It is computed.
    Compute {
        /// The user asks for it though the artifact is there.
        forced: bool,
        /// Why the artifact that is there does not count.
        fault: Option<Fault>,
    },
    /// Its artifact is missing, and nothing that is wanted needs it.
    NotNeeded,
}

/// Why an artifact that is there does not count.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is not what was written.
    Damaged(String),
    /// It was computed from something else than its inputs are now.
    Stale(String),
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
pub(crate) fn needs(graph: &Graph, store: &Store, verifier: &Verifier<'_>, options: &RunOptions) -> Result<Vec<Need>> {
    let forced = pattern::select(graph, &options.force)?;
    let mut wanted = match options.only.is_empty() {
        true => vec![true; graph.len()],
        false => pattern::select(graph, &options.only)?,
    };
    let provenance = Provenance::new(graph, store, verifier);
    let mut needs = vec![Need::NotNeeded; graph.len()];
    // From the last stage to the first: a stage is visited after all that read it.
    for id in graph.iter().rev() {
        let index = id.index();
        needs[index] = need(&provenance, id, forced[index], wanted[index]);
        if needs[index].is_compute() {
            graph.inputs(id).values().for_each(|input| wanted[input.index()] = true);
        }
    }
    for id in graph.iter() {
        if let Need::Cached(path) = &needs[id.index()]
            && waits(graph, &provenance, &needs, id)
        {
            needs[id.index()] = Need::CachedUnless(path.clone());
        }
    }
    Ok(needs)
}

fn need(provenance: &Provenance<'_>, id: StageId, forced: bool, wanted: bool) -> Need {
    let fault = match (provenance.found(id), provenance.stale(id)) {
        (Found::Whole(seen), None) if !forced => return Need::Cached(seen.path.clone()),
        _ if !forced && !wanted => return Need::NotNeeded,
        (Found::Broken(damage) | Found::Altered(damage), _) => Some(Fault::Damaged(damage.clone())),
        (_, stale) => stale.cloned().map(Fault::Stale),
    };
    Need::Compute { forced, fault }
}

/// Whether an artifact counts only if what is computed before it comes out as it was.
fn waits(graph: &Graph, provenance: &Provenance<'_>, needs: &[Need], id: StageId) -> bool {
    let is_open = |input: &StageId| matches!(needs[input.index()], Need::Compute { .. } | Need::CachedUnless(_));
    graph.inputs(id).iter().any(|(role, input)| is_open(input) && provenance.depends_on_content_of(id, role))
}
