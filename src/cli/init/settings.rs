//! Settings that the counted images allow.

use crate::analysis::KnnConfig;
use crate::base::{Error, Result};
use crate::dataset::ClassCount;
use crate::dataset::survey::Survey;

/// Seed of the written file.
pub(super) const SEED: u64 = 1;
/// Sides of the square images to choose from, pixels.
pub(super) const SIZES: [usize; 3] = [16, 32, 64];
/// Fractions held out for validation to choose from: the first one that leaves training images of every class.
const VALIDATION: [f64; 4] = [0.1, 0.05, 0.02, 0.0];
/// Labeled fractions for the comparison with few labels: the first one that labels an image of every class.
const FEW: [f64; 3] = [0.1, 0.2, 0.5];
/// Largest batch that is chosen.
const MAX_BATCH: usize = 64;
/// Images from which fewer passes over them are enough.
const MANY_IMAGES: usize = 1000;

/// The settings of a pipeline file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    /// Side of the square images in pixels.
    pub(super) image_size: usize,
    /// Fraction of the training images held out for validation; `None` if there are validation images or no labels.
    pub(super) validation_fraction: Option<f64>,
    /// Images per batch of pretraining.
    pub(super) batch_size: usize,
    /// Epochs of pretraining.
    pub(super) epochs: usize,
    /// Settings of evaluations; `None` if the images have no labels.
    pub(super) evaluation: Option<EvaluationSettings>,
    /// Images of each class after the split.
    pub(super) classes: Vec<ClassCount>,
}

/// The settings of evaluations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EvaluationSettings {
    /// Fraction of the labels for the comparison with few labels.
    pub(super) few: f64,
    /// Neighbors that vote: not more than the smallest class has images.
    pub(super) k: usize,
    /// Training steps without pretraining: as many as of pretraining.
    pub(super) steps: usize,
}

impl Settings {
    /// Chooses settings.
    ///
    /// # Errors
    /// There are too few images to train on.
    pub(super) fn new(survey: &Survey) -> Result<Self> {
        let holds_out = survey.has_labels() && !survey.has_validation();
        let has_all = |classes: &[ClassCount]| classes.iter().all(|class| class.train > 0);
        let validation_fraction = holds_out
            .then(|| VALIDATION.into_iter().find(|fraction| has_all(&survey.split(*fraction, SEED))).unwrap_or(0.0));
        let classes = survey.split(validation_fraction.unwrap_or(0.0), SEED);
        let images = survey.fingerprint.unlabeled + classes.iter().map(|class| class.train).sum::<usize>();
        if images < 2 {
            let what = "there is only one training image";
            return Err(Error::usage(what).help("SimCLR compares images with each other: add images"));
        }
        let (batch_size, epochs) = (batch_size(images), if images < MANY_IMAGES { 100 } else { 50 });
        let steps = epochs * (images / batch_size);
        let evaluation = survey.has_labels().then(|| EvaluationSettings::new(&classes, steps));
        Ok(Self {
            image_size: image_size(survey.median_side()),
            validation_fraction,
            batch_size,
            epochs,
            evaluation,
            classes,
        })
    }
}

impl EvaluationSettings {
    fn new(classes: &[ClassCount], steps: usize) -> Self {
        let smallest = classes.iter().map(|class| class.train).min().unwrap_or(1);
        let labels_all = |fraction: &f64| (fraction * smallest as f64).round() >= 1.0;
        let few = FEW.into_iter().find(labels_all).unwrap_or(1.0);
        Self { few, k: KnnConfig::default().k.min(smallest).max(1), steps }
    }
}

/// Returns the largest side that most images have.
fn image_size(median_side: Option<usize>) -> usize {
    let [smallest, .., largest] = SIZES;
    let fits = |median| SIZES.into_iter().rev().find(|side| *side <= median).unwrap_or(smallest);
    median_side.map_or(largest, fits)
}

/// Returns the largest power of two of which an epoch has at least two batches.
fn batch_size(images: usize) -> usize {
    let mut batch = MAX_BATCH;
    while batch > 2 && 2 * batch > images {
        batch /= 2;
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_fit_twice_and_images_are_not_enlarged() {
        let images = [2, 3, 7, 8, 11, 127, 128, 50_000];
        assert_eq!(images.map(batch_size), [2, 2, 2, 4, 4, 32, 64, 64]);
        let sides = [Some(8), Some(28), Some(32), Some(63), Some(500), None];
        assert_eq!(sides.map(image_size), [16, 16, 32, 32, 64, 64]);
    }

    #[test]
    fn every_class_has_labels_and_enough_neighbors() {
        let class = |train| ClassCount { name: "a".to_owned(), train, validation: 0, test: 1 };
        let of =
            |sizes: &[usize]| EvaluationSettings::new(&sizes.iter().map(|size| class(*size)).collect::<Vec<_>>(), 7);
        for (sizes, few, k) in
            [(&[1, 90][..], 0.5, 1), (&[3, 4], 0.2, 3), (&[5, 5], 0.1, 5), (&[900, 400], 0.1, KnnConfig::default().k)]
        {
            assert_eq!(of(sizes), EvaluationSettings { few, k, steps: 7 }, "{sizes:?}");
            assert!(sizes.iter().all(|size| (few * *size as f64).round() >= 1.0));
        }
    }
}
