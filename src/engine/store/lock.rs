//! One lock a key, so that two runs at once compute a stage once.

use super::Store;
use crate::base::{Error, Result, files};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// The right to write one artifact; given back when dropped or when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct Lock {
    // Closing the file unlocks it. The file itself stays: removing it would race with one who waits for it.
    _file: File,
}

impl Lock {
    /// Takes the lock, or nothing if another run has it.
    pub(crate) fn try_take(store: &Store, kind: &str, key: &str) -> Result<Option<Self>> {
        let path = path(store, kind, key);
        if let Some(folder) = path.parent() {
            files::create_folder(folder)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| Error::io("write", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(no_locks(&path, &error)),
        }
    }
}

fn path(store: &Store, kind: &str, key: &str) -> PathBuf {
    store.folder().join(".locks").join(format!("{kind}-{key}.lock"))
}

fn no_locks(path: &Path, error: &std::io::Error) -> Error {
    Error::io("lock", path, error).help("name a folder on a local disk with --output")
}
