//! Verification of artifacts against their manifests, and its cache.
//!
//! Reading every byte of every artifact in every run would take seconds per 10 GB, so a verified artifact is remembered
//! in the store as `.verified/KIND-KEY`, by the inodes, sizes and times of its files. Any change of a file changes its
//! ctime, which no program can set. Silent corruption by the disk is detected only by [`Verify::Always`] and `simclr
//! cache verify`.

use super::manifest::Stamps;
use super::{Manifest, Store, exists, sealed};
use crate::base::files;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Directory in the store for the stamps of verified artifacts.
const VERIFIED: &str = ".verified";

/// When a run compares an artifact's files with the digests in its manifest before it uses them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// In every run, even without a sign of a change.
    Always,
    /// If a file's inode, size or times have changed since it was last compared.
    #[default]
    Changed,
    /// Never: only names and sizes are checked.
    Size,
}

/// Intact artifact, as found by a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArtifactSnapshot {
    pub(crate) path: PathBuf,
    /// Digest of the content according to the manifest ([`Manifest::content`]).
    pub(crate) content: String,
    /// Whether the files were compared with the manifest.
    pub(crate) is_verified: bool,
    stamps: Stamps,
}

/// Result of inspecting an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inspection {
    Missing,
    Intact(ArtifactSnapshot),
    /// Wrong by names or sizes, so no stage can have read it.
    Incomplete(String),
    /// Wrong only by its bytes, so artifacts computed from it may be wrong.
    Corrupt(String),
}

/// Inspects artifacts and caches which of them were verified.
#[derive(Debug)]
pub(crate) struct Verifier<'a> {
    store: &'a Store,
    verify: Verify,
    /// By kind and key: the stamps of verified artifacts, and whether a further change would alter them.
    cache: Mutex<HashMap<(String, String), (String, bool)>>,
}

impl<'a> Verifier<'a> {
    pub(crate) fn new(store: &'a Store, verify: Verify) -> Self {
        Self { store, verify, cache: Mutex::default() }
    }

    /// Inspects an artifact, and compares its bytes if the policy requires it.
    pub(crate) fn inspect(&self, kind: &str, key: &str) -> Inspection {
        self.inspect_with(self.verify, kind, key)
    }

    /// Inspects every byte of an artifact, ignoring the cache.
    pub(crate) fn inspect_fully(&self, kind: &str, key: &str) -> Inspection {
        self.invalidate(kind, key);
        self.inspect_with(Verify::Always, kind, key)
    }

    fn inspect_with(&self, verify: Verify, kind: &str, key: &str) -> Inspection {
        let path = self.store.artifact_path(kind, key);
        let (manifest, stamps) = match self.store.read_manifest(kind, key) {
            Ok(manifest_and_stamps) => manifest_and_stamps,
            Err(_) if !exists(&path) => return Inspection::Missing,
            Err(damage) => return Inspection::Incomplete(damage),
        };
        let digest = stamps.digest();
        let intact = |is_verified| {
            Inspection::Intact(ArtifactSnapshot {
                path: path.clone(),
                content: manifest.content(),
                is_verified,
                stamps: stamps.clone(),
            })
        };
        if verify == Verify::Size {
            return intact(false);
        }
        if self.is_cached(kind, key, &digest) {
            return intact(true);
        }
        if let Err(damage) = manifest.check_digests(&path, key).and_then(|()| sealed::check(&path)) {
            self.invalidate(kind, key);
            return Inspection::Corrupt(damage);
        }
        match self.store.read_manifest(kind, key) {
            Ok(now) if now == (manifest.clone(), stamps.clone()) => {
                self.insert(kind, key, &digest, stamps.is_settled());
                intact(true)
            }
            // Files of a report get hard links when it is published, perhaps by another run.
            Ok((now, later)) if now == manifest && later.is_written_as(&stamps) => intact(true),
            _ => Inspection::Corrupt("it changed while it was read".to_owned()),
        }
    }

