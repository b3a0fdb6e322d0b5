//! A directory of images without names or labels: `index.json` says which images they are, and the directory `form`
//! keeps them in one of several forms, all of which give the same pixels.

mod block_file;
mod decoded;
mod encoded;
mod form;
mod in_place;
mod pinned_file;
mod writer;

pub(crate) use form::FilePlace;
pub use form::StoreForm;
pub(super) use writer::{StoreWriter, StoredImage};

use crate::base::files::{self, FORM_DIRECTORY};
use crate::base::hash::Digest;
use crate::base::{Error, Result};
use crate::dataset::image_id::ImageId;
use crate::imaging::perceptual::GrayLevels;
use crate::imaging::{CHANNELS, Image};
use form::{Form, FormIndex};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

pub(super) const INDEX: &str = "index.json";
/// File in the directory of the form with the bytes of all images.
const IMAGES: &str = "images.bin";
/// File with the gray levels of each image, by which near duplicates are found.
const GRAY_LEVELS: &str = "gray_levels.bin";
/// Version of the format.
const VERSION: u32 = 3;

/// `index.json`, which is the same for every form; `ids`, `sizes` and `pixels` have one entry per image.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StoreIndex {
    // In the order of the names, since the file is written as it is declared.
    /// JPEGs among the images that lost data inside.
    pub(super) damaged: Vec<Flaw>,
    /// Identities, see [`Contents`](super::contents::Contents).
    pub(super) ids: Vec<ImageId>,
    /// Digests of the pixels.
    pub(super) pixels: Vec<Digest>,
    /// (width, height)
    pub(super) sizes: Vec<(u32, u32)>,
    /// Images that were skipped because they cannot be decoded.
    pub(super) skipped: Vec<Flaw>,
    pub(super) version: u32,
}

/// What is wrong with an image.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Flaw {
    /// Position in the order of the part's images, those that were skipped included.
    pub(super) position: usize,
    pub(super) reason: String,
}

/// Images that are read one by one.
#[derive(Debug)]
pub(super) struct ImageStore {
    pub(super) index: StoreIndex,
    directory: PathBuf,
    form: Box<dyn Form>,
}

impl ImageStore {
    /// Opens a directory of images.
    ///
    /// # Errors
    /// A file is missing or unreadable, or the files do not match.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let index: StoreIndex = read_index(directory)?;
        index.check().map_err(|what| damaged(directory, what))?;
        let of_form = directory.join(FORM_DIRECTORY);
        let form = read_index::<FormIndex>(&of_form)?.open(&of_form, &index.sizes)?;
        Ok(Self { index, directory: directory.to_owned(), form })
    }

    /// Returns the number of images.
    pub(super) fn len(&self) -> usize {
        self.index.ids.len()
    }

    /// Reads the image at a position, reusing the memory of `image`. The result is valid only if
    /// [`ImageStore::check`] succeeds afterwards; one check is enough for many images.
    ///
    /// # Errors
    /// A file cannot be read, or has changed.
    pub(super) fn read(&self, position: usize, image: &mut Image) -> Result<()> {
        self.form.read(position, image)
    }

    /// Returns the gray levels of all images; `None` if an older version of the program did not store them.
    ///
    /// # Errors
    /// The file cannot be read, or is too short.
    pub(super) fn gray_levels(&self) -> Result<Option<Vec<GrayLevels>>> {
        let path = self.directory.join(GRAY_LEVELS);
        if !path.exists() {
            return Ok(None);
        }
        let read = || {
            let mut file = BufReader::new(files::open_regular(&path)?);
            let mut levels = vec![GrayLevels::default(); self.len()];
            levels.iter_mut().try_for_each(|levels| file.read_exact(&mut levels.0))?;
            Ok(levels)
        };
        read().map(Some).map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged(&self.directory, format!("{GRAY_LEVELS} is too short")),
            _ => Error::io("read", &path, &error),
        })
    }

    /// Checks that no file has been modified since it was opened, so that everything read so far is valid.
    ///
    /// # Errors
    /// One has been modified.
    pub(super) fn check(&self) -> Result<()> {
        self.form.check()
    }
}

impl StoreIndex {
    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("{INDEX} has version {}, not {VERSION}", self.version));
        }
        if [self.sizes.len(), self.pixels.len()] != [self.ids.len(); 2] {
            return Err(format!("the lists of {INDEX} differ in length"));
        }
        match self.sizes.iter().all(|size| bytes(*size).is_some_and(|bytes| bytes > 0)) {
            true => Ok(()),
            false => Err(format!("a size in {INDEX} is invalid")),
        }
    }
}

/// Returns why images that are kept in this directory cannot be used as they are, if `wanted` is the form they should
/// have: they have another one, or the files that they refer to have changed.
pub(crate) fn misfit(directory: &Path, wanted: StoreForm) -> Option<String> {
    read_index::<FormIndex>(&directory.join(FORM_DIRECTORY)).ok()?.misfit(wanted)
}

/// Returns the bytes of the pixels of an image.
fn bytes((width, height): (u32, u32)) -> Option<usize> {
    (width as usize).checked_mul(height as usize)?.checked_mul(CHANNELS)
}

/// Returns the offset of each of several byte strings that follow each other, and the end of the last one.
fn offsets(lengths: impl Iterator<Item = usize>) -> Option<Vec<u64>> {
    let mut end = Some(0_u64);
    let mut next = |length: usize| {
        end = end?.checked_add(length as u64);
        end
    };
    std::iter::once(Some(0)).chain(lengths.map(&mut next)).collect()
}

/// Writes the index of a directory, without its text in memory.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_index(directory: &Path, index: &impl Serialize) -> Result<()> {
    files::write_atomic_with(&directory.join(INDEX), |file| Ok(serde_json::to_writer(file, index)?))
}

/// Reads the index of a directory.
///
/// # Errors
/// It is missing, unreadable or damaged.
pub(super) fn read_index<T: DeserializeOwned>(directory: &Path) -> Result<T> {
    serde_json::from_reader(files::open_buffered(&directory.join(INDEX))?)
        .map_err(|error| damaged(directory, format!("{INDEX} is damaged: {error}")))
}

/// Creates the error of a damaged directory.
pub(super) fn damaged(directory: &Path, what: String) -> Error {
    Error::stage(what).at(directory.display().to_string()).help("delete the directory and run again to rebuild it")
}
