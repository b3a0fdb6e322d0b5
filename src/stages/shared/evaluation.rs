//! Names, metrics and predictions of the stages that evaluate on the test set.

use crate::analysis::{Confusion, wilson_interval};
use crate::base::{Error, Result, human};
use crate::dataset::{DatasetConfig, ImageDataset};
use crate::engine::StageSummary;
use crate::stages::dataset::Dataset;
use crate::stages::pretrain::Pretrain;
use crate::stages::shared::artifacts;
use crate::study::{Pipeline, Ref};
use crate::train::StoppingRule;
use crate::train::logits::{self, best_classes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Target of an evaluation of features: a pretraining run and a data set, by default that of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EvaluationTarget<'a> {
    /// `from`
    pub from: &'a Ref<Pretrain>,
    /// `dataset`
    pub dataset: Option<&'a Ref<Dataset>>,
}

impl<'a> EvaluationTarget<'a> {
    /// Returns the name of the data set.
    ///
    /// # Errors
    /// It is ambiguous, which is a bug: that is checked when the file is read.
    pub(crate) fn dataset(self, pipeline: &'a Pipeline) -> Result<&'a str> {
        let of_run = || pipeline.get(self.from).map(|run| run.dataset(pipeline));
        let named = self.dataset.map(|dataset| Ok(dataset.name())).or_else(of_run);
        named.unwrap_or_else(|| Err(Error::bug("an evaluation without a pretraining run")))
    }

    /// Returns the name and the table of the data set, if it could be read.
    pub(crate) fn dataset_config(self, pipeline: &'a Pipeline) -> Option<(&'a str, &'a DatasetConfig)> {
        let name = self.dataset(pipeline).ok()?;
        pipeline.all::<Dataset>().find(|(other, _)| *other == name)
    }
}

/// Results of an evaluation before the test images are used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evaluation {
    /// Labeled images used.
    pub labeled: usize,
    /// Accuracy on the validation images.
    pub validation: Option<f64>,
    /// Epoch, from 1, whose weights were kept.
    pub best_epoch: Option<usize>,
    /// Epochs trained.
    pub epochs: Option<usize>,
    /// Weights that were kept, see [`kept`].
    pub kept: Option<String>,
    /// Inverse strength of regularization.
    pub c: Option<f64>,
    /// Iterations of the solver.
    pub iterations: Option<usize>,
    /// Euclidean norm of the gradient at the solution.
    pub gradient_norm: Option<f64>,
    /// Values of a feature vector.
    pub width: usize,
}

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

impl Metrics {
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
        let fractions = [self.accuracy, self.interval.0, self.interval.1, self.validation_accuracy.unwrap_or(0.0)];
        let rows = &self.confusion;
        let total = rows.iter().flatten().try_fold(0_usize, |sum, count| sum.checked_add(*count));
        let correct: usize = (0..classes).filter_map(|class| rows.get(class)?.get(class)).sum();
        if rows.len() != classes || rows.iter().any(|row| row.len() != classes) {
            Err("the confusion matrix does not have a row and a column for each class")
        } else if total != Some(self.total) || correct != self.correct {
            Err("the confusion matrix does not match the numbers of images")
        } else if !fractions.into_iter().all(is_fraction) {
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
    let validation = metrics.validation_accuracy.map(|accuracy| ("validation_accuracy", accuracy));
    always.into_iter().chain(validation).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The part of [`Metrics`] by which runs are compared; the confusion matrix of a thousand classes is slow to read.
#[derive(Deserialize)]
struct Comparable {
    accuracy: f64,
    interval: (f64, f64),
    validation_accuracy: Option<f64>,
}

/// A row of `predictions.csv`.
#[derive(Serialize)]
struct Prediction<'a> {
    image: &'a str,
    class: &'a str,
    predicted: &'a str,
    /// Probability (kNN: fraction of the votes) of the predicted class.
    confidence: f32,
}

impl Evaluation {
    /// Writes metrics and predictions; `scores` are `[images, classes]`. Returns the accuracy.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn write(
        self,
        directory: &Path,
        set: &ImageDataset,
        images: &[usize],
        scores: &[f32],
    ) -> Result<StageSummary> {
        let classes = set.classes();
        let predicted = best_classes(scores, classes.len());
        let confusion = Confusion::from_predictions(&labels(set, images), &predicted, classes.len());
        let correct = confusion.correct();
        let interval = wilson_interval(correct, images.len());
        let accuracy = correct as f64 / images.len().max(1) as f64;
        artifacts::write_json(
            &directory.join(artifacts::METRICS),
            &Metrics {
                accuracy,
                interval,
                correct,
                total: images.len(),
                validation_accuracy: self.validation,
                labeled: self.labeled,
                best_epoch: self.best_epoch,
                epochs: self.epochs,
                kept: self.kept,
                c: self.c,
                iterations: self.iterations,
                gradient_norm: self.gradient_norm,
                width: self.width,
                classes: classes.to_vec(),
                confusion: confusion.counts.chunks(classes.len()).map(<[usize]>::to_vec).collect(),
            },
        )?;
        let rows = images.iter().zip(&predicted).enumerate().map(|(row, (image, class))| Prediction {
            image: set.name(*image),
            class: &classes[set.label(*image)],
            predicted: &classes[*class],
            confidence: scores[row * classes.len() + class],
        });
        artifacts::write_rows(&directory.join(artifacts::PREDICTIONS), rows)?;
        Ok(StageSummary::default().fraction("accuracy", accuracy, interval))
    }
}

