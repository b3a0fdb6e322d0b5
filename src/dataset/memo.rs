//! A file that remembers the digests of other files, so that unchanged data is not read again.

use crate::base::{Result, files, hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file changed this shortly before it was read may change again without its time telling.
const SETTLED: Duration = Duration::from_secs(2);
/// Changes when the content of a [`Known`] does.
const VERSION: u32 = 1;

/// What is known of a file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    stamp: Stamp,
    /// Digest of the content.
    pub(super) digest: String,
}

/// What changes when a file does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    inode: u64,
    size: u64,
    /// Nanoseconds since 1970.
    modified: u128,
}

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    version: u32,
    files: BTreeMap<PathBuf, Known>,
}

/// Digests remembered from earlier runs.
pub(super) struct Memo {
    path: PathBuf,
    stored: Stored,
}

impl Memo {
    /// Reads what is remembered; nothing if the file is missing, damaged or of another version.
    pub(super) fn open(path: &Path) -> Self {
        let stored = fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        let stored = stored.filter(|stored| stored.version == VERSION).unwrap_or_default();
        Self { path: path.to_owned(), stored }
    }

    /// What is known of a file, from memory or by reading it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn known(&self, path: &Path) -> Result<Known> {
        let stamp = stamp(path)?;
        match self.stored.files.get(path) {
            Some(known) if known.stamp == stamp => Ok(known.clone()),
            _ => Ok(Known { digest: hash::digest_file(path)?, stamp }),
        }
    }

    /// Remembers files, and writes that down if it is news.
    ///
    /// # Errors
    /// The memory cannot be written.
    pub(super) fn remember(mut self, files: impl IntoIterator<Item = (PathBuf, Known)>) -> Result<()> {
        let latest = SystemTime::now().checked_sub(SETTLED).map_or(0, nanoseconds);
        let mut is_news = false;
        for (path, known) in files {
            if known.stamp.modified < latest && self.stored.files.get(&path) != Some(&known) {
                self.stored.files.insert(path, known);
                is_news = true;
            }
        }
        if !is_news {
            return Ok(());
        }
        self.stored.version = VERSION;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::create_folder(folder)?;
        }
        files::write_atomic(&self.path, hash::canonical_json(&self.stored)?.as_bytes())
    }
}

fn stamp(path: &Path) -> Result<Stamp> {
    let metadata = fs::metadata(path).map_err(|error| crate::base::Error::io("read", path, &error))?;
    let modified = metadata.modified().map_or(0, nanoseconds);
    Ok(Stamp { inode: inode(&metadata), size: metadata.len(), modified })
}

fn nanoseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}
