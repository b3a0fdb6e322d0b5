//! Files that are whole or not there: written beside, flushed, renamed.

use crate::base::{Error, Result};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// What the names of files that are being written begin with.
const UNFINISHED: &str = ".unfinished-";

/// Writes a file beside its place and renames it in, so that readers see the old content or the new, never a part.
///
/// # Errors
/// The folder is missing or read-only, or the disk is full; nothing is left behind then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// As [`write_atomic`], for what is too large to be put together in memory first.
///
/// # Errors
/// As for [`write_atomic`], or `write` failed.
pub fn write_atomic_with(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let file = beside(folder)?;
        // Past tempfile, whose errors go on about the temporary name.
        let mut buffered = BufWriter::new(file.as_file());
        write(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        sync_folder(folder)
    };
    write().map_err(|error| Error::io("write", path, &error))
}

/// Removes what writers that were killed left in a folder into which nobody else writes. What cannot be removed stays:
/// it takes room and does no harm.
pub fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A temporary file with the rights of any new file; by itself tempfile lets only the owner read.
fn beside(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Makes a folder and its parents.
///
/// # Errors
/// The folder cannot be made.
pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::io("create the folder", path, &error))
}

/// Reads a whole file.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::io("read", path, &error))
}

/// Reads a whole file as UTF-8 text.
///
/// # Errors
/// The file cannot be read or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Error::io("read", path, &error))
}

/// Makes a rename in this folder survive a power cut.
///
/// # Errors
/// The folder cannot be flushed.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows has no handle to a folder that can be flushed; its renames are journalled.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
