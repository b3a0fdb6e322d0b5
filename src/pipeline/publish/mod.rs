//! Publishes the report: copies it from the store to the directories of the study and of the run.

pub(super) mod directory;
mod listing;
mod times;

use crate::base::{Error, Result, files};
use crate::engine::{RunOutcome, Store};
use crate::pipeline::Assembly;
use crate::pipeline::report::DATA;
use crate::render::brief::{Brief, brief};
use crate::render::{Report, with_run, with_times};
use listing::{Listing, PublishedState};
use std::path::{Path, PathBuf};

/// Name of the directory of a published report, in that of its study or its run.
const REPORT: &str = "report";
/// The page to open.
const PAGE: &str = "index.html";

/// A published report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The page to open.
    pub page: PathBuf,
    /// Damage of the existing copy because of which it was published again, if any.
    pub damage: Option<String>,
}

/// Copies the report of a finished run to `output/STUDY/report`. A complete copy of the same report is left as it is; a
/// new report replaces the old one by a rename.
///
/// # Errors
/// The report is missing from the outcome, or a file cannot be written.
pub fn publish(assembly: &Assembly, outcome: &RunOutcome, store: &Store, output: &Path) -> Result<Published> {
    let (artifact, study) = (artifact(assembly, outcome)?, output.join(&assembly.study));
    let (destination, key) = (study.join(REPORT), assembly.graph.key(assembly.report));
    let page = destination.join(PAGE);
    let damage = match listing::state(&destination, key) {
        PublishedState::Complete => return Ok(Published { page, damage: None }),
        PublishedState::Other => None,
        PublishedState::Damaged(damage) => Some(damage),
    };
    let unfinished = directory::create_unfinished(&study)?;
    let names = names(assembly, store)?;
    let mut listing = Listing::new(key);
    for name in &names {
        let mut content = files::read(&artifact.join(name))?;
        if name == PAGE {
            let graph = times::graph(assembly, store, None);
            let page = String::from_utf8_lossy(&content);
            content = with_times(&page, &times::rows(assembly, store), &graph)?.into_bytes();
        }
        directory::write_file(unfinished.path(), name, &content)?;
        listing.add(name.clone(), &content);
    }
    let (name, content) = listing.file()?;
    directory::write_file(unfinished.path(), name, &content)?;
    directory::flush(unfinished.path(), &names)?;
    directory::move_into_place(unfinished.path(), &destination)?;
    Ok(Published { page, damage })
}

/// Returns the page of the published report of a study, if it is current and complete.
pub fn published(assembly: &Assembly, output: &Path) -> Option<PathBuf> {
    let destination = output.join(&assembly.study).join(REPORT);
    let is_complete = listing::state(&destination, assembly.graph.key(assembly.report)) == PublishedState::Complete;
    is_complete.then(|| destination.join(PAGE))
}

/// Publishes the report of a run in the run's own directory, where no later run replaces it. Its page begins with
/// `facts` about the run; its other files are hard links to those of the artifact.
///
/// # Errors
/// The report is missing from the outcome, or a file cannot be written.
pub(crate) fn publish_run(
    assembly: &Assembly,
    outcome: &RunOutcome,
    store: &Store,
    run: &Path,
    facts: &[(String, String)],
) -> Result<()> {
    let (artifact, unfinished) = (artifact(assembly, outcome)?, run.join(format!("{REPORT}.partial")));
    let names = names(assembly, store)?;
    let write = || -> Result<()> {
        let graph = times::graph(assembly, store, Some(outcome));
        let page = with_times(&files::read_text(&artifact.join(PAGE))?, &times::rows(assembly, store), &graph)?;
        directory::write_file(&unfinished, PAGE, with_run(&page, facts)?.as_bytes())?;
        for name in names.iter().filter(|name| *name != PAGE) {
            directory::link(artifact, &unfinished, name)?;
        }
        directory::flush(&unfinished, &names)?;
        directory::move_into_place(&unfinished, &run.join(REPORT))
    };
    write().inspect_err(|_| drop(files::remove_all(&unfinished)))
}

/// Returns the verdict and the short tables of the report in a directory.
///
/// # Errors
/// The data of the report cannot be read.
pub(crate) fn read_brief(directory: &Path) -> Result<Brief> {
    read_report(directory).map(|report| brief(&report))
}

/// Reads the data of the report in a directory.
///
/// # Errors
/// The directory has none, or it is not valid.
pub(crate) fn read_report(directory: &Path) -> Result<Report> {
    let path = directory.join(DATA);
    let invalid = |error: serde_json::Error| {
        Error::stage(format!("not the data of a report: {error}"))
            .at(path.display().to_string())
            .help("another version of simclr may have written it: run the pipeline again")
    };
    serde_json::from_slice(&files::read(&path)?).map_err(invalid)
}

/// Returns the names of the report's files.
fn names(assembly: &Assembly, store: &Store) -> Result<Vec<String>> {
    let (graph, report) = (&assembly.graph, assembly.report);
    let files = store.manifest(graph.kind(report), graph.key(report))?.files;
    Ok(files.into_iter().map(|file| file.name).collect())
}

fn artifact<'a>(assembly: &Assembly, outcome: &'a RunOutcome) -> Result<&'a Path> {
    outcome.artifact(assembly.report).map(PathBuf::as_path)
}
