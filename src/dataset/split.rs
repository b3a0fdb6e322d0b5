//! The split into training, validation and test images, and the selection of labeled training images.

use crate::base::rng::{below, shuffle, stream};
use crate::base::{Error, Result};
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::source::fraction_of;
use serde::{Deserialize, Serialize};

/// A split of the images: sorted indices, each in exactly one of the three subsets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Training images.
    pub train: Vec<usize>,
    /// Validation images, for early stopping.
    pub validation: Vec<usize>,
    /// Test images, for the results.
    pub test: Vec<usize>,
}

impl Split {
    /// Holds out a random `round(validation_fraction * n)` of the `n` training images of each class for validation.
    ///
    /// `labels` and `is_test` have one entry per image.
    pub fn sample(labels: &[usize], is_test: &[bool], validation_fraction: f64, seed: u64) -> Self {
        let (test, rest): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(|&image| is_test[image]);
        let (mut train, mut validation) = (Vec::new(), Vec::new());
        for (class, mut images) in by_class(&rest, labels).into_iter().enumerate() {
            shuffle(&mut images, &mut stream(seed, "split", &[class as u64]));
            let (held_out, kept) = images.split_at(fraction_of(validation_fraction, images.len()));
            validation.extend(held_out);
            train.extend(kept);
        }
        train.sort_unstable();
        validation.sort_unstable();
        Self { train, validation, test }
    }

    /// Checks a split that was read from a file: no image may occur twice, and the test subset must agree with
    /// `is_test`.
    ///
    /// # Errors
    /// What is wrong, as a phrase.
    pub fn check(&self, is_test: &[bool]) -> Result<(), String> {
        let mut is_unused = vec![true; is_test.len()];
        let subsets = [(&self.train, false), (&self.validation, false), (&self.test, true)];
        for (image, in_test) in
            subsets.into_iter().flat_map(|(subset, in_test)| subset.iter().map(move |i| (*i, in_test)))
        {
            match is_unused.get_mut(image) {
                None => return Err(format!("it has an image {image}, but there are {} images", is_test.len())),
                Some(is_unused) if !*is_unused => return Err(format!("it has image {image} twice")),
                Some(_) if is_test[image] != in_test => {
                    return Err(format!("it has image {image} in the wrong subset"));
                }
                Some(is_unused) => *is_unused = false,
            }
        }
        Ok(())
    }

    /// Returns the labeled training images: a random `round(fraction * n)` of the `n` images of each class, sorted.
    /// With the same seed, the images of a fraction are a subset of those of every larger fraction.
    ///
    /// # Errors
    /// A class would have no labeled image.
    pub fn labeled(&self, labels: &[usize], fraction: f64, seed: u64) -> Result<Vec<usize>> {
        let mut chosen = Vec::new();
        for (class, mut images) in by_class(&self.train, labels).into_iter().enumerate() {
            shuffle(&mut images, &mut stream(seed, "labels", &[class as u64]));
            let count = fraction_of(fraction, images.len());
            if count == 0 {
                let min = 0.5 / images.len().max(1) as f64;
                return Err(Error::stage(format!(
                    "a labeled fraction of {fraction} leaves class {class} ({} training images) without labels",
                    images.len()
                ))
                .help(format!("use a fraction of at least {min:.4}")));
            }
            chosen.extend(&images[..count]);
        }
        chosen.sort_unstable();
        Ok(chosen)
    }

    /// Returns `round(fraction * n)` of the `n` training images, sampled with replacement, so that some occur twice and
    /// class sizes differ, as in the W&B report.
    pub fn labeled_with_replacement(&self, fraction: f64, seed: u64) -> Vec<usize> {
        let mut rng = stream(seed, "labels with replacement", &[]);
        let all = self.train.len();
        let count = if all == 0 { 0 } else { fraction_of(fraction, all) };
        (0..count).map(|_| self.train[below(all as u64, &mut rng) as usize]).collect()
    }
}

/// Returns the numbers of (training, validation, test) images of each class that [`Split::sample`] gives.
pub fn split_sizes(classes: &[ClassSize], validation_fraction: f64) -> Vec<(usize, usize, usize)> {
    let sizes = |class: &ClassSize| {
        let validation = fraction_of(validation_fraction, class.train);
        (class.train - validation, validation, class.test)
    };
    classes.iter().map(sizes).collect()
}

