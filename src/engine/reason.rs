//! Why a stage's artifact is missing: how the stage differs from the nearest artifact in the store.

use crate::engine::difference::Fields;
use crate::engine::select::Need;
use crate::engine::{Graph, KeyDocument, StageId, Store};
use std::collections::HashMap;
use std::rc::Rc;

/// Artifacts of a kind that a missing one is compared with, the newest first: what was changed since the last runs.
const COMPARED: usize = 100;
/// Differences that a reason lists.
const LISTED: usize = 3;

/// What the store tells of earlier runs.
pub(super) struct History<'a> {
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
    pub(super) fn new(graph: &'a Graph, store: &'a Store) -> Self {
        let (kinds, newest) = (store.kinds(), HashMap::new());
        Self { graph, store, kinds, newest, documents: HashMap::new(), distances: HashMap::new() }
    }

    /// Why a missing stage is missing: how it differs from the nearest artifact of its kind.
    pub(super) fn reason(&mut self, id: StageId, needs: &[Need]) -> String {
        let key = self.graph.key(id);
        let Some(nearest) = self.nearest(self.graph.kind(id), key) else { return "new".to_owned() };
        let (Some(new), Some(old)) = (self.document(key), self.document(&nearest)) else { return "new".to_owned() };
        let mut reasons = self.differences(key, &new, &nearest, &old);
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
        // A role that is only a number says nothing to a user.
        let role = if role.bytes().all(|byte| byte.is_ascii_digit()) { self.graph.name(input) } else { role };
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
    fn causes(&mut self, new_key: &str, old_key: &str, causes: &mut Vec<String>) {
        let (Some(new), Some(old)) = (self.document(new_key), self.document(old_key)) else { return };
        let own = self.differences(new_key, &new, old_key, &old);
        if own.is_empty() {
            for (role, key) in &new.key_document.inputs {
                if let Some(before) = old.key_document.inputs.get(role).filter(|before| *before != key) {
                    self.causes(key, before, causes);
                }
            }
        }
        causes.extend(own.into_iter().filter(|cause| !causes.contains(cause)).collect::<Vec<_>>());
    }

    /// The fields that differ, in the stage's own words where it has some.
    fn differences(&self, new_key: &str, new: &Document, old_key: &str, old: &Document) -> Vec<String> {
        let stage = self.graph.with_key(new_key).map(|id| self.graph.stage(id));
        let artifact = self.store.place(&old.key_document.kind, old_key);
        let explain = |path: &str| stage.and_then(|stage| stage.explain(path, &artifact));
        new.fields.differences_in_words(&old.fields, explain)
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
