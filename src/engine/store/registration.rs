//! Mutual exclusion between a collection and starting runs.
//!
//! A run relies on an artifact as soon as it finds it, but a collection learns of that only from the run's record. So a
//! run registers while it inspects the store and writes its record, and a collection waits until no run is registered.

use super::Store;
use super::disk::Sharing;
use super::lock::LOCKS;
use crate::base::Result;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

/// Interval between attempts to acquire the lock.
const POLL: Duration = Duration::from_millis(20);

/// Guard that prevents collections. Any number of runs can hold one at the same time.
#[derive(Debug)]
pub struct Registration {
    // Closing the file unlocks it. The file stays, since holders of a shared lock cannot tell who is the last.
    _file: File,
}

impl Store {
    /// Prevents collections while a run inspects the store and writes its record (`run.json`); drop the guard right
    /// after that. Waits for a collection in progress, which takes only as long as a few renames.
    ///
    /// `waiting` is called before each attempt; an error from it cancels the wait.
    ///
    /// # Errors
    /// The lock file cannot be written, or `waiting` returned an error.
    pub fn register(&self, waiting: impl FnMut() -> Result<()>) -> Result<Registration> {
        self.wait_for(Sharing::Shared, waiting)
    }

    /// Prevents runs from starting; `waiting` as for [`Store::register`].
    pub(super) fn register_exclusive(&self, waiting: impl FnMut() -> Result<()>) -> Result<Registration> {
        self.wait_for(Sharing::Exclusive, waiting)
    }

    fn wait_for(&self, sharing: Sharing, mut waiting: impl FnMut() -> Result<()>) -> Result<Registration> {
        loop {
            waiting()?;
            if let Some(file) = self.disk.try_lock(&self.store_lock(), sharing)? {
                return Ok(Registration { _file: file });
            }
            std::thread::sleep(POLL);
        }
    }

    fn store_lock(&self) -> PathBuf {
        self.directory.join(LOCKS).join("store.lock")
    }
}
