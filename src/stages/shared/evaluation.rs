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
    /// Accuracy of always predicting the most frequent class of the test images: the level of guessing.
    pub majority_rate: f64,
    /// Mean recall of the classes that have test images.
    pub balanced_accuracy: f64,
    /// Mean F1 score of the classes that have test images or are predicted.
    pub macro_f1: f64,
    /// Fraction of the test images whose class is among the [`TOP`] with the highest scores, if there are more classes.
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
        let metrics = self.metrics(classes, &labels(set, images), &predicted, scores);
        artifacts::write_json(&directory.join(artifacts::METRICS), &metrics)?;
        let rows = images.iter().zip(&predicted).enumerate().map(|(row, (image, class))| Prediction {
            image: set.name(*image),
            class: &classes[set.label(*image)],
            predicted: &classes[*class],
            confidence: scores[row * classes.len() + class],
        });
        artifacts::write_rows(&directory.join(artifacts::PREDICTIONS), rows)?;
        Ok(StageSummary::default().fraction("accuracy", metrics.accuracy, metrics.interval))
    }

    /// Computes the metrics from the labels and predicted classes of the test images; `scores` are `[images, classes]`.
    fn metrics(self, classes: &[String], labels: &[usize], predicted: &[usize], scores: &[f32]) -> Metrics {
        let confusion = Confusion::from_predictions(labels, predicted, classes.len());
        let (correct, total) = (confusion.correct(), labels.len());
        let top5 = (classes.len() > TOP).then(|| logits::top_k_correct(scores, labels, classes.len(), TOP));
        Metrics {
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
        }
    }
}

fn class_recalls(classes: &[String], confusion: &Confusion) -> Vec<ClassRecall> {
    let of_class = |(class, (name, recall)): (usize, (&String, Option<f64>))| {
        let (correct, total) = (confusion.count(class, class), confusion.images(class));
        ClassRecall { class: name.clone(), correct, total, recall, interval: wilson_interval(correct, total) }
    };
    classes.iter().zip(confusion.recalls()).enumerate().map(of_class).collect()
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

    #[test]
    fn names_are_short() {
        assert_eq!(stage_name("knn_eval", "k", Some(0), Some(0.1)), "knn_eval.k[depth 0, 10 % labels]");
        assert_eq!(percent(0.005), "0.5");
        assert_eq!(percent(1.0), "100");
    }
}
