//! Writing of `images.bin`, image by image, and collection of its index.

use crate::base::{Error, Result, files, hash};
use crate::dataset::block_file::BlockFile;
use crate::dataset::image_store::{Flaw, IMAGES, INDEX, StoreIndex, VERSION};
use crate::imaging::Image;
use std::path::Path;

/// A writer of `images.bin` that collects the index.
pub(super) struct StoreWriter<'a> {
    directory: &'a Path,
    file: BlockFile,
    index: StoreIndex,
    offset: usize,
}

impl<'a> StoreWriter<'a> {
    /// Creates the directory and `images.bin` in it.
    ///
    /// # Errors
    /// The directory or the file cannot be created.
    pub(super) fn create(directory: &'a Path) -> Result<Self> {
        files::create_directory(directory)?;
        let path = directory.join(IMAGES);
        let file = BlockFile::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        let index = StoreIndex { version: VERSION, ..StoreIndex::default() };
        Ok(Self { directory, file, index, offset: 0 })
    }

    /// Adds the pixels of the image at a position of the part, and their damage if they have any.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn add(&mut self, position: usize, id: &str, pixels: &Image, damage: Option<&str>) -> Result<()> {
        self.file.append(&pixels.rgb).map_err(|error| failed(self.directory, &error))?;
        self.index.ids.push(id.to_owned());
        self.index.sizes.push((pixels.width, pixels.height));
        self.index.offsets.push(self.offset);
        self.offset += pixels.rgb.len();
        if let Some(damage) = damage {
            self.index.damaged.push(Flaw { position, reason: damage.to_owned() });
        }
        Ok(())
    }

    /// Records that the image at a position of the part is skipped.
    pub(super) fn skip(&mut self, position: usize, reason: &str) {
        self.index.skipped.push(Flaw { position, reason: reason.to_owned() });
    }

    /// Finishes both files and returns the index.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn finish(self) -> Result<StoreIndex> {
        self.file.finish().map_err(|error| failed(self.directory, &error))?;
        files::write_atomic(&self.directory.join(INDEX), hash::canonical_json(&self.index)?.as_bytes())?;
        Ok(self.index)
    }
}

fn failed(directory: &Path, error: &std::io::Error) -> Error {
    Error::io("write", directory.join(IMAGES), error)
}
