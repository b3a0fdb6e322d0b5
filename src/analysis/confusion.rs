//! The confusion matrix.

use serde::{Deserialize, Serialize};

/// How often each class was taken for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Number of classes.
    pub classes: usize,
    /// `[classes, classes]`: row by true class, column by predicted class.
    pub counts: Vec<usize>,
}

impl Confusion {
    /// Counts pairs of true and predicted class.
    ///
    /// # Panics
    /// A class is not below `classes`.
    pub fn from_predictions(labels: &[usize], predictions: &[usize], classes: usize) -> Self {
        let mut counts = vec![0; classes * classes];
        for (&label, &prediction) in labels.iter().zip(predictions) {
            assert!(label < classes && prediction < classes, "classes {label} and {prediction} of {classes}");
            counts[label * classes + prediction] += 1;
        }
        Self { classes, counts }
    }

    /// Images of class `label` that were taken for class `prediction`.
    pub fn count(&self, label: usize, prediction: usize) -> usize {
        self.counts[label * self.classes + prediction]
    }

    /// Images counted.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Images whose class was found.
    pub fn correct(&self) -> usize {
        (0..self.classes).map(|class| self.count(class, class)).sum()
    }

    /// Part of the images whose class was found; 0 where there are none.
    pub fn accuracy(&self) -> f64 {
        part(self.correct(), self.total())
    }

    /// For each class, the part of its images that was found (recall); 0 for a class without images.
    pub fn per_class_accuracy(&self) -> Vec<f64> {
        self.counts
            .chunks(self.classes.max(1))
            .enumerate()
            .map(|(class, row)| part(row[class], row.iter().sum()))
            .collect()
    }
}

fn part(some: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { some as f64 / all as f64 }
}
