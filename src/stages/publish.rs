//! Brings the report out of the store to where people look for it.

use crate::base::{Error, Result, files};
use crate::engine::Outcome;
use crate::engine::store::{KEY_FILE, MANIFEST_FILE, RECORD_FILE};
use crate::render;
use crate::stages::assemble::Assembly;
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the file that says which artifact a published report is.
const KEY: &str = ".key";
/// Files that the store adds to every artifact.
const STORE_FILES: [&str; 3] = [KEY_FILE, RECORD_FILE, MANIFEST_FILE];
/// The page to open.
const PAGE: &str = "index.html";

/// Copies the report of a finished run to `output/STUDY/report` and returns the path of its page. A report that is
/// there already is left as it is; a new one replaces the old in one rename.
///
/// # Errors
/// The report is missing from the outcome, or a file cannot be written.
pub fn publish(assembly: &Assembly, outcome: &Outcome, output: &Path) -> Result<PathBuf> {
    let artifact = artifact(assembly, outcome)?;
    let folder = output.join(&assembly.study).join("report");
    let page = folder.join(PAGE);
    let key = assembly.graph.key(assembly.report);
    if is_published(&folder, key) {
        return Ok(page);
    }
    let staged = output.join(&assembly.study).join(format!(".report-{}", std::process::id()));
    copy(artifact, &staged)?;
    files::write_atomic(&staged.join(KEY), key.as_bytes())?;
    replace(&staged, &folder)?;
    Ok(page)
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
