//! Images that show the same, by their decoded pixels: exact duplicates by digest, near duplicates by perceptual hash.

use crate::base::human::count;
use crate::base::{Result, hash};
use crate::dataset::ImageDataset;
use crate::imaging::perceptual::PerceptualHash;
use crate::imaging::{Image, Resampler};
use rayon::prelude::*;
use std::collections::HashMap;

/// An image that shows the same as an earlier one, by number; the earlier one is a training or validation image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duplicate {
    pub(crate) image: usize,
    pub(crate) other: usize,
    /// Whether all pixels are equal.
    pub(crate) is_exact: bool,
}

/// The names of two images that show the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DuplicateNames {
    pub(crate) image: String,
    pub(crate) other: String,
}

/// What identifies an image.
struct Identity {
    /// Digest of size and pixels.
    digest: String,
    /// None for flat images.
    perceptual: Option<PerceptualHash>,
}

/// Finds, for each image, the first training or validation image before it with the same stored pixels, else the first
/// that looks nearly the same.
///
/// # Errors
/// The images cannot be read.
pub(crate) fn duplicates(set: &ImageDataset) -> Result<Vec<Duplicate>> {
    let identify = |(pixels, resampler): &mut (Image, Resampler), image: usize| -> Result<Identity> {
        set.read(image, pixels)?;
        let mut digest = hash::digest_bytes(&pixels.rgb);
        digest += &format!(" {} x {}", pixels.width, pixels.height);
        Ok(Identity { digest, perceptual: PerceptualHash::of(pixels.view(), resampler) })
    };
    let images = (0..set.len()).into_par_iter();
    let identities: Vec<Identity> = images.map_init(Default::default, identify).collect::<Result<_>>()?;
    set.check()?;
    let training = (0..set.len()).filter(|image| !set.is_test(*image)).count();
    Ok(pairs(&identities, training))
}

/// Finds the duplicates; the first `training` images are for training and validation.
fn pairs(identities: &[Identity], training: usize) -> Vec<Duplicate> {
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut buckets: Vec<Vec<usize>> = vec![Vec::new(); PerceptualHash::BUCKETS];
    for (image, identity) in identities[..training].iter().enumerate() {
        let is_new = *first.entry(&identity.digest).or_insert(image) == image;
        for part in identity.perceptual.iter().filter(|_| is_new).flat_map(PerceptualHash::parts) {
            buckets[part].push(image);
        }
    }
    let near = |image: usize| {
        let perceptual = identities[image].perceptual.as_ref()?;
        let is_near =
            |other: &usize| identities[*other].perceptual.as_ref().is_some_and(|hash| hash.is_near(perceptual));
        let in_bucket = |part: usize| buckets[part].iter().take_while(|other| **other < image).copied().find(is_near);
        perceptual.parts().into_iter().filter_map(in_bucket).min()
    };
    let duplicate = |image: usize| match first.get(identities[image].digest.as_str()) {
        Some(&other) if other < image => Some(Duplicate { image, other, is_exact: true }),
        _ => near(image).map(|other| Duplicate { image, other, is_exact: false }),
    };
    (0..identities.len()).into_par_iter().filter_map(duplicate).collect()
}

/// Describes test images that are also training or validation images; `None` if there are none.
pub(crate) fn overlapping(shared: &[DuplicateNames], test_images: usize) -> Option<String> {
    let DuplicateNames { image, other } = shared.first()?;
    let are = if shared.len() == 1 { "is" } else { "are" };
    Some(format!(
        "{} of {test_images} test images {are} also among the training or validation images, so accuracies will be too \
         high; for example, the test image `{image}` is the same as `{other}`",
        shared.len()
    ))
}

/// Describes images that two classes have; `None` if there are none.
pub(crate) fn conflicting(conflicts: &[DuplicateNames]) -> Option<String> {
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

    fn identity(digest: &str, seed: u64) -> Identity {
        let mut rng = rng::stream(seed, "noise", &[]);
        let rgb = (0..9 * 8 * 3).map(|_| below(256, &mut rng) as u8).collect();
        let image = Image { width: 9, height: 8, rgb };
        let perceptual = PerceptualHash::of(image.view(), &mut Resampler::default());
        Identity { digest: digest.into(), perceptual }
    }

    #[test]
    fn duplicates_refer_to_the_first_training_image() {
        let flat = Identity { digest: "flat".into(), perceptual: None };
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
