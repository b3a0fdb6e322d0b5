//! Interface between the store and the disk: every change of a file or directory goes through it, so that tests can
//! make each operation fail.

use crate::base::{Error, Result, files};
use std::fmt::Debug;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Operations by which the store changes the disk. Reading is not included.
pub trait Disk: Debug + Send + Sync {
    /// Creates a directory and its parents; it may exist already.
    ///
    /// # Errors
    /// The directory cannot be created.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Writes a whole file.
    ///
    /// # Errors
    /// The file cannot be written; a partial file may remain.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Copies a file.
    ///
    /// # Errors
    /// The file cannot be copied; a partial copy may remain.
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Flushes a file's content or a directory's entries to the disk, so that they survive a power failure.
    ///
    /// # Errors
    /// They cannot be flushed.
    fn flush(&self, path: &Path) -> io::Result<()>;

    /// Renames a file or directory atomically, within a file system.
    ///
    /// # Errors
    /// It cannot be renamed; nothing is changed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file, or a directory with its contents; it may be missing.
    ///
    /// # Errors
    /// It cannot be removed completely.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Opens a lock file, creating it if missing, and locks it; none if another process holds the lock.
    ///
    /// # Errors
    /// The file cannot be opened, or the file system does not support locks.
    fn try_lock(&self, path: &Path, sharing: Sharing) -> io::Result<Option<File>>;

    /// Gives a file a second name, atomically, in a shared store.
    ///
    /// # Errors
    /// The name exists, or the file system has no links.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    /// Sets the modification time of a file to the time of the file server, in a shared store.
    ///
    /// # Errors
    /// The file is missing or cannot be written.
    fn touch(&self, path: &Path) -> io::Result<()> {
        touch(path)
    }

    /// Returns the modification time of a file, in a shared store.
    ///
    /// # Errors
    /// The file is missing or cannot be read.
    fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        fs::metadata(path)?.modified()
    }
}

/// Sets the modification time without naming one: the server of a network file system then takes its own.
#[cfg(unix)]
fn touch(path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    utimensat(CWD, path, &times, AtFlags::empty()).map_err(io::Error::from)
}

#[cfg(not(unix))]
fn touch(path: &Path) -> io::Result<()> {
    File::options().write(true).open(path)?.set_modified(SystemTime::now())
}

/// Whether a lock is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Any number of holders, all of them shared.
    Shared,
    /// A single holder.
    Exclusive,
}

/// The actual disk.
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
            Ok(metadata) if metadata.is_dir() => files::remove_all(path),
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

/// Disk operations whose errors name the path and what to do next.
#[derive(Clone, Debug)]
pub(super) struct DiskOps(Arc<dyn Disk>);

impl DiskOps {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self(disk)
    }

    pub(super) fn create_directory(&self, path: &Path) -> Result<()> {
        self.0.create_directory(path).map_err(|error| failed("create the directory", path, &error))
    }

    /// Writes a small file, flushes it and reads it back, to detect a disk that loses data.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let written =
            self.0.write(path, bytes).and_then(|()| self.0.flush(path)).and_then(|()| files::read_bytes(path));
        if written.map_err(|error| failed("write", path, &error))? == bytes {
            return Ok(());
        }
        let error = Error::stage("cannot write: the file does not read back as it was written");
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

    pub(super) fn touch(&self, path: &Path) -> Result<()> {
        self.0.touch(path).map_err(|error| failed("touch", path, &error))
    }

    pub(super) fn modified(&self, path: &Path) -> Result<SystemTime> {
        self.0.modified(path).map_err(|error| failed("read", path, &error))
    }

    pub(super) fn modified_if_exists(&self, path: &Path) -> Result<Option<SystemTime>> {
        match self.0.modified(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            modified => modified.map(Some).map_err(|error| failed("read", path, &error)),
        }
    }

    pub(super) fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.link(from, to)
    }

    pub(super) fn try_rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    /// Creates a file with this content; `false` if the name exists.
    pub(super) fn create_new(&self, path: &Path, bytes: &[u8]) -> Result<bool> {
        match File::options().write(true).create_new(true).open(path) {
            Ok(_) => self.write(path, bytes).map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed("create", path, &error)),
        }
    }

    /// Same as [`DiskOps::try_lock`], for a shared store, in which a lease decides where there are no locks.
    pub(super) fn try_lock_if_supported(&self, path: &Path, sharing: Sharing) -> Result<TriedLock> {
        path.parent().map_or(Ok(()), |directory| self.create_directory(directory))?;
        match self.0.try_lock(path, sharing) {
            Ok(Some(file)) => Ok(TriedLock::Locked(file)),
            Ok(None) => Ok(TriedLock::Held),
            Err(error) if has_no_locks(&error) => Ok(TriedLock::Unsupported),
            Err(error) => Err(Error::io("lock", path, &error)),
        }
    }

    pub(super) fn try_lock(&self, path: &Path, sharing: Sharing) -> Result<Option<File>> {
        path.parent().map_or(Ok(()), |directory| self.create_directory(directory))?;
        let help = "choose a directory on a local disk with --output";
        self.0.try_lock(path, sharing).map_err(|error| Error::io("lock", path, &error).help(help))
    }
}

/// Result of trying to lock a file.
#[derive(Debug)]
pub(super) enum TriedLock {
    Locked(File),
    /// Another process holds the lock.
    Held,
    /// The file system has no locks.
    Unsupported,
}

/// Whether a file system has no locks, or its lock service is not running.
pub(crate) fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_known = {
        use rustix::io::Errno;
        let errno = Errno::from_io_error(error);
        errno.is_some_and(|errno| [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP].contains(&errno))
    };
    #[cfg(not(unix))]
    let is_known = false;
    is_known || error.kind() == ErrorKind::Unsupported
}

fn failed(action: &str, path: &Path, error: &io::Error) -> Error {
    Error::io(action, path, error).help(match error.kind() {
        ErrorKind::NotFound => "was it removed while the program ran? run again: finished stages are kept",
        _ => "run again: finished stages are kept",
    })
}