/// A row of `labeled.csv`.
#[derive(Serialize)]
struct LabeledImage<'a> {
    /// Row of the image in the features and in the data set's index.
    row: usize,
    image: &'a str,
    class: &'a str,
}

/// Writes which labeled images an evaluation used, in their order; sampled with replacement, some occur twice.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_labeled(directory: &Path, set: &ImageDataset, images: &[usize]) -> Result<()> {
    let rows =
        images.iter().map(|&row| LabeledImage { row, image: set.name(row), class: &set.classes()[set.label(row)] });
    artifacts::write_rows(&directory.join(artifacts::LABELED), rows)
}

/// Returns which weights were kept, from the rule of early stopping and the epoch (from 1): `last`, `epoch 12`, or
/// `initial` if no epoch was better than the start.
pub(crate) fn kept(rule: Option<StoppingRule>, epoch: usize) -> String {
    match (rule, epoch) {
        (None, _) => "last".to_owned(),
        (Some(_), 0) => "initial".to_owned(),
        (Some(_), epoch) => format!("epoch {epoch}"),
    }
}

/// Returns the labels of some images.
pub(crate) fn labels(set: &ImageDataset, images: &[usize]) -> Vec<usize> {
    images.iter().map(|image| set.label(*image)).collect()
}

/// Returns the accuracy of scores `[images, classes]`; `None` without images.
pub(crate) fn accuracy(scores: &[f32], images: &[usize], set: &ImageDataset) -> Option<f64> {
    (!images.is_empty()).then(|| logits::accuracy(scores, &labels(set, images), set.classes().len()))
}

/// Returns a name such as `linear_eval.depths[depth 0, 10 % labels]`.
pub(crate) fn stage_name(kind: &str, name: &str, depth: Option<usize>, fraction: Option<f64>) -> String {
    let depth = depth.map(|depth| format!("depth {depth}"));
    let fraction = fraction.map(|fraction| format!("{} % labels", percent(fraction)));
    let details: Vec<String> = depth.into_iter().chain(fraction).collect();
    format!("{kind}.{name}[{}]", details.join(", "))
}

/// Formats a fraction as a percentage without trailing zeros.
pub(crate) fn percent(fraction: f64) -> String {
    human::trimmed(100.0 * fraction, 4)
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
        assert_eq!(comparable(directory.path())["accuracy"], 0.75);
        assert!(!comparable(directory.path()).contains_key("validation_accuracy"));
        artifacts::write_json(&path, &Metrics { validation_accuracy: Some(0.5), ..written }).unwrap();
        assert_eq!(comparable(directory.path())["validation_accuracy"], 0.5);
    }

    #[test]
    fn names_are_short() {
        assert_eq!(stage_name("knn_eval", "k", Some(0), Some(0.1)), "knn_eval.k[depth 0, 10 % labels]");
        assert_eq!(percent(0.005), "0.5");
        assert_eq!(percent(1.0), "100");
    }
}
