//! What artifacts were computed from, and whether that is what is there now.

use crate::engine::store::{Found, Seen, Store, Verifier};
use crate::engine::{Graph, StageId};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// What is in the place of each stage's artifact, and what each was computed from.
pub(crate) struct Provenance<'a> {
    graph: &'a Graph,
    known: Vec<Known>,
    /// Why an artifact that is whole does not count.
    stale: Vec<Option<String>>,
}

struct Known {
    found: Found,
    /// Digests of the inputs that the stage read, by role, as far as they are recorded.
    read: BTreeMap<String, String>,
}

impl<'a> Provenance<'a> {
    /// Looks at the artifacts of all stages.
    pub(crate) fn new(graph: &'a Graph, store: &Store, verifier: &Verifier<'_>) -> Self {
        let ids: Vec<StageId> = graph.iter().collect();
        let known = ids.into_par_iter().map(|id| Known::of(graph, store, verifier, id)).collect();
        let mut provenance = Self { graph, known, stale: Vec::with_capacity(graph.len()) };
        for id in graph.iter() {
            let stale = provenance.why_stale(id);
            provenance.stale.push(stale);
        }
        provenance
    }

    /// What is in the place of a stage's artifact.
    pub(crate) fn found(&self, id: StageId) -> &Found {
        &self.known[id.index()].found
    }

    /// Why a stage's artifact does not count though it is whole: it was computed from something else than what its inputs
    /// are.
    pub(crate) fn stale(&self, id: StageId) -> Option<&String> {
        self.stale[id.index()].as_ref()
    }

    /// Whether an artifact is to be looked at again when an input was computed anew: it may turn out as another one.
    pub(crate) fn depends_on_content_of(&self, id: StageId, role: &str) -> bool {
        self.known[id.index()].read.contains_key(role)
    }

    /// Inputs come before their readers, so what is known of them is known here.
    fn why_stale(&self, id: StageId) -> Option<String> {
        let Known { found: Found::Whole(_), read } = &self.known[id.index()] else { return None };
        let inputs = self.graph.inputs(id).iter();
        inputs.map(|(role, input)| self.why_stale_by(*input, read.get(role))).find_map(|why| why)
    }

    fn why_stale_by(&self, input: StageId, read: Option<&String>) -> Option<String> {
        let name = self.graph.name(input);
        match (&self.known[input.index()].found, read) {
            (Found::Whole(seen), Some(read)) if seen.content != *read => {
                Some(format!("it was computed from another artifact of {name} than the one that is there"))
            }
            (Found::Altered(_), None) => Some(format!("it may have been computed from the damaged artifact of {name}")),
            (_, None) if self.stale[input.index()].is_some() => {
                Some(format!("it may have been computed from an artifact of {name} that does not count"))
            }
            _ => None,
        }
    }
}

impl Known {
    fn of(graph: &Graph, store: &Store, verifier: &Verifier<'_>, id: StageId) -> Self {
        let (kind, key) = (graph.kind(id), graph.key(id));
        let found = verifier.look(kind, key);
        let read = match found {
            Found::Whole(_) => store.read_contents(kind, key),
            _ => BTreeMap::new(),
        };
        Self { found, read }
    }
}

/// Digests of what a stage reads, for its record; those that were not verified are left out.
pub(crate) fn digests(inputs: &BTreeMap<String, Seen>) -> BTreeMap<String, String> {
    let verified = inputs.iter().filter(|(_, seen)| seen.is_verified);
    verified.map(|(role, seen)| (role.clone(), seen.content.clone())).collect()
}

/// Whether an artifact with this record was computed from these inputs, as far as that is recorded.
pub(crate) fn holds(store: &Store, kind: &str, key: &str, inputs: &BTreeMap<String, Seen>) -> bool {
    let read = store.read_contents(kind, key);
    inputs.iter().all(|(role, seen)| read.get(role).is_none_or(|read| *read == seen.content))
}