    /// Whether an artifact still equals its snapshot. Hard links and permissions may have changed meanwhile, by a
    /// backup for example, if the content is the same.
    pub(crate) fn is_unchanged(&self, snapshot: &ArtifactSnapshot, kind: &str, key: &str) -> bool {
        let Ok((_, now)) = self.store.read_manifest(kind, key) else { return false };
        let same_content =
            || matches!(self.inspect(kind, key), Inspection::Intact(current) if current.content == snapshot.content);
        now == snapshot.stamps || (now.is_written_as(&snapshot.stamps) && same_content())
    }

    /// Marks an artifact that this run wrote as verified, since its digests were computed from the files on the disk.
    pub(crate) fn record_written(&self, kind: &str, key: &str) {
        if let Ok((_, stamps)) = self.store.read_manifest(kind, key) {
            self.insert(kind, key, &stamps.digest(), stamps.is_settled());
        }
    }

    /// Saves the stamps of artifacts that this run wrote, if they were written long enough ago.
    pub(crate) fn persist(&self) {
        for ((kind, key), (stamps, _)) in self.cache().iter().filter(|(_, (_, is_settled))| !is_settled) {
            if let Ok((_, now)) = self.store.read_manifest(kind, key)
                && now.is_settled()
                && now.digest() == *stamps
            {
                self.store.save_stamps(kind, key, stamps);
            }
        }
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<(String, String), (String, bool)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_cached(&self, kind: &str, key: &str, stamps: &str) -> bool {
        let name = (kind.to_owned(), key.to_owned());
        if self.cache().get(&name).is_some_and(|(known, _)| known == stamps) {
            return true;
        }
        let is_saved = self.verify == Verify::Changed && self.store.has_stamps(kind, key, stamps);
        if is_saved {
            self.cache().insert(name, (stamps.to_owned(), true));
        }
        is_saved
    }

    fn insert(&self, kind: &str, key: &str, stamps: &str, is_settled: bool) {
        self.cache().insert((kind.to_owned(), key.to_owned()), (stamps.to_owned(), is_settled));
        if is_settled {
            self.store.save_stamps(kind, key, stamps);
        }
    }

    fn invalidate(&self, kind: &str, key: &str) {
        self.cache().remove(&(kind.to_owned(), key.to_owned()));
        let _ = fs::remove_file(self.store.stamps_path(kind, key));
    }
}

impl Store {
    /// Reads an artifact's manifest and the stamps of its files, or returns what is wrong by names and sizes.
    pub(super) fn read_manifest(&self, kind: &str, key: &str) -> Result<(Manifest, Stamps), String> {
        let path = self.artifact_path(kind, key);
        let manifest = Manifest::read(&path)?;
        let stamps = manifest.check_sizes(&path, key)?;
        Ok((manifest, stamps))
    }

    /// Returns the directory of an artifact if all its files match their digests.
    pub(crate) fn verified_artifact(&self, kind: &str, key: &str) -> Option<PathBuf> {
        match Verifier::new(self, Verify::Changed).inspect(kind, key) {
            Inspection::Intact(snapshot) => Some(snapshot.path),
            _ => None,
        }
    }

    /// Removes the stamps of artifacts that no longer exist.
    pub(super) fn remove_orphaned_stamps(&self) {
        for name in super::names(&self.directory.join(VERIFIED)) {
            let is_orphaned = name.split_once('-').is_none_or(|(kind, key)| !exists(&self.artifact_path(kind, key)));
            if is_orphaned {
                let _ = fs::remove_file(self.directory.join(VERIFIED).join(name));
            }
        }
    }

    fn stamps_path(&self, kind: &str, key: &str) -> PathBuf {
        self.directory.join(VERIFIED).join(format!("{kind}-{key}"))
    }

    fn has_stamps(&self, kind: &str, key: &str, stamps: &str) -> bool {
        files::read_bytes(&self.stamps_path(kind, key)).is_ok_and(|known| known == stamps.as_bytes())
    }

