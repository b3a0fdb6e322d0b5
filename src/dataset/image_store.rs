//! A directory of decoded images without names or labels: `images.bin` with their concatenated bytes, and `index.json`
//! with their sizes, offsets and identities.

use crate::base::stamp::Stamp;
use crate::base::{Error, Result, files};
use crate::imaging::{CHANNELS, Image};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

pub(super) const IMAGES: &str = "images.bin";
pub(super) const INDEX: &str = "index.json";
/// Version of the format.
pub(super) const VERSION: u32 = 2;

/// `index.json`; `ids`, `sizes` and `offsets` have one entry per image.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StoreIndex {
    pub(super) version: u32,
    /// Identities, see [`Contents`](super::contents::Contents).
    pub(super) ids: Vec<String>,
    /// (width, height)
    pub(super) sizes: Vec<(usize, usize)>,
    /// Offset of the first byte in `images.bin`.
    pub(super) offsets: Vec<usize>,
    /// Images that were skipped because they cannot be decoded.
    pub(super) skipped: Vec<Flaw>,
    /// JPEGs among the images that lost data inside.
    pub(super) damaged: Vec<Flaw>,
}

/// What is wrong with an image.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Flaw {
    /// Position in the order of the part's images, those that were skipped included.
    pub(super) position: usize,
    pub(super) reason: String,
}

/// Decoded images, read one by one from a file.
///
/// The file is not memory-mapped: truncating a mapped file kills the process with SIGBUS, and overwriting it changes
/// images while they are used. Reading an image from the page cache costs a system call and a copy (for small views of
/// large images, up to 10 % of the time for both views; docs/performance.md), and a change of the file is detected
/// afterwards ([`ImageStore::check`]).
#[derive(Debug)]
pub(super) struct ImageStore {
    pub(super) index: StoreIndex,
    path: PathBuf,
    file: File,
    /// Stamp of the file when it was opened.
    stamp: Stamp,
}

impl ImageStore {
    /// Opens a directory of images.
    ///
    /// # Errors
    /// A file is missing or unreadable, or the two files do not match.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(IMAGES);
        let index: StoreIndex = read_index(directory)?;
        let failed = |error| Error::io("read", &path, &error);
        let file = files::open_regular(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        index.check(metadata.len()).map_err(|what| damaged(directory, what))?;
        Ok(Self { index, stamp: Stamp::of(&metadata), file, path })
    }

    /// Returns the number of images.
    pub(super) fn len(&self) -> usize {
        self.index.ids.len()
    }

    /// Reads the image at a position, reusing the memory of `image`. The result is valid only if
    /// [`ImageStore::check`] succeeds afterwards; one check is enough for many images.
    ///
    /// # Errors
    /// The file cannot be read, or was truncated.
    pub(super) fn read(&self, position: usize, image: &mut Image) -> Result<()> {
        (image.width, image.height) = self.index.sizes[position];
        image.rgb.resize(CHANNELS * image.width * image.height, 0);
        let read = read_at(&self.file, &mut image.rgb, self.index.offsets[position] as u64);
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(),
            _ => Error::io("read", &self.path, &error),
        })
    }

    /// Checks that the file has not been modified since it was opened, so that everything read so far is valid.
    ///
    /// # Errors
    /// It has been modified.
    pub(super) fn check(&self) -> Result<()> {
        let metadata = self.file.metadata().map_err(|error| Error::io("read", &self.path, &error))?;
        let now = Stamp::of(&metadata);
        // Removing or linking the file changes only its ctime, not its content.
        let is_same = (now.inode, now.size, now.modified) == (self.stamp.inode, self.stamp.size, self.stamp.modified);
        if is_same { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> Error {
        let error = Error::stage("the file changed while it was read").at(self.path.display().to_string());
        error.help("run again to rebuild what was damaged")
    }
}

impl StoreIndex {
    /// Checks that the lists are consistent and stay inside `images.bin`, so that later reads stay in bounds.
    fn check(&self, bytes: u64) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("{INDEX} has version {}, not {VERSION}", self.version));
        }
        if [self.sizes.len(), self.offsets.len()] != [self.ids.len(); 2] {
            return Err(format!("the lists of {INDEX} differ in length"));
        }
        let mut next = 0_usize;
        for (&(width, height), &offset) in self.sizes.iter().zip(&self.offsets) {
            let length = width.checked_mul(height).and_then(|area| area.checked_mul(CHANNELS));
            let end = length.filter(|&length| length > 0 && offset == next).and_then(|length| next.checked_add(length));
            next = end.ok_or_else(|| format!("a size or offset in {INDEX} is invalid"))?;
        }
        if next as u64 != bytes {
            return Err(format!("{IMAGES} has {bytes} bytes instead of {next}"));
        }
        Ok(())
    }
}

/// Reads the index of a directory.
///
/// # Errors
/// It is missing, unreadable or damaged.
pub(super) fn read_index<T: serde::de::DeserializeOwned>(directory: &Path) -> Result<T> {
    serde_json::from_slice(&files::read(&directory.join(INDEX))?)
        .map_err(|error| damaged(directory, format!("{INDEX} is damaged: {error}")))
}

/// Creates the error of a damaged directory.
pub(super) fn damaged(directory: &Path, what: String) -> Error {
    Error::stage(what).at(directory.display().to_string()).help("delete the directory and run again to rebuild it")
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
