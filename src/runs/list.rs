//! List of the runs in an output directory.

use super::RUNS;
use crate::base::{Error, files};
use crate::runs::run::is_run;
use crate::runs::{RecordedRun, latest};
use std::path::{Path, PathBuf};

/// Runs in an output directory.
#[derive(Debug, Default)]
pub struct RunList {
    /// Readable runs, newest first.
    pub runs: Vec<RecordedRun>,
    /// Errors of the unreadable ones.
    pub unreadable: Vec<Error>,
}

/// Reads the records of all runs; returns none if the directory does not exist.
pub fn list(output: &Path) -> RunList {
    let mut list = RunList::default();
    for directory in directories(&output.join(RUNS))
        .iter()
        .flat_map(|study| directories(study))
        .filter(|directory| !latest::is_link(directory) && is_run(directory))
    {
        match RecordedRun::read(&directory) {
            Ok(run) => list.runs.push(run),
            Err(error) => list.unreadable.push(error),
        }
    }
    // Ids begin with the start time.
    list.runs.sort_by(|a, b| b.id.cmp(&a.id).then_with(|| a.study.cmp(&b.study)));
    list
}

/// Returns the subdirectories of a directory, sorted by name.
fn directories(directory: &Path) -> Vec<PathBuf> {
    let mut directories = files::entries(directory).unwrap_or_default();
    directories.retain(|path| path.is_dir());
    directories.sort();
    directories
}