    /// Saves stamps without flushing or an atomic rename: losing them only costs another comparison.
    fn save_stamps(&self, kind: &str, key: &str, stamps: &str) {
        let path = self.stamps_path(kind, key);
        if fs::write(&path, stamps).is_err() && fs::create_dir_all(self.directory.join(VERIFIED)).is_ok() {
            let _ = fs::write(&path, stamps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::store::{Draft, Lock};
    use crate::engine::{ArtifactRecord, StageSummary};

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    /// Returns a store with one artifact. Its key document is arbitrary text whose digest is the key.
    fn store() -> (tempfile::TempDir, Store, String) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let key = crate::base::hash::digest_bytes(KEY.as_bytes());
        let lock = Lock::try_acquire(&store, "split", &key).unwrap().unwrap();
        let draft = Draft::new(&store, "split", &key, &lock).unwrap();
        fs::write(draft.directory().join("lines.txt"), "some lines").unwrap();
        draft.commit(KEY, &ArtifactRecord::new("split", String::new(), 0.0, StageSummary::default())).unwrap();
        drop(lock);
        (directory, store, key)
    }

    #[test]
    fn a_verified_artifact_is_not_read_again_unless_verify_is_always_or_a_stage_failed() {
        let (_directory, store, key) = store();
        let inspect = |verify| Verifier::new(&store, verify).inspect("split", &key);
        assert!(matches!(inspect(Verify::Changed), Inspection::Intact(ArtifactSnapshot { is_verified: true, .. })));
        fs::write(store.artifact_path("split", &key).join("lines.txt"), "some limes").unwrap();
        assert!(matches!(inspect(Verify::Size), Inspection::Intact(ArtifactSnapshot { is_verified: false, .. })));
        assert!(matches!(inspect(Verify::Changed), Inspection::Corrupt(_)));
        // As if the disk had corrupted the file without changing its times.
        let corrupt_silently = || {
            let (_, stamps) = store.read_manifest("split", &key).unwrap();
            store.save_stamps("split", &key, &stamps.digest());
        };
        corrupt_silently();
        assert!(matches!(inspect(Verify::Changed), Inspection::Intact(_)));
        assert!(matches!(inspect(Verify::Always), Inspection::Corrupt(_)));
        assert!(matches!(inspect(Verify::Changed), Inspection::Corrupt(_)), "damage removes the saved stamps");
        corrupt_silently();
        let verifier = Verifier::new(&store, Verify::Changed);
        assert!(matches!(verifier.inspect("split", &key), Inspection::Intact(_)));
        assert!(matches!(verifier.inspect_fully("split", &key), Inspection::Corrupt(_)));
        assert!(matches!(verifier.inspect("split", &key), Inspection::Corrupt(_)));
    }

    /// As a run does that publishes a report which another run is just verifying.
    #[cfg(unix)]
    #[test]
    fn hard_links_made_while_an_artifact_is_read_are_no_damage() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let (directory, store, key) = store();
        let (file, link) = (store.artifact_path("split", &key).join("lines.txt"), directory.path().join("link"));
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    fs::hard_link(&file, &link).unwrap();
                    fs::remove_file(&link).unwrap();
                }
            });
            let inspect = || Verifier::new(&store, Verify::Always).inspect("split", &key);
            let damage = (0..300).map(|_| inspect()).find(|found| !matches!(found, Inspection::Intact(_)));
            is_done.store(true, Ordering::Relaxed);
            assert_eq!(damage, None);
        });
    }

    #[test]
    fn stamps_are_removed_with_their_artifact() {
        let (_directory, store, key) = store();
        let (_, stamps) = store.read_manifest("split", &key).unwrap();
        store.save_stamps("split", &key, &stamps.digest());
        store.remove_orphaned_stamps();
        assert!(store.has_stamps("split", &key, &stamps.digest()));
        store.collect(&Default::default(), false).unwrap();
        assert!(!store.stamps_path("split", &key).exists());
    }
}
