//! Writing of a directory of images, image by image.

use super::block_file::BlockFile;
use super::form::{FilePlace, FormIndex, Place};
use super::in_place::StampedFiles;
use super::{Flaw, GRAY_LEVELS, IMAGES, StoreForm, StoreIndex, VERSION, write_index};
use crate::base::files::{self, FORM_DIRECTORY};
use crate::base::hash::Digest;
use crate::base::stamp::Stamp;
use crate::base::{Error, Result};
use crate::dataset::image_id::ImageId;
use crate::dataset::preparation::Preparation;
use crate::imaging::Image;
use crate::imaging::perceptual::GrayLevels;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// An image to be written.
pub(in crate::dataset) struct StoredImage<'a> {
    pub(in crate::dataset) id: ImageId,
    pub(in crate::dataset) pixels: &'a Image,
    /// Digest of the pixels.
    pub(in crate::dataset) digest: Digest,
    pub(in crate::dataset) levels: &'a GrayLevels,
    /// Its encoded bytes, if the form is that of copies.
    pub(in crate::dataset) encoded: &'a [u8],
    /// Its place, if the form is that of places.
    pub(in crate::dataset) place: Option<FilePlace<'a>>,
    pub(in crate::dataset) damage: Option<&'a str>,
}

/// A writer of images that collects the index.
pub(in crate::dataset) struct StoreWriter<'a> {
    directory: &'a Path,
    form: FormWriter,
    levels: BufWriter<File>,
    index: StoreIndex,
}

/// A writer of one of the forms.
enum FormWriter {
    Decoded(BlockFile),
    Encoded { file: BlockFile, preparation: Preparation, lengths: Vec<usize> },
    None { preparation: Preparation, files: StampedFiles, places: Vec<Place>, numbers: HashMap<PathBuf, u32> },
}

impl<'a> StoreWriter<'a> {
    /// Creates the directory and what the form needs in it.
    ///
    /// # Errors
    /// A directory or a file cannot be created.
    pub(in crate::dataset) fn create(directory: &'a Path, form: StoreForm, preparation: Preparation) -> Result<Self> {
        let of_form = directory.join(FORM_DIRECTORY);
        files::create_directory(&of_form)?;
        let images = || {
            let path = of_form.join(IMAGES);
            BlockFile::create(&path).map_err(|error| Error::io("write", &path, &error))
        };
        let form = match form {
            StoreForm::Decoded => FormWriter::Decoded(images()?),
            StoreForm::Encoded => FormWriter::Encoded { file: images()?, preparation, lengths: Vec::new() },
            StoreForm::None => {
                let (files, places) = (StampedFiles::default(), Vec::new());
                FormWriter::None { preparation, files, places, numbers: HashMap::new() }
            }
        };
        let index = StoreIndex { version: VERSION, ..StoreIndex::default() };
        let path = directory.join(GRAY_LEVELS);
        let levels = File::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        Ok(Self { directory, form, levels: BufWriter::new(levels), index })
    }

    /// Adds the image at a position of the part.
    ///
    /// # Errors
    /// The file cannot be written, or that of the image has disappeared.
    pub(in crate::dataset) fn add(&mut self, position: usize, image: &StoredImage<'_>) -> Result<()> {
        self.form.add(image, self.directory)?;
        self.levels.write_all(&image.levels.0).map_err(|error| unwritten(self.directory, &error))?;
        self.index.ids.push(image.id);
        self.index.pixels.push(image.digest);
        // Larger images are not decoded.
        self.index.sizes.push((image.pixels.width as u32, image.pixels.height as u32));
        if let Some(damage) = image.damage {
            self.index.damaged.push(Flaw { position, reason: damage.to_owned() });
        }
        Ok(())
    }

    /// Records that the image at a position of the part is skipped.
    pub(in crate::dataset) fn skip(&mut self, position: usize, reason: &str) {
        self.index.skipped.push(Flaw { position, reason: reason.to_owned() });
    }

    /// Finishes all files and returns the index.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(in crate::dataset) fn finish(mut self) -> Result<StoreIndex> {
        let form = self.form.finish().map_err(|error| failed(self.directory, &error))?;
        self.levels.flush().map_err(|error| unwritten(self.directory, &error))?;
        write_index(&self.directory.join(FORM_DIRECTORY), &form)?;
        write_index(self.directory, &self.index)?;
        Ok(self.index)
    }
}

impl FormWriter {
    fn add(&mut self, image: &StoredImage<'_>, directory: &Path) -> Result<()> {
        let failed = |error| failed(directory, &error);
        match self {
            Self::Decoded(file) => file.append(&image.pixels.rgb).map_err(failed),
            Self::Encoded { file, lengths, .. } => {
                lengths.push(image.encoded.len());
                file.append(image.encoded).map_err(failed)
            }
            Self::None { files, places, numbers, .. } => {
                let FilePlace { path, offset, length } =
                    image.place.clone().ok_or_else(|| Error::bug("an image without a place is kept by its place"))?;
                let Some(length) = length else {
                    files.push(&path, stamp(&path)?);
                    return Ok(());
                };
                let file = match numbers.get(path.as_ref()) {
                    Some(number) => *number,
                    None => {
                        let next = files.len() as u32;
                        files.push(&path, stamp(&path)?);
                        numbers.insert(path.into_owned(), next);
                        next
                    }
                };
                places.push(Place { file, offset, length });
                Ok(())
            }
        }
    }

    fn finish(self) -> std::io::Result<FormIndex> {
        Ok(match self {
            Self::Decoded(file) => {
                file.finish()?;
                FormIndex::decoded()
            }
            Self::Encoded { file, preparation, lengths } => {
                file.finish()?;
                FormIndex::encoded(preparation, lengths)
            }
            Self::None { preparation, files, places, .. } => FormIndex::in_place(preparation, files, places),
        })
    }
}

fn stamp(path: &Path) -> Result<Stamp> {
    fs::metadata(path).map(|metadata| Stamp::of(&metadata)).map_err(|error| Error::io("read", path, &error))
}

fn unwritten(directory: &Path, error: &std::io::Error) -> Error {
    Error::io("write", directory.join(GRAY_LEVELS), error)
}

fn failed(directory: &Path, error: &std::io::Error) -> Error {
    Error::io("write", directory.join(FORM_DIRECTORY).join(IMAGES), error)
}
