//! Leftovers next to artifacts: directories of killed runs, damaged artifacts, and checkpoints.

use super::lock::{self, Lock, is_held};
use super::shared::is_token;
use super::{ArtifactState, Manifest, Store, names, set_aside, size_on_disk};
use crate::base::{Result, hash};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Extension of a directory that is being written.
pub(super) const PARTIAL: &str = "partial";
/// Extension of an artifact that is being replaced by a recomputed one.
pub(super) const REPLACED: &str = "replaced";
/// Extension of the directory with the checkpoints of an unfinished stage.
pub(super) const CHECKPOINTS: &str = "checkpoints";

/// Directory that belongs to a key and is not an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Kind of the artifact it belongs to.
    pub kind: String,
    /// Key of that artifact.
    pub key: String,
    /// What kind of leftover it is.
    pub what: LeftoverKind,
    /// Path of the directory.
    pub path: PathBuf,
    /// Total size of its files.
    pub bytes: u64,
    /// Whether a run currently holds the lock of the artifact.
    pub in_use: bool,
}

/// What a [`Leftover`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// `KEY.partial`, in a shared store `KEY.partial-TOKEN`: being written, or left by a killed run.
    Partial,
    /// `KEY.replaced`: the old artifact, left by a run killed while replacing it.
    Replaced,
    /// `KEY.damaged-N`: a damaged artifact that was set aside.
    Damaged,
    /// `KEY.checkpoints`: checkpoints from which a killed stage resumes.
    Checkpoints,
}

impl fmt::Display for LeftoverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Partial => PARTIAL,
            Self::Replaced => REPLACED,
            Self::Damaged => "damaged",
            Self::Checkpoints => CHECKPOINTS,
        })
    }
}

impl Store {
    /// Lists the leftovers, sorted by kind and key.
    pub fn leftovers(&self) -> Vec<Leftover> {
        let mut leftovers: Vec<Leftover> = scan(self).map(|leftover| leftover.into_leftover(self)).collect();
        leftovers.sort_unstable_by(|a, b| (&a.kind, &a.key, &a.path).cmp(&(&b.kind, &b.key, &b.path)));
        leftovers
    }

    /// Whether a `KEY.replaced` is the only intact artifact of its key, which the next run restores.
    pub(super) fn is_only_intact_copy(&self, kind: &str, key: &str) -> bool {
        let replaced = self.artifact_path(kind, key).with_extension(REPLACED);
        let is_intact = Manifest::read(&replaced).and_then(|manifest| manifest.check_sizes(&replaced, key)).is_ok();
        is_intact && self.artifact(kind, key).is_none()
    }
}

/// Removes partial artifacts of killed runs and restores the artifacts they were replacing. Directories locked by a
/// running process, damaged artifacts, and checkpoints of unfinished stages stay.
pub(crate) fn remove_leftovers(store: &Store) -> Result<()> {
    store.empty_trash()?;
    for leftover in scan(store) {
        if leftover.needs_cleanup(store)
            && let Some(lock) = Lock::try_acquire(store, &leftover.kind, &leftover.key)?
        {
            leftover.clean_up(store, &lock)?;
        }
    }
    lock::remove_unheld(store)
}

/// Leftover as given by its name.
struct LeftoverPath {
    kind: String,
    key: String,
    what: LeftoverKind,
    path: PathBuf,
}

fn scan(store: &Store) -> impl Iterator<Item = LeftoverPath> {
    store.kinds().into_iter().flat_map(|kind| {
        let directory = store.directory().join(&kind);
        names(&directory).filter_map(move |name| {
            let (key, what) = parse(&name)?;
            Some(LeftoverPath { kind: kind.clone(), key: key.to_owned(), what, path: directory.join(&name) })
        })
    })
}

/// Parses the key and kind from a leftover's name; none for names the store does not use.
fn parse(name: &str) -> Option<(&str, LeftoverKind)> {
    let (key, extension) = name.split_once('.')?;
    let what = match extension {
        PARTIAL => LeftoverKind::Partial,
        REPLACED => LeftoverKind::Replaced,
        CHECKPOINTS => LeftoverKind::Checkpoints,
        _ => match extension.split_once('-')? {
            (PARTIAL, token) if is_token(token) => LeftoverKind::Partial,
            ("damaged", number) => number.parse::<u32>().ok().map(|_| LeftoverKind::Damaged)?,
            _ => return None,
        },
    };
    hash::is_digest(key).then_some((key, what))
}

impl LeftoverPath {
    fn into_leftover(self, store: &Store) -> Leftover {
        let (bytes, in_use) = (size_on_disk(&self.path), is_held(store, &self.kind, &self.key));
        Leftover { kind: self.kind, key: self.key, what: self.what, path: self.path, bytes, in_use }
    }

    /// Whether a starting run removes or restores it.
    fn needs_cleanup(&self, store: &Store) -> bool {
        match self.what {
            LeftoverKind::Partial | LeftoverKind::Replaced => true,
            LeftoverKind::Damaged => false,
            // A run was killed after finishing the artifact; a forced run must not resume from these.
            LeftoverKind::Checkpoints => store.artifact(&self.kind, &self.key).is_some(),
        }
    }

    fn clean_up(&self, store: &Store, lock: &Lock) -> Result<()> {
        if self.what != LeftoverKind::Replaced || !store.is_only_intact_copy(&self.kind, &self.key) {
            return if self.needs_cleanup(store) { store.disk.remove(&self.path) } else { Ok(()) };
        }
        if store.state(&self.kind, &self.key) != ArtifactState::Missing {
            set_aside(store, &self.kind, &self.key, lock)?;
        }
        store.disk.rename(&self.path, &store.artifact_path(&self.kind, &self.key))?;
        store.disk.flush(&store.directory().join(&self.kind))
    }
}
