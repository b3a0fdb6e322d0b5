//! What a run would compute, and why.

use crate::base::Result;
use crate::engine::difference::Fields;
use crate::engine::select::{Need, needs};
use crate::engine::{Graph, KeyDocument, RunOptions, StageId, Store};
use serde::Serialize;
use std::collections::HashMap;
use std::rc::Rc;

/// Artifacts of a kind that a missing one is compared with, the newest first: what was changed since the last runs.
const COMPARED: usize = 100;
/// Differences that a reason lists.
const LISTED: usize = 3;

/// One stage of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanEntry {
    /// The stage.
    pub id: StageId,
    /// Its name.
    pub name: String,
    /// Key of its artifact.
    pub key: String,
    /// What a run does with it.
    pub status: Status,
}

/// What a run does with a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The artifact is there.
    Cached,
    /// The stage is computed.
    WillRun {
        /// `new`, `loss.nt_xent.temperature 0.1 -> 0.5`, `input pretrain changed`, `forced`, ...
        reason: String,
    },
    /// The artifact is missing, but nothing that is asked for needs it.
    NotNeeded,
}

/// What a run without options would do, in the order in which it would.
///
/// # Errors
/// None today; the store's problems are reasons to run.
pub fn plan(graph: &Graph, store: &Store) -> Result<Vec<PlanEntry>> {
    plan_with(graph, store, &RunOptions::default())
}

/// What a run with these options would do, in the order in which it would.
///
/// # Errors
/// A pattern of the options means no stage.
pub fn plan_with(graph: &Graph, store: &Store, options: &RunOptions) -> Result<Vec<PlanEntry>> {
    let needs = needs(graph, store, options)?;
    let mut history = History::new(graph, store);
    let entry = |id: StageId| PlanEntry {
        id,
        name: graph.name(id).to_owned(),
        key: graph.key(id).to_owned(),
        status: match &needs[id.index()] {
            Need::Cached(_) => Status::Cached,
            Need::NotNeeded => Status::NotNeeded,
            Need::Compute { damage: Some(damage), .. } => Status::WillRun { reason: format!("damaged: {damage}") },
            Need::Compute { forced: true, .. } => Status::WillRun { reason: "forced".to_owned() },
            Need::Compute { .. } => Status::WillRun { reason: history.reason(id, &needs) },
        },
    };
    Ok(graph.iter().map(entry).collect())
}

/// What the store tells of earlier runs.
struct History<'a> {
    graph: &'a Graph,
    store: &'a Store,
    kinds: Vec<String>,
    newest: HashMap<String, Rc<[String]>>,
    documents: HashMap<String, Option<Rc<Document>>>,
    distances: HashMap<(String, String), usize>,
}

struct Document {
    fields: Fields,
    key_document: KeyDocument,
}

impl<'a> History<'a> {
    fn new(graph: &'a Graph, store: &'a Store) -> Self {
        let (kinds, newest) = (store.kinds(), HashMap::new());
        Self { graph, store, kinds, newest, documents: HashMap::new(), distances: HashMap::new() }
    }

    /// Why a missing stage is missing: how it differs from the nearest artifact of its kind.
    fn reason(&mut self, id: StageId, needs: &[Need]) -> String {
        let key = self.graph.key(id);
        let Some(nearest) = self.nearest(self.graph.kind(id), key) else { return "new".to_owned() };
        let (Some(new), Some(old)) = (self.document(key), self.document(&nearest)) else { return "new".to_owned() };
        let mut reasons = new.fields.differences(&old.fields);
        if reasons.len() * 2 > new.fields.len() + 1 {
            return "new".to_owned();
        }
        for (role, input) in self.graph.inputs(id) {
            let before = old.key_document.inputs.get(role);
            if before.map(String::as_str) != Some(self.graph.key(*input)) {
                reasons.push(self.input_reason(role, *input, before, needs));
            }
        }
        let gone = old.key_document.inputs.keys().filter(|role| !new.key_document.inputs.contains_key(*role));
        reasons.extend(gone.map(|role| format!("no input {role} any more")));
        shorten(reasons)
    }