/// Groups images by class, in the given order.
fn by_class(images: &[usize], labels: &[usize]) -> Vec<Vec<usize>> {
    let classes = labels.iter().max().map_or(0, |max| max + 1);
    let mut sorted = vec![Vec::new(); classes];
    for &image in images {
        sorted[labels[image]].push(image);
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Labels and test flags of three classes of 100, 50 and 10 images, every fifth a test image.
    fn images() -> (Vec<usize>, Vec<bool>) {
        let labels: Vec<usize> = (0..160)
            .map(|i| {
                if i < 100 {
                    0
                } else if i < 150 {
                    1
                } else {
                    2
                }
            })
            .collect();
        (labels, (0..160).map(|i| i % 5 == 0).collect())
    }

    #[test]
    fn every_image_is_in_one_subset_and_classes_keep_their_proportions() {
        let (labels, is_test) = images();
        let split = Split::sample(&labels, &is_test, 0.1, 7);
        let all: HashSet<usize> = split.train.iter().chain(&split.validation).chain(&split.test).copied().collect();
        assert_eq!((all.len(), split.train.len() + split.validation.len() + split.test.len()), (160, 160));
        assert!(split.test.iter().all(|&image| is_test[image]));
        let sizes = [("a", 80, 20), ("b", 40, 10), ("c", 8, 2)];
        let sizes = sizes.map(|(name, train, test)| ClassSize { name: name.to_owned(), train, test });
        let count = |part: &[usize], class| part.iter().filter(|&&image| labels[image] == class).count();
        for (class, expected) in split_sizes(&sizes, 0.1).into_iter().enumerate() {
            let parts = (count(&split.train, class), count(&split.validation, class), count(&split.test, class));
            assert_eq!(parts, expected);
        }
        assert_eq!(split, Split::sample(&labels, &is_test, 0.1, 7));
        assert_ne!(split, Split::sample(&labels, &is_test, 0.1, 8));
    }

    #[test]
    fn a_split_that_does_not_match_the_images_is_refused() {
        let (labels, is_test) = images();
        let split = Split::sample(&labels, &is_test, 0.1, 7);
        assert_eq!(split.check(&is_test), Ok(()));
        let refused = |change: fn(&mut Split)| {
            let mut split = split.clone();
            change(&mut split);
            split.check(&is_test).unwrap_err()
        };
        assert!(refused(|split| split.train[0] = 160).contains("160 images"));
        assert!(refused(|split| split.train[0] = usize::MAX).contains("160 images"));
        assert!(refused(|split| split.train[1] = split.train[0]).contains("twice"));
        assert!(refused(|split| split.validation.extend(split.train.first().copied())).contains("twice"));
        assert!(refused(|split| std::mem::swap(&mut split.test, &mut split.validation)).contains("wrong subset"));
    }

    #[test]
    fn labeled_fractions_are_nested_and_stratified() {
        let (labels, is_test) = images();
        let split = Split::sample(&labels, &is_test, 0.1, 7);
        let labeled = |fraction| split.labeled(&labels, fraction, 3).unwrap();
        assert_eq!(labeled(1.0), split.train);
        let mut smaller = labeled(0.1);
        assert_eq!(smaller.len(), 7 + 4 + 1);
        for fraction in [0.2, 0.5, 0.9] {
            let larger = labeled(fraction);
            assert!(smaller.iter().all(|image| larger.contains(image)), "{fraction}");
            smaller = larger;
        }
    }

    #[test]
    fn a_fraction_that_leaves_a_class_empty_is_an_error() {
        let (labels, is_test) = images();
        let split = Split::sample(&labels, &is_test, 0.1, 7);
        let error = split.labeled(&labels, 0.05, 3).unwrap_err();
        assert!(error.what().contains("class 2"), "{error}");
    }

    #[test]
    fn sampling_with_replacement_uses_only_training_images() {
        let (labels, is_test) = images();
        let split = Split::sample(&labels, &is_test, 0.1, 7);
        let sampled = split.labeled_with_replacement(0.9, 3);
        assert_eq!(sampled.len(), fraction_of(0.9, split.train.len()));
        assert!(sampled.iter().all(|image| split.train.contains(image)));
        assert!(sampled.iter().collect::<HashSet<_>>().len() < sampled.len());
    }
}
