//! What lies beside artifacts: directories of runs that were killed, of damage, and of stages that will go on.

use super::lock::{self, Lock, is_held};
use super::{Manifest, State, Store, bytes_below, names, set_aside};
use crate::base::{Result, hash};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Ending of a directory that is being written.
pub(super) const PARTIAL: &str = "partial";
/// Ending of an artifact that makes room for one that was computed again.
pub(super) const REPLACED: &str = "replaced";
/// Ending of the directory that a killed stage goes on from.
pub(super) const CHECKPOINTS: &str = "checkpoints";

/// A directory that belongs to a key and is no artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Kind of the artifact that it belongs to.
    pub kind: String,
    /// Key of that artifact.
    pub key: String,
    /// What it is.
    pub what: LeftoverKind,
    /// Where it is.
    pub path: PathBuf,
    /// Size of all files in it.
    pub bytes: u64,
    /// Whether a run has the lock of the artifact now.
    pub in_use: bool,
}

/// What a [`Leftover`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// `KEY.partial`: being written, or left by a run that was killed.
    Partial,
    /// `KEY.replaced`: the artifact before, from a run that was killed while it replaced it.
    Replaced,
    /// `KEY.damaged-N`: was in the place of the artifact and was not whole.
    Damaged,
    /// `KEY.checkpoints`: what a stage that was killed goes on from.
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
    /// What lies beside artifacts, sorted by kind and key.
    pub fn leftovers(&self) -> Vec<Leftover> {
        let mut leftovers: Vec<Leftover> = found(self).map(|found| found.measured(self)).collect();
        leftovers.sort_unstable_by(|a, b| (&a.kind, &a.key, &a.path).cmp(&(&b.kind, &b.key, &b.path)));
        leftovers
    }

    /// Whether a `KEY.replaced` is the only whole artifact of its key, which the next run brings back.
    pub(super) fn is_last(&self, kind: &str, key: &str) -> bool {
        let replaced = self.place(kind, key).with_extension(REPLACED);
        let is_whole = Manifest::read(&replaced).and_then(|manifest| manifest.check_sizes(&replaced, key)).is_ok();
        is_whole && self.artifact(kind, key).is_none()
    }
}

/// Removes what killed runs left half-written and brings back what they took away; what a living run writes is under
/// its lock and stays. Damaged artifacts stay, and checkpoints of what is not finished.
pub(crate) fn remove_leftovers(store: &Store) -> Result<()> {
    store.empty_trash()?;
    for found in found(store) {
        if found.is_due(store)
            && let Some(lock) = Lock::try_take(store, &found.kind, &found.key)?
        {
            found.clear(store, &lock)?;
        }
    }
    lock::remove_unheld(store)
}

/// A leftover by its name alone.
struct Found {
    kind: String,
    key: String,
    what: LeftoverKind,
    path: PathBuf,
}

fn found(store: &Store) -> impl Iterator<Item = Found> {
    store.kinds().into_iter().flat_map(|kind| {
        let directory = store.directory().join(&kind);
        names(&directory).filter_map(move |name| {
            let (key, what) = parse(&name)?;
            Some(Found { kind: kind.clone(), key: key.to_owned(), what, path: directory.join(&name) })
        })
    })
}

/// Key and kind of a leftover's name; nothing for a name that the store does not give.
fn parse(name: &str) -> Option<(&str, LeftoverKind)> {
    let (key, ending) = name.split_once('.')?;
    let what = match ending {
        PARTIAL => LeftoverKind::Partial,
        REPLACED => LeftoverKind::Replaced,
        CHECKPOINTS => LeftoverKind::Checkpoints,
        _ => ending.strip_prefix("damaged-")?.parse::<u32>().ok().map(|_| LeftoverKind::Damaged)?,
    };
    hash::is_digest(key).then_some((key, what))
}

impl Found {
    fn measured(self, store: &Store) -> Leftover {
        let (bytes, in_use) = (bytes_below(&self.path), is_held(store, &self.kind, &self.key));
        Leftover { kind: self.kind, key: self.key, what: self.what, path: self.path, bytes, in_use }
    }

    /// Whether a run that starts does something about it.
    fn is_due(&self, store: &Store) -> bool {
        match self.what {
            LeftoverKind::Partial | LeftoverKind::Replaced => true,
            LeftoverKind::Damaged => false,
            // A run was killed between finishing its artifact and removing them; a run by force must not go on there.
            LeftoverKind::Checkpoints => store.artifact(&self.kind, &self.key).is_some(),
        }
    }

    fn clear(&self, store: &Store, lock: &Lock) -> Result<()> {
        if self.what != LeftoverKind::Replaced || !store.is_last(&self.kind, &self.key) {
            return if self.is_due(store) { store.changes.remove(&self.path) } else { Ok(()) };
        }
        if store.state(&self.kind, &self.key) != State::Missing {
            set_aside(store, &self.kind, &self.key, lock)?;
        }
        store.changes.rename(&self.path, &store.place(&self.kind, &self.key))?;
        store.changes.flush(&store.directory().join(&self.kind))
    }
}
