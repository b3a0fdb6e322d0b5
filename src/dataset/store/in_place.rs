//! The form `none`: nothing but the places of the images in the files of the user.

use super::damaged;
use super::form::{Form, Place};
use super::pinned_file::is_unmodified;
use crate::base::stamp::Stamp;
use crate::base::{Error, Result};
use crate::dataset::preparation::Preparation;
use crate::dataset::source::{ReadError, read_range};
use crate::imaging::Image;
use rayon::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of the user with its stamp when its images were looked at.
pub(super) type StampedFile = (PathBuf, Stamp);

#[derive(Debug)]
pub(super) struct InPlace {
    files: Vec<StampedFile>,
    places: Vec<Place>,
    preparation: Preparation,
}

impl InPlace {
    /// Refers to as many images as `count`.
    ///
    /// # Errors
    /// The lists do not match.
    pub(super) fn open(
        directory: &Path,
        count: usize,
        (files, places): (Vec<StampedFile>, Vec<Place>),
        preparation: Preparation,
    ) -> Result<Self> {
        if places.len() != count || places.iter().any(|place| place.file >= files.len()) {
            return Err(damaged(directory, "the places of the images are not those of its files".to_owned()));
        }
        Ok(Self { files, places, preparation })
    }
}

impl Form for InPlace {
    fn read(&self, position: usize, image: &mut Image) -> Result<()> {
        let Place { file, offset, length } = self.places[position];
        let stamped = &self.files[file];
        let decoded = read_range(&stamped.0, offset, length, image)
            .and_then(|read| Ok(self.preparation.apply(read.deep, image)?));
        decoded.map_err(|error| match error {
            ReadError::Broken(_) => changed(&stamped.0),
            ReadError::Failed(error) => error,
        })?;
        if is_same(stamped) { Ok(()) } else { Err(changed(&stamped.0)) }
    }

    fn check(&self) -> Result<()> {
        Ok(()) // Every file is checked when an image is read from it.
    }
}

/// Returns the first of the files that is missing or has been modified.
pub(super) fn first_changed(files: &[StampedFile]) -> Option<&Path> {
    files.par_iter().find_first(|file| !is_same(file)).map(|(path, _)| path.as_path())
}

fn is_same((path, stamp): &StampedFile) -> bool {
    fs::metadata(path).is_ok_and(|metadata| is_unmodified(&metadata, stamp))
}

fn changed(path: &Path) -> Error {
    Error::stage("the image file was removed or changed after the run looked at it")
        .at(path.display().to_string())
        .help("restore it or run again; store = \"encoded\" under [dataset] makes runs independent of these files")
}
