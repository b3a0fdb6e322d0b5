//! The metrics of an evaluation on the test images: its file `metrics.json`.

use crate::analysis::{Confusion, wilson_interval};
use crate::base::Result;
use crate::stages::shared::artifacts;
use crate::stages::shared::evaluation::Evaluation;
use crate::train::logits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The file `metrics.json` of an evaluation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metrics {
    /// Fraction of the test images classified correctly.
    pub accuracy: f64,
    /// 95 % interval of the accuracy over test sets of this size (Wilson).
    pub interval: (f64, f64),
    /// Number of test images classified correctly.
    pub correct: usize,
    /// Number of test images.
    pub total: usize,
    /// Accuracy of always predicting the most frequent class of the test images: the level of guessing.
    pub majority_rate: f64,
    /// Mean recall of the classes that have test images.
    pub balanced_accuracy: f64,
    /// Mean F1 score of the classes that have test images or are predicted.
    pub macro_f1: f64,
    /// Fraction of the test images whose class is among the five with the highest scores, if there are more classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top5_accuracy: Option<f64>,
    /// 95 % interval of that fraction (Wilson).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top5_interval: Option<(f64, f64)>,
    /// Recall of each class, in the order of `classes`.
    pub recalls: Vec<ClassRecall>,
    /// Accuracy on the validation images.
    pub validation_accuracy: Option<f64>,
    /// Labeled images used.
    pub labeled: usize,
    /// Epoch, from 1, whose weights were kept.
    pub best_epoch: Option<usize>,
    /// Epochs trained.
    pub epochs: Option<usize>,
    /// Weights that were kept: `"last"`, or those of the best epoch, `"epoch 12"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// Inverse strength of regularization of the exact linear classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<f64>,
    /// Iterations of L-BFGS in which it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iterations: Option<usize>,
    /// Euclidean norm of the gradient there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f64>,
    /// Values of a feature vector.
    pub width: usize,
    /// Class names.
    pub classes: Vec<String>,
    /// Test images by true (row) and predicted (column) class.
    pub confusion: Vec<Vec<usize>>,
}

/// The recall of a class.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassRecall {
    /// Name of the class.
    pub class: String,
    /// Number of its test images classified correctly.
    pub correct: usize,
    /// Number of its test images.
    pub total: usize,
    /// Fraction of its test images classified correctly; none without images.
    pub recall: Option<f64>,
    /// 95 % interval of the recall (Wilson).
    pub interval: (f64, f64),
}

/// Number of classes among which `top5_accuracy` looks for the right one.
const TOP: usize = 5;

impl Metrics {
    /// Computes the metrics from the labels and predicted classes of the test images; `scores` are `[images, classes]`.
    pub(super) fn of(
        evaluation: Evaluation,
        classes: &[String],
        labels: &[usize],
        predicted: &[usize],
        scores: &[f32],
    ) -> Self {
        let confusion = Confusion::from_predictions(labels, predicted, classes.len());
        let (correct, total) = (confusion.correct(), labels.len());
        let top5 = (classes.len() > TOP).then(|| logits::top_k_correct(scores, labels, classes.len(), TOP));
        Self {
            accuracy: confusion.accuracy(),
            interval: wilson_interval(correct, total),
            correct,
            total,
            majority_rate: confusion.majority_rate(),
            balanced_accuracy: confusion.balanced_accuracy(),
            macro_f1: confusion.macro_f1(),
            top5_accuracy: top5.map(|correct| correct as f64 / total.max(1) as f64),
            top5_interval: top5.map(|correct| wilson_interval(correct, total)),
            recalls: class_recalls(classes, &confusion),
            validation_accuracy: evaluation.validation,
            labeled: evaluation.labeled,
            best_epoch: evaluation.best_epoch,
            epochs: evaluation.epochs,
            kept: evaluation.kept,
            c: evaluation.c,
            iterations: evaluation.iterations,
            gradient_norm: evaluation.gradient_norm,
            width: evaluation.width,
            classes: classes.to_vec(),
            confusion: confusion.counts.chunks(classes.len()).map(<[usize]>::to_vec).collect(),
        }
    }

