//! File stamps: metadata that changes whenever a file does, so that an unchanged file need not be read again.

use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Age below which a file may change again within the resolution of its timestamps.
const SETTLED: Duration = Duration::from_secs(2);

/// Identity, size and timestamps of a file. Writing to a file changes its stamp even if its modification time is set
/// back afterwards: no program can set the time of the last change (ctime).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// Inode number; 0 on systems without one.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change of the content (mtime), nanoseconds since 1970; a program can set it.
    pub modified: u64,
    /// Time of the last change of content or metadata (ctime), nanoseconds since 1970; 0 on systems without one.
    pub changed: u64,
}

impl Stamp {
    /// Returns the stamp of the file with this metadata.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().map_or(0, nanoseconds);
        Self { inode: inode(metadata), size: metadata.len(), modified, changed: changed(metadata) }
    }

    /// Returns whether any later change would give a different stamp: a file that was changed just now can change again
    /// within the resolution of its timestamps.
    pub(crate) fn is_settled(&self) -> bool {
        let latest = SystemTime::now().checked_sub(SETTLED).map_or(0, nanoseconds);
        self.modified.max(self.changed) < latest
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    let nanoseconds = u64::try_from(metadata.ctime_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[cfg(unix)]
    #[test]
    fn changed_content_of_the_same_size_with_mtime_restored_has_another_stamp() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let write = |content: &str| {
            fs::write(&path, content).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
            Stamp::of(&fs::metadata(&path).unwrap())
        };
        let before = write("one");
        std::thread::sleep(Duration::from_millis(20)); // Longer than a tick of the kernel's clock.
        let after = write("two");
        assert_eq!((before.inode, before.size, before.modified), (after.inode, after.size, after.modified));
        assert_ne!(before, after);
        assert!(!after.is_settled());
    }

    #[test]
    fn old_files_are_settled() {
        let old = Stamp { inode: 1, size: 2, modified: 3, changed: 4 };
        assert!(old.is_settled());
        assert!(!Stamp { modified: u64::MAX, ..old.clone() }.is_settled());
        assert!(!Stamp { changed: u64::MAX, ..old }.is_settled());
    }
}
