//! Names and predictions of the stages that evaluate on the test set.

use crate::base::{Error, Result, human};
use crate::dataset::{DatasetConfig, ImageDataset};
use crate::engine::StageSummary;
use crate::stages::dataset::Dataset;
use crate::stages::pretrain::Pretrain;
use crate::stages::shared::artifacts;
use crate::stages::shared::labels::LabelAmount;
use crate::stages::shared::metrics::Metrics;
use crate::study::{Pipeline, Ref};
use crate::train::StoppingRule;
use crate::train::logits::{self, best_classes};
use serde::Serialize;
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

/// A row of `predictions.csv`.
#[derive(Serialize)]
struct Prediction<'a> {
    image: String,
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
        let metrics = Metrics::of(self, classes, &labels(set, images), &predicted, scores);
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
}

/// A row of `labeled.csv`.
#[derive(Serialize)]
struct LabeledImage<'a> {
    /// Row of the image in the features and in the data set's index.
    row: usize,
    image: String,
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
pub(crate) fn stage_name(kind: &str, name: &str, depth: Option<usize>, labels: Option<LabelAmount>) -> String {
    let depth = depth.map(|depth| format!("depth {depth}"));
    let details: Vec<String> = depth.into_iter().chain(labels.map(|labels| labels.to_string())).collect();
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
    fn names_are_short() {
        assert_eq!(
            stage_name("knn_eval", "k", Some(0), Some(LabelAmount::Fraction(0.1))),
            "knn_eval.k[depth 0, 10 % labels]"
        );
        assert_eq!(
            stage_name("supervised", "s", None, Some(LabelAmount::PerClass(25))),
            "supervised.s[25 labels per class]"
        );
        assert_eq!(percent(0.005), "0.5");
        assert_eq!(percent(1.0), "100");
    }
}
