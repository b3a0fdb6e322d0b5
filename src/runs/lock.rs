//! Lock of a running run, which the system releases when the process ends, even if killed.

use super::{LEASE, LOCK};
use crate::base::{Error, Result};
use crate::engine::Store;
use crate::engine::store::{Lease, is_leased};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// Lock that a run holds while it is running.
#[derive(Debug)]
pub(crate) struct RunLock {
    path: PathBuf,
    /// On a shared store, where other machines may not see the lock.
    _lease: Option<Lease>,
    // Closing the file unlocks it.
    _file: File,
}

impl RunLock {
    /// Acquires the lock of the run in this directory.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub(crate) fn acquire(directory: &Path, store: &Store) -> Result<Self> {
        let path = directory.join(LOCK);
        let file = File::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        // If the file system does not support locks, the run continues without one.
        let _ = file.try_lock();
        let lease = store.lease(&directory.join(LEASE))?;
        Ok(Self { path, _lease: lease, _file: file })
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the run in this directory is still running. If the file system does not support locks, a run without a
/// recorded end counts as running.
pub(crate) fn is_alive(directory: &Path) -> bool {
    is_locked(directory) || is_leased(&directory.join(LEASE))
}

fn is_locked(directory: &Path) -> bool {
    let Ok(file) = File::open(directory.join(LOCK)) else { return false };
    match file.try_lock_shared() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
    }
}
