//! Atomic file writes: to a temporary file, flushed, then renamed. Only regular files are read, since a pipe or a
//! device may block or never end.

use crate::base::{Error, Result, panics};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Directory of an artifact whose files keep its content in one of several forms, so that they do not identify it.
pub(crate) const FORM_DIRECTORY: &str = "form";
/// Prefix of the names of temporary files.
const UNFINISHED: &str = ".unfinished-";

/// Writes a temporary file in the same directory and renames it to `path`, so that readers see either the old content
/// or the new, never a partial file.
///
/// # Errors
/// The directory is missing or read-only, or the disk is full; no temporary file is left behind.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// Same as [`write_atomic`], for content that is too large to assemble in memory first.
///
/// # Errors
/// Those of [`write_atomic`], or `write` failed.
pub(crate) fn write_atomic_with(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let file = temporary_file(directory)?;
        // Not through tempfile's own `Write`, whose errors mention the temporary name.
        let mut buffered = BufWriter::new(file.as_file());
        write(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        sync_directory(directory)
    };
    write().map_err(|error| Error::io("write", path, &error))
}

/// Removes temporary files that killed processes left in a directory to which nobody else is writing. Files that cannot
/// be removed are left: they only take up space.
pub(crate) fn remove_unfinished(directory: &Path) {
    for path in entries(directory).unwrap_or_default() {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED)) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Creates a temporary file with the default permissions; tempfile's own default is readable by the owner only.
fn temporary_file(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}

/// Creates a directory and its parents.
///
/// # Errors
/// The directory cannot be created.
pub(crate) fn create_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::io("create the directory", path, &error))
}

/// Reads a whole file.
///
/// # Errors
/// The file cannot be read, or is not a regular file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    read_bytes(path).map_err(|error| Error::io("read", path, &error))
}

/// Reads a whole file as UTF-8 text.
///
/// # Errors
/// The file cannot be read, is not a regular file, or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let read = || {
        let mut text = String::new();
        open_regular(path)?.read_to_string(&mut text).map(|_| text)
    };
    read().map_err(|error| Error::io("read", path, &error))
}

/// Same as [`read`], with the system's error.
///
/// # Errors
/// The file cannot be read, or is not a regular file.
pub(crate) fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes).map(|_| bytes)
}

/// Opens a regular file for reading; never blocks on a pipe.
///
/// # Errors
/// The file cannot be opened, or is not a regular file.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    // Checked before opening, since opening a device can have side effects, and again on the opened file.
    check_regular(&fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY);
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

fn check_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")) }
}

/// Opens a regular file for reading through a buffer.
///
/// # Errors
/// The file cannot be opened, or is not a regular file.
pub(crate) fn open_buffered(path: &Path) -> Result<BufReader<File>> {
    open_regular(path).map(BufReader::new).map_err(|error| Error::io("read", path, &error))
}

/// Returns whether a read error is due to the file itself: it is missing, not regular, or not permitted. All other
/// errors, such as too many open files, no memory or a failing disk, are due to the machine and may be gone on the next
/// attempt.
pub(crate) fn is_permanent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    #[cfg(unix)]
    let is_link_loop = rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP);
    #[cfg(not(unix))]
    let is_link_loop = false;
    is_link_loop || matches!(error.kind(), InvalidInput | IsADirectory | NotADirectory | NotFound | PermissionDenied)
}

/// Returns whether this process may read a file, without opening it; on systems without `access`, whether it exists.
pub(crate) fn is_readable(path: &Path) -> bool {
    #[cfg(unix)]
    let may = rustix::fs::access(path, rustix::fs::Access::READ_OK).is_ok();
    #[cfg(not(unix))]
    let may = path.exists();
    may
}

/// Lists the paths in a directory, in no particular order.
///
/// # Errors
/// The directory cannot be read, or cannot be closed (where the standard library panics).
pub(crate) fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    // Every entry keeps the directory open, so all of them are dropped inside.
    without_panics(|| fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect())
}

/// Removes a directory with its contents; links are removed, not followed.
///
/// # Errors
/// An entry cannot be removed, or a directory cannot be closed (where the standard library panics).
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    without_panics(|| fs::remove_dir_all(path))
}

fn without_panics<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    panics::catch(work).unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

/// Makes renames in this directory survive a power failure.
///
/// # Errors
/// The directory cannot be flushed.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    // Windows has no directory handle that can be flushed; its renames are journaled.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_and_links_to_them_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "text").unwrap();
        assert_eq!(read(&path).unwrap(), b"text");
        assert_eq!(read_text(&path).unwrap(), "text");
        assert!(read(directory.path()).unwrap_err().what().contains("not a regular file"));
        assert!(read(&directory.path().join("none")).unwrap_err().what().starts_with("cannot read: No such file"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pipes_sockets_and_devices_are_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let (pipe, socket, link) = ["pipe", "socket", "link"].map(|name| directory.path().join(name)).into();
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [&pipe, &socket, &link, Path::new("/dev/tty"), Path::new("/dev/null")] {
            let text = open_regular(path).unwrap_err().to_string();
            assert_eq!(text, "not a regular file", "{}", path.display());
        }
    }

    #[cfg(unix)]
    #[test]
    fn errors_of_the_file_are_distinguished_from_errors_of_the_machine() {
        use rustix::io::Errno;
        let directory = tempfile::tempdir().unwrap();
        let circle = directory.path().join("circle");
        std::os::unix::fs::symlink(&circle, &circle).unwrap();
        for path in [directory.path(), &directory.path().join("none"), &circle, Path::new("/dev/null")] {
            assert!(is_permanent(&open_regular(path).unwrap_err()), "{}", path.display());
        }
        assert!(is_permanent(&Errno::ACCESS.into()));
        for error in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO, Errno::STALE, Errno::TIMEDOUT] {
            assert!(!is_permanent(&error.into()), "{error}");
        }
        assert!(is_readable(directory.path()) && !is_readable(&circle));
    }

    #[test]
    fn directories_are_listed_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        fs::create_dir_all(root.join("deep/deeper")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        let mut names = entries(&root).unwrap();
        names.sort();
        assert_eq!(names, [root.join("deep"), root.join("file")]);
        remove_all(&root).unwrap();
        assert_eq!(entries(&root).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
