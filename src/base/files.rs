//! Files that are whole or not there: written beside, flushed, renamed. Only regular files are read, since a pipe or a
//! device may wait or go on for ever.

use crate::base::{Error, Result, panics};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// What the names of files that are being written begin with.
const UNFINISHED: &str = ".unfinished-";

/// Writes a file beside its place and renames it in, so that readers see the old content or the new, never a part.
///
/// # Errors
/// The directory is missing or read-only, or the disk is full; nothing is left behind then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// As [`write_atomic`], for what is too large to be put together in memory first.
///
/// # Errors
/// As for [`write_atomic`], or `write` failed.
pub fn write_atomic_with(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let file = beside(directory)?;
        // Past tempfile, whose errors go on about the temporary name.
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

/// Removes what writers that were killed left in a directory into which nobody else writes. What cannot be removed stays:
/// it takes room and does no harm.
pub fn remove_unfinished(directory: &Path) {
    for path in entries(directory).unwrap_or_default() {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED)) {
            let _ = fs::remove_file(path);
        }
    }
}

/// A temporary file with the rights of any new file; by itself tempfile lets only the owner read.
fn beside(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}

/// Makes a directory and its parents.
///
/// # Errors
/// The directory cannot be made.
pub fn create_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::io("create the directory", path, &error))
}

/// Reads a whole file.
///
/// # Errors
/// The file cannot be read, or is not a regular file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    read_bytes(path).map_err(|error| Error::io("read", path, &error))
}

/// Reads a whole file as UTF-8 text.
///
/// # Errors
/// The file cannot be read, is not a regular file, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let read = || {
        let mut text = String::new();
        open_regular(path)?.read_to_string(&mut text).map(|_| text)
    };
    read().map_err(|error| Error::io("read", path, &error))
}

/// As [`read`], with the system's error.
///
/// # Errors
/// The file cannot be read, or is not a regular file.
pub fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes).map(|_| bytes)
}

/// Opens a file for reading, without waiting for anybody to write into a pipe.
///
/// # Errors
/// The file cannot be opened, or is not a regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Asked first, since opening alone can have effects on a device, and again of what was opened.
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

/// Whether a file cannot be read because of what it is: it is not there, is not regular, or may not be read. All else,
/// such as too many open files, no memory left or a disk that fails, says something of the machine, and may be otherwise
/// the next time.
pub fn is_refused(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    #[cfg(unix)]
    let is_circle = rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP);
    #[cfg(not(unix))]
    let is_circle = false;
    is_circle || matches!(error.kind(), InvalidInput | IsADirectory | NotADirectory | NotFound | PermissionDenied)
}

/// Whether this process may read a file; the content is not asked for. Where the system does not tell, it may.
pub fn may_read(path: &Path) -> bool {
    #[cfg(unix)]
    let may = rustix::fs::access(path, rustix::fs::Access::READ_OK).is_ok();
    #[cfg(not(unix))]
    let may = path.exists();
    may
}

/// Paths of what a directory holds, in no order.
///
/// # Errors
/// The directory cannot be read; where the standard library panics, because the directory cannot be closed, too.
pub fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    // Every entry keeps the directory open, so all of them end inside.
    unpanicked(|| fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect())
}

/// Removes a directory and all it holds; links are removed, not followed.
///
/// # Errors
/// Something cannot be removed; where the standard library panics, because a directory cannot be closed, too.
pub fn remove_all(path: &Path) -> io::Result<()> {
    unpanicked(|| fs::remove_dir_all(path))
}

fn unpanicked<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    panics::caught(work).unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

/// Makes a rename in this directory survive a power cut.
///
/// # Errors
/// The directory cannot be flushed.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    // Windows has no handle to a directory that can be flushed; its renames are journalled.
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
    fn what_a_file_is_and_what_the_machine_lacks_are_told_apart() {
        use rustix::io::Errno;
        let directory = tempfile::tempdir().unwrap();
        let circle = directory.path().join("circle");
        std::os::unix::fs::symlink(&circle, &circle).unwrap();
        for path in [directory.path(), &directory.path().join("none"), &circle, Path::new("/dev/null")] {
            assert!(is_refused(&open_regular(path).unwrap_err()), "{}", path.display());
        }
        assert!(is_refused(&Errno::ACCESS.into()));
        for error in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO, Errno::STALE, Errno::TIMEDOUT] {
            assert!(!is_refused(&error.into()), "{error}");
        }
        assert!(may_read(directory.path()) && !may_read(&circle));
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
