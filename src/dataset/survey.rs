//! A first look at a source: numbers of images, and the sizes of a sample of them.

use crate::base::{Error, Result};
use crate::dataset::config::DatasetConfig;
use crate::dataset::source::Listing;
use crate::dataset::{ClassSize, Fingerprint, fingerprint, split_sizes};
use crate::imaging::Image;
use rayon::prelude::*;

/// Images that are decoded to see their sizes.
const SAMPLE: usize = 32;

/// What a source has.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Classes with their numbers of images.
    pub classes: Vec<ClassSize>,
    /// Width and height of a sample of the images, by shorter side.
    pub sizes: Vec<(usize, usize)>,
    /// Number of images in the sample that cannot be read.
    pub unreadable: usize,
    fingerprint: Fingerprint,
}

impl Survey {
    /// Looks at a source: lists it, reads its files for their digests, which the split depends on, and decodes a sample.
    ///
    /// # Errors
    /// The source is missing, unreadable or invalid, or a class has no training or test images.
    pub fn of(config: &DatasetConfig) -> Result<Self> {
        let listing = Listing::open(config)?;
        let step = listing.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<usize> = (0..listing.len()).step_by(step).collect();
        let size = |index: &usize| {
            let mut image = Image::default();
            let read = listing.images.reader.read(*index, 0, &mut image);
            read.is_ok().then_some((image.width, image.height))
        };
        let read: Vec<Option<(usize, usize)>> = sample.par_iter().map(size).collect();
        let mut sizes: Vec<(usize, usize)> = read.iter().flatten().copied().collect();
        sizes.sort_unstable_by_key(|(width, height)| *width.min(height));
        let directory = tempfile::tempdir().map_err(|error| Error::io("create", std::env::temp_dir(), &error))?;
        let fingerprint = fingerprint(config, &directory.path().join("digests.json"))?;
        let unreadable = read.len() - sizes.len();
        Ok(Self { classes: fingerprint.classes.clone(), sizes, unreadable, fingerprint })
    }

    /// Returns whether the images have labels.
    pub fn has_labels(&self) -> bool {
        !matches!(self.classes.as_slice(), [only] if only.name.is_empty())
    }

    /// Returns the median of the shorter sides in pixels; `None` if no image of the sample can be read.
    pub fn median_side(&self) -> Option<usize> {
        self.sizes.get(self.sizes.len() / 2).map(|(width, height)| *width.min(height))
    }

    /// Returns the numbers of (training, validation, test) images of each class with this fraction held out.
    pub fn split(&self, validation_fraction: f64, seed: u64) -> Vec<(usize, usize, usize)> {
        split_sizes(&self.fingerprint, validation_fraction, seed)
    }
}
