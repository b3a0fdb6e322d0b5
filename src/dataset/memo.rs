//! A file that remembers the digests of other files, so that unchanged data is not read again.

use crate::base::stamp::Stamp;
use crate::base::{Result, files, hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Changes when the content of a [`Known`] does.
const VERSION: u32 = 2;
/// The digest of what cannot be read.
pub(super) const UNREADABLE: &str = "cannot be read";

/// What is known of a file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    stamp: Stamp,
    /// Digest of the content.
    pub(super) digest: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    version: u32,
    files: BTreeMap<PathBuf, Known>,
}

impl Known {
    /// What stands in the place of the content of a file that cannot be read, so that it is news when it can be.
    pub(super) fn unreadable() -> Self {
        let stamp = Stamp { inode: 0, size: 0, modified: u64::MAX, changed: u64::MAX };
        Self { stamp, digest: UNREADABLE.to_owned() }
    }
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

    /// What is known of a file, from memory or by reading it. Who may not read it does not know it either, though another
    /// user's run may have remembered it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn known(&self, path: &Path) -> io::Result<Known> {
        let stamp = Stamp::of(&fs::metadata(path)?);
        match self.stored.files.get(path) {
            Some(known) if known.stamp == stamp && files::may_read(path) => Ok(known.clone()),
            _ => Ok(Known { digest: hash::digest_file_io(path)?, stamp }),
        }
    }

    /// Remembers files, and writes that down if it is news.
    ///
    /// # Errors
    /// The memory cannot be written.
    pub(super) fn remember(mut self, files: impl IntoIterator<Item = (PathBuf, Known)>) -> Result<()> {
        let mut is_news = false;
        for (path, known) in files {
            if known.stamp.is_settled() && self.stored.files.get(&path) != Some(&known) {
                self.stored.files.insert(path, known);
                is_news = true;
            }
        }
        if !is_news {
            return Ok(());
        }
        self.stored.version = VERSION;
        if let Some(directory) = self.path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            files::create_directory(directory)?;
        }
        files::write_atomic(&self.path, hash::canonical_json(&self.stored)?.as_bytes())
    }
}
