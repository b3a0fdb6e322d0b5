//! Directories of published reports: complete or missing, even after a power failure.

use crate::base::{Error, Result, files};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Prefix of the names of directories that are being written.
const UNFINISHED: &str = ".report-";
/// Age from which an unfinished directory counts as left by a killed run.
const ABANDONED: Duration = Duration::from_secs(3600);
/// Maximum number of attempts to move a report into place while other runs do the same.
const MAX_ATTEMPTS: u64 = 100;

/// Writes a new file, with its parent directories, and flushes it to the disk.
pub(super) fn write_file(directory: &Path, name: &str, content: &[u8]) -> Result<()> {
    let path = directory.join(name);
    path.parent().map_or(Ok(()), files::create_directory)?;
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|error| Error::io("write", &path, &error))
}

/// Hard-links a file of an artifact into a directory, or copies it if the file system does not support links. The link
/// is safe: files of artifacts are never modified, and garbage collection removes only their names.
pub(super) fn link(artifact: &Path, directory: &Path, name: &str) -> Result<()> {
    let path = directory.join(name);
    path.parent().map_or(Ok(()), files::create_directory)?;
    match fs::hard_link(artifact.join(name), &path) {
        Ok(()) => Ok(()),
        Err(_) => write_file(directory, name, &files::read(&artifact.join(name))?),
    }
}

/// Flushes the entries of a directory and of those below it, so that they survive a power failure.
pub(super) fn flush(directory: &Path, names: &[String]) -> Result<()> {
    let below = names.iter().filter_map(|name| Path::new(name).parent());
    let mut directories: Vec<PathBuf> =
        below.map(|parent| directory.join(parent)).chain([directory.to_owned()]).collect();
    directories.sort_unstable();
    directories.dedup();
    let flush =
        |directory: &PathBuf| files::sync_directory(directory).map_err(|error| Error::io("write", directory, &error));
    directories.iter().try_for_each(flush)
}

/// Creates a directory in that of a study; it is removed unless it is moved into place.
pub(in crate::pipeline) fn create_unfinished(study: &Path) -> Result<tempfile::TempDir> {
    files::create_directory(study)?;
    remove_abandoned(study);
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    // The permissions of any new directory; those of `tempfile` exclude everyone but the owner.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.tempdir_in(study).map_err(|error| Error::io("create a directory", study, &error))
}

fn remove_abandoned(study: &Path) {
    for path in files::entries(study).unwrap_or_default() {
        let modified = fs::symlink_metadata(&path).and_then(|found| found.modified());
        let age = modified.ok().and_then(|at| at.elapsed().ok());
        let is_unfinished = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED));
        if is_unfinished && age.is_some_and(|age| age > ABANDONED) {
            let _ = files::remove_all(&path);
        }
    }
}

/// Moves a finished directory into place, replacing what exists. Concurrent runs may do the same: the report in place
/// is always complete, and the last one stays.
pub(in crate::pipeline) fn move_into_place(finished: &Path, destination: &Path) -> Result<()> {
    replace_with(finished, destination, rename_or_exchange)
}

fn replace_with(
    finished: &Path,
    destination: &Path,
    replace: impl Fn(&Path, &Path) -> std::io::Result<()>,
) -> Result<()> {
    let mut renamed = replace(finished, destination);
    for attempt in 0..MAX_ATTEMPTS {
        if renamed.is_ok() || fs::symlink_metadata(destination).is_err() {
            break;
        }
        // Others that do the same come to an end.
        std::thread::sleep(Duration::from_millis(attempt));
        renamed = move_aside_and_rename(finished, destination);
    }
    renamed.map_err(|error| Error::io("replace the report in", destination, &error))?;
    let parent = destination.parent().unwrap_or(destination);
    files::sync_directory(parent).map_err(|error| Error::io("write", parent, &error))
}

/// Moves a directory to a name that is free, or exchanges it with what has the name and removes that: there is always a
/// report in place. Fails where the file system cannot exchange names.
fn rename_or_exchange(finished: &Path, destination: &Path) -> std::io::Result<()> {
    fs::rename(finished, destination).or_else(|error| {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            if renameat_with(CWD, finished, CWD, destination, RenameFlags::EXCHANGE).is_ok() {
                remove(finished);
                return Ok(());
            }
        }
        Err(error)
    })
}

/// The same in two steps, between which the report is missing or that of another run.
fn move_aside_and_rename(finished: &Path, destination: &Path) -> std::io::Result<()> {
    let aside = finished.with_extension("old");
    // If the old one cannot be moved, the next rename reports why.
    let _ = fs::rename(destination, &aside);
    let renamed = fs::rename(finished, destination);
    remove(&aside);
    renamed
}

/// Removes a directory or a file.
fn remove(path: &Path) {
    if files::remove_all(path).is_err() {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::store::Manifest;

    /// Four threads publish at the same time, by `replace`.
    fn publish_concurrently(replace: fn(&Path, &Path) -> Result<()>) {
        let study = tempfile::tempdir().unwrap();
        let destination = study.path().join("report");
        let publish = |number: usize| {
            for round in 0..20 {
                let unfinished = create_unfinished(study.path()).unwrap();
                let text = format!("{number} {round}");
                ["a", "b", "plots/c"]
                    .iter()
                    .for_each(|name| write_file(unfinished.path(), name, text.as_bytes()).unwrap());
                replace(unfinished.path(), &destination).unwrap();
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|number| drop(scope.spawn(move || publish(number)))));
        let texts = ["a", "b", "plots/c"].map(|name| fs::read_to_string(destination.join(name)).unwrap());
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        let all = Manifest::of_directory(study.path(), "").unwrap().files;
        let names: Vec<String> = all.into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["report/a", "report/b", "report/plots/c"], "nothing else is left");
    }

    #[test]
    fn concurrent_publishers_never_mix_their_files() {
        publish_concurrently(move_into_place);
    }

    #[test]
    fn concurrent_publishers_never_mix_their_files_where_names_cannot_be_exchanged() {
        publish_concurrently(|finished, destination| {
            replace_with(finished, destination, |from, to| fs::rename(from, to))
        });
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_replaced() {
        let study = tempfile::tempdir().unwrap();
        let destination = study.path().join("report");
        fs::write(&destination, "mine").unwrap();
        let unfinished = create_unfinished(study.path()).unwrap();
        write_file(unfinished.path(), "a", b"1").unwrap();
        move_into_place(unfinished.path(), &destination).unwrap();
        assert_eq!(fs::read(destination.join("a")).unwrap(), b"1");
    }
}
