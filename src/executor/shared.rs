//! The store of a run whose tasks are on several machines. Everything that depends on how the store protects itself on a
//! shared file system is called from here.

use crate::base::{Result, files};
use crate::engine::Store;
use std::collections::HashSet;
use std::path::Path;

/// Prepares the store in an output directory for processes on several machines, before it is opened.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn prepare(output: &Path) -> Result<()> {
    files::create_directory(output)
}

/// Returns the keys that a living process is computing, on whatever machine.
pub(crate) fn held_keys(store: &Store) -> HashSet<String> {
    store.locks().into_iter().map(|lock| lock.key).collect()
}
