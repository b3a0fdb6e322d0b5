//! A first look at a source: numbers of images, and the sizes of a sample of them.

use crate::base::text::visible;
use crate::base::{Error, Result, human};
use crate::dataset::config::DatasetConfig;
use crate::dataset::contents::Contents;
use crate::dataset::fingerprint::fingerprint_of;
use crate::dataset::part::Part;
use crate::dataset::source::{Listing, ReadError};
use crate::dataset::{ClassCount, ClassSize, Fingerprint, split_sizes};
use crate::imaging::{Image, SixteenBit};
use rayon::prelude::*;
use std::path::Path;
use std::time::Instant;

/// Images that are decoded to see their sizes.
const SAMPLE: usize = 32;

/// What a source has.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// What is in it, with the numbers of images.
    pub(crate) fingerprint: Fingerprint,
    /// Width and height of a sample of the images, sorted by shorter side.
    pub(crate) sizes: Vec<(usize, usize)>,
    /// Number of images in the sample that cannot be read.
    pub(crate) unreadable: usize,
    /// Seconds that decoding takes per image, with all threads.
    pub(crate) seconds_per_image: f64,
}

impl Survey {
    /// Looks at a source that is listed: decodes a sample, and reads its files for their digests, which the split depends
    /// on. `memo` is as for [`fingerprint`](fn@crate::dataset::fingerprint).
    ///
    /// # Errors
    /// Those of [`fingerprint`](fn@crate::dataset::fingerprint).
    pub(crate) fn of(listing: Listing, config: &DatasetConfig, memo: &Path) -> Result<Self> {
        let listing = listing.checked(config)?;
        let step = listing.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<usize> = (0..listing.len()).step_by(step).collect();
        let size = |index: &usize| {
            let mut image = Image::default();
            let read = listing.images.reader.read(*index, 0, &mut image);
            let read = read
                .and_then(|read| Ok(read.deep.map_or(Ok(()), |deep| deep.reduce(SixteenBit::PerImage, &mut image))?));
            read.map(|()| (image.width, image.height))
                .map_err(|error| unreadable(&listing.images.names.get(*index), error))
        };
        let start = Instant::now();
        let read: Vec<Result<(usize, usize)>> = sample.par_iter().map(size).collect();
        let seconds_per_image = start.elapsed().as_secs_f64() / sample.len().max(1) as f64;
        let mut sizes: Vec<(usize, usize)> = read.iter().flatten().copied().collect();
        let unreadable = read.len() - sizes.len();
        if let (true, Some(Err(error))) = (sizes.is_empty(), read.into_iter().next()) {
            let images = human::count(unreadable, "image");
            return Err(Error::stage(format!("none of {images} can be read: {}", error.what()))
                .at(config.source.source().place())
                .help("check that the files are images that other programs can show"));
        }
        sizes.sort_unstable_by_key(|(width, height): &(usize, usize)| *width.min(height));
        let fingerprint = fingerprint_of(Contents::of(listing, config, memo)?, config)?;
        Ok(Self { fingerprint, sizes, unreadable, seconds_per_image })
    }

    /// Returns whether the images have labels.
    pub(crate) fn has_labels(&self) -> bool {
        !matches!(self.fingerprint.classes.as_slice(), [only] if only.name.is_empty())
    }

    /// Returns the number of images.
    pub(crate) fn images(&self) -> usize {
        let of_classes = self.fingerprint.classes.iter().map(|class| class.train + class.validation + class.test);
        self.fingerprint.unlabeled + of_classes.sum::<usize>()
    }

    /// Returns whether the source has validation images of its own.
    pub(crate) fn has_validation(&self) -> bool {
        self.fingerprint.has(Part::Validation)
    }

    /// Returns the median of the shorter sides in pixels; `None` if no image of the sample can be read.
    pub(crate) fn median_side(&self) -> Option<usize> {
        self.sizes.get(self.sizes.len() / 2).map(|(width, height)| *width.min(height))
    }

    /// Returns the numbers of images of each class with this fraction of the training images held out for validation.
    pub(crate) fn split(&self, validation_fraction: f64, seed: u64) -> Vec<ClassCount> {
        split_sizes(&self.fingerprint, validation_fraction, seed)
    }
}

fn unreadable(name: &str, error: ReadError) -> Error {
    match error {
        ReadError::Broken(why) => Error::stage(format!("`{}`: {why}", visible(name))),
        ReadError::Failed(error) => error,
    }
}

/// Lists a source for [`Survey::of`], without checks; `memo` is as for [`fingerprint`](fn@crate::dataset::fingerprint).
///
/// # Errors
/// The source is missing or unreadable.
pub(crate) fn list(config: &DatasetConfig, memo: &Path) -> Result<Listing> {
    Listing::unchecked(config, memo)
}

/// Returns the classes with the fewest images of which a source has to hold out test images; none if it has test images
/// or its images have no labels.
pub(crate) fn smallest_classes(listing: &Listing) -> Vec<ClassSize> {
    let mut sizes = if listing.test_fraction.is_some() { listing.sizes() } else { Vec::new() };
    let images = |class: &ClassSize| class.train + class.test;
    let fewest = sizes.iter().map(images).min().unwrap_or(0);
    sizes.retain(|class| images(class) == fewest);
    sizes
}
