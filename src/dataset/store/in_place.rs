//! The form `none`: nothing but the places of the images in the files of the user.

use super::damaged;
use super::form::{Form, Place};
use super::pinned_file::is_unmodified;
use crate::base::stamp::Stamp;
use crate::base::{Error, Result};
use crate::dataset::names::{Paths, WrittenPath};
use crate::dataset::preparation::Preparation;
use crate::dataset::source::{ReadError, read_range};
use crate::imaging::Image;
use rayon::prelude::*;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Files of the user with their stamps when their images were looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct StampedFiles {
    paths: Paths,
    stamps: Vec<Stamp>,
}

impl StampedFiles {
    pub(super) fn push(&mut self, path: &Path, stamp: Stamp) {
        self.paths.push(path);
        self.stamps.push(stamp);
    }

    pub(super) fn len(&self) -> usize {
        self.stamps.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }

    /// Returns the size in bytes of a file.
    pub(super) fn size(&self, file: usize) -> u64 {
        self.stamps[file].size
    }

    /// Returns the first of the files that is missing or has been modified.
    pub(super) fn first_changed(&self) -> Option<PathBuf> {
        (0..self.len())
            .into_par_iter()
            .map(|file| (self.paths.get(file), file))
            .find_first(|(path, file)| !self.is_same(path, *file))
            .map(|(path, _)| path)
    }

    fn is_same(&self, path: &Path, file: usize) -> bool {
        fs::metadata(path).is_ok_and(|metadata| is_unmodified(&metadata, &self.stamps[file]))
    }
}

impl Serialize for StampedFiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((0..self.len()).map(|file| (self.paths.written(file), &self.stamps[file])))
    }
}

impl<'de> Deserialize<'de> for StampedFiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FilesVisitor;
        impl<'de> Visitor<'de> for FilesVisitor {
            type Value = StampedFiles;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of files with their stamps")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut files: A) -> Result<StampedFiles, A::Error> {
                let mut all = StampedFiles::default();
                while let Some((path, stamp)) = files.next_element::<(WrittenPath, Stamp)>()? {
                    all.push(&PathBuf::from(path), stamp);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(FilesVisitor)
    }
}

#[derive(Debug)]
pub(super) struct InPlace {
    files: StampedFiles,
    /// Place of each image; empty if each is a whole file.
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
        (files, places): (StampedFiles, Vec<Place>),
        preparation: Preparation,
    ) -> Result<Self> {
        let images = if places.is_empty() { files.len() } else { places.len() };
        if images != count || places.iter().any(|place| place.file as usize >= files.len()) {
            return Err(damaged(directory, "the places of the images are not those of its files".to_owned()));
        }
        Ok(Self { files, places, preparation })
    }

    /// Returns the file of an image, the first byte in it and the length in bytes.
    fn place(&self, position: usize) -> (usize, u64, u64) {
        match self.places.get(position) {
            Some(Place { file, offset, length }) => (*file as usize, *offset, *length),
            None => (position, 0, self.files.size(position)),
        }
    }
}

impl Form for InPlace {
    fn read(&self, position: usize, image: &mut Image) -> Result<()> {
        let (file, offset, length) = self.place(position);
        let path = self.files.paths.get(file);
        let decoded =
            read_range(&path, offset, length, image).and_then(|read| Ok(self.preparation.apply(read.deep, image)?));
        decoded.map_err(|error| match error {
            ReadError::Broken(_) => changed(&path),
            ReadError::Failed(error) => error,
        })?;
        if self.files.is_same(&path, file) { Ok(()) } else { Err(changed(&path)) }
    }

    fn check(&self) -> Result<()> {
        Ok(()) // Every file is checked when an image is read from it.
    }
}

fn changed(path: &Path) -> Error {
    Error::stage("the image file was removed or changed after the run looked at it")
        .at(path.display().to_string())
        .help("restore it or run again; store = \"encoded\" under [dataset] makes runs independent of these files")
}