    /// An input that runs says why in its own line; why one that does not run is another one is told here.
    fn input_reason(&mut self, role: &str, input: StageId, before: Option<&String>, needs: &[Need]) -> String {
        let Some(before) = before else { return format!("new input {role}") };
        let mut causes = Vec::new();
        if !needs[input.index()].is_compute() {
            self.causes(self.graph.key(input), before, &mut causes);
        }
        match causes.is_empty() {
            true => format!("input {role} changed"),
            false => format!("input {role} changed ({})", shorten(causes)),
        }
    }

    /// The differences of two artifacts, or where they have none of their own, those of their inputs.
    fn causes(&mut self, new: &str, old: &str, causes: &mut Vec<String>) {
        let (Some(new), Some(old)) = (self.document(new), self.document(old)) else { return };
        let own = new.fields.differences(&old.fields);
        if own.is_empty() {
            for (role, key) in &new.key_document.inputs {
                if let Some(before) = old.key_document.inputs.get(role).filter(|before| *before != key) {
                    self.causes(key, before, causes);
                }
            }
        }
        causes.extend(own.into_iter().filter(|cause| !causes.contains(cause)).collect::<Vec<_>>());
    }

    /// The key of the nearest artifact of a kind; of equally near ones the newest.
    fn nearest(&mut self, kind: &str, key: &str) -> Option<String> {
        let newest = match self.newest.get(kind) {
            Some(newest) => Rc::clone(newest),
            None => {
                let keys: Rc<[String]> = self.store.keys(kind).into_iter().take(COMPARED).collect();
                self.newest.insert(kind.to_owned(), Rc::clone(&keys));
                keys
            }
        };
        newest.iter().min_by_key(|old| self.distance(key, old)).cloned()
    }

    /// Fields that differ between two documents and, where inputs differ, between those.
    fn distance(&mut self, new: &str, old: &str) -> usize {
        if new == old {
            return 0;
        }
        let pair = (new.to_owned(), old.to_owned());
        if let Some(distance) = self.distances.get(&pair) {
            return *distance;
        }
        let distance = match (self.document(new), self.document(old)) {
            (Some(new), Some(old)) => new.fields.distance(&old.fields) + self.input_distance(&new, &old),
            _ => 1,
        };
        self.distances.insert(pair, distance);
        distance
    }

    fn input_distance(&mut self, new: &Document, old: &Document) -> usize {
        let (new, old) = (&new.key_document.inputs, &old.key_document.inputs);
        let gone = old.keys().filter(|role| !new.contains_key(*role)).count();
        let changed = new.iter().map(|(role, key)| old.get(role).map_or(1, |old| self.distance(key, old)));
        gone + changed.sum::<usize>()
    }

    /// The document of a key, from the graph or the store.
    fn document(&mut self, key: &str) -> Option<Rc<Document>> {
        if let Some(document) = self.documents.get(key) {
            return document.clone();
        }
        // The graph's document takes the way through text too, so that numbers compare as those read from the store.
        let key_document = match self.graph.with_key(key) {
            Some(id) => serde_json::from_str(self.graph.key_text(id)).ok(),
            None => self.kinds.iter().find_map(|kind| self.store.key_document(kind, key).ok()),
        };
        let document = key_document
            .map(|key_document: KeyDocument| Rc::new(Document { fields: Fields::of(&key_document), key_document }));
        self.documents.insert(key.to_owned(), document.clone());
        document
    }
}

fn shorten(mut reasons: Vec<String>) -> String {
    let more = reasons.len().saturating_sub(LISTED);
    if more > 0 {
        reasons.truncate(LISTED);
        reasons.push(format!("and {more} more"));
    }
    reasons.join(", ")
}
