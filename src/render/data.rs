//! Everything a report says, as plain data: what was trained on what, and what came out.
//!
//! Numbers that are not finite survive a round trip through JSON (where they are `null`) as NaN, and are drawn as gaps.

use crate::render::correctness::Correctness;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Everything a report says. Any part may be empty; an empty part leaves its section out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// Name of the study, as in the pipeline file.
    pub study: String,
    /// Facts at the top: name and value.
    pub description: Vec<(String, String)>,
    /// What was trained and tested on.
    pub dataset: DatasetFacts,
    /// Paths of the settings that the sweep varies.
    pub settings: Vec<String>,
    /// Training over epochs: pretraining, supervised and linear evaluation.
    pub curves: Vec<TrainingCurve>,
    /// One entry a measured accuracy.
    pub results: Vec<EvaluationResult>,
    /// The test sets of the results, by [`EvaluationResult::test_set`].
    pub test_sets: BTreeMap<String, TestSet>,
    /// What a reader of the comparisons has to know, such as networks that are not trained alike; a sentence each.
    pub warnings: Vec<String>,
    /// Features as points in the plane.
    pub embeddings: Vec<EmbeddingPanel>,
    /// Augmented images, see [`pairs_png`](crate::render::pairs_png).
    pub pairs: Vec<PairsImage>,
    /// Is a representation collapsing?
    pub health: Vec<HealthRow>,
    /// Name and text table of each network.
    pub models: Vec<(String, String)>,
    /// The graph of stages.
    pub stages: Vec<StageRow>,
    /// How to get these numbers again.
    pub reproduce: Reproduce,
    /// Stages that failed, with the reason.
    pub failures: Vec<(String, String)>,
}

/// What was trained and tested on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DatasetFacts {
    /// Where the images come from.
    pub source: String,
    /// Name of each class and its number of training, validation and test images.
    pub classes: Vec<(String, usize, usize, usize)>,
    /// Side of the square images, in pixels.
    pub image_size: usize,
    /// Files that were left out, with the reason.
    pub skipped: Vec<(String, String)>,
    /// JPEGs that were used although they lost data, with what is wrong with each.
    pub damaged: Vec<(String, String)>,
    /// What a reader should know of the data.
    pub notes: Vec<String>,
    /// Test images that are training or validation images too, each with the name of one of those.
    pub shared: Vec<(String, String)>,
}

/// The test images of evaluations, as far as comparisons need them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestSet {
    /// The most frequent class; the first of equally frequent ones.
    pub most_frequent: String,
    /// What guessing it gets right.
    pub guessed: Correctness,
}

/// What a training curve trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CurveKind {
    /// Contrastive pretraining; the accuracy is the contrastive one.
    #[default]
    Pretrain,
    /// A network trained with labels.
    Supervised,
    /// A linear classifier on frozen features.
    LinearEval,
}

/// One training run over its epochs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingCurve {
    /// What is trained.
    pub kind: CurveKind,
    /// Name of the stage in the pipeline file.
    pub stage: String,
    /// What distinguishes this run in the sweep: "temperature 0.1, seed 2"; empty without a sweep.
    pub variant: String,
    /// The pretraining that the features come from (linear evaluation).
    pub from: Option<String>,
    /// Depth of the features (linear evaluation): 0 is the encoder's output, k comes after k layers of the head.
    pub depth: Option<usize>,
    /// The depth in words: "h (512-d)".
    pub depth_label: String,
    /// Fraction of the labels used, if labels were.
    pub fraction: Option<f64>,
    /// Loss of guessing: ln(2N-1) for NT-Xent over N pairs.
    pub chance: Option<f64>,
    /// One row an epoch.
    pub rows: Vec<CurveRow>,
    /// Epoch (in the units of [`CurveRow::epoch`]) whose weights were kept.
    pub best_epoch: Option<usize>,
    /// By what that epoch was chosen: "lowest loss", "highest accuracy"; empty where it is the last.
    pub chosen_by: String,
}

/// One epoch of a training curve.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CurveRow {
    /// Epochs finished.
    pub epoch: f64,
    /// Mean training loss of the epoch.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// Training accuracy, 0 to 1.
    #[serde(deserialize_with = "number")]
    pub accuracy: f64,
    /// Learning rate at the end of the epoch.
    #[serde(deserialize_with = "number")]
    pub learning_rate: f64,
    /// Loss on the split that selects the epoch (validation, unless the pipeline says test).
    pub selection_loss: Option<f64>,
    /// Accuracy on that split.
    pub selection_accuracy: Option<f64>,
}

/// How an accuracy was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationKind {
    /// A linear classifier on frozen features.
    #[default]
    LinearEval,
    /// Weighted nearest neighbors on frozen features.
    Knn,
    /// A network trained with labels from scratch.
    Supervised,
}

