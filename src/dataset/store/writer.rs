//! Writing of a directory of images, image by image.

use super::block_file::BlockFile;
use super::form::{FilePlace, FormIndex, Place};
use super::in_place::StampedFile;
use super::{Flaw, IMAGES, INDEX, StoreForm, StoreIndex, VERSION};
use crate::base::files::{self, FORM_DIRECTORY};
use crate::base::stamp::Stamp;
use crate::base::{Error, Result, hash};
use crate::dataset::preparation::Preparation;
use crate::imaging::Image;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// An image to be written.
pub(in crate::dataset) struct StoredImage<'a> {
    pub(in crate::dataset) id: &'a str,
    pub(in crate::dataset) pixels: &'a Image,
    /// Digest of the pixels.
    pub(in crate::dataset) digest: &'a str,
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
    index: StoreIndex,
}

/// A writer of one of the forms.
enum FormWriter {
    Decoded(BlockFile),
    Encoded { file: BlockFile, preparation: Preparation, lengths: Vec<usize> },
    None { preparation: Preparation, files: Vec<StampedFile>, places: Vec<Place>, numbers: HashMap<PathBuf, usize> },
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
                FormWriter::None { preparation, files: Vec::new(), places: Vec::new(), numbers: HashMap::new() }
            }
        };
        let index = StoreIndex { version: VERSION, ..StoreIndex::default() };
        Ok(Self { directory, form, index })
    }

    /// Adds the image at a position of the part.
    ///
    /// # Errors
    /// The file cannot be written, or that of the image has disappeared.
    pub(in crate::dataset) fn add(&mut self, position: usize, image: &StoredImage<'_>) -> Result<()> {
        self.form.add(image, self.directory)?;
        self.index.ids.push(image.id.to_owned());
        self.index.pixels.push(image.digest.to_owned());
        self.index.sizes.push((image.pixels.width, image.pixels.height));
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
    pub(in crate::dataset) fn finish(self) -> Result<StoreIndex> {
        let form = self.form.finish().map_err(|error| failed(self.directory, &error))?;
        let write = |directory: &Path, text: String| files::write_atomic(&directory.join(INDEX), text.as_bytes());
        write(&self.directory.join(FORM_DIRECTORY), hash::canonical_json(&form)?)?;
        write(self.directory, hash::canonical_json(&self.index)?)?;
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
                    image.place.ok_or_else(|| Error::bug("an image without a place is kept by its place"))?;
                let file = match numbers.get(path) {
                    Some(number) => *number,
                    None => {
                        files.push((path.to_owned(), stamp(path)?));
                        numbers.insert(path.to_owned(), files.len() - 1);
                        files.len() - 1
                    }
                };
                let length = length.unwrap_or(files[file].1.size);
                places.push(Place { file, offset, length });
                Ok(())
            }
        }
    }

    fn finish(self) -> std::io::Result<FormIndex> {
        Ok(match self {
            Self::Decoded(file) => {
                file.finish()?;
                FormIndex::Decoded
            }
            Self::Encoded { file, preparation, lengths } => {
                file.finish()?;
                FormIndex::Encoded { preparation, lengths }
            }
            Self::None { preparation, files, places, .. } => FormIndex::None { preparation, files, places },
        })
    }
}

fn stamp(path: &Path) -> Result<Stamp> {
    fs::metadata(path).map(|metadata| Stamp::of(&metadata)).map_err(|error| Error::io("read", path, &error))
}

fn failed(directory: &Path, error: &std::io::Error) -> Error {
    Error::io("write", directory.join(FORM_DIRECTORY).join(IMAGES), error)
}
