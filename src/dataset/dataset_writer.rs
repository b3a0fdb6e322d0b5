//! Writing of `images.bin`, image by image, and collection of its index.

use crate::base::{Error, Result, files};
use crate::dataset::block_file::BlockFile;
use crate::dataset::image_dataset::{IMAGES, Index, Skipped, VERSION};
use crate::dataset::source::{ImageSource, Item};
use crate::imaging::Image;
use std::path::Path;

/// A writer of `images.bin` that collects the index.
pub(super) struct DatasetWriter<'a> {
    directory: &'a Path,
    file: BlockFile,
    index: Index,
    offset: usize,
}

impl<'a> DatasetWriter<'a> {
    /// Creates the directory and `images.bin` in it.
    ///
    /// # Errors
    /// The directory or the file cannot be created.
    pub(super) fn create(directory: &'a Path, source: &ImageSource) -> Result<Self> {
        files::create_directory(directory)?;
        let path = directory.join(IMAGES);
        let file = BlockFile::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        let index =
            Index { version: VERSION, classes: source.classes.clone(), ignored: source.ignored, ..Index::default() };
        Ok(Self { directory, file, index, offset: 0 })
    }

    /// Adds an image, and its damage if it has any.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn add(&mut self, item: &Item, image: &Image, damage: Option<&str>) -> Result<()> {
        self.file.append(&image.rgb).map_err(|error| failed(self.directory, &error))?;
        self.index.names.push(item.name.clone());
        self.index.labels.push(item.label);
        self.index.is_test.push(item.is_test);
        self.index.sizes.push((image.width, image.height));
        self.index.offsets.push(self.offset);
        self.offset += image.rgb.len();
        if let Some(damage) = damage {
            self.index.damaged.push(Skipped { name: item.name.clone(), reason: damage.to_owned() });
        }
        Ok(())
    }

    /// Records that an image is skipped.
    pub(super) fn skip(&mut self, item: &Item, reason: &str) {
        self.index.skipped.push(Skipped { name: item.name.clone(), reason: reason.to_owned() });
    }

    /// Finishes the file and returns its index.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn finish(self) -> Result<Index> {
        self.file.finish().map_err(|error| failed(self.directory, &error))?;
        Ok(self.index)
    }
}

fn failed(directory: &Path, error: &std::io::Error) -> Error {
    Error::io("write", directory.join(IMAGES), error)
}
