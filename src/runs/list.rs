//! All runs of an output directory.

use super::RUNS;
use crate::base::{Error, files};
use crate::runs::Run;
use crate::runs::run::is_run;
use std::path::{Path, PathBuf};

/// The runs of an output directory.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that can be read, the newest first.
    pub runs: Vec<Run>,
    /// Why others cannot.
    pub unreadable: Vec<Error>,
}

/// Reads the records of all runs; none where there is no such directory.
pub fn list(output: &Path) -> Listing {
    let mut listing = Listing::default();
    for directory in directories(&output.join(RUNS))
        .iter()
        .flat_map(|study| directories(study))
        .filter(|directory| is_run(directory))
    {
        match Run::read(&directory) {
            Ok(run) => listing.runs.push(run),
            Err(error) => listing.unreadable.push(error),
        }
    }
    // Ids begin with the time.
    listing.runs.sort_by(|a, b| b.id.cmp(&a.id).then_with(|| a.study.cmp(&b.study)));
    listing
}

/// The directories in a directory, sorted by name.
fn directories(directory: &Path) -> Vec<PathBuf> {
    let mut directories = files::entries(directory).unwrap_or_default();
    directories.retain(|path| path.is_dir());
    directories.sort();
    directories
}
