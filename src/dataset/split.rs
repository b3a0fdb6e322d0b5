//! Which images are for training, validation and testing, and which of the training images have labels.

use crate::base::rng::{below, shuffle, stream};
use crate::base::{Error, Result};
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::source::part_of;
use serde::{Deserialize, Serialize};

/// Indices of images, each in exactly one of the three, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// For training.
    pub train: Vec<usize>,
    /// For early stopping.
    pub validation: Vec<usize>,
    /// For the results.
    pub test: Vec<usize>,
}

impl Split {
    /// Sets `round(validation_fraction * n)` of the `n` training images of each class apart for validation.
    ///
    /// `labels` and `is_test` have one entry an image.
    pub fn draw(labels: &[usize], is_test: &[bool], validation_fraction: f64, seed: u64) -> Self {
        let (test, rest): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(|&image| is_test[image]);
        let (mut train, mut validation) = (Vec::new(), Vec::new());
        for (class, mut images) in by_class(&rest, labels).into_iter().enumerate() {
            shuffle(&mut images, &mut stream(seed, "split", &[class as u64]));
            let (apart, kept) = images.split_at(part_of(validation_fraction, images.len()));
            validation.extend(apart);
            train.extend(kept);
        }
        train.sort_unstable();
        validation.sort_unstable();
        Self { train, validation, test }
    }

    /// Checks a split that was read from a file: that it has none of the images twice, and those for testing where
    /// `is_test` says so.
    ///
    /// # Errors
    /// It is not so, as a phrase.
    pub fn check(&self, is_test: &[bool]) -> Result<(), String> {
        let mut is_free = vec![true; is_test.len()];
        let parts = [(&self.train, false), (&self.validation, false), (&self.test, true)];
        for (image, is_tested) in
            parts.into_iter().flat_map(|(part, is_tested)| part.iter().map(move |i| (*i, is_tested)))
        {
            match is_free.get_mut(image) {
                None => return Err(format!("it has an image {image}, but there are {} images", is_test.len())),
                Some(is_free) if !*is_free => return Err(format!("it has image {image} twice")),
                Some(_) if is_test[image] != is_tested => {
                    return Err(format!("it has image {image} in the wrong part"));
                }
                Some(is_free) => *is_free = false,
            }
        }
        Ok(())
    }

    /// The training images that have labels: `round(fraction * n)` of the `n` of each class, sorted. The images of
    /// a fraction are among those of every larger one with the same seed.
    ///
    /// # Errors
    /// A class would have none.
    pub fn labeled(&self, labels: &[usize], fraction: f64, seed: u64) -> Result<Vec<usize>> {
        let mut chosen = Vec::new();
        for (class, mut images) in by_class(&self.train, labels).into_iter().enumerate() {
            shuffle(&mut images, &mut stream(seed, "labels", &[class as u64]));
            let count = part_of(fraction, images.len());
            if count == 0 {
                let least = 0.5 / images.len().max(1) as f64;
                return Err(Error::stage(format!(
                    "a labeled fraction of {fraction} leaves class number {class} ({} training images) without labels",
                    images.len()
                ))
                .help(format!("use a fraction of at least {least:.4}")));
            }
            chosen.extend(&images[..count]);
        }
        chosen.sort_unstable();
        Ok(chosen)
    }

    /// `round(fraction * n)` of the `n` training images, each drawn from all of them, so that some come twice and
    /// classes differ in size, as in the report.
    pub fn labeled_with_replacement(&self, fraction: f64, seed: u64) -> Vec<usize> {
        let mut rng = stream(seed, "labels with replacement", &[]);
        let all = self.train.len();
        let count = if all == 0 { 0 } else { part_of(fraction, all) };
        (0..count).map(|_| self.train[below(all as u64, &mut rng) as usize]).collect()
    }
}

/// (training, validation, test) images of each class that [`Split::draw`] will give.
pub fn split_sizes(classes: &[ClassSize], validation_fraction: f64) -> Vec<(usize, usize, usize)> {
    let sizes = |class: &ClassSize| {
        let validation = part_of(validation_fraction, class.train);
        (class.train - validation, validation, class.test)
    };
    classes.iter().map(sizes).collect()
}

/// Images sorted into classes, in the order given.
fn by_class(images: &[usize], labels: &[usize]) -> Vec<Vec<usize>> {
    let classes = labels.iter().max().map_or(0, |most| most + 1);
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

    /// Three classes of 100, 50 and 10 images, every fifth for testing.
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
    fn every_image_is_in_one_part_and_classes_keep_their_share() {
        let (labels, is_test) = images();
        let split = Split::draw(&labels, &is_test, 0.1, 7);
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
        assert_eq!(split, Split::draw(&labels, &is_test, 0.1, 7));
        assert_ne!(split, Split::draw(&labels, &is_test, 0.1, 8));
    }

    #[test]
    fn a_split_that_does_not_fit_the_images_is_refused() {
        let (labels, is_test) = images();
        let split = Split::draw(&labels, &is_test, 0.1, 7);
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
        assert!(refused(|split| std::mem::swap(&mut split.test, &mut split.validation)).contains("wrong part"));
    }

    #[test]
    fn labeled_fractions_are_nested_and_stratified() {
        let (labels, is_test) = images();
        let split = Split::draw(&labels, &is_test, 0.1, 7);
        let part = |fraction| split.labeled(&labels, fraction, 3).unwrap();
        assert_eq!(part(1.0), split.train);
        let mut smaller = part(0.1);
        assert_eq!(smaller.len(), 7 + 4 + 1);
        for fraction in [0.2, 0.5, 0.9] {
            let larger = part(fraction);
            assert!(smaller.iter().all(|image| larger.contains(image)), "{fraction}");
            smaller = larger;
        }
    }

    #[test]
    fn a_fraction_that_leaves_a_class_empty_is_an_error() {
        let (labels, is_test) = images();
        let split = Split::draw(&labels, &is_test, 0.1, 7);
        let error = split.labeled(&labels, 0.05, 3).unwrap_err();
        assert!(error.what().contains("class number 2"), "{error}");
    }

    #[test]
    fn with_replacement_draws_from_the_training_images_alone() {
        let (labels, is_test) = images();
        let split = Split::draw(&labels, &is_test, 0.1, 7);
        let drawn = split.labeled_with_replacement(0.9, 3);
        assert_eq!(drawn.len(), part_of(0.9, split.train.len()));
        assert!(drawn.iter().all(|image| split.train.contains(image)));
        assert!(drawn.iter().collect::<HashSet<_>>().len() < drawn.len());
    }
}
