//! A page that compares the reports of several runs.

use crate::base::{Error, Result, files, hash, json};
use crate::pipeline::publish::{directory, read_report};
use crate::pipeline::report::DATA;
use crate::render::{self, merge};
use std::path::{Path, PathBuf};

/// Directory of comparisons in the output directory.
const COMPARISONS: &str = "comparisons";
/// The page to open.
const PAGE: &str = "index.html";
/// Maximum length of the name of a comparison, bytes; file systems allow 255.
const MAX_NAME: usize = 100;

/// The report of a run to compare.
#[derive(Clone, Debug)]
pub(crate) struct ComparedReport {
    /// Name of the run in the comparison.
    pub(crate) name: String,
    /// Directory of its report.
    pub(crate) directory: PathBuf,
}

/// Returns the default directory of a comparison: `OUTPUT/comparisons/A+B`.
pub(crate) fn comparison_directory(output: &Path, reports: &[ComparedReport]) -> PathBuf {
    let names: Vec<String> = reports.iter().map(|report| report.name.replace('/', "-")).collect();
    let mut name = names.join("+");
    if name.len() > MAX_NAME {
        let digest = hash::digest_bytes(name.as_bytes());
        let end = (0..=MAX_NAME).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        name = format!("{}-{}", &name[..end], hash::short(&digest));
    }
    output.join(COMPARISONS).join(name)
}

/// Renders a page that compares reports, and moves it to its place when it is complete. Returns the page.
///
/// # Errors
/// A report cannot be read, the place is taken by something else, or a file cannot be written.
pub(crate) fn publish_comparison(reports: &[ComparedReport], destination: &Path) -> Result<PathBuf> {
    let destination = std::path::absolute(destination).map_err(|error| Error::io("find", destination, &error))?;
    let (Some(parent), Some(_)) = (destination.parent(), destination.file_name()) else {
        return Err(taken(&destination));
    };
    if !is_free(&destination) {
        return Err(taken(&destination));
    }
    let read = |report: &ComparedReport| Ok((report.name.clone(), read_report(&report.directory)?));
    let merged = merge::merge(reports.iter().map(read).collect::<Result<_>>()?);
    let unfinished = directory::create_unfinished(parent)?;
    render::write(&merged, unfinished.path())?;
    files::write_atomic(&unfinished.path().join(DATA), json::pretty(&merged)?.as_bytes())?;
    directory::move_into_place(unfinished.path(), &destination)?;
    Ok(destination.join(PAGE))
}

/// Returns whether a comparison may be moved to a path: nothing is there but a report or an empty directory.
fn is_free(destination: &Path) -> bool {
    let is_report = [PAGE, DATA].iter().all(|name| destination.join(name).is_file());
    let is_empty = || files::entries(destination).is_ok_and(|entries| entries.is_empty());
    destination.symlink_metadata().is_err() || is_report || is_empty()
}

fn taken(destination: &Path) -> Error {
    let error = Error::usage("the directory exists and is not a report").at(destination.display().to_string());
    error.help("choose another directory; only an earlier report is replaced")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Report;
    use std::fs;

    fn report(directory: &Path, name: &str) -> ComparedReport {
        let directory = directory.join(name);
        fs::create_dir(&directory).unwrap();
        let report = Report { study: name.to_owned(), title: format!("Study {name}"), ..Report::default() };
        fs::write(directory.join(DATA), serde_json::to_string(&report).unwrap()).unwrap();
        ComparedReport { name: name.to_owned(), directory }
    }

    #[test]
    fn a_comparison_replaces_only_reports() {
        let root = tempfile::tempdir().unwrap();
        let reports = [report(root.path(), "a"), report(root.path(), "b")];
        let place = comparison_directory(root.path(), &reports);
        assert!(place.ends_with("comparisons/a+b"));
        for _ in 0..2 {
            let page = publish_comparison(&reports, &place).unwrap();
            assert!(fs::read_to_string(page).unwrap().contains("<h1>Comparison of a and b</h1>"));
            assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
        }
        let mine = root.path().join("mine");
        fs::create_dir(&mine).unwrap();
        publish_comparison(&reports, &mine).unwrap();
        fs::remove_file(mine.join(PAGE)).unwrap();
        assert!(publish_comparison(&reports, &mine).unwrap_err().what().contains("not a report"));
        assert!(mine.join(DATA).is_file());
        assert!(publish_comparison(&reports, Path::new("/")).is_err());
    }

    #[test]
    fn a_report_that_cannot_be_read_is_named() {
        let root = tempfile::tempdir().unwrap();
        let reports = [report(root.path(), "a"), report(root.path(), "b")];
        fs::write(reports[1].directory.join(DATA), "{\"results\": 7}").unwrap();
        let error = publish_comparison(&reports, &root.path().join("c")).unwrap_err();
        assert!(
            error.place().unwrap().ends_with("b/report.json") && error.next_step().unwrap().contains("run the"),
            "{error}"
        );
        fs::remove_file(reports[1].directory.join(DATA)).unwrap();
        assert!(publish_comparison(&reports, &root.path().join("c")).is_err());
        assert!(!root.path().join("c").exists());
    }

    #[test]
    fn long_names_are_shortened() {
        let of = |name: &str| ComparedReport { name: name.to_owned(), directory: PathBuf::new() };
        let place = comparison_directory(Path::new(""), &[of(&"ä".repeat(90)), of("study/1")]);
        let name = place.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.len() < 120 && name.starts_with('ä'), "{name}");
    }
}
