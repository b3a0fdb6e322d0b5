//! The labeled training images of a split: a fraction of each class, or a number.

use crate::base::rng::{below, shuffle, stream};
use crate::base::{Error, Result};
use crate::dataset::source::fraction_of;
use crate::dataset::split::Split;

impl Split {
    /// Returns the labeled training images: a random `round(fraction * n)` of the `n` images of each class, sorted.
    /// With the same seed, the images of a fraction are a subset of those of every larger fraction.
    ///
    /// # Errors
    /// A class would have no labeled image.
    pub fn labeled(&self, labels: &[usize], fraction: f64, seed: u64) -> Result<Vec<usize>> {
        self.sample_labeled(labels, seed, |class, images| match fraction_of(fraction, images) {
            0 => {
                let min = 0.5 / images.max(1) as f64;
                Err(Error::stage(format!(
                    "a labeled fraction of {fraction} leaves class {class} ({images} training images) without labels",
                ))
                .help(format!("use a fraction of at least {min:.4}")))
            }
            count => Ok(count),
        })
    }

    /// Returns the labeled training images: a random `count` of each class, sorted. With the same seed, the images of a
    /// number are a subset of those of every larger number, and of those of a fraction that has as many of each class.
    ///
    /// # Errors
    /// A class has fewer images.
    pub fn labeled_per_class(&self, labels: &[usize], count: usize, seed: u64) -> Result<Vec<usize>> {
        self.sample_labeled(labels, seed, |class, images| match images {
            images if images < count => Err(Error::stage(format!(
                "{count} labels per class are more than class {class} has: {images} training images"
            ))
            .help(format!("set `labels_per_class` to at most {images}"))),
            _ => Ok(count),
        })
    }

    /// Samples as many images of each class as `count` returns for the class and its number of images.
    fn sample_labeled(
        &self,
        labels: &[usize],
        seed: u64,
        count: impl Fn(usize, usize) -> Result<usize>,
    ) -> Result<Vec<usize>> {
        let mut chosen = Vec::new();
        for (class, mut images) in by_class(&self.train, labels).into_iter().enumerate() {
            shuffle(&mut images, &mut stream(seed, "labels", &[class as u64]));
            chosen.extend(&images[..count(class, images.len())?]);
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
    use crate::dataset::split::tests::{images, sample};
    use std::collections::HashSet;

    #[test]
    fn labeled_fractions_are_nested_and_stratified() {
        let (ids, labels) = images();
        let split = sample(&ids, 7);
        let labeled = |fraction| split.labeled(&labels, fraction, 3).unwrap();
        assert_eq!(labeled(1.0), split.train);
        let mut smaller = labeled(0.1);
        let count = |class| split.train.iter().filter(|image| labels[**image] == class).count();
        assert_eq!(smaller.len(), (0..3).map(|class| fraction_of(0.1, count(class))).sum::<usize>());
        for fraction in [0.2, 0.5, 0.9] {
            let larger = labeled(fraction);
            assert!(smaller.iter().all(|image| larger.contains(image)), "{fraction}");
            smaller = larger;
        }
    }

    #[test]
    fn labels_per_class_are_as_many_of_each_and_nested() {
        let (ids, labels) = images();
        let split = sample(&ids, 7);
        let smallest = split.train.iter().filter(|image| labels[**image] == 2).count();
        let labeled = |count| split.labeled_per_class(&labels, count, 3);
        let mut smaller = Vec::new();
        for count in 1..=smallest {
            let larger = labeled(count).unwrap();
            for class in 0..3 {
                assert_eq!(larger.iter().filter(|image| labels[**image] == class).count(), count);
            }
            assert!(smaller.iter().all(|image| larger.contains(image) && split.train.contains(image)));
            smaller = larger;
        }
        let error = labeled(smallest + 1).unwrap_err();
        assert!(error.what().contains(&format!("class 2 has: {smallest} training images")), "{error}");
    }

    #[test]
    fn a_fraction_that_leaves_a_class_empty_is_an_error() {
        let (ids, labels) = images();
        let split = sample(&ids, 7);
        let error = split.labeled(&labels, 0.05, 3).unwrap_err();
        assert!(error.what().contains("class 2"), "{error}");
    }

    #[test]
    fn sampling_with_replacement_uses_only_training_images() {
        let (ids, _) = images();
        let split = sample(&ids, 7);
        let sampled = split.labeled_with_replacement(0.9, 3);
        assert_eq!(sampled.len(), fraction_of(0.9, split.train.len()));
        assert!(sampled.iter().all(|image| split.train.contains(image)));
        assert!(sampled.iter().collect::<HashSet<_>>().len() < sampled.len());
    }
}
