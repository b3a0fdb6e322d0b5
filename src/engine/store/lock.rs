//! Locks of artifacts, one per key, so that concurrent runs compute a stage only once.

use super::disk::{DiskOps, Sharing, TriedLock};
use super::shared::{Lease, OWNER, Shared};
use super::{Store, exists, names};
use crate::base::{Error, Result, files, hash};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Directory of the lock files in the store.
pub(super) const LOCKS: &str = ".locks";
/// Extension of a lock file.
const LOCK: &str = "lock";

/// What a lock file of a shared store has when the artifact was finished by its last holder.
const FINISHED: &str = "finished";

/// Exclusive right to write an artifact; released when dropped or when the process ends, even if killed. In a shared
/// store the holder also has a lease, which alone decides where file locks lock nobody out.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    // Before the file, so that another process finds the lease released when it acquires the file lock.
    lease: Option<Lease>,
    // Closing the file unlocks it. None in a shared store without locks, or if a suspended process holds the file lock.
    file: Option<File>,
    disk: DiskOps,
}

/// Lock currently held by a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLock {
    /// Kind of the artifact that is being written.
    pub kind: String,
    /// Key of the artifact.
    pub key: String,
}

impl Lock {
    /// Acquires the lock; none if another run holds it.
    pub(crate) fn try_acquire(store: &Store, kind: &str, key: &str) -> Result<Option<Self>> {
        let path = path(store, kind, key);
        if let Some(shared) = &store.shared {
            return Self::try_acquire_shared(store, shared, path);
        }
        loop {
            let Some(file) = store.disk.try_lock(&path, Sharing::Exclusive)? else { return Ok(None) };
            // The previous holder may have removed the file meanwhile; a removed file does not lock out other
            // processes.
            if is_at(&file, &path) {
                return Ok(Some(Self { path, lease: None, file: Some(file), disk: store.disk.clone() }));
            }
        }
    }

    /// Acquires the lock in a shared store. Its files are never removed, since a name may be looked up in a cache.
    fn try_acquire_shared(store: &Store, shared: &Arc<Shared>, path: PathBuf) -> Result<Option<Self>> {
        let owner = path.with_extension(OWNER);
        let file = match store.disk.try_lock_if_supported(&path, Sharing::Exclusive)? {
            TriedLock::Locked(file) => Some(file),
            TriedLock::Unsupported => None,
            // A suspended process still holds it; if it has no lease yet, it is just about to acquire one.
            TriedLock::Held if exists(&owner) => None,
            TriedLock::Held => return Ok(None),
        };
        let lease = Lease::try_acquire(shared, &owner)?;
        Ok(lease.map(|lease| Self { path, lease: Some(lease), file, disk: store.disk.clone() }))
    }

    /// Acquires the lock, or returns an error if another run holds it.
    pub(super) fn acquire(store: &Store, kind: &str, key: &str) -> Result<Self> {
        Self::try_acquire(store, kind, key)?.ok_or_else(|| {
            let error = Error::stage("another run is writing this artifact");
            error.at(store.artifact_path(kind, key).display().to_string()).help("try again when that run has finished")
        })
    }

    /// Returns the token of the lease in a shared store.
    pub(super) fn token(&self) -> Option<&str> {
        self.lease.as_ref().map(Lease::token)
    }

    /// Sets a flag as soon as another process takes over, which happens in a shared store only.
    pub(crate) fn halt_when_lost(&self, halted: &Arc<AtomicBool>) {
        if let Some(lease) = &self.lease {
            lease.halt_when_lost(halted);
        }
    }

    /// Checks that no other process has taken over. Call it before a change that others see.
    ///
    /// # Errors
    /// Another process has taken over ([`crate::base::ErrorKind::Superseded`]), or that cannot be found out.
    pub(crate) fn check(&self) -> Result<()> {
        self.lease.as_ref().map_or(Ok(()), Lease::check)
    }

