//! Writing of `images.bin`, image by image, and collection of its index.

use crate::base::{Error, Result, files};
use crate::dataset::block_file::BlockFile;
use crate::dataset::image_dataset::{IMAGES, Index, Skipped, VERSION};
use crate::dataset::source::Listing;
use crate::imaging::Image;
use std::path::Path;

/// A writer of `images.bin` that collects the index.
pub(super) struct DatasetWriter<'a> {
    directory: &'a Path,
    listing: &'a Listing,
    file: BlockFile,
    index: Index,
    offset: usize,
}

impl<'a> DatasetWriter<'a> {
    /// Creates the directory and `images.bin` in it.
    ///
    /// # Errors
    /// The directory or the file cannot be created.
    pub(super) fn create(directory: &'a Path, listing: &'a Listing) -> Result<Self> {
        files::create_directory(directory)?;
        let path = directory.join(IMAGES);
        let file = BlockFile::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        let (classes, ignored) = (listing.labels.classes.clone(), listing.images.ignored);
        let index = Index { version: VERSION, classes, ignored, ..Index::default() };
        Ok(Self { directory, listing, file, index, offset: 0 })
    }

    /// Adds the pixels of an image, and their damage if they have any.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn add(&mut self, image: usize, pixels: &Image, damage: Option<&str>) -> Result<()> {
        self.file.append(&pixels.rgb).map_err(|error| failed(self.directory, &error))?;
        self.index.names.push(self.name(image));
        self.index.labels.push(self.listing.labels.of_images[image]);
        self.index.is_test.push(self.listing.is_test(image));
        self.index.sizes.push((pixels.width, pixels.height));
        self.index.offsets.push(self.offset);
        self.offset += pixels.rgb.len();
        if let Some(damage) = damage {
            self.index.damaged.push(Skipped { name: self.name(image), reason: damage.to_owned() });
        }
        Ok(())
    }

    /// Records that an image is skipped.
    pub(super) fn skip(&mut self, image: usize, reason: &str) {
        self.index.skipped.push(Skipped { name: self.name(image), reason: reason.to_owned() });
    }

    fn name(&self, image: usize) -> String {
        self.listing.images.names[image].clone()
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
