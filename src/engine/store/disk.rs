//! The seam between the store and the disk: everything that changes a file or a directory goes through it, so that tests
//! can make each of these steps fail.

use crate::base::{Error, Result, files};
use std::fmt::Debug;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

/// What the store does to a disk. Reading is no part of it.
pub trait Disk: Debug + Send + Sync {
    /// Makes a directory and its parents; one that is there is fine.
    ///
    /// # Errors
    /// The directory cannot be made.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Writes a whole file.
    ///
    /// # Errors
    /// The file cannot be written; a part of it may be there.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Copies a file.
    ///
    /// # Errors
    /// The file cannot be copied; a part of it may be there.
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes a file's content or a directory's names survive a power cut.
    ///
    /// # Errors
    /// They cannot be flushed.
    fn flush(&self, path: &Path) -> io::Result<()>;

    /// Gives a file or a directory another name on the same file system, in one step.
    ///
    /// # Errors
    /// Nothing is changed then.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file, or a directory and all that is in it; nothing there is fine.
    ///
    /// # Errors
    /// Something is left.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Opens a lock file, which is made where it is missing, and locks it; nothing if others have it already.
    ///
    /// # Errors
    /// The file cannot be opened, or the file system knows no locks.
    fn try_lock(&self, path: &Path, sharing: Sharing) -> io::Result<Option<File>>;
}

/// Who may have a lock at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// All who ask for it shared.
    Shared,
    /// One alone.
    Exclusive,
}

/// The disk itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::write(path, bytes)
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::copy(from, to).map(|_| ())
    }

    fn flush(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() { files::sync_directory(path) } else { File::options().write(true).open(path)?.sync_all() }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => files::remove_all(path),
            Ok(_) => fs::remove_file(path),
            Err(error) => Err(error),
        };
        removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }

    fn try_lock(&self, path: &Path, sharing: Sharing) -> io::Result<Option<File>> {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        let locked = match sharing {
            Sharing::Shared => file.try_lock_shared(),
            Sharing::Exclusive => file.try_lock(),
        };
        match locked {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// A disk whose errors name the path and say what to do next.
#[derive(Clone, Debug)]
pub(super) struct Changes(Arc<dyn Disk>);

impl Changes {
    pub(super) fn to(disk: Arc<dyn Disk>) -> Self {
        Self(disk)
    }

    pub(super) fn create_directory(&self, path: &Path) -> Result<()> {
        self.0.create_directory(path).map_err(|error| failed("create the directory", path, &error))
    }

    /// Writes a small file, flushes it and reads it again: a disk that loses it is noticed before the file counts.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let written =
            self.0.write(path, bytes).and_then(|()| self.0.flush(path)).and_then(|()| files::read_bytes(path));
        if written.map_err(|error| failed("write", path, &error))? == bytes {
            return Ok(());
        }
        let error = Error::stage("cannot write: the disk does not give back what was written");
        Err(error.at(path.display().to_string()).help("check the disk and run again: finished stages are kept"))
    }

    pub(super) fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.copy(from, to).map_err(|error| failed("write", to, &error))
    }

    pub(super) fn flush(&self, path: &Path) -> Result<()> {
        self.0.flush(path).map_err(|error| failed("write", path, &error))
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.rename(from, to).map_err(|error| failed("rename", from, &error))
    }

    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        self.0.remove(path).map_err(|error| failed("remove", path, &error))
    }

    pub(super) fn try_lock(&self, path: &Path, sharing: Sharing) -> Result<Option<File>> {
        path.parent().map_or(Ok(()), |directory| self.create_directory(directory))?;
        let no_locks = "name a directory on a local disk with --output";
        self.0.try_lock(path, sharing).map_err(|error| Error::io("lock", path, &error).help(no_locks))
    }
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> Error {
    Error::io(doing, path, error).help(match error.kind() {
        ErrorKind::NotFound => "was it removed while the program ran? run again: finished stages are kept",
        _ => "run again: finished stages are kept",
    })
}
