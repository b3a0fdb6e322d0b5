//! The form `encoded`: copies of the image files, one after the other, decoded whenever an image is read.

use super::form::Form;
use super::pinned_file::PinnedFile;
use super::{IMAGES, damaged, offsets};
use crate::base::Result;
use crate::dataset::preparation::Preparation;
use crate::dataset::source::{ReadError, decode_bytes};
use crate::imaging::Image;
use std::cell::RefCell;
use std::path::Path;

#[derive(Debug)]
pub(super) struct Encoded {
    file: PinnedFile,
    /// First byte of each image, and the end of the last one.
    offsets: Vec<u64>,
    preparation: Preparation,
}

thread_local! {
    /// The encoded image that each thread reads.
    static BYTES: RefCell<Vec<u8>> = RefCell::default();
}

impl Encoded {
    /// Opens a directory with as many images as `count`, which have these lengths in bytes.
    ///
    /// # Errors
    /// The file is missing or unreadable, or has another length.
    pub(super) fn open(directory: &Path, count: usize, lengths: &[usize], preparation: Preparation) -> Result<Self> {
        let file = PinnedFile::open(directory.join(IMAGES))?;
        match offsets(lengths.iter().copied()) {
            Some(offsets) if offsets.last() == Some(&file.size()) && lengths.len() == count => {
                Ok(Self { file, offsets, preparation })
            }
            _ => Err(damaged(directory, format!("{IMAGES} has {} bytes, which the images do not have", file.size()))),
        }
    }
}

impl Form for Encoded {
    fn read(&self, position: usize, image: &mut Image) -> Result<()> {
        BYTES.with_borrow_mut(|bytes| {
            let (start, end) = (self.offsets[position], self.offsets[position + 1]);
            bytes.resize((end - start) as usize, 0);
            self.file.read_at(bytes, start)?;
            let decoded = decode_bytes(bytes, image).and_then(|read| Ok(self.preparation.apply(read.deep, image)?));
            decoded.map_err(|error| match error {
                // It could be decoded when it was written.
                ReadError::Broken(_) => self.file.changed(),
                ReadError::Failed(error) => error,
            })
        })
    }

    fn check(&self) -> Result<()> {
        self.file.check()
    }
}
