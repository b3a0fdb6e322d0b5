//! The store of a run whose tasks are on several machines. Everything that depends on how the store protects itself on a
//! shared file system is called from here.

use crate::base::Result;
use crate::engine::Store;
use std::collections::HashSet;

/// Prepares a store for processes on several machines.
///
/// # Errors
/// The store cannot be written.
pub(crate) fn prepare(_store: &Store) -> Result<()> {
    Ok(())
}

/// Returns the keys that a living process is computing, on whatever machine.
pub(crate) fn held_keys(store: &Store) -> HashSet<String> {
    store.locks().into_iter().map(|lock| lock.key).collect()
}
