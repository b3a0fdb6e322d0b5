//! `pictures.bin`, written picture by picture, and what `index.json` will say of it.

use crate::base::{Error, Result, files};
use crate::dataset::block_file::BlockFile;
use crate::dataset::picture_set::{Index, PICTURES, Skipped, VERSION};
use crate::dataset::source::{Item, Source};
use crate::picture::OwnedPicture;
use std::path::Path;

/// Writes pictures one after the other.
pub(super) struct SetWriter<'a> {
    folder: &'a Path,
    file: BlockFile,
    index: Index,
    offset: usize,
}

impl<'a> SetWriter<'a> {
    /// Begins `pictures.bin` in the folder, which is made.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub(super) fn create(folder: &'a Path, source: &Source) -> Result<Self> {
        files::create_folder(folder)?;
        let path = folder.join(PICTURES);
        let file = BlockFile::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        let index =
            Index { version: VERSION, classes: source.classes.clone(), ignored: source.ignored, ..Index::default() };
        Ok(Self { folder, file, index, offset: 0 })
    }

    /// Adds a picture, and what is wrong with it although it can be used.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn add(&mut self, item: &Item, picture: &OwnedPicture, damage: Option<&str>) -> Result<()> {
        self.file.append(&picture.rgb).map_err(|error| failed(self.folder, &error))?;
        self.index.names.push(item.name.clone());
        self.index.labels.push(item.label);
        self.index.is_test.push(item.is_test);
        self.index.sizes.push((picture.width, picture.height));
        self.index.offsets.push(self.offset);
        self.offset += picture.rgb.len();
        if let Some(damage) = damage {
            self.index.damaged.push(Skipped { name: item.name.clone(), reason: damage.to_owned() });
        }
        Ok(())
    }

    /// Notes that a picture is left out.
    pub(super) fn skip(&mut self, item: &Item, reason: &str) {
        self.index.skipped.push(Skipped { name: item.name.clone(), reason: reason.to_owned() });
    }

    /// The index of the pictures, which all are in the file then.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn finish(self) -> Result<Index> {
        self.file.finish().map_err(|error| failed(self.folder, &error))?;
        Ok(self.index)
    }
}

fn failed(folder: &Path, error: &std::io::Error) -> Error {
    Error::io("write", folder.join(PICTURES), error)
}
