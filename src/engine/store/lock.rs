//! One lock a key, so that two runs at once compute a stage once.

use super::disk::{Changes, Sharing};
use super::{Store, names};
use crate::base::{Error, Result, files, hash};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Directory of the lock files, in the store's.
pub(super) const LOCKS: &str = ".locks";
/// Ending of a lock file.
const LOCK: &str = "lock";

/// The right to write one artifact; given back when dropped or when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    // Closing the file unlocks it.
    file: File,
    changes: Changes,
}

/// A lock that some process has at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLock {
    /// Kind of the artifact that is being written.
    pub kind: String,
    /// Key of the artifact.
    pub key: String,
}

impl Lock {
    /// Takes the lock, or nothing if another run has it.
    pub(crate) fn try_take(store: &Store, kind: &str, key: &str) -> Result<Option<Self>> {
        let path = path(store, kind, key);
        loop {
            let Some(file) = store.changes.try_lock(&path, Sharing::Exclusive)? else { return Ok(None) };
            // Who had the lock before removes the file while we wait for it: a file without its name locks nobody out.
            if is_at(&file, &path) {
                return Ok(Some(Self { path, file, changes: store.changes.clone() }));
            }
        }
    }

    /// Takes the lock for something that does not wait for others.
    pub(super) fn take(store: &Store, kind: &str, key: &str) -> Result<Self> {
        Self::try_take(store, kind, key)?.ok_or_else(|| {
            let error = Error::stage("another run is writing this artifact");
            error.at(store.place(kind, key).display().to_string()).help("try again when that run has finished")
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file is ours to remove as long as it is the one with the name; the lock is given back after that. What
        // cannot be removed, or was left by a process that was killed, the next run removes.
        if cfg!(unix) && is_at(&self.file, &self.path) {
            let _ = self.changes.remove(&self.path);
        }
    }
}

impl Store {
    /// The artifacts that are being written at this moment, by this process or others.
    pub fn locks(&self) -> Vec<HeldLock> {
        let held = lock_names(self).filter(|(kind, key)| is_held(self, kind, key));
        held.map(|(kind, key)| HeldLock { kind, key }).collect()
    }
}

/// Whether a process has the lock now. Makes no file.
pub(super) fn is_held(store: &Store, kind: &str, key: &str) -> bool {
    match files::open_regular(&path(store, kind, key)) {
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// Removes lock files that nobody has: those of processes that were killed.
pub(super) fn remove_unheld(store: &Store) -> Result<()> {
    for (kind, key) in lock_names(store) {
        drop(Lock::try_take(store, &kind, &key)?);
    }
    Ok(())
}

/// Kind and key of every lock file.
fn lock_names(store: &Store) -> impl Iterator<Item = (String, String)> + use<> {
    names(&store.directory().join(LOCKS)).filter_map(|name| {
        let (kind, key) = name.strip_suffix(".lock")?.split_once('-')?;
        hash::is_digest(key).then(|| (kind.to_owned(), key.to_owned()))
    })
}

fn path(store: &Store, kind: &str, key: &str) -> PathBuf {
    store.directory().join(LOCKS).join(format!("{kind}-{key}.{LOCK}"))
}

/// Whether a path still leads to the file that was opened there.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |found: &fs::Metadata| (found.dev(), found.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(ours), Ok(there)) if identity(&ours) == identity(&there))
}

/// Lock files are never removed here, so a path leads to the same file for ever.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn one_at_a_time_has_the_lock_and_the_last_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let (inside, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
        let take_often = || {
            for _ in 0..500 {
                if let Some(lock) = Lock::try_take(&store, "pretrain", KEY).unwrap() {
                    assert!(!inside.swap(true, Ordering::SeqCst), "two have the lock");
                    std::thread::yield_now();
                    taken.fetch_add(1, Ordering::Relaxed);
                    inside.store(false, Ordering::SeqCst);
                    drop(lock);
                }
            }
        };
        std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(take_often))));
        assert!(taken.into_inner() > 0, "nobody had the lock");
        assert_eq!(names(&store.directory().join(LOCKS)).count(), usize::from(!cfg!(unix)));
    }

    #[test]
    fn a_lock_file_that_was_removed_and_made_again_is_not_ours_to_remove() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let lock = Lock::try_take(&store, "pretrain", KEY).unwrap().unwrap();
        assert_eq!(store.locks(), [HeldLock { kind: "pretrain".into(), key: KEY.into() }]);
        fs::remove_file(path(&store, "pretrain", KEY)).unwrap();
        let other = Lock::try_take(&store, "pretrain", KEY).unwrap().unwrap();
        drop(lock);
        assert!(is_held(&store, "pretrain", KEY));
        drop(other);
        assert!(store.locks().is_empty());
    }
}
