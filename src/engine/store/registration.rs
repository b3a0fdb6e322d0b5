//! Mutual exclusion between a collection and starting runs.
//!
//! A run relies on an artifact as soon as it finds it, but a collection learns of that only from the run's record. So a
//! run registers while it inspects the store and writes its record, and a collection waits until no run is registered.

use super::disk::{Sharing, TriedLock};
use super::lock::LOCKS;
use super::shared::{Lease, OWNER, Shared, unique_token};
use super::{Store, names};
use crate::base::Result;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Interval between attempts to acquire the lock.
const POLL: Duration = Duration::from_millis(20);
/// Prefix of the leases of runs that are starting in a shared store.
const START: &str = "start-";

/// Guard that prevents collections. Any number of runs can hold one at the same time.
#[derive(Debug)]
pub struct Registration {
    // In a shared store.
    _lease: Option<Lease>,
    // Closing the file unlocks it. The file stays, since holders of a shared lock cannot tell who is the last. None in a
    // shared store without locks.
    _file: Option<File>,
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
        let Some(shared) = &self.shared else {
            loop {
                waiting()?;
                if let Some(file) = self.disk.try_lock(&self.store_lock(), sharing)? {
                    return Ok(Registration { _lease: None, _file: Some(file) });
                }
                std::thread::sleep(POLL);
            }
        };
        let file = self.wait_for_lock(sharing, &mut waiting)?;
        let lease = match sharing {
            Sharing::Shared => self.announce_start(shared, &mut waiting)?,
            Sharing::Exclusive => self.announce_collection(shared, &mut waiting)?,
        };
        Ok(Registration { _lease: Some(lease), _file: file })
    }

    /// Waits for the file lock of a shared store; none if it has no locks.
    fn wait_for_lock(&self, sharing: Sharing, waiting: &mut impl FnMut() -> Result<()>) -> Result<Option<File>> {
        loop {
            waiting()?;
            match self.disk.try_lock_if_supported(&self.store_lock(), sharing)? {
                TriedLock::Locked(file) => return Ok(Some(file)),
                TriedLock::Unsupported => return Ok(None),
                TriedLock::Held => std::thread::sleep(POLL),
            }
        }
    }

    /// Announces a run that is starting in a shared store, when no collection is announced. Each announces itself before
    /// it looks for the other, so that at least one of them waits.
    fn announce_start(&self, shared: &Arc<Shared>, waiting: &mut impl FnMut() -> Result<()>) -> Result<Lease> {
        let collection = self.store_lock().with_extension(OWNER);
        loop {
            let path = self.directory.join(LOCKS).join(format!("{START}{}.{OWNER}", unique_token()));
            let lease = Lease::try_acquire(shared, &path)?;
            if let Some(lease) = lease
                && !shared.is_leased(&collection)
            {
                return Ok(lease);
            }
            while shared.is_leased(&collection) {
                waiting()?;
                std::thread::sleep(POLL);
            }
        }
    }

    /// Announces a collection in a shared store, and waits until every machine sees that and no run is starting.
    fn announce_collection(&self, shared: &Arc<Shared>, waiting: &mut impl FnMut() -> Result<()>) -> Result<Lease> {
        let path = self.store_lock().with_extension(OWNER);
        let lease = loop {
            waiting()?;
            match Lease::try_acquire(shared, &path)? {
                Some(lease) => break lease,
                None => std::thread::sleep(POLL),
            }
        };
        let start = Instant::now();
        while start.elapsed() < shared.latency() || self.remove_dead_starts(shared) {
            waiting()?;
            std::thread::sleep(POLL);
        }
        Ok(lease)
    }

    /// Removes what runs that were killed while they were starting left in a shared store. Returns whether a run is starting.
    pub(super) fn remove_dead_starts(&self, shared: &Shared) -> bool {
        let directory = self.directory.join(LOCKS);
        let starting = names(&directory).filter(|name| name.starts_with(START)).map(|name| directory.join(name));
        let (live, dead): (Vec<PathBuf>, Vec<PathBuf>) = starting.partition(|path| shared.is_leased(path));
        dead.iter().for_each(|path| drop(self.disk.remove(path)));
        !live.is_empty()
    }

    fn store_lock(&self) -> PathBuf {
        self.directory.join(LOCKS).join("store.lock")
    }
}
