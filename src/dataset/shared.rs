//! Detection of test images that are also training images.

use crate::base::{Result, hash};
use crate::dataset::memo::UNREADABLE;
use crate::dataset::{Fingerprint, ImageDataset, SourceFile};
use crate::imaging::Image;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A test image and a training or validation image with the same pixels, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedImage {
    /// The test image.
    pub test: String,
    /// The training or validation image.
    pub other: String,
}

/// Width, height and digest of an image's bytes.
type Pixels = (usize, usize, String);

/// Finds test images whose stored pixels are those of a training or validation image, in the order of the test set.
///
/// # Errors
/// The images cannot be read.
pub(crate) fn shared_images(set: &ImageDataset) -> Result<Vec<SharedImage>> {
    let digests = |images: Vec<usize>| -> Result<Vec<(usize, Pixels)>> {
        let digest = |pixels: &mut Image, image: usize| {
            set.read(image, pixels)?;
            Ok((image, (pixels.width, pixels.height, hash::digest_bytes(&pixels.rgb))))
        };
        images.into_par_iter().map_init(Image::default, digest).collect()
    };
    let (tested, training): (Vec<usize>, Vec<usize>) = (0..set.len()).partition(|image| set.is_test(*image));
    let (training, tested) = (digests(training)?, digests(tested)?);
    set.check()?;
    let mut first: HashMap<&Pixels, usize> = HashMap::new();
    for (image, digest) in &training {
        first.entry(digest).or_insert(*image);
    }
    let name = |image: usize| set.name(image).to_owned();
    let shared =
        |(image, digest): &(usize, Pixels)| Some(SharedImage { test: name(*image), other: name(*first.get(digest)?) });
    Ok(tested.iter().filter_map(shared).collect())
}

/// Finds shared images by the digests of their files, before anything is decoded; empty for sources without a file per
/// image.
pub(crate) fn shared_files(fingerprint: &Fingerprint) -> Vec<SharedImage> {
    let is_test = |name: &str| name.starts_with("test/");
    let mut first: HashMap<&str, &str> = HashMap::new();
    let readable = fingerprint.files.iter().filter(|file| file.digest != UNREADABLE);
    for file in readable.filter(|file| !is_test(&file.name)) {
        first.entry(&file.digest).or_insert(&file.name);
    }
    let shared = |file: &SourceFile| {
        Some(SharedImage { test: file.name.clone(), other: (*first.get(file.digest.as_str())?).to_owned() })
    };
    fingerprint.files.iter().filter(|file| is_test(&file.name)).filter_map(shared).collect()
}

/// Describes what [`shared_files`] finds, before anything is decoded.
pub(crate) fn warning(fingerprint: &Fingerprint) -> Option<String> {
    let test_images = fingerprint.classes.iter().map(|class| class.test).sum();
    describe(&shared_files(fingerprint), test_images)
}

/// Describes shared images in a sentence; `None` if there are none.
pub(crate) fn describe(shared: &[SharedImage], test_images: usize) -> Option<String> {
    let SharedImage { test, other } = shared.first()?;
    let are = if shared.len() == 1 { "is" } else { "are" };
    Some(format!(
        "{} of {test_images} test images {are} also among the training or validation images, so accuracies will be too \
         high; for example, the test image `{test}` is the same as `{other}`",
        shared.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_the_same_digest_in_both_subsets_are_found() {
        let file = |(name, digest): (&str, &str)| SourceFile { name: name.into(), digest: digest.into() };
        let files = [
            ("train/a/1", "x"),
            ("train/a/2", "x"),
            ("train/a/5", UNREADABLE),
            ("test/a/3", "y"),
            ("test/b/4", "x"),
            ("test/b/6", UNREADABLE),
        ];
        let files = files.map(file).to_vec();
        let fingerprint = Fingerprint { files, ..Fingerprint::default() };
        let shared = shared_files(&fingerprint);
        assert_eq!(shared, [SharedImage { test: "test/b/4".into(), other: "train/a/1".into() }]);
        let text = describe(&shared, 2).unwrap();
        assert!(
            text.starts_with("1 of 2 test images is also among") && text.contains("`test/b/4` is the same as"),
            "{text}"
        );
        assert_eq!(describe(&[], 2), None);
    }
}
