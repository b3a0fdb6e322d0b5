//! The forms in which images are kept.

use super::damaged;
use super::decoded::Decoded;
use super::encoded::Encoded;
use super::in_place::{InPlace, StampedFiles};
use crate::base::Result;
use crate::dataset::preparation::Preparation;
use crate::imaging::Image;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// How the images of a data set are kept for the stages that read them. No result depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreForm {
    /// As pixels: the fastest to read, and 3 bytes per pixel.
    #[default]
    Decoded,
    /// As copies of the image files, which are decoded in every epoch. Images without such a form (synthetic ones and
    /// binary records) are kept as pixels.
    Encoded,
    /// Not at all: the files of the source are decoded in every epoch, and must stay as they are. Images of Parquet
    /// files are kept as with `encoded`.
    None,
}

/// Where an image is in the files of the user.
#[derive(Clone, Debug)]
pub(crate) struct FilePlace<'a> {
    pub(crate) path: Cow<'a, Path>,
    /// First byte.
    pub(crate) offset: u64,
    /// Length in bytes; `None` for all of the file.
    pub(crate) length: Option<u64>,
}

/// Where an image is in a list of files.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) file: u32,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// `index.json` in the directory of the form; what the form does not need is left out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FormIndex {
    store: StoreForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preparation: Option<Preparation>,
    /// Bytes of each copied image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lengths: Vec<usize>,
    #[serde(default, skip_serializing_if = "StampedFiles::is_empty")]
    files: StampedFiles,
    /// Place of each image; empty if each is a whole file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    places: Vec<Place>,
}

/// Images that are read by their position.
pub(super) trait Form: fmt::Debug + Send + Sync {
    /// Reads an image, reusing the memory of `image`. The result is valid only if [`Form::check`] succeeds afterwards.
    ///
    /// # Errors
    /// A file cannot be read, or has changed.
    fn read(&self, position: usize, image: &mut Image) -> Result<()>;

    /// Checks that everything read so far is valid.
    ///
    /// # Errors
    /// A file has been modified since it was opened.
    fn check(&self) -> Result<()>;
}

impl StoreForm {
    /// Returns whether this is the default.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Decoded => "as pixels",
            Self::Encoded => "as copies of their files",
            Self::None => "only by their places",
        }
    }
}

impl FormIndex {
    /// The index of images that are kept as pixels.
    pub(super) fn decoded() -> Self {
        let (lengths, files, places) = (Vec::new(), StampedFiles::default(), Vec::new());
        Self { store: StoreForm::Decoded, preparation: None, lengths, files, places }
    }

    /// The index of copies of these lengths.
    pub(super) fn encoded(preparation: Preparation, lengths: Vec<usize>) -> Self {
        Self { store: StoreForm::Encoded, preparation: Some(preparation), lengths, ..Self::decoded() }
    }

    /// The index of places in files; without places, each image is a whole file.
    pub(super) fn in_place(preparation: Preparation, files: StampedFiles, places: Vec<Place>) -> Self {
        Self { store: StoreForm::None, preparation: Some(preparation), files, places, ..Self::decoded() }
    }

    /// Opens images of these sizes in the directory of the form.
    ///
    /// # Errors
    /// A file is missing or unreadable, or does not match the sizes.
    pub(super) fn open(self, directory: &Path, sizes: &[(u32, u32)]) -> Result<Box<dyn Form>> {
        let (count, places) = (sizes.len(), (self.files, self.places));
        let preparation = || self.preparation.ok_or_else(|| damaged(directory, "it has no `preparation`".to_owned()));
        Ok(match self.store {
            StoreForm::Decoded => Box::new(Decoded::open(directory, sizes)?),
            StoreForm::Encoded => Box::new(Encoded::open(directory, count, &self.lengths, preparation()?)?),
            StoreForm::None => Box::new(InPlace::open(directory, count, places, preparation()?)?),
        })
    }

    /// Returns why images in this form cannot be used as they are, if `wanted` is the form they should have.
    pub(super) fn misfit(&self, wanted: StoreForm) -> Option<String> {
        if let Some(path) = self.files.first_changed() {
            return Some(format!("{} was moved or touched", path.display()));
        }
        let (kept, asked) = (self.store.describe(), wanted.describe());
        (self.store != wanted).then(|| format!("images are kept {kept} instead of {asked}"))
    }
}
