//! Artifacts that may have been computed from a damaged artifact.

use super::{Lock, Store, set_aside};
use crate::base::Result;
use std::collections::HashMap;
use std::path::PathBuf;

/// Sets aside the artifacts that may have been computed from a damaged one ([`Store::suspects`]). Artifacts that record
/// the content of their inputs stay, since their provenance can be checked. Returns the new paths.
pub(crate) fn set_aside_suspects(store: &Store, key: &str) -> Result<Vec<PathBuf>> {
    let mut asides = Vec::new();
    for (kind, key) in store.suspects(key) {
        // The holder of a lock is recomputing the artifact already.
        if let Some(lock) = Lock::try_acquire(store, &kind, &key)? {
            asides.push(set_aside(store, &kind, &key, &lock)?);
        }
    }
    Ok(asides)
}

impl Store {
    /// Returns kinds and keys of the artifacts that may have been computed from a damaged one: they have it as an input
    /// without recording its content, or have such an artifact as an input in the same way.
    pub fn suspects(&self, key: &str) -> Vec<(String, String)> {
        let readers = unrecorded_readers(self);
        let mut suspects: Vec<(String, String)> = Vec::new();
        let mut open = vec![key.to_owned()];
        while let Some(key) = open.pop() {
            for reader in readers.get(&key).into_iter().flatten() {
                if !suspects.contains(reader) {
                    suspects.push(reader.clone());
                    open.push(reader.1.clone());
                }
            }
        }
        suspects
    }

    /// Returns why an artifact is stale: an input whose content it records has changed since.
    pub fn stale(&self, kind: &str, key: &str) -> Option<String> {
        let (read, document) = (self.read_contents(kind, key), self.key_document(kind, key).ok()?);
        let kinds = self.kinds();
        let has_changed = |(role, input): (&String, &String)| {
            let read = read.get(role)?;
            let (input, (manifest, _)) = kinds
                .iter()
                .find_map(|kind| Some((format!("{kind} {input}"), self.read_manifest(kind, input).ok()?)))?;
            (manifest.content() != *read).then_some(input)
        };
        let input = document.inputs.iter().find_map(has_changed)?;
        Some(format!("it was computed from a different artifact {input}"))
    }
}

/// Returns the artifacts that read an input without recording its content, by the key of the input.
fn unrecorded_readers(store: &Store) -> HashMap<String, Vec<(String, String)>> {
    let mut readers: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for kind in store.kinds() {
        for key in store.keys(&kind) {
            let Ok(document) = store.key_document(&kind, &key) else { continue };
            let read = store.read_contents(&kind, &key);
            for (role, input) in document.inputs {
                if !read.contains_key(&role) {
                    readers.entry(input).or_default().push((kind.clone(), key.clone()));
                }
            }
        }
    }
    readers
}
