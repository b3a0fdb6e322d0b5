//! Decoded pictures in a folder: `pictures.bin`, their bytes one after the other, and `index.json`, all else.

use crate::base::{Error, Result, files};
use crate::picture::{CHANNELS, Picture};
use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;

pub(super) const PICTURES: &str = "pictures.bin";
pub(super) const INDEX: &str = "index.json";
/// Changes when the files' meaning does.
pub(super) const VERSION: u32 = 1;

/// A file that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Name inside the source.
    pub name: String,
    /// Why it cannot be decoded.
    pub reason: String,
}

/// `index.json`: one entry a picture in each of the lists.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) version: u32,
    pub(super) classes: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) labels: Vec<usize>,
    pub(super) is_test: Vec<bool>,
    /// (width, height)
    pub(super) sizes: Vec<(usize, usize)>,
    /// Place of the first byte in `pictures.bin`.
    pub(super) offsets: Vec<usize>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) ignored: usize,
}

/// Decoded pictures, mapped into memory.
#[derive(Debug)]
pub struct PictureSet {
    index: Index,
    bytes: Mmap,
}

impl PictureSet {
    /// Opens a folder that [`decode`](fn@crate::dataset::decode) wrote.
    ///
    /// # Errors
    /// A file is missing or unreadable, or the two do not fit together.
    pub fn open(folder: &Path) -> Result<Self> {
        let (index_path, bytes_path) = (folder.join(INDEX), folder.join(PICTURES));
        let damaged = |what: String| {
            Error::stage(what).at(folder.display().to_string()).help("remove the folder and run again: it is made anew")
        };
        let index: Index = serde_json::from_slice(&files::read(&index_path)?)
            .map_err(|error| damaged(format!("{INDEX} is damaged: {error}")))?;
        let file = File::open(&bytes_path).map_err(|error| Error::io("read", &bytes_path, &error))?;
        // SAFETY: finished artifacts are never changed, only replaced as a whole by renaming.
        let bytes = unsafe { Mmap::map(&file) }.map_err(|error| Error::io("read", &bytes_path, &error))?;
        index.check(bytes.len()).map_err(damaged)?;
        Ok(Self { index, bytes })
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.index.names.len()
    }

    /// Whether there are no pictures.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The picture with this index.
    pub fn picture(&self, index: usize) -> Picture<'_> {
        let (width, height) = self.index.sizes[index];
        let start = self.index.offsets[index];
        Picture { width, height, rgb: &self.bytes[start..start + CHANNELS * width * height] }
    }

    /// Label of the picture with this index.
    pub fn label(&self, index: usize) -> usize {
        self.index.labels[index]
    }

    /// Labels of all pictures.
    pub fn labels(&self) -> &[usize] {
        &self.index.labels
    }

    /// Name of a picture inside its source.
    pub fn name(&self, index: usize) -> &str {
        &self.index.names[index]
    }

    /// Names of the classes; labels index them.
    pub fn classes(&self) -> &[String] {
        &self.index.classes
    }

    /// Whether a picture is for testing only.
    pub fn is_test(&self, index: usize) -> bool {
        self.index.is_test[index]
    }

    /// For each picture whether it is for testing only.
    pub fn test_flags(&self) -> &[bool] {
        &self.index.is_test
    }

    /// Files that were left out because they cannot be decoded.
    pub fn skipped(&self) -> &[Skipped] {
        &self.index.skipped
    }

    /// Files that were passed over because they are no pictures by their name.
    pub fn ignored(&self) -> usize {
        self.index.ignored
    }
}

impl Index {
    /// Checks that the lists fit together and stay inside `pictures.bin`, so that nothing read later can fail.
    fn check(&self, bytes: usize) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("{INDEX} has version {}, not {VERSION}", self.version));
        }
        let count = self.names.len();
        if [self.labels.len(), self.is_test.len(), self.sizes.len(), self.offsets.len()] != [count; 4] {
            return Err(format!("the lists of {INDEX} differ in length"));
        }
        if let Some(label) = self.labels.iter().find(|&&label| label >= self.classes.len()) {
            return Err(format!("{INDEX} has the label {label}, which no class has"));
        }
        let mut next = 0_usize;
        for (&(width, height), &offset) in self.sizes.iter().zip(&self.offsets) {
            let length = width.checked_mul(height).and_then(|area| area.checked_mul(CHANNELS));
            let end = length.filter(|&length| length > 0 && offset == next).and_then(|length| next.checked_add(length));
            next = end.ok_or_else(|| format!("a size or place in {INDEX} is impossible"))?;
        }
        if next != bytes {
            return Err(format!("{PICTURES} has {bytes} bytes instead of {next}"));
        }
        Ok(())
    }
}
