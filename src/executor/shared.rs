//! The store of a run whose tasks are on several machines. Everything that depends on how the store protects itself on a
//! shared file system is called from here.

use crate::base::{Result, files};
use crate::engine::Store;
use crate::engine::store::{self, SharedSettings};
use crate::executor::config::Settings;
use std::collections::HashSet;
use std::path::Path;

/// Prepares the store in an output directory for the tasks of an executor, before it is opened: it is marked as shared if
/// they run on other machines. A store that is marked already keeps its settings.
///
/// # Errors
/// The directory cannot be written, or the settings of the store are not valid.
pub(crate) fn prepare(output: &Path, settings: &Settings) -> Result<()> {
    files::create_directory(output)?;
    if settings.is_remote && !store::is_shared(output)? {
        let latency_seconds = settings.latency.as_secs_f64();
        store::share(output, Some(&SharedSettings { latency_seconds, ..SharedSettings::default() }))?;
    }
    Ok(())
}

/// Returns the keys that a living process is computing, on whatever machine.
pub(crate) fn held_keys(store: &Store) -> HashSet<String> {
    store.locks().into_iter().map(|lock| lock.key).collect()
}
