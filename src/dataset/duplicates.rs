//! Images that show the same, by their decoded pixels: exact duplicates by digest, near duplicates by perceptual hash.

use crate::base::Result;
use crate::base::hash::Digest;
use crate::base::human::count;
use crate::dataset::{ImageDataset, Part};
use crate::imaging::perceptual::PerceptualHash;
use rayon::prelude::*;
use std::collections::HashMap;

/// An image that shows the same as an earlier training or validation image, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duplicate {
    pub(crate) image: usize,
    pub(crate) other: usize,
    /// Whether all pixels are equal.
    pub(crate) is_exact: bool,
}

/// Digest of the pixels, width and height.
type PixelDigest = (Digest, (u32, u32));

/// The names of two images that show the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DuplicateNames {
    pub(crate) image: String,
    pub(crate) other: String,
}

/// What identifies an image.
struct Identity<'a> {
    pixels: PixelDigest,
    /// None for flat images.
    perceptual: Option<PerceptualHash<'a>>,
}

/// Finds, for each image, the first training or validation image before it with the same stored pixels, else the first
/// that looks nearly the same.
///
/// # Errors
/// The images cannot be read.
pub(crate) fn duplicates(set: &ImageDataset) -> Result<Vec<Duplicate>> {
    let identity =
        |(image, levels)| Identity { pixels: set.pixel_digest(image), perceptual: PerceptualHash::new(levels) };
    let levels = set.gray_levels()?;
    let identities: Vec<Identity<'_>> = levels.iter().enumerate().map(identity).collect();
    let training = (0..set.len()).filter(|image| !set.is_test(*image)).count();
    Ok(pairs(&identities, training))
}

/// Finds, for each test image, the first of the images without labels that has the same stored pixels; returns the indices
/// of the two.
pub(crate) fn copies_without_labels(set: &ImageDataset, unlabeled: &ImageDataset) -> Vec<(usize, usize)> {
    let mut first: HashMap<PixelDigest, usize> = HashMap::new();
    (0..unlabeled.len()).for_each(|image| {
        first.entry(unlabeled.pixel_digest(image)).or_insert(image);
    });
    let copy = |image: usize| Some((image, *first.get(&set.pixel_digest(image))?));
    set.part(Part::Test).filter_map(copy).collect()
}

/// Finds the duplicates; the first `training` images are for training and validation.
fn pairs(identities: &[Identity<'_>], training: usize) -> Vec<Duplicate> {
    let mut first: HashMap<PixelDigest, usize> = HashMap::new();
    let mut buckets: Vec<Vec<u32>> = vec![Vec::new(); PerceptualHash::BUCKETS];
    for (image, identity) in identities[..training].iter().enumerate() {
        let is_new = *first.entry(identity.pixels).or_insert(image) == image;
        for part in identity.perceptual.iter().filter(|_| is_new).flat_map(PerceptualHash::parts) {
            buckets[part].push(image as u32);
        }
    }
    let near = |image: usize| {
        let perceptual = identities[image].perceptual.as_ref()?;
        let is_near =
            |other: &usize| identities[*other].perceptual.as_ref().is_some_and(|hash| hash.is_near(perceptual));
        let in_bucket = |part: usize| {
            buckets[part].iter().map(|other| *other as usize).take_while(|other| *other < image).find(is_near)
        };
        perceptual.parts().into_iter().filter_map(in_bucket).min()
    };
    let duplicate = |image: usize| match first.get(&identities[image].pixels) {
        Some(&other) if other < image => Some(Duplicate { image, other, is_exact: true }),
        _ => near(image).map(|other| Duplicate { image, other, is_exact: false }),
    };
    (0..identities.len()).into_par_iter().filter_map(duplicate).collect()
}

/// Exact duplicates across parts and classes, by what they affect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overlaps {
    /// Test images that are also training or validation images.
    pub(crate) test: Vec<DuplicateNames>,
    /// Validation images that are also training images.
    pub(crate) validation: Vec<DuplicateNames>,
    /// Images that have the labels of two classes.
    pub(crate) conflicts: Vec<DuplicateNames>,
    /// Other test images that are also without labels, which only pretraining uses.
    pub(crate) unlabeled: Vec<DuplicateNames>,
}

impl Overlaps {
    /// Describes them, the worst first, given the numbers of test and of validation images.
    pub(crate) fn describe(&self, test_images: usize, validation_images: usize) -> Vec<String> {
        let test = overlap(
            &self.test,
            &count(test_images, "test image"),
            "among the training or validation images, so accuracies will be too high",
        );
        let validation = overlap(
            &self.validation,
            &count(validation_images, "validation image"),
            "among the training images, so validation accuracies will be too high and select poorly",
        );
        let unlabeled = overlap(
            &self.unlabeled,
            &count(test_images, "test image"),
            "among the images without labels, where pretraining sees them, but not their labels",
        );
        [test, validation, conflicting(&self.conflicts), unlabeled].into_iter().flatten().collect()
    }
}

/// Describes images of one part that are also in another; `None` if there are none.
fn overlap(images: &[DuplicateNames], all: &str, among: &str) -> Option<String> {
    let DuplicateNames { image, other } = images.first()?;
    let are = if images.len() == 1 { "is" } else { "are" };
    let count = images.len();
    Some(format!("{count} of {all} {are} also {among}; for example, `{image}` is the same as `{other}`"))
}

/// Describes images that two classes have; `None` if there are none.
fn conflicting(conflicts: &[DuplicateNames]) -> Option<String> {
    let DuplicateNames { image, other } = conflicts.first()?;
    let has = if conflicts.len() == 1 { "has" } else { "have" };
    Some(format!(
        "{} {has} the label of more than one class; for example, `{image}` is the same as `{other}`",
        count(conflicts.len(), "image")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{self, below};
    use crate::imaging::perceptual::GrayLevels;
    use crate::imaging::{Image, Resampler};

    fn pixels(name: &str) -> PixelDigest {
        (Digest::of(name.as_bytes()), (9, 8))
    }

    fn levels(seed: u64) -> GrayLevels {
        let mut rng = rng::stream(seed, "noise", &[]);
        let rgb = (0..9 * 8 * 3).map(|_| below(256, &mut rng) as u8).collect();
        let image = Image { width: 9, height: 8, rgb };
        GrayLevels::of(image.view(), &mut Resampler::default())
    }

    #[test]
    fn duplicates_refer_to_the_first_training_image() {
        let levels = [1, 2, 3].map(levels);
        let identity = |name: &str, seed: usize| Identity {
            pixels: pixels(name),
            perceptual: PerceptualHash::new(&levels[seed - 1]),
        };
        let flat = Identity { pixels: pixels("flat"), perceptual: None };
        let images = [
            identity("a", 1),
            identity("b", 2),
            identity("a", 1),
            flat,
            // Test images: new, exact, nearly the same as `b`, and the same as the first test image.
            identity("c", 3),
            identity("a", 1),
            identity("d", 2),
            identity("c", 3),
        ];
        let found = pairs(&images, 4);
        let expected = [(2, 0, true), (5, 0, true), (6, 1, false)];
        assert_eq!(found, expected.map(|(image, other, is_exact)| Duplicate { image, other, is_exact }));
    }
}
