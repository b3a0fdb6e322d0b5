//! The form `decoded`: the pixels of all images, one after the other.

use super::form::Form;
use super::pinned_file::PinnedFile;
use super::{IMAGES, bytes, damaged, offsets};
use crate::base::Result;
use crate::imaging::{CHANNELS, Image};
use std::path::Path;

#[derive(Debug)]
pub(super) struct Decoded {
    file: PinnedFile,
    sizes: Vec<(u32, u32)>,
    /// First byte of each image, and the end of the last one.
    offsets: Vec<u64>,
}

impl Decoded {
    /// Opens a directory with images of these sizes.
    ///
    /// # Errors
    /// The file is missing or unreadable, or has another length.
    pub(super) fn open(directory: &Path, sizes: &[(u32, u32)]) -> Result<Self> {
        let file = PinnedFile::open(directory.join(IMAGES))?;
        let lengths = sizes.iter().map(|size| bytes(*size).unwrap_or(usize::MAX));
        match offsets(lengths) {
            Some(offsets) if offsets.last() == Some(&file.size()) => Ok(Self { file, sizes: sizes.to_vec(), offsets }),
            _ => Err(damaged(directory, format!("{IMAGES} has {} bytes, which the images do not have", file.size()))),
        }
    }
}

impl Form for Decoded {
    fn read(&self, position: usize, image: &mut Image) -> Result<()> {
        let (width, height) = self.sizes[position];
        (image.width, image.height) = (width as usize, height as usize);
        image.rgb.resize(CHANNELS * image.width * image.height, 0);
        self.file.read_at(&mut image.rgb, self.offsets[position])
    }

    fn check(&self) -> Result<()> {
        self.file.check()
    }
}
