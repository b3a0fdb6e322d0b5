//! Why a stage has no artifact: how it differs from the most similar artifact in the store.

use crate::engine::difference::Fields;
use crate::engine::select::Action;
use crate::engine::{Graph, KeyDocument, StageId, Store};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Number of artifacts of a kind that a missing one is compared with, newest first.
const MAX_COMPARED: usize = 100;
/// Number of differences that a reason lists.
const MAX_LISTED: usize = 3;

/// Artifacts of earlier runs, with cached comparisons.
pub(super) struct History<'a> {
    graph: &'a Graph,
    store: &'a Store,
    /// Keys of the artifacts to compare with; if `None`, all of the store.
    own: Option<&'a HashSet<String>>,
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
    pub(super) fn new(graph: &'a Graph, store: &'a Store, own: Option<&'a HashSet<String>>) -> Self {
        let (kinds, newest) = (store.kinds(), HashMap::new());
        Self { graph, store, own, kinds, newest, documents: HashMap::new(), distances: HashMap::new() }
    }

    /// Returns why a stage has no artifact: how it differs from the most similar artifact of its kind.
    pub(super) fn reason(&mut self, id: StageId, actions: &[Action]) -> String {
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
                reasons.push(self.input_reason(role, *input, before, actions));
            }
        }
        let removed = old.key_document.inputs.keys().filter(|role| !new.key_document.inputs.contains_key(*role));
        reasons.extend(removed.map(|role| format!("input {role} removed")));
        shorten(reasons)
    }

    /// Describes a changed input. If the input will run, its own line gives the reason; otherwise it is added here.
    fn input_reason(&mut self, role: &str, input: StageId, before: Option<&String>, actions: &[Action]) -> String {
        // A numeric role means nothing to a user.
        let role = if role.bytes().all(|byte| byte.is_ascii_digit()) { self.graph.name(input) } else { role };
        let Some(before) = before else { return format!("new input {role}") };
        let mut causes = Vec::new();
        if !actions[input.index()].is_compute() {
            self.causes(self.graph.key(input), before, &mut causes);
        }
        match causes.is_empty() {
            true => format!("input {role} changed"),
            false => format!("input {role} changed ({})", shorten(causes)),
        }
    }

    /// Adds the differences of two artifacts or, if they have none of their own, those of their inputs.
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

    /// Describes the fields that differ, with the stage's own explanations where it has any.
    fn differences(&self, new_key: &str, new: &Document, old_key: &str, old: &Document) -> Vec<String> {
        let stage = self.graph.with_key(new_key).map(|id| self.graph.stage(id));
        let artifact = self.store.artifact_path(&old.key_document.kind, old_key);
        let explain = |path: &str| stage.and_then(|stage| stage.explain(path, &artifact));
        new.fields.describe_changes(&old.fields, explain)
    }

    /// Returns the key of the most similar artifact of a kind; of equally similar ones the newest.
    fn nearest(&mut self, kind: &str, key: &str) -> Option<String> {
        let newest = match self.newest.get(kind) {
            Some(newest) => Rc::clone(newest),
            None => {
                let is_own = |key: &String| self.own.is_none_or(|own| own.contains(key));
                let keys = self.store.keys(kind).into_iter().filter(is_own);
                let keys: Rc<[String]> = keys.take(MAX_COMPARED).collect();
                self.newest.insert(kind.to_owned(), Rc::clone(&keys));
                keys
            }
        };
        newest.iter().min_by_key(|old| self.distance(key, old)).cloned()
    }

    /// Counts the fields that differ between two documents and, recursively, between their inputs.
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
        let removed = old.keys().filter(|role| !new.contains_key(*role)).count();
        let changed = new.iter().map(|(role, key)| old.get(role).map_or(1, |old| self.distance(key, old)));
        removed + changed.sum::<usize>()
    }

    /// Returns the document of a key, from the graph or the store.
    fn document(&mut self, key: &str) -> Option<Rc<Document>> {
        if let Some(document) = self.documents.get(key) {
            return document.clone();
        }
        // The graph's document is parsed from text too, so that its numbers compare equal to those read from the store.
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
    let more = reasons.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        reasons.truncate(MAX_LISTED);
        reasons.push(format!("and {more} more"));
    }
    reasons.join(", ")
}