    /// Whether another process is known to have taken over.
    pub(crate) fn is_lost(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::is_lost)
    }

    /// Whether, in a shared store, the last holder finished the artifact, so that it exists even if this machine does
    /// not see it yet.
    pub(crate) fn was_finished(&self) -> bool {
        self.lease.is_some() && files::read_bytes(&self.path).is_ok_and(|text| text.starts_with(FINISHED.as_bytes()))
    }

    /// Notes in a shared store whether the artifact exists. Without the note others may wait in vain, or compute the
    /// artifact again, so a failure does no harm.
    pub(super) fn note_finished(&self, is_finished: bool) {
        if self.lease.is_some() && is_finished != self.was_finished() {
            let _ = fs::write(&self.path, if is_finished { FINISHED } else { "" });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file may be removed only while the path still refers to it; closing it then releases the lock. Files that
        // cannot be removed, or were left by killed processes, are removed by the next run.
        if cfg!(unix)
            && self.lease.is_none()
            && let Some(file) = &self.file
            && is_at(file, &self.path)
        {
            let _ = self.disk.remove(&self.path);
        }
    }
}

impl Store {
    /// Returns the locks of all artifacts currently being written, by this process or others.
    pub fn locks(&self) -> Vec<HeldLock> {
        let held = lock_names(self).filter(|(kind, key)| is_held(self, kind, key));
        held.map(|(kind, key)| HeldLock { kind, key }).collect()
    }
}

/// Whether a process holds the lock. Creates no file in a store that is not shared.
pub(super) fn is_held(store: &Store, kind: &str, key: &str) -> bool {
    let path = path(store, kind, key);
    if let Some(shared) = &store.shared {
        return shared.is_leased(&path.with_extension(OWNER));
    }
    match files::open_regular(&path) {
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// Removes lock files that no process holds, left by killed processes; in a shared store they stay.
pub(super) fn remove_unheld(store: &Store) -> Result<()> {
    if let Some(shared) = &store.shared {
        store.remove_dead_starts(shared);
        return shared.remove_abandoned(&store.directory().join(LOCKS));
    }
    for (kind, key) in lock_names(store) {
        drop(Lock::try_acquire(store, &kind, &key)?);
    }
    Ok(())
}

/// Returns kind and key of every lock file, in a shared store of every lease.
fn lock_names(store: &Store) -> impl Iterator<Item = (String, String)> + use<> {
    let extension = if store.shared.is_some() { OWNER } else { LOCK };
    names(&store.directory().join(LOCKS)).filter_map(move |name| {
        let (kind, key) = name.strip_suffix(extension)?.strip_suffix('.')?.split_once('-')?;
        hash::is_digest(key).then(|| (kind.to_owned(), key.to_owned()))
    })
}

fn path(store: &Store, kind: &str, key: &str) -> PathBuf {
    store.directory().join(LOCKS).join(format!("{kind}-{key}.{LOCK}"))
}

/// Whether a path still refers to the file that was opened.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(open), Ok(current)) if identity(&open) == identity(&current))
}

/// On these systems lock files are never removed, so a path always refers to the same file.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn the_lock_is_exclusive_and_its_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let (inside, acquired) = (AtomicBool::new(false), AtomicUsize::new(0));
        let acquire_often = || {
            for _ in 0..500 {
                if let Some(lock) = Lock::try_acquire(&store, "pretrain", KEY).unwrap() {
                    assert!(!inside.swap(true, Ordering::SeqCst), "two threads hold the lock");
                    std::thread::yield_now();
                    acquired.fetch_add(1, Ordering::Relaxed);
                    inside.store(false, Ordering::SeqCst);
                    drop(lock);
                }
            }
        };
        std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(acquire_often))));
        assert!(acquired.into_inner() > 0, "no thread acquired the lock");
        assert_eq!(names(&store.directory().join(LOCKS)).count(), usize::from(!cfg!(unix)));
    }

    #[test]
    fn a_lock_file_recreated_by_another_process_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let lock = Lock::try_acquire(&store, "pretrain", KEY).unwrap().unwrap();
        assert_eq!(store.locks(), [HeldLock { kind: "pretrain".into(), key: KEY.into() }]);
        fs::remove_file(path(&store, "pretrain", KEY)).unwrap();
        let other = Lock::try_acquire(&store, "pretrain", KEY).unwrap().unwrap();
        drop(lock);
        assert!(is_held(&store, "pretrain", KEY));
        drop(other);
        assert!(store.locks().is_empty());
    }
}
