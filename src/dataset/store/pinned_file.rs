//! A file that must not change while it is open.

use crate::base::stamp::Stamp;
use crate::base::{Error, Result, files};
use std::fs::{File, Metadata};
use std::io;
use std::path::PathBuf;

/// An open file, read at any offset.
///
/// The file is not memory-mapped: truncating a mapped file kills the process with SIGBUS, and overwriting it changes
/// images while they are used. Reading an image from the page cache costs a system call and a copy (for small views of
/// large images, up to 10 % of the time for both views; docs/performance.md), and a change of the file is detected
/// afterwards ([`PinnedFile::check`]).
#[derive(Debug)]
pub(super) struct PinnedFile {
    path: PathBuf,
    file: File,
    /// Stamp of the file when it was opened.
    stamp: Stamp,
}

impl PinnedFile {
    /// Opens a file.
    ///
    /// # Errors
    /// The file is missing or unreadable.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let open = || {
            let file = files::open_regular(&path)?;
            let stamp = Stamp::of(&file.metadata()?);
            Ok((file, stamp))
        };
        let (file, stamp) = open().map_err(|error: io::Error| Error::io("read", &path, &error))?;
        Ok(Self { path, file, stamp })
    }

    /// Returns the size in bytes when it was opened.
    pub(super) fn size(&self) -> u64 {
        self.stamp.size
    }

    /// Fills `bytes` from an offset. They are valid only if [`PinnedFile::check`] succeeds afterwards.
    ///
    /// # Errors
    /// The file cannot be read, or was truncated.
    pub(super) fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<()> {
        read_at(&self.file, bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(),
            _ => Error::io("read", &self.path, &error),
        })
    }

    /// Checks that the file has not been modified since it was opened.
    ///
    /// # Errors
    /// It has been modified.
    pub(super) fn check(&self) -> Result<()> {
        let metadata = self.file.metadata().map_err(|error| Error::io("read", &self.path, &error))?;
        if is_unmodified(&metadata, &self.stamp) { Ok(()) } else { Err(self.changed()) }
    }

    /// Creates the error of a file whose content is not that of the time when it was written.
    pub(super) fn changed(&self) -> Error {
        let error = Error::stage("the file changed while it was read").at(self.path.display().to_string());
        error.help("run again to rebuild what was damaged")
    }
}

/// Returns whether the content of a file is as old as its stamp. Removing or linking a file changes only its ctime, not
/// its content.
pub(super) fn is_unmodified(metadata: &Metadata, stamp: &Stamp) -> bool {
    let now = Stamp::of(metadata);
    (now.inode, now.size, now.modified) == (stamp.inode, stamp.size, stamp.modified)
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => (bytes, offset) = (&mut bytes[read..], offset + read as u64),
        }
    }
    Ok(())
}
