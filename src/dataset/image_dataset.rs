//! A data set: decoded images, part by part, and their names and labels.

use crate::base::hash::Digest;
use crate::base::{Error, Result};
use crate::dataset::image_id::ImageId;
use crate::dataset::names::Names;
use crate::dataset::part::Part;
use crate::dataset::store::{INDEX, ImageStore, damaged, read_index, write_index};
use crate::imaging::perceptual::GrayLevels;
use crate::imaging::{Image, Resampler};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;

/// Version of `index.json` of a data set.
pub(super) const VERSION: u32 = 2;

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
    // In the order of the names, since the file is written as it is declared.
    pub(super) classes: Vec<String>,
    /// JPEGs among the images that lost data inside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) damaged: Vec<Skipped>,
    pub(super) is_test: Vec<bool>,
    pub(super) labels: Vec<usize>,
    pub(super) names: Names,
    pub(super) skipped: Vec<Skipped>,
    pub(super) version: u32,
}

/// A data set of decoded images, read one by one. Indices count the images of each part in turn.
#[derive(Debug)]
pub struct ImageDataset {
    index: Index,
    /// Each part with the index of its first image.
    stores: Vec<(Part, usize, ImageStore)>,
}

impl ImageDataset {
    /// Opens a directory written by [`decode`](fn@crate::dataset::decode).
    ///
    /// # Errors
    /// A file is missing or unreadable, or the files do not match.
    pub fn open(directory: &Path) -> Result<Self> {
        let directories = Part::LABELED.map(|part| (part, directory.join(part.name())));
        let parts = directories.iter().filter(|(_, path)| path.exists()).map(|(part, path)| (*part, path.as_path()));
        Self::labeled(directory, &parts.collect::<Vec<_>>())
    }

    /// Opens the images of parts, which are in these directories in the order of [`Part::LABELED`], with their names and
    /// labels, which are in the directory `labels`.
    ///
    /// # Errors
    /// A file is missing or unreadable, or the files do not match.
    pub fn labeled(labels: &Path, parts: &[(Part, &Path)]) -> Result<Self> {
        let stores = open_stores(parts)?;
        let index: Index = read_index(labels)?;
        index.check(&is_test(&stores)).map_err(|what| damaged(labels, what))?;
        Ok(Self { index, stores })
    }

    /// Opens the images of parts, which are in these directories, without names or labels: every image has the label 0
    /// of a single class with an empty name.
    ///
    /// # Errors
    /// A file is missing or unreadable, or the files of a directory do not match.
    pub fn unlabeled(parts: &[(Part, &Path)]) -> Result<Self> {
        let stores = open_stores(parts)?;
        let is_test = is_test(&stores);
        let count = is_test.len();
        let index = Index {
            version: VERSION,
            classes: vec![String::new()],
            names: vec![""; count].into_iter().collect(),
            labels: vec![0; count],
            is_test,
            ..Index::default()
        };
        Ok(Self { index, stores })
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
        match self.place(index) {
            Some((_, position, store)) => store.read(position, image),
            None => Err(Error::bug(format!("no image {index} among {}", self.len()))),
        }
    }

    /// Checks that no file has been modified since it was opened, so that everything read so far is valid.
    ///
    /// # Errors
    /// One has been modified.
    pub fn check(&self) -> Result<()> {
        self.stores.iter().try_for_each(|(_, _, store)| store.check())
    }

    /// Returns the identities of the training images, see [`Split::sample`](crate::dataset::Split::sample).
    pub fn training_ids(&self) -> &[ImageId] {
        let training = self.stores.iter().find(|(part, ..)| *part == Part::Training);
        training.map_or(&[], |(_, _, store)| &store.index.ids)
    }

    /// Returns the indices of the images of a part.
    pub fn part(&self, part: Part) -> Range<usize> {
        let store = self.stores.iter().find(|(other, ..)| *other == part);
        store.map_or(0..0, |(_, first, store)| *first..first + store.len())
    }

    /// Returns the part of the image with this index.
    pub(crate) fn part_of(&self, index: usize) -> Part {
        self.place(index).map_or(Part::Training, |(part, ..)| part)
    }

    /// Returns the digest of the pixels of the image with this index, and its width and height.
    pub(crate) fn pixel_digest(&self, index: usize) -> (Digest, (u32, u32)) {
        let of = |(_, position, store): (Part, usize, &ImageStore)| {
            (store.index.pixels[position], store.index.sizes[position])
        };
        self.place(index).map(of).unwrap_or_default()
    }

    /// Returns the gray levels of all images, by which near duplicates are found.
    ///
    /// # Errors
    /// A file cannot be read, or has changed.
    pub(crate) fn gray_levels(&self) -> Result<Vec<GrayLevels>> {
        let mut all = Vec::with_capacity(self.len());
        for (_, first, store) in &self.stores {
            all.extend(match store.gray_levels()? {
                Some(levels) => levels,
                None => self.computed_gray_levels(*first..first + store.len())?,
            });
        }
        Ok(all)
    }

    fn computed_gray_levels(&self, images: Range<usize>) -> Result<Vec<GrayLevels>> {
        let levels = |(image, resampler): &mut (Image, Resampler), index: usize| {
            self.read(index, image).map(|()| GrayLevels::of(image.view(), resampler))
        };
        let levels = images.into_par_iter().map_init(Default::default, levels).collect::<Result<_>>()?;
        self.check().map(|()| levels)
    }

    /// Returns the part of an image, and its position in the store of the part.
    fn place(&self, index: usize) -> Option<(Part, usize, &ImageStore)> {
        // Of a part without images and the next one, which start at the same index, this is the next one.
        let at = self.stores.partition_point(|(_, first, _)| *first <= index).saturating_sub(1);
        self.stores.get(at).map(|(part, first, store)| (*part, index - first, store))
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
    pub fn name(&self, index: usize) -> String {
        self.index.names.get(index)
    }

    /// Returns the class names; labels are indices into them.
    pub fn classes(&self) -> &[String] {
        &self.index.classes
    }

    /// Returns whether the images have labels.
    pub fn has_labels(&self) -> bool {
        self.index.classes.iter().any(|class| !class.is_empty())
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
}

/// Opens parts and counts their images.
fn open_stores(parts: &[(Part, &Path)]) -> Result<Vec<(Part, usize, ImageStore)>> {
    let mut first = 0;
    let open = |(part, directory): &(Part, &Path)| {
        let store = ImageStore::open(directory)?;
        let before = first;
        first += store.len();
        Ok((*part, before, store))
    };
    parts.iter().map(open).collect()
}

/// Returns for each image whether it is a test image.
fn is_test(stores: &[(Part, usize, ImageStore)]) -> Vec<bool> {
    stores.iter().flat_map(|(part, _, store)| std::iter::repeat_n(*part == Part::Test, store.len())).collect()
}

impl Index {
    /// Checks that the lists are consistent and suit images of which these are test images.
    fn check(&self, is_test: &[bool]) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("{INDEX} has version {}, not {VERSION}", self.version));
        }
        if [self.names.len(), self.labels.len(), self.is_test.len()] != [is_test.len(); 3] {
            return Err(format!("the lists of {INDEX} differ in length from the {} images", is_test.len()));
        }
        if self.is_test != is_test {
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
        write_index(directory, self)
    }
}