/// One measured accuracy on the test set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EvaluationResult {
    /// How it was measured.
    pub kind: EvaluationKind,
    /// Name of the stage in the pipeline file.
    pub stage: String,
    /// The pretraining that the features come from; none for supervised training.
    pub from: Option<String>,
    /// The encoder has its initial weights: a baseline of what training adds.
    pub is_untrained: bool,
    /// The encoder in any form that is the same for equal ones.
    pub encoder: String,
    /// Depth of the features: 0 is the encoder's output, k comes after k layers of the projection head.
    pub depth: Option<usize>,
    /// The depth in words: "h (512-d)", "projection layer 1 (256-d)".
    pub depth_label: String,
    /// Fraction of the labels used.
    pub fraction: f64,
    /// Number of labeled images used.
    pub labeled: usize,
    /// What distinguishes this result in the sweep: "temperature 0.1, seed 2". Its item "seed N" is what results that
    /// are averaged over seeds may differ in.
    pub variant: String,
    /// Swept settings and their values ("temperature", "0.1"), for the plot of accuracy against a setting; "seed" is
    /// ignored.
    pub values: Vec<(String, String)>,
    /// Seed of the run.
    pub seed: u64,
    /// Test images classified correctly.
    pub correct: usize,
    /// Test images.
    pub total: usize,
    /// Accuracy on the test set, 0 to 1.
    #[serde(deserialize_with = "number")]
    pub accuracy: f64,
    /// It should be here and is not: its stage failed or needs one that did. The accuracy is not a number then.
    pub is_missing: bool,
    /// 95 % interval over the test set (Wilson).
    #[serde(deserialize_with = "interval")]
    pub interval: (f64, f64),
    /// Which test images: results with the same are on the same images in the same order.
    pub test_set: String,
    /// The test images that were classified correctly; empty where that is not known.
    pub right: Correctness,
    /// The test set chose the epoch, so the accuracy flatters.
    pub selected_on_test: bool,
    /// Accuracy on the validation split.
    pub validation_accuracy: Option<f64>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Images by `[true class][predicted class]`.
    pub confusion: Vec<Vec<usize>>,
    /// Epoch whose weights were kept.
    pub best_epoch: Option<usize>,
    /// Epochs trained.
    pub epochs: usize,
}

/// Features at one depth as points in the plane.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbeddingPanel {
    /// Name of the stage in the pipeline file.
    pub stage: String,
    /// The pretraining that the features come from.
    pub from: String,
    /// Depth of the features.
    pub depth: usize,
    /// The depth in words.
    pub depth_label: String,
    /// "t-SNE" or "PCA", with what matters: "t-SNE, perplexity 30".
    pub method: String,
    /// What distinguishes this panel in the sweep.
    pub variant: String,
    /// One point an image.
    pub points: Vec<(f32, f32)>,
    /// Class of each point.
    pub labels: Vec<usize>,
    /// Names of the classes.
    pub classes: Vec<String>,
}

/// Images beside two augmented views of each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PairsImage {
    /// Name of the augmentation policy.
    pub policy: String,
    /// The encoded image, see [`pairs_png`](crate::render::pairs_png).
    pub png: Vec<u8>,
}

/// Health of a representation at one depth (Wang and Isola 2020 for alignment and uniformity).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthRow {
    /// Name of the stage in the pipeline file.
    pub stage: String,
    /// What distinguishes this row in the sweep.
    pub variant: String,
    /// The encoder has its initial weights.
    pub is_untrained: bool,
    /// The depth in words.
    pub depth_label: String,
    /// Mean squared distance of the two views of an image, on the unit sphere.
    #[serde(deserialize_with = "number")]
    pub alignment: f64,
    /// Log of the mean Gaussian potential of two images; lower is more uniform.
    #[serde(deserialize_with = "number")]
    pub uniformity: f64,
    /// Mean standard deviation of the normalized coordinates; 1/sqrt(width) when spread evenly, 0 when collapsed.
    #[serde(deserialize_with = "number")]
    pub spread: f64,
    /// Exponential of the entropy of the normalized singular values.
    #[serde(deserialize_with = "number")]
    pub effective_rank: f64,
    /// Number of coordinates.
    pub width: usize,
}

/// One stage of the pipeline.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StageRow {
    /// Name in the pipeline file, with the variant.
    pub name: String,
    /// "pretrain", "linear_eval", ...
    pub kind: String,
    /// Key of its artifact in the store.
    pub key: String,
    /// Names of the stages whose artifacts it reads.
    pub inputs: Vec<String>,
}

/// How to get these numbers again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reproduce {
    /// The command line.
    pub command: String,
    /// The configuration as it was run, with extended files and overrides merged in.
    pub resolved_toml: String,
    /// Program, libraries, machine: name and version.
    pub versions: Vec<(String, String)>,
    /// Seeds used.
    pub seeds: Vec<u64>,
}

/// `null` in JSON is a number that was not finite.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(f64, f64), D::Error> {
    let (low, high): (Option<f64>, Option<f64>) = Deserialize::deserialize(deserializer)?;
    Ok((low.unwrap_or(f64::NAN), high.unwrap_or(f64::NAN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_is_not_finite_survives_json() {
        let row = CurveRow { epoch: 1.0, loss: f64::NAN, ..CurveRow::default() };
        let back: CurveRow = serde_json::from_str(&serde_json::to_string(&row).unwrap()).unwrap();
        assert!(back.loss.is_nan());
        assert_eq!(back.epoch, 1.0);
    }

    #[test]
    fn a_report_survives_json() {
        let result = EvaluationResult { interval: (0.1, f64::NAN), ..EvaluationResult::default() };
        let report = Report { results: vec![result], ..Report::default() };
        let back: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!(back.results[0].interval.0, 0.1);
        assert!(back.results[0].interval.1.is_nan());
    }
}
