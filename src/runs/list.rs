//! All runs of an output folder.

use super::RUNS;
use crate::base::{Error, files};
use crate::runs::Run;
use crate::runs::run::is_run;
use std::path::{Path, PathBuf};

/// The runs of an output folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that can be read, the newest first.
    pub runs: Vec<Run>,
    /// Why others cannot.
    pub unreadable: Vec<Error>,
}

/// Reads the records of all runs; none where there is no such folder.
pub fn list(output: &Path) -> Listing {
    let mut listing = Listing::default();
    for folder in folders(&output.join(RUNS)).iter().flat_map(|study| folders(study)).filter(|folder| is_run(folder)) {
        match Run::read(&folder) {
            Ok(run) => listing.runs.push(run),
            Err(error) => listing.unreadable.push(error),
        }
    }
    // Ids begin with the time.
    listing.runs.sort_by(|a, b| b.id.cmp(&a.id).then_with(|| a.study.cmp(&b.study)));
    listing
}

/// The folders in a folder, sorted by name.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut folders = files::entries(folder).unwrap_or_default();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}
