//! Garbage collection: frees artifacts and leftovers that no run uses.

use super::lock::{Lock, is_held};
use super::{Artifact, ArtifactState, Leftover, LeftoverKind, Store, exists, first_unused, names};
use crate::base::Result;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Directory in the store for directories about to be deleted.
const TRASH: &str = ".trash";

/// Result of a collection: what was freed, or would be freed by a dry run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// The freed directories.
    pub freed: Vec<FreedDirectory>,
    /// Total size in bytes.
    pub bytes: u64,
}

/// Directory freed by a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreedDirectory {
    /// Kind of the artifact it was or belonged to.
    pub kind: String,
    /// Key of that artifact.
    pub key: String,
    /// What kind of directory it was.
    pub what: FreedKind,
    /// Total size of its files.
    pub bytes: u64,
}

/// What a [`FreedDirectory`] was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FreedKind {
    /// An artifact whose key is not kept.
    Artifact,
    /// A damaged artifact.
    DamagedArtifact,
    /// A leftover next to an artifact.
    Leftover(LeftoverKind),
}

impl fmt::Display for FreedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Artifact => f.write_str("artifact"),
            Self::DamagedArtifact => f.write_str("damaged artifact"),
            Self::Leftover(what) => what.fmt(f),
        }
    }
}

impl Store {
    /// Frees artifacts whose key is not in `keep`, damaged artifacts, and leftovers: checkpoints of keys that are not
    /// kept, and everything else left by killed runs and damage. Artifacts whose lock is held are skipped. With
    /// `dry_run` the result is the same, but nothing is changed.
    ///
    /// `keep` does not cover runs that start after it was determined: if runs can start at any time, use
    /// [`Store::collect_with`].
    ///
    /// # Errors
    /// The store cannot be written. Directories already freed stay freed.
    pub fn collect(&self, keep: &HashSet<String>, dry_run: bool) -> Result<GcReport> {
        self.collect_with(dry_run, || Ok(()), || Ok(keep.clone()))
    }

    /// As [`Store::collect`], but calls `keep` for the keys to keep once no run can register ([`Store::register`]), so
    /// that `keep` sees the records of all runs. `waiting` is called repeatedly while waiting for runs that are
    /// starting; an error from it cancels the wait.
    ///
    /// # Errors
    /// As for [`Store::collect`], and those of `waiting` and `keep`.
    pub fn collect_with(
        &self,
        dry_run: bool,
        waiting: impl FnMut() -> Result<()>,
        keep: impl FnOnce() -> Result<HashSet<String>>,
    ) -> Result<GcReport> {
        let registration = match dry_run || !self.directory.exists() {
            true => None,
            false => Some(self.register_exclusive(waiting)?),
        };
        let keep = keep()?;
        let mut collected = GcReport::default();
        for candidate in self.candidates() {
            let is_freed = match dry_run {
                true => {
                    self.is_collectable(&candidate, &keep)
                        && !is_held(self, &candidate.entry.kind, &candidate.entry.key)
                }
                false => self.move_to_trash(&candidate, &keep)?,
            };
            if is_freed {
                collected.bytes += candidate.entry.bytes;
                collected.freed.push(candidate.entry);
            }
        }
        // Deleting takes longer than renaming, so runs may already start.
        drop(registration);
        if !dry_run {
            self.remove_orphaned_stamps();
            self.empty_trash()?;
        }
        Ok(collected)
    }

    /// Deletes the contents of the trash, including those left by killed processes.
    pub(super) fn empty_trash(&self) -> Result<()> {
        let trash = self.directory.join(TRASH);
        // The directory itself stays: another process may be about to rename something into it.
        names(&trash).try_for_each(|name| self.disk.remove(&trash.join(name)))
    }

    fn candidates(&self) -> Vec<Candidate> {
        let artifact = |Artifact { kind, key, bytes, damage, .. }| {
            let what = if damage.is_some() { FreedKind::DamagedArtifact } else { FreedKind::Artifact };
            Candidate { path: self.artifact_path(&kind, &key), entry: FreedDirectory { kind, key, what, bytes } }
        };
        let leftover = |Leftover { kind, key, what, path, bytes, .. }| Candidate {
            path,
            entry: FreedDirectory { kind, key, what: FreedKind::Leftover(what), bytes },
        };
        self.artifacts().into_iter().map(artifact).chain(self.leftovers().into_iter().map(leftover)).collect()
    }

    /// Whether a candidate may be freed.
    fn is_collectable(&self, candidate: &Candidate, keep: &HashSet<String>) -> bool {
        let FreedDirectory { kind, key, what, .. } = &candidate.entry;
        let is_kept = keep.contains(key);
        let is_unused = match what {
            FreedKind::Artifact | FreedKind::Leftover(LeftoverKind::Checkpoints) => !is_kept,
            FreedKind::DamagedArtifact => !is_kept || matches!(self.state(kind, key), ArtifactState::Damaged(_)),
            FreedKind::Leftover(LeftoverKind::Replaced) => !is_kept || !self.is_only_intact_copy(kind, key),
            FreedKind::Leftover(LeftoverKind::Partial | LeftoverKind::Damaged) => true,
        };
        is_unused && exists(&candidate.path)
    }

    /// Renames a candidate into the trash, unless its lock is held or it has changed meanwhile. A process killed while
    /// deleting then leaves nothing half-deleted under the original name.
    fn move_to_trash(&self, candidate: &Candidate, keep: &HashSet<String>) -> Result<bool> {
        if !self.is_collectable(candidate, keep) {
            return Ok(false);
        }
        let FreedDirectory { kind, key, .. } = &candidate.entry;
        let Some(lock) = Lock::try_acquire(self, kind, key)? else { return Ok(false) };
        if !self.is_collectable(candidate, keep) {
            return Ok(false);
        }
        if matches!(candidate.entry.what, FreedKind::Artifact | FreedKind::DamagedArtifact) {
            lock.note_finished(false);
        }
        self.disk.create_directory(&self.directory.join(TRASH))?;
        self.disk.rename(&candidate.path, &self.trash_name(kind, &candidate.path))?;
        Ok(true)
    }

    fn trash_name(&self, kind: &str, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        first_unused(|number| self.directory.join(TRASH).join(format!("{kind}-{name}-{number}")))
    }
}

/// Directory that may be freed, and its entry in the result.
struct Candidate {
    path: PathBuf,
    entry: FreedDirectory,
}
