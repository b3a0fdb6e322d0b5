//! A data set: decoded images, training images first, then test images, and their names and labels.

use crate::base::{Error, Result, files, hash};
use crate::dataset::contents::Part;
use crate::dataset::image_store::{INDEX, ImageStore, VERSION, damaged, read_index};
use crate::imaging::Image;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A file that was skipped, or used although it is damaged, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Name inside the source.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// `index.json` of a data set; `names`, `labels` and `is_test` have one entry per image.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) version: u32,
    pub(super) classes: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) labels: Vec<usize>,
    pub(super) is_test: Vec<bool>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) ignored: usize,
    /// JPEGs among the images that lost data inside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) damaged: Vec<Skipped>,
}

/// A data set of decoded images, read one by one. Indices count the training images first, then the test images.
#[derive(Debug)]
pub struct ImageDataset {
    index: Index,
    first: ImageStore,
    second: Option<ImageStore>,
}

impl ImageDataset {
    /// Opens a directory written by [`decode`](fn@crate::dataset::decode).
    ///
    /// # Errors
    /// A file is missing or unreadable, or the files do not match.
    pub fn open(directory: &Path) -> Result<Self> {
        let [train, test] = Part::ALL.map(|part| directory.join(part.name()));
        Self::labeled(directory, &train, &test)
    }

    /// Opens training and test images with their names and labels, which are in the directory `labels`.
    ///
    /// # Errors
    /// A file is missing or unreadable, or the files do not match.
    pub fn labeled(labels: &Path, train: &Path, test: &Path) -> Result<Self> {
        let (first, second) = (ImageStore::open(train)?, ImageStore::open(test)?);
        let index: Index = read_index(labels)?;
        index.check(first.len(), second.len()).map_err(|what| damaged(labels, what))?;
        Ok(Self { index, first, second: Some(second) })
    }

    /// Opens images without names or labels: every image has the label 0 of a single class. Those in `test` are test
    /// images.
    ///
    /// # Errors
    /// A file is missing or unreadable, or the files of a directory do not match.
    pub fn unlabeled(images: &Path, test: Option<&Path>) -> Result<Self> {
        let (first, second) = (ImageStore::open(images)?, test.map(ImageStore::open).transpose()?);
        let count = first.len() + second.as_ref().map_or(0, ImageStore::len);
        let index = Index {
            version: VERSION,
            classes: vec![String::new()],
            names: vec![String::new(); count],
            labels: vec![0; count],
            is_test: (0..count).map(|image| image >= first.len()).collect(),
            ..Index::default()
        };
        Ok(Self { index, first, second })
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
        match (index.checked_sub(self.first.len()), &self.second) {
            (None, _) => self.first.read(index, image),
            (Some(position), Some(second)) => second.read(position, image),
            (Some(_), None) => Err(Error::bug(format!("no image {index} among {}", self.len()))),
        }
    }

    /// Checks that no file has been modified since it was opened, so that everything read so far is valid.
    ///
    /// # Errors
    /// One has been modified.
    pub fn check(&self) -> Result<()> {
        [Some(&self.first), self.second.as_ref()].into_iter().flatten().try_for_each(ImageStore::check)
    }

    /// Returns the identities of the training images, see [`Split::sample`](crate::dataset::Split::sample).
    pub fn training_ids(&self) -> &[String] {
        &self.first.index.ids
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
    pub(crate) fn test_flags(&self) -> &[bool] {
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
    /// Checks that the lists are consistent and suit these numbers of training and test images.
    fn check(&self, train: usize, test: usize) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("{INDEX} has version {}, not {VERSION}", self.version));
        }
        if [self.names.len(), self.labels.len(), self.is_test.len()] != [train + test; 3] {
            return Err(format!("the lists of {INDEX} differ in length from the {} images", train + test));
        }
        if self.is_test.iter().enumerate().any(|(image, is_test)| *is_test != (image >= train)) {
            return Err(format!("{INDEX} has test images among the training images"));
        }
        if let Some(label) = self.labels.iter().find(|&&label| label >= self.classes.len()) {
            return Err(format!("{INDEX} has the label {label}, but there are only {} classes", self.classes.len()));
        }
        Ok(())
    }

    /// Writes the index into a directory.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self, directory: &Path) -> Result<()> {
        files::write_atomic(&directory.join(INDEX), hash::canonical_json(self)?.as_bytes())
    }
}
