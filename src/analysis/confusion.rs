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

    /// Returns the number of images of class `label`.
    pub fn images(&self, label: usize) -> usize {
        (0..self.classes).map(|prediction| self.count(label, prediction)).sum()
    }

    /// Returns the number of images predicted as class `prediction`.
    fn predicted(&self, prediction: usize) -> usize {
        (0..self.classes).map(|label| self.count(label, prediction)).sum()
    }

    /// Returns the recall of each class: the fraction of its images that are classified correctly; `None` for a class
    /// without images.
    pub fn recalls(&self) -> Vec<Option<f64>> {
        let recall = |class| match self.images(class) {
            0 => None,
            images => Some(fraction(self.count(class, class), images)),
        };
        (0..self.classes).map(recall).collect()
    }

    /// Returns the mean recall of the classes that have images; 0 without images. scikit-learn's
    /// `balanced_accuracy_score`.
    pub fn balanced_accuracy(&self) -> f64 {
        mean(self.recalls().into_iter().flatten())
    }

    /// Returns the mean F1 score of the classes that have images or are predicted; 0 without images. scikit-learn's
    /// `f1_score` with `average="macro"`.
    pub fn macro_f1(&self) -> f64 {
        let f1 = |class| match self.images(class) + self.predicted(class) {
            0 => None,
            sum => Some(2.0 * fraction(self.count(class, class), sum)),
        };
        mean((0..self.classes).filter_map(f1))
    }

    /// Returns the accuracy of always predicting the most frequent class; 0 without images.
    pub fn majority_rate(&self) -> f64 {
        fraction((0..self.classes).map(|class| self.images(class)).max().unwrap_or(0), self.total())
    }
}

/// Returns the mean; 0 if there are no values.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

fn fraction(count: usize, total: usize) -> f64 {
    if total == 0 { 0.0 } else { count as f64 / total as f64 }
}
