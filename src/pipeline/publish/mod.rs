//! Brings the report out of the store to where people look for it.

mod directory;
mod listing;
mod times;

use crate::base::{Result, files};
use crate::engine::{RunOutcome, Store};
use crate::pipeline::Assembly;
use crate::render::{self, with_run, with_times};
use listing::{Listing, State};
use std::path::{Path, PathBuf};

/// Name of the directory of a published report, in that of its study or its run.
const REPORT: &str = "report";
/// The page to open.
const PAGE: &str = "index.html";

/// A report where people look for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The page to open.
    pub page: PathBuf,
    /// What was wrong with it before it was published again, if that is why it was.
    pub damage: Option<String>,
}

/// Copies the report of a finished run to `output/STUDY/report`. A report that is there already, and all of it, is left
/// as it is; a new one replaces the old in one rename.
///
/// # Errors
/// The report is missing from the outcome, or a file cannot be written.
pub fn publish(assembly: &Assembly, outcome: &RunOutcome, store: &Store, output: &Path) -> Result<Published> {
    let (artifact, study) = (artifact(assembly, outcome)?, output.join(&assembly.study));
    let (place, key) = (study.join(REPORT), assembly.graph.key(assembly.report));
    let page = place.join(PAGE);
    let damage = match listing::state(&place, key) {
        State::Whole => return Ok(Published { page, damage: None }),
        State::Other => None,
        State::Damaged(damage) => Some(damage),
    };
    let unfinished = directory::unfinished(&study)?;
    let names = names(assembly, store)?;
    let mut listing = Listing::new(key);
    for name in &names {
        let mut content = files::read(&artifact.join(name))?;
        if name == PAGE {
            content = with_times(&String::from_utf8_lossy(&content), &times::rows(assembly, store))?.into_bytes();
        }
        directory::put(unfinished.path(), name, &content)?;
        listing.add(name.clone(), &content);
    }
    let (name, content) = listing.file()?;
    directory::put(unfinished.path(), name, &content)?;
    directory::flush(unfinished.path(), &names)?;
    directory::put_in_place(unfinished.path(), &place)?;
    Ok(Published { page, damage })
}

/// The page of the report of a study where it is published already, all of it.
pub fn published(assembly: &Assembly, output: &Path) -> Option<PathBuf> {
    let place = output.join(&assembly.study).join(REPORT);
    let is_whole = listing::state(&place, assembly.graph.key(assembly.report)) == State::Whole;
    is_whole.then(|| place.join(PAGE))
}

/// Keeps the report of a run in the run's own directory, where no later run replaces it. Its page begins with `facts` about
/// the run; its other files are those of the artifact, which take no room of their own as long as that is there.
///
/// # Errors
/// The report is missing from the outcome, or a file cannot be written.
pub fn publish_run(
    assembly: &Assembly,
    outcome: &RunOutcome,
    store: &Store,
    run: &Path,
    facts: &[(String, String)],
) -> Result<()> {
    let (artifact, unfinished) = (artifact(assembly, outcome)?, run.join(format!("{REPORT}.partial")));
    let names = names(assembly, store)?;
    let write = || -> Result<()> {
        let page = with_times(&files::read_text(&artifact.join(PAGE))?, &times::rows(assembly, store))?;
        directory::put(&unfinished, PAGE, with_run(&page, facts)?.as_bytes())?;
        for name in names.iter().filter(|name| *name != PAGE) {
            directory::link(artifact, &unfinished, name)?;
        }
        directory::flush(&unfinished, &names)?;
        directory::put_in_place(&unfinished, &run.join(REPORT))
    };
    write().inspect_err(|_| drop(files::remove_all(&unfinished)))
}

/// The table of results, Markdown.
///
/// # Errors
/// The report is missing from the outcome or cannot be read.
pub fn results_table(assembly: &Assembly, outcome: &RunOutcome) -> Result<String> {
    files::read_text(&artifact(assembly, outcome)?.join(render::RESULTS))
}

/// Names of the report's files.
fn names(assembly: &Assembly, store: &Store) -> Result<Vec<String>> {
    let (graph, report) = (&assembly.graph, assembly.report);
    let files = store.manifest(graph.kind(report), graph.key(report))?.files;
    Ok(files.into_iter().map(|file| file.name).collect())
}

fn artifact<'a>(assembly: &Assembly, outcome: &'a RunOutcome) -> Result<&'a Path> {
    outcome.artifact(assembly.report).map(PathBuf::as_path)
}
