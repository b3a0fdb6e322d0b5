//! Freeing what nobody counts on any more.

use super::lock::{Lock, is_held};
use super::{Artifact, Leftover, LeftoverKind, State, Store, first_free, is_there, names};
use crate::base::Result;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Directory of what is about to be deleted, in the store's.
const TRASH: &str = ".trash";

/// What a collection freed, or would free.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Each directory.
    pub freed: Vec<Freed>,
    /// Size of all of them.
    pub bytes: u64,
}

/// One directory that a collection freed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freed {
    /// Kind of the artifact that it was or belonged to.
    pub kind: String,
    /// Key of that artifact.
    pub key: String,
    /// What it was.
    pub what: FreedKind,
    /// Size of all files in it.
    pub bytes: u64,
}

/// What a [`Freed`] directory was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FreedKind {
    /// An artifact whose key is not kept.
    Artifact,
    /// An artifact that is not whole.
    DamagedArtifact,
    /// Something beside an artifact.
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
    /// Frees artifacts whose key is not in `keep`, damaged ones, and what lies beside artifacts: checkpoints of keys
    /// that are not kept, and whatever else killed runs and damage left. Nothing whose lock is held is touched. With
    /// `dry_run` the list is the same and nothing is touched at all.
    ///
    /// A run that starts after `keep` was made is not known in it: where runs can start at any time, use
    /// [`Store::collect_with`].
    ///
    /// # Errors
    /// The store cannot be written. What was freed until then stays freed.
    pub fn collect(&self, keep: &HashSet<String>, dry_run: bool) -> Result<Collected> {
        self.collect_with(dry_run, || Ok(()), || Ok(keep.clone()))
    }

    /// As [`Store::collect`], with the keys to keep asked for when no run can register ([`Store::register`]) any more:
    /// `keep` then sees all that runs have written down. `waiting` is called again and again while runs that start
    /// are waited for, and can give up by an error.
    ///
    /// # Errors
    /// As for [`Store::collect`], and those of `waiting` and `keep`.
    pub fn collect_with(
        &self,
        dry_run: bool,
        waiting: impl FnMut() -> Result<()>,
        keep: impl FnOnce() -> Result<HashSet<String>>,
    ) -> Result<Collected> {
        let alone = match dry_run || !self.directory.exists() {
            true => None,
            false => Some(self.register_alone(waiting)?),
        };
        let keep = keep()?;
        let mut collected = Collected::default();
        for candidate in self.candidates() {
            let is_freed = match dry_run {
                true => self.is_due(&candidate, &keep) && !is_held(self, &candidate.freed.kind, &candidate.freed.key),
                false => self.free(&candidate, &keep)?,
            };
            if is_freed {
                collected.bytes += candidate.freed.bytes;
                collected.freed.push(candidate.freed);
            }
        }
        // Deleting takes longer than renaming; runs can start meanwhile.
        drop(alone);
        if !dry_run {
            self.forget_freed();
            self.empty_trash()?;
        }
        Ok(collected)
    }

    /// Deletes what was freed, by this process or by one that was killed before it could.
    pub(super) fn empty_trash(&self) -> Result<()> {
        let trash = self.directory.join(TRASH);
        // The directory itself stays: another process may be about to rename something into it.
        names(&trash).try_for_each(|name| self.changes.remove(&trash.join(name)))
    }

    fn candidates(&self) -> Vec<Candidate> {
        let artifact = |Artifact { kind, key, bytes, damage, .. }| {
            let what = if damage.is_some() { FreedKind::DamagedArtifact } else { FreedKind::Artifact };
            Candidate { path: self.place(&kind, &key), freed: Freed { kind, key, what, bytes } }
        };
        let leftover = |Leftover { kind, key, what, path, bytes, .. }| Candidate {
            path,
            freed: Freed { kind, key, what: FreedKind::Leftover(what), bytes },
        };
        self.artifacts().into_iter().map(artifact).chain(self.leftovers().into_iter().map(leftover)).collect()
    }

    /// Whether nobody counts on it.
    fn is_due(&self, candidate: &Candidate, keep: &HashSet<String>) -> bool {
        let Freed { kind, key, what, .. } = &candidate.freed;
        let is_kept = keep.contains(key);
        let is_due = match what {
            FreedKind::Artifact | FreedKind::Leftover(LeftoverKind::Checkpoints) => !is_kept,
            FreedKind::DamagedArtifact => !is_kept || matches!(self.state(kind, key), State::Damaged(_)),
            FreedKind::Leftover(LeftoverKind::Replaced) => !is_kept || !self.is_last(kind, key),
            FreedKind::Leftover(LeftoverKind::Partial | LeftoverKind::Damaged) => true,
        };
        is_due && is_there(&candidate.path)
    }

    /// Renames it into the trash, unless somebody has its lock or it is another thing by now: a process that is killed
    /// while it deletes leaves nothing half-deleted under its name.
    fn free(&self, candidate: &Candidate, keep: &HashSet<String>) -> Result<bool> {
        if !self.is_due(candidate, keep) {
            return Ok(false);
        }
        let Freed { kind, key, .. } = &candidate.freed;
        let Some(_lock) = Lock::try_take(self, kind, key)? else { return Ok(false) };
        if !self.is_due(candidate, keep) {
            return Ok(false);
        }
        self.changes.create_directory(&self.directory.join(TRASH))?;
        self.changes.rename(&candidate.path, &self.trash_name(kind, &candidate.path))?;
        Ok(true)
    }

    fn trash_name(&self, kind: &str, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        first_free(|number| self.directory.join(TRASH).join(format!("{kind}-{name}-{number}")))
    }
}

/// A directory that may be freed, and what is told of it then.
struct Candidate {
    path: PathBuf,
    freed: Freed,
}
