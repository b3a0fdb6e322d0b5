//! What keeps a collection and a run that starts apart.
//!
//! A run that finds an artifact counts on it from then on, but a collection cannot know that before the run has
//! written down what it reads. So a run registers while it looks and writes, and a collection waits until none does.

use super::Store;
use super::disk::Sharing;
use super::lock::LOCKS;
use crate::base::Result;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

/// How often the lock is asked for again.
const POLL: Duration = Duration::from_millis(20);

/// While it lives, nothing is collected. Any number of runs can have one at the same time.
#[derive(Debug)]
pub struct Registration {
    // Closing the file unlocks it. The file stays: one for a store, and those who share a lock cannot tell who is last.
    _file: File,
}

impl Store {
    /// Holds collections off while a run looks at what is there and writes down what it counts on (`run.json`); to be
    /// dropped right after that. Waits for a collection that is under way, which takes as long as some renames do.
    ///
    /// `waiting` is called before each try and can give up by an error.
    ///
    /// # Errors
    /// The lock file cannot be written, or `waiting` gave up.
    pub fn register(&self, waiting: impl FnMut() -> Result<()>) -> Result<Registration> {
        self.wait_for(Sharing::Shared, waiting)
    }

    /// Holds runs that start off; `waiting` is called before each try and can give up by an error.
    pub(super) fn register_alone(&self, waiting: impl FnMut() -> Result<()>) -> Result<Registration> {
        self.wait_for(Sharing::Exclusive, waiting)
    }

    fn wait_for(&self, sharing: Sharing, mut waiting: impl FnMut() -> Result<()>) -> Result<Registration> {
        loop {
            waiting()?;
            if let Some(file) = self.changes.try_lock(&self.store_lock(), sharing)? {
                return Ok(Registration { _file: file });
            }
            std::thread::sleep(POLL);
        }
    }

    fn store_lock(&self) -> PathBuf {
        self.directory.join(LOCKS).join("store.lock")
    }
}
