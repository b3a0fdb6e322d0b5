//! Brings the report out of the store to where people look for it.

use crate::base::{Error, Result, files, human};
use crate::engine::store::{KEY_FILE, MANIFEST_FILE, RECORD_FILE};
use crate::engine::{Outcome, Record, StageId, Store};
use crate::render::{self, StageTimes, with_times};
use crate::stages::assemble::Assembly;
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the file that says which artifact a published report is.
const KEY: &str = ".key";
/// Files that the store adds to every artifact.
const STORE_FILES: [&str; 3] = [KEY_FILE, RECORD_FILE, MANIFEST_FILE];
/// Bytes of `2026-04-14T09:03`.
const MINUTE: usize = 16;
const NO_BREAK: &str = "\u{a0}";
const NO_BREAK_HYPHEN: &str = "\u{2011}";
/// The page to open.
const PAGE: &str = "index.html";

/// Copies the report of a finished run to `output/STUDY/report` and returns the path of its page. A report that is
/// there already is left as it is; a new one replaces the old in one rename.
///
/// # Errors
/// The report is missing from the outcome, or a file cannot be written.
pub fn publish(assembly: &Assembly, outcome: &Outcome, store: &Store, output: &Path) -> Result<PathBuf> {
    let artifact = artifact(assembly, outcome)?;
    let folder = output.join(&assembly.study).join("report");
    let page = folder.join(PAGE);
    let key = assembly.graph.key(assembly.report);
    if is_published(&folder, key) {
        return Ok(page);
    }
    let staged = output.join(&assembly.study).join(format!(".report-{}", std::process::id()));
    let stage = || {
        copy(artifact, &staged)?;
        add_times(&staged.join(PAGE), assembly, store)?;
        files::write_atomic(&staged.join(KEY), key.as_bytes())
    };
    if let Err(error) = stage() {
        // On a full disk of all places nothing must be left behind.
        let _ = fs::remove_dir_all(&staged);
        return Err(error);
    }
    replace(&staged, &folder)?;
    Ok(page)
}

/// Puts into a copy of the page how long the stages took.
fn add_times(page: &Path, assembly: &Assembly, store: &Store) -> Result<()> {
    let graph = &assembly.graph;
    let record = |id: StageId| Some(times(graph.name(id), &store.record(graph.kind(id), graph.key(id)).ok()?));
    let rows: Vec<StageTimes> = graph.iter().filter_map(record).collect();
    files::write_atomic(page, with_times(&files::read_text(page)?, &rows)?.as_bytes())
}

fn times(stage: &str, record: &Record) -> StageTimes {
    let measured = |name: &str| record.measured.get(name).copied();
    let of_peak = |(reached, peak): (f64, f64)| format!("{reached:.0} of {peak:.0} ({:.0} %)", 100.0 * reached / peak);
    StageTimes {
        stage: stage.to_owned(),
        took: human::seconds(record.seconds),
        started: unbroken(record.started.get(..MINUTE).unwrap_or(&record.started)).replace('T', NO_BREAK),
        machine: unbroken(&format!("{}, {} threads", record.host, record.threads)),
        views: measured("views_per_second").map(|views| format!("{views:.0}")).unwrap_or_default(),
        waiting: measured("wait_share").map(|share| format!("{:.1} %", 100.0 * share)).unwrap_or_default(),
        speed: measured("gigaflops").zip(measured("peak_gigaflops")).map(of_peak).unwrap_or_default(),
    }
}

/// The text in one line.
fn unbroken(text: &str) -> String {
    text.replace(' ', NO_BREAK).replace('-', NO_BREAK_HYPHEN)
}

fn is_published(folder: &Path, key: &str) -> bool {
    folder.join(PAGE).is_file() && fs::read_to_string(folder.join(KEY)).is_ok_and(|known| known == key)
}

/// The table of results, Markdown.
///
/// # Errors
/// The report is missing from the outcome or cannot be read.
pub fn results_table(assembly: &Assembly, outcome: &Outcome) -> Result<String> {
    files::read_text(&artifact(assembly, outcome)?.join(render::RESULTS))
}

fn artifact<'a>(assembly: &Assembly, outcome: &'a Outcome) -> Result<&'a Path> {
    outcome.artifact(assembly.report).map(PathBuf::as_path)
}

/// Copies a folder's files, but not the store's own.
fn copy(from: &Path, to: &Path) -> Result<()> {
    files::create_folder(to)?;
    let entries = fs::read_dir(from).map_err(|error| Error::io("read the folder", from, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| Error::io("read the folder", from, &error))?.path();
        let Some(name) = path.file_name() else { continue };
        let target = to.join(name);
        if path.is_dir() {
            copy(&path, &target)?;
        } else if !STORE_FILES.contains(&name.to_string_lossy().as_ref()) {
            fs::copy(&path, &target).map_err(|error| Error::io("write", &target, &error))?;
        }
    }
    Ok(())
}

/// Puts a finished folder in the place of another. Where another run of the same pipeline was quicker, its report is
/// the same and stays.
fn replace(staged: &Path, folder: &Path) -> Result<()> {
    let old = staged.with_extension("old");
    let rename = || -> std::io::Result<()> {
        if folder.exists() {
            fs::rename(folder, &old)?;
        }
        fs::rename(staged, folder)
    };
    let renamed = rename();
    let _ = fs::remove_dir_all(&old);
    let _ = fs::remove_dir_all(staged);
    match renamed {
        Err(error) if !folder.join(PAGE).is_file() => Err(Error::io("replace the report in", folder, &error)),
        _ => Ok(()),
    }
}
