//! A memo of file digests, kept on disk, so that unchanged data is not read again.

use crate::base::stamp::Stamp;
use crate::base::{Result, files, hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Version of the format and of the meaning of a [`FileDigest`].
const VERSION: u32 = 2;
/// Stands for the digest of a file that cannot be read.
pub(super) const UNREADABLE: &str = "cannot be read";

/// The digest of a file, valid while its stamp is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileDigest {
    stamp: Stamp,
    /// Digest of the content.
    pub(super) digest: String,
}

#[derive(Default, Serialize, Deserialize)]
struct MemoFile {
    version: u32,
    files: BTreeMap<PathBuf, FileDigest>,
}

impl FileDigest {
    /// Returns the placeholder for a file that cannot be read; a real digest differs from it once the file can be read.
    pub(super) fn unreadable() -> Self {
        let stamp = Stamp { inode: 0, size: 0, modified: u64::MAX, changed: u64::MAX };
        Self { stamp, digest: UNREADABLE.to_owned() }
    }
}

/// Digests of files, remembered from earlier runs.
pub(super) struct Memo {
    path: PathBuf,
    memo: MemoFile,
}

impl Memo {
    /// Reads the memo; it is empty if the file is missing, damaged or of another version.
    pub(super) fn open(path: &Path) -> Self {
        let memo = fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<MemoFile>(&bytes).ok());
        let memo = memo.filter(|memo| memo.version == VERSION).unwrap_or_default();
        Self { path: path.to_owned(), memo }
    }

    /// Returns the digest of a file, from the memo or by reading the file. A remembered digest is not used if this
    /// process may not read the file, even if a run of another user remembered it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn digest_of(&self, path: &Path) -> io::Result<FileDigest> {
        let stamp = Stamp::of(&fs::metadata(path)?);
        match self.memo.files.get(path) {
            Some(remembered) if remembered.stamp == stamp && files::is_readable(path) => Ok(remembered.clone()),
            _ => Ok(FileDigest { digest: hash::digest_file_io(path)?, stamp }),
        }
    }

    /// Adds digests of files whose stamps are settled, and writes the memo if it changed.
    ///
    /// # Errors
    /// The memo cannot be written.
    pub(super) fn remember(mut self, files: impl IntoIterator<Item = (PathBuf, FileDigest)>) -> Result<()> {
        let mut is_changed = false;
        for (path, digest) in files {
            // JSON has no form for names that are not UTF-8.
            if path.to_str().is_some() && digest.stamp.is_settled() && self.memo.files.get(&path) != Some(&digest) {
                self.memo.files.insert(path, digest);
                is_changed = true;
            }
        }
        if !is_changed {
            return Ok(());
        }
        self.memo.version = VERSION;
        if let Some(directory) = self.path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            files::create_directory(directory)?;
        }
        files::write_atomic(&self.path, hash::canonical_json(&self.memo)?.as_bytes())
    }
}
