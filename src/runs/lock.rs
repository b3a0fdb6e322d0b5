//! A run's sign of life: a lock that the system gives back when the process ends, however it ends.

use super::LOCK;
use crate::base::{Error, Result};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// Held as long as the run lives.
#[derive(Debug)]
pub struct LivingRun {
    path: PathBuf,
    // Closing the file unlocks it.
    _file: File,
}

impl LivingRun {
    /// Marks the run in this directory as living.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn take(directory: &Path) -> Result<Self> {
        let path = directory.join(LOCK);
        let file = File::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        // Where the file system knows no locks, the run goes on without a sign of life.
        let _ = file.try_lock();
        Ok(Self { path, _file: file })
    }
}

impl Drop for LivingRun {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the run in this directory lives. Where the file system knows no locks, a run that did not say how it ended
/// counts as living.
pub fn is_living(directory: &Path) -> bool {
    let Ok(file) = File::open(directory.join(LOCK)) else { return false };
    match file.try_lock_shared() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
    }
}
