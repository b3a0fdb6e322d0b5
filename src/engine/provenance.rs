//! Provenance of artifacts: which inputs they were computed from, and whether those are the ones in the store now.

use crate::engine::store::{ArtifactSnapshot, Inspection, Store, Verifier};
use crate::engine::{Graph, StageId};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// State of every stage's artifact in the store, and the inputs it was computed from.
pub(crate) struct Provenance<'a> {
    graph: &'a Graph,
    artifacts: Vec<StageArtifact>,
    /// Why an intact artifact is stale, by stage.
    stale: Vec<Option<String>>,
}

/// Artifact of one stage, as found in the store.
struct StageArtifact {
    inspection: Inspection,
    /// Digests of the inputs that the stage read, by role; only those that were recorded.
    input_digests: BTreeMap<String, String>,
}

impl<'a> Provenance<'a> {
    /// Inspects the artifacts of all stages.
    pub(crate) fn new(graph: &'a Graph, store: &Store, verifier: &Verifier<'_>) -> Self {
        let ids: Vec<StageId> = graph.iter().collect();
        let artifacts = ids.into_par_iter().map(|id| StageArtifact::of(graph, store, verifier, id)).collect();
        let mut provenance = Self { graph, artifacts, stale: Vec::with_capacity(graph.len()) };
        for id in graph.iter() {
            let stale = provenance.why_stale(id);
            provenance.stale.push(stale);
        }
        provenance
    }

    /// Returns the state of a stage's artifact.
    pub(crate) fn inspection(&self, id: StageId) -> &Inspection {
        &self.artifacts[id.index()].inspection
    }

    /// Returns why a stage's artifact is stale: it is intact, but was computed from inputs other than the current ones.
    pub(crate) fn stale(&self, id: StageId) -> Option<&String> {
        self.stale[id.index()].as_ref()
    }

    /// Whether an artifact records the content of this input and becomes stale if a recomputed input differs.
    pub(crate) fn depends_on_content_of(&self, id: StageId, role: &str) -> bool {
        self.artifacts[id.index()].input_digests.contains_key(role)
    }

    /// Inputs come first in the graph's order, so their own staleness is already known here.
    fn why_stale(&self, id: StageId) -> Option<String> {
        let StageArtifact { inspection: Inspection::Intact(_), input_digests } = &self.artifacts[id.index()] else {
            return None;
        };
        let inputs = self.graph.inputs(id).iter();
        inputs.map(|(role, input)| self.why_stale_by(*input, input_digests.get(role))).find_map(|why| why)
    }

    fn why_stale_by(&self, input: StageId, read: Option<&String>) -> Option<String> {
        let name = self.graph.name(input);
        match (&self.artifacts[input.index()].inspection, read) {
            (Inspection::Intact(snapshot), Some(read)) if snapshot.content != *read => {
                Some(format!("it was computed from a different artifact of {name}"))
            }
            (Inspection::Corrupt(_), None) => {
                Some(format!("it may have been computed from the damaged artifact of {name}"))
            }
            (_, None) if self.stale[input.index()].is_some() => {
                Some(format!("it may have been computed from a stale artifact of {name}"))
            }
            _ => None,
        }
    }
}

impl StageArtifact {
    fn of(graph: &Graph, store: &Store, verifier: &Verifier<'_>, id: StageId) -> Self {
        let (kind, key) = (graph.kind(id), graph.key(id));
        let inspection = verifier.inspect(kind, key);
        let input_digests = match inspection {
            Inspection::Intact(_) => store.read_contents(kind, key),
            _ => BTreeMap::new(),
        };
        Self { inspection, input_digests }
    }
}

/// Returns the digests of a stage's inputs for its record, without inputs that were not verified.
pub(crate) fn input_digests(inputs: &BTreeMap<String, ArtifactSnapshot>) -> BTreeMap<String, String> {
    let verified = inputs.iter().filter(|(_, snapshot)| snapshot.is_verified);
    verified.map(|(role, snapshot)| (role.clone(), snapshot.content.clone())).collect()
}

/// Whether an artifact was computed from these inputs, as far as its record has their digests.
pub(crate) fn was_computed_from(
    store: &Store,
    kind: &str,
    key: &str,
    inputs: &BTreeMap<String, ArtifactSnapshot>,
) -> bool {
    let read = store.read_contents(kind, key);
    inputs.iter().all(|(role, snapshot)| read.get(role).is_none_or(|read| *read == snapshot.content))
}
