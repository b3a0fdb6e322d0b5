//! What was computed from a damaged artifact, as far as nobody can tell that it was not.

use super::{Lock, Store, set_aside};
use crate::base::Result;
use std::collections::HashMap;
use std::path::PathBuf;

/// Sets aside what names the artifact with this key as an input and does not record which content it read, and what was
/// computed from that in the same way. An artifact that records the content of its input can be told from one that read
/// the damaged bytes, and stays. Returns the new names.
pub(crate) fn set_aside_doubtful(store: &Store, key: &str) -> Result<Vec<PathBuf>> {
    let mut asides = Vec::new();
    for (kind, key) in store.doubtful(key) {
        // Whoever has the lock computes it anew at this moment.
        if let Some(lock) = Lock::try_take(store, &kind, &key)? {
            asides.push(set_aside(store, &kind, &key, &lock)?);
        }
    }
    Ok(asides)
}

impl Store {
    /// Kinds and keys of the artifacts that may have been computed from a damaged one: they name it as an input and do
    /// not record which content they read, or they name such an artifact.
    pub fn doubtful(&self, key: &str) -> Vec<(String, String)> {
        let readers = unrecorded_readers(self);
        let mut found: Vec<(String, String)> = Vec::new();
        let mut open = vec![key.to_owned()];
        while let Some(key) = open.pop() {
            for reader in readers.get(&key).into_iter().flatten() {
                if !found.contains(reader) {
                    found.push(reader.clone());
                    open.push(reader.1.clone());
                }
            }
        }
        found
    }

    /// Why an artifact is not what its inputs give, as far as it records their content: an input is another one by now.
    pub fn stale(&self, kind: &str, key: &str) -> Option<String> {
        let (read, document) = (self.read_contents(kind, key), self.key_document(kind, key).ok()?);
        let kinds = self.kinds();
        let is_other = |(role, input): (&String, &String)| {
            let read = read.get(role)?;
            let (input, (manifest, _)) =
                kinds.iter().find_map(|kind| Some((format!("{kind} {input}"), self.look(kind, input).ok()?)))?;
            (manifest.content() != *read).then_some(input)
        };
        let input = document.inputs.iter().find_map(is_other)?;
        Some(format!("it was computed from another artifact {input} than the one that is there"))
    }
}

/// By the key of an input: the artifacts that read it and do not record its content.
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
