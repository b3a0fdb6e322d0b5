//! Directories of published reports: whole or not there, also after a power cut.

use crate::base::{Error, Result, files};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the names of directories begin with that are being written.
const UNFINISHED: &str = ".report-";
/// A directory that is being written and is older than this was left by a run that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);
/// Tries to put a report in its place while others do the same.
const TRIES: usize = 100;

/// Writes a file that is not there yet, and the directories that it needs, to the disk.
pub(super) fn put(directory: &Path, name: &str, content: &[u8]) -> Result<()> {
    let path = directory.join(name);
    path.parent().map_or(Ok(()), files::create_directory)?;
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|error| Error::io("write", &path, &error))
}

/// Lets a file of an artifact appear in a directory too: without taking room where the file system knows links. Nothing
/// writes into files of artifacts, and what collects artifacts removes names.
pub(super) fn link(artifact: &Path, directory: &Path, name: &str) -> Result<()> {
    let path = directory.join(name);
    path.parent().map_or(Ok(()), files::create_directory)?;
    match fs::hard_link(artifact.join(name), &path) {
        Ok(()) => Ok(()),
        Err(_) => put(directory, name, &files::read(&artifact.join(name))?),
    }
}

/// Makes the names in a directory and in those below it survive a power cut.
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

/// A new directory in that of a study, which goes away unless it is put in its place.
pub(super) fn unfinished(study: &Path) -> Result<tempfile::TempDir> {
    files::create_directory(study)?;
    remove_abandoned(study);
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    // As any new directory; by itself tempfile lets only the owner in.
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

/// Puts a finished directory in the place of what is there. Each name leads to one whole report at any time, whoever else
/// does the same; the last one stays.
pub(super) fn put_in_place(finished: &Path, place: &Path) -> Result<()> {
    let aside = finished.with_extension("old");
    let mut renamed = fs::rename(finished, place);
    for _ in 0..TRIES {
        // Where the old one cannot be moved, the next rename says why.
        if renamed.is_ok() || fs::symlink_metadata(place).is_err() {
            break;
        }
        let _ = fs::rename(place, &aside);
        renamed = fs::rename(finished, place);
        remove(&aside);
    }
    renamed.map_err(|error| Error::io("replace the report in", place, &error))?;
    let parent = place.parent().unwrap_or(place);
    files::sync_directory(parent).map_err(|error| Error::io("write", parent, &error))
}

/// Removes a directory, or whatever else was in the place of one.
fn remove(path: &Path) {
    if files::remove_all(path).is_err() {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::store::Manifest;

    #[test]
    fn those_who_publish_at_once_never_mix() {
        let study = tempfile::tempdir().unwrap();
        let place = study.path().join("report");
        let publish = |number: usize| {
            for round in 0..20 {
                let unfinished = unfinished(study.path()).unwrap();
                let text = format!("{number} {round}");
                ["a", "b", "plots/c"].iter().for_each(|name| put(unfinished.path(), name, text.as_bytes()).unwrap());
                put_in_place(unfinished.path(), &place).unwrap();
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|number| drop(scope.spawn(move || publish(number)))));
        let texts = ["a", "b", "plots/c"].map(|name| fs::read_to_string(place.join(name)).unwrap());
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        let all = Manifest::of_directory(study.path(), "").unwrap().files;
        let names: Vec<String> = all.into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["report/a", "report/b", "report/plots/c"], "nothing else is left");
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_makes_room() {
        let study = tempfile::tempdir().unwrap();
        let place = study.path().join("report");
        fs::write(&place, "mine").unwrap();
        let unfinished = unfinished(study.path()).unwrap();
        put(unfinished.path(), "a", b"1").unwrap();
        put_in_place(unfinished.path(), &place).unwrap();
        assert_eq!(fs::read(place.join("a")).unwrap(), b"1");
    }
}
