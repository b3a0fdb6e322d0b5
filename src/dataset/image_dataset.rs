//! A directory of decoded images: `images.bin` with their concatenated bytes, and `index.json` with everything else.

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
pub(super) const VERSION: u32 = 1;

/// A file that was skipped, or used although it is damaged, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Name inside the source.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// `index.json`; its lists have one entry per image.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) version: u32,
    pub(super) classes: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) labels: Vec<usize>,
    pub(super) is_test: Vec<bool>,
    /// (width, height)
    pub(super) sizes: Vec<(usize, usize)>,
    /// Offset of the first byte in `images.bin`.
    pub(super) offsets: Vec<usize>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) ignored: usize,
    /// JPEGs among the images that lost data inside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) damaged: Vec<Skipped>,
}

/// A data set of decoded images, read one by one from a file.
///
/// The file is not memory-mapped: truncating a mapped file kills the process with SIGBUS, and overwriting it changes
/// images while they are used. Reading an image from the page cache costs a system call and a copy (for small views of
/// large images, up to 10 % of the time for both views; docs/performance.md), and a change of the file is detected
/// afterwards ([`ImageDataset::check`]).
#[derive(Debug)]
pub struct ImageDataset {
    index: Index,
    path: PathBuf,
    file: File,
    /// Stamp of the file when it was opened.
    stamp: Stamp,
}

impl ImageDataset {
    /// Opens a directory written by [`decode`](fn@crate::dataset::decode).
    ///
    /// # Errors
    /// A file is missing or unreadable, or the two files do not match.
    pub fn open(directory: &Path) -> Result<Self> {
        let (index_path, bytes_path) = (directory.join(INDEX), directory.join(IMAGES));
        let damaged = |what: String| {
            Error::stage(what)
                .at(directory.display().to_string())
                .help("delete the directory and run again to rebuild it")
        };
        let index: Index = serde_json::from_slice(&files::read(&index_path)?)
            .map_err(|error| damaged(format!("{INDEX} is damaged: {error}")))?;
        let failed = |error| Error::io("read", &bytes_path, &error);
        let file = files::open_regular(&bytes_path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        index.check(metadata.len()).map_err(damaged)?;
        Ok(Self { index, stamp: Stamp::of(&metadata), file, path: bytes_path })
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.index.names.len()
    }

    /// Returns whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the image with this index.
    ///
    /// # Errors
    /// The file cannot be read, or was changed since it was opened.
    pub fn image(&self, index: usize) -> Result<Image> {
        let mut image = Image::default();
        self.read(index, &mut image)?;
        self.check().map(|()| image)
    }

    /// Reads the image with this index, reusing the memory of `image`. The result is valid only if
    /// [`ImageDataset::check`] succeeds afterwards; one check is enough for many images.
    ///
    /// # Errors
    /// The file cannot be read, or was truncated.
    pub fn read(&self, index: usize, image: &mut Image) -> Result<()> {
        (image.width, image.height) = self.index.sizes[index];
        image.rgb.resize(CHANNELS * image.width * image.height, 0);
        let read = read_at(&self.file, &mut image.rgb, self.index.offsets[index] as u64);
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(),
            _ => Error::io("read", &self.path, &error),
        })
    }

    /// Checks that the file has not been modified since it was opened, so that everything read so far is valid.
    ///
    /// # Errors
    /// It has been modified.
    pub fn check(&self) -> Result<()> {
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

    /// Returns the label of the image with this index.
    pub fn label(&self, index: usize) -> usize {
        self.index.labels[index]
    }

    /// Returns the labels of all images.
    pub fn labels(&self) -> &[usize] {
        &self.index.labels
    }

    /// Returns the name of an image inside its source.
    pub fn name(&self, index: usize) -> &str {
        &self.index.names[index]
    }

    /// Returns the class names; labels are indices into them.
    pub fn classes(&self) -> &[String] {
        &self.index.classes
    }

    /// Returns whether an image is a test image.
    pub fn is_test(&self, index: usize) -> bool {
        self.index.is_test[index]
    }

    /// Returns for each image whether it is a test image.
    pub fn test_flags(&self) -> &[bool] {
        &self.index.is_test
    }

    /// Returns the files that were skipped because they cannot be decoded.
    pub fn skipped(&self) -> &[Skipped] {
        &self.index.skipped
    }

    /// Returns the JPEGs among the images that lost data inside.
    pub fn damaged(&self) -> &[Skipped] {
        &self.index.damaged
    }

    /// Returns the number of files that were ignored because their names are not those of images.
    pub fn ignored(&self) -> usize {
        self.index.ignored
    }
}

impl Index {
    /// Checks that the lists are consistent and stay inside `images.bin`, so that later reads stay in bounds.
    fn check(&self, bytes: u64) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("{INDEX} has version {}, not {VERSION}", self.version));
        }
        let count = self.names.len();
        if [self.labels.len(), self.is_test.len(), self.sizes.len(), self.offsets.len()] != [count; 4] {
            return Err(format!("the lists of {INDEX} differ in length"));
        }
        if let Some(label) = self.labels.iter().find(|&&label| label >= self.classes.len()) {
            return Err(format!("{INDEX} has the label {label}, but there are only {} classes", self.classes.len()));
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
