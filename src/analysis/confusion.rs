//! The confusion matrix.

use serde::{Deserialize, Serialize};

/// Number of images for each pair of true and predicted class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Number of classes.
    pub classes: usize,
    /// `[classes, classes]`: row by true class, column by predicted class.
    pub counts: Vec<usize>,
}

impl Confusion {
    /// Counts the pairs of true and predicted class.
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

    /// Returns the number of images of class `label` predicted as class `prediction`.
    pub fn count(&self, label: usize, prediction: usize) -> usize {
        self.counts[label * self.classes + prediction]
    }

    /// Returns the number of images.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Returns the number of images classified correctly.
    pub fn correct(&self) -> usize {
        (0..self.classes).map(|class| self.count(class, class)).sum()
    }

    /// Returns the fraction of images classified correctly; 0 without images.
    pub fn accuracy(&self) -> f64 {
        fraction(self.correct(), self.total())
    }

    /// Returns the recall of each class; 0 for a class without images.
    pub fn per_class_accuracy(&self) -> Vec<f64> {
        self.counts
            .chunks(self.classes.max(1))
            .enumerate()
            .map(|(class, row)| fraction(row[class], row.iter().sum()))
            .collect()
    }
}

fn fraction(count: usize, total: usize) -> f64 {
    if total == 0 { 0.0 } else { count as f64 / total as f64 }
}
