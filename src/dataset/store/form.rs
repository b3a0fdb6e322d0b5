//! The forms in which images are kept.

use super::decoded::Decoded;
use super::encoded::Encoded;
use super::in_place::{InPlace, StampedFile, first_changed};
use crate::base::Result;
use crate::dataset::preparation::Preparation;
use crate::imaging::Image;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilePlace<'a> {
    pub(crate) path: &'a Path,
    /// First byte.
    pub(crate) offset: u64,
    /// Length in bytes; `None` for all of the file.
    pub(crate) length: Option<u64>,
}

/// Where an image is in a list of files.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// `index.json` in the directory of the form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "store", rename_all = "snake_case")]
pub(super) enum FormIndex {
    Decoded,
    Encoded {
        preparation: Preparation,
        /// Bytes of each image.
        lengths: Vec<usize>,
    },
    None {
        preparation: Preparation,
        files: Vec<StampedFile>,
        places: Vec<Place>,
    },
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
    /// Opens images of these sizes in the directory of the form.
    ///
    /// # Errors
    /// A file is missing or unreadable, or does not match the sizes.
    pub(super) fn open(self, directory: &Path, sizes: &[(usize, usize)]) -> Result<Box<dyn Form>> {
        let count = sizes.len();
        Ok(match self {
            Self::Decoded => Box::new(Decoded::open(directory, sizes)?),
            Self::Encoded { preparation, lengths } => Box::new(Encoded::open(directory, count, lengths, preparation)?),
            Self::None { preparation, files, places } => {
                Box::new(InPlace::open(directory, count, (files, places), preparation)?)
            }
        })
    }

    /// Returns why images in this form cannot be used as they are, if `wanted` is the form they should have.
    pub(super) fn misfit(&self, wanted: StoreForm) -> Option<String> {
        let form = match self {
            Self::Decoded => StoreForm::Decoded,
            Self::Encoded { .. } => StoreForm::Encoded,
            Self::None { files, .. } => match first_changed(files) {
                Some(path) => return Some(format!("{} was moved or touched", path.display())),
                None => StoreForm::None,
            },
        };
        let (kept, asked) = (form.describe(), wanted.describe());
        (form != wanted).then(|| format!("images are kept {kept} instead of {asked}"))
    }
}