    /// Reads the metrics of an evaluation's artifact.
    ///
    /// # Errors
    /// They cannot be read, or are inconsistent.
    pub fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(artifacts::METRICS);
        let metrics: Self = artifacts::read_json(&path)?;
        metrics.check().map_err(|what| artifacts::impossible(&path, what))?;
        Ok(metrics)
    }

    fn check(&self) -> Result<(), &'static str> {
        let classes = self.classes.len();
        let is_fraction = |value: f64| (0.0..=1.0).contains(&value);
        let (low, high) = self.interval;
        let fractions = [self.accuracy, low, high, self.majority_rate, self.balanced_accuracy, self.macro_f1];
        let optional = [self.validation_accuracy, self.top5_accuracy].into_iter().flatten();
        let rows = &self.confusion;
        let total = rows.iter().flatten().try_fold(0_usize, |sum, count| sum.checked_add(*count));
        let correct: usize = (0..classes).filter_map(|class| rows.get(class)?.get(class)).sum();
        if rows.len() != classes || rows.iter().any(|row| row.len() != classes) {
            Err("the confusion matrix does not have a row and a column for each class")
        } else if total != Some(self.total) || correct != self.correct {
            Err("the confusion matrix does not match the numbers of images")
        } else if !fractions.into_iter().chain(optional).all(is_fraction) {
            Err("an accuracy is not between 0 and 1")
        } else {
            Ok(())
        }
    }
}

/// Returns the metrics of an evaluation's artifact by which runs are compared; `accuracy_low` and `accuracy_high` are
/// the bounds of the accuracy's interval.
pub(crate) fn comparable(artifact: &Path) -> BTreeMap<String, f64> {
    let Ok(metrics) = artifacts::read_json::<Comparable>(&artifact.join(artifacts::METRICS)) else {
        return BTreeMap::new();
    };
    let (low, high) = metrics.interval;
    let always = [("accuracy", metrics.accuracy), ("accuracy_low", low), ("accuracy_high", high)];
    let optional = [
        ("balanced_accuracy", metrics.balanced_accuracy),
        ("macro_f1", metrics.macro_f1),
        ("top5_accuracy", metrics.top5_accuracy),
        ("validation_accuracy", metrics.validation_accuracy),
    ];
    let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
    always.into_iter().chain(optional).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The part of [`Metrics`] by which runs are compared; the confusion matrix of a thousand classes is slow to read.
#[derive(Deserialize)]
struct Comparable {
    accuracy: f64,
    interval: (f64, f64),
    balanced_accuracy: Option<f64>,
    macro_f1: Option<f64>,
    top5_accuracy: Option<f64>,
    validation_accuracy: Option<f64>,
}

fn class_recalls(classes: &[String], confusion: &Confusion) -> Vec<ClassRecall> {
    let of_class = |(class, (name, recall)): (usize, (&String, Option<f64>))| {
        let (correct, total) = (confusion.count(class, class), confusion.images(class));
        ClassRecall { class: name.clone(), correct, total, recall, interval: wilson_interval(correct, total) }
    };
    classes.iter().zip(confusion.recalls()).enumerate().map(of_class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparable_metrics_are_those_of_the_file_and_none_without_one() {
        let directory = tempfile::tempdir().unwrap();
        assert!(comparable(directory.path()).is_empty());
        let written = Metrics {
            accuracy: 0.75,
            interval: (0.6, 0.9),
            correct: 3,
            total: 4,
            majority_rate: 0.5,
            balanced_accuracy: 0.7,
            macro_f1: 0.6,
            top5_accuracy: None,
            top5_interval: None,
            recalls: Vec::new(),
            validation_accuracy: None,
            labeled: 5,
            best_epoch: None,
            epochs: None,
            kept: None,
            c: None,
            iterations: None,
            gradient_norm: None,
            width: 6,
            classes: Vec::new(),
            confusion: Vec::new(),
        };
        let path = directory.path().join(artifacts::METRICS);
        artifacts::write_json(&path, &written).unwrap();
        let compared = comparable(directory.path());
        assert_eq!(["accuracy", "balanced_accuracy", "macro_f1"].map(|name| compared[name]), [0.75, 0.7, 0.6]);
        assert!(!comparable(directory.path()).contains_key("validation_accuracy"));
        artifacts::write_json(&path, &Metrics { validation_accuracy: Some(0.5), ..written }).unwrap();
        assert_eq!(comparable(directory.path())["validation_accuracy"], 0.5);
    }
}
