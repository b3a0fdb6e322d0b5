//! Listing of the artifacts in a store.

use super::{ArtifactState, MANIFEST_FILE, Store, names, size_on_disk};
use crate::base::hash;
use crate::engine::ArtifactRecord;
use std::fs;
use std::time::SystemTime;

/// Artifact in a store, intact or damaged.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// Kind of the artifact.
    pub kind: String,
    /// Key of the artifact.
    pub key: String,
    /// Total size of the files in its directory.
    pub bytes: u64,
    /// When it was finished.
    pub written: SystemTime,
    /// Record of its computation, if readable.
    pub record: Option<ArtifactRecord>,
    /// Damage found by comparing file names and sizes.
    pub damage: Option<String>,
}

impl Store {
    /// Lists all artifacts, newest first, including damaged ones.
    pub fn artifacts(&self) -> Vec<Artifact> {
        let kinds = self.kinds();
        let of_kind = |kind: &String| {
            let keys: Vec<String> = names(&self.directory.join(kind)).filter(|name| hash::is_digest(name)).collect();
            keys.into_iter().filter_map(|key| self.describe(kind, key)).collect::<Vec<_>>()
        };
        let mut artifacts: Vec<Artifact> = kinds.iter().flat_map(of_kind).collect();
        artifacts.sort_by(|a, b| b.written.cmp(&a.written).then_with(|| (&a.kind, &a.key).cmp(&(&b.kind, &b.key))));
        artifacts
    }

    /// Describes an artifact; none if it was removed since it was listed.
    fn describe(&self, kind: &str, key: String) -> Option<Artifact> {
        let path = self.artifact_path(kind, &key);
        let metadata = fs::metadata(path.join(MANIFEST_FILE)).or_else(|_| fs::symlink_metadata(&path)).ok()?;
        let damage = match self.state(kind, &key) {
            ArtifactState::Missing => return None,
            ArtifactState::Intact(_) => None,
            ArtifactState::Damaged(damage) => Some(damage),
        };
        let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let (bytes, record) = (size_on_disk(&path), self.record(kind, &key).ok());
        Some(Artifact { kind: kind.to_owned(), key, bytes, written, record, damage })
    }
}
