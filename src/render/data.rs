//! The content of a report as plain data: datasets, training curves, results and metadata.
//!
//! Non-finite numbers become NaN in a round trip through JSON, where they are `null`, and are plotted as gaps.

use crate::render::correctness::Correctness;
use crate::render::stage_table::StageTable;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

pub use crate::render::dataset_facts::{DatasetFacts, DuplicateImage};
pub use crate::render::image_data::{
    EncodedImage, Mistake, Neighbors, PairCosines, SimilarityRow, Thumbnail, Thumbnails,
};

/// The content of a report. Any field may be empty; its section is then omitted.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// Name of the study, as in the pipeline file.
    pub study: String,
    /// Facts at the top of the page: name and value.
    pub description: Vec<(String, String)>,
    /// The data sets.
    pub datasets: Vec<DatasetFacts>,
    /// Notes on the data; one sentence each.
    pub notes: Vec<String>,
    /// Paths of the settings that the sweep varies.
    pub settings: Vec<String>,
    /// Training curves: pretraining, supervised training and linear evaluation.
    pub curves: Vec<TrainingCurve>,
    /// One entry per measured accuracy.
    pub results: Vec<EvaluationResult>,
    /// The test sets of the results, by [`EvaluationResult::test_set`].
    pub test_sets: BTreeMap<String, TestSet>,
    /// Warnings about the comparisons, such as unequal training budgets; one sentence each.
    pub warnings: Vec<String>,
    /// Two-dimensional embeddings of the features.
    pub embeddings: Vec<EmbeddingPanel>,
    /// Augmented images, see [`pairs_png`](crate::render::pairs_png).
    pub pairs: Vec<PairsImage>,
    /// Thumbnails of test images, one set for each data set.
    pub thumbnails: Vec<Thumbnails>,
    /// Similarities of pairs and nearest neighbors, by run and depth.
    pub similarities: Vec<SimilarityRow>,
    /// Representation diagnostics.
    pub health: Vec<HealthRow>,
    /// Tables of stage kinds without a section of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<StageTable>,
    /// Name and layer table of each network.
    pub models: Vec<(String, String)>,
    /// The graph of stages.
    pub stages: Vec<StageRow>,
    /// How to reproduce the results.
    pub reproduce: Reproduce,
    /// Failed stages with the reason.
    pub failures: Vec<(String, String)>,
}

/// Returns the JSON Schema (2020-12) of `report.json`: `docs/report.schema.json`.
///
/// ```
/// assert!(simclr::render::schema()["properties"]["results"].is_object());
/// ```
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Report).to_value();
    schema["$id"] = "urn:simclr:report".into();
    schema["title"] = "simclr report".into();
    schema
}

impl Report {
    /// Returns the table with the title of `empty`, which is added if there is none yet.
    pub fn table(&mut self, empty: StageTable) -> &mut StageTable {
        let known = self.tables.iter().position(|table| table.title == empty.title);
        let at = known.unwrap_or(self.tables.len());
        if known.is_none() {
            self.tables.push(empty);
        }
        &mut self.tables[at]
    }
}

/// The majority-class baseline of a test set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TestSet {
    /// The most frequent class; the first one in a tie.
    pub most_frequent: String,
    /// The images for which always predicting it is correct.
    pub guessed: Correctness,
}

/// Kind of training run that a curve shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// The curve of one training run over its epochs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TrainingCurve {
    /// Kind of training run.
    pub kind: CurveKind,
    /// Name of the stage in the pipeline file.
    pub stage: String,
    /// Swept settings of this run: "temperature 0.1, seed 2"; empty without a sweep.
    pub variant: String,
    /// The pretraining run that the features come from (linear evaluation).
    pub from: Option<String>,
    /// Depth of the features (linear evaluation): 0 is h, k is the output of projection layer k.
    pub depth: Option<usize>,
    /// Name of the depth: "h (512-d)".
    pub depth_label: String,
    /// Fraction of the labels used; none for pretraining.
    pub fraction: Option<f64>,
    /// Number of labels per class, if the pipeline file gives that instead of a fraction.
    pub labels_per_class: Option<usize>,
    /// Title of the loss, with its unit: "NT-Xent loss (nats)" (pretraining).
    pub loss: String,
    /// Chance level of the loss: ln(2N-1) for NT-Xent over N pairs.
    pub chance: Option<f64>,
    /// How it follows from the number N of pairs of a batch: "ln(2N − 1)".
    pub chance_formula: Option<String>,
    /// Chance level of the accuracy (pretraining).
    pub chance_accuracy: Option<f64>,
    /// One row per epoch.
    pub rows: Vec<CurveRow>,
    /// Number of optimizer steps of an epoch, if known.
    pub steps_per_epoch: Option<usize>,
    /// Learning rates over the steps: epoch, with its fraction, and rate; empty if only those of [`CurveRow`] are known.
    pub learning_rates: Vec<(f64, f64)>,
    /// Epoch (in the units of [`CurveRow::epoch`]) whose weights were kept.
    pub best_epoch: Option<usize>,
    /// How that epoch was selected: "lowest loss", "highest accuracy"; empty if it is the last one.
    pub chosen_by: String,
}

/// One epoch of a training curve.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CurveRow {
    /// Number of finished epochs.
    pub epoch: f64,
    /// Mean training loss of the epoch.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub loss: f64,
    /// Training accuracy, 0 to 1.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub accuracy: f64,
    /// Learning rate at the end of the epoch.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub learning_rate: f64,
    /// Loss on the split that selects the epoch (validation unless `select_on = "test"`).
    pub selection_loss: Option<f64>,
    /// Accuracy on that split.
    pub selection_accuracy: Option<f64>,
}

/// Kind of evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationKind {
    /// A linear classifier on frozen features.
    #[default]
    LinearEval,
    /// Weighted nearest neighbors on frozen features.
    Knn,
    /// A network trained with labels, from scratch or fine-tuned.
    Supervised,
}

/// One measured accuracy on the test set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EvaluationResult {
    /// Kind of evaluation.
    pub kind: EvaluationKind,
    /// Name of the stage in the pipeline file.
    pub stage: String,
    /// The pretraining run that the features or initial weights come from; none when training from scratch.
    pub from: Option<String>,
    /// The data set that it was pretrained on: "photos", or "photos, then signs"; none when training from scratch.
    pub pretrained_on: Option<String>,
    /// The data set evaluated on; empty for `[dataset]`.
    pub dataset: String,
    /// Whether the encoder is untrained, as a baseline.
    pub is_untrained: bool,
    /// Identifies the encoder architecture: equal for equal encoders.
    pub encoder: String,
    /// Depth of the features: 0 is h, k is the output of projection layer k.
    pub depth: Option<usize>,
    /// Name of the depth: "h (512-d)", "projection layer 1 (256-d)".
    pub depth_label: String,
    /// Fraction of the labels used.
    pub fraction: f64,
    /// Number of labels per class, if the pipeline file gives that instead of a fraction.
    pub labels_per_class: Option<usize>,
    /// Number of labeled images used.
    pub labeled: usize,
    /// Swept settings of this result: "temperature 0.1, seed 2". Results that differ only in the item "seed N" are
    /// averaged.
    pub variant: String,
    /// Swept settings and their values ("temperature", "0.1"), for plots of accuracy by setting; "seed" is ignored.
    pub values: Vec<(String, String)>,
    /// Seed of the run.
    pub seed: u64,
    /// Number of correctly classified test images.
    pub correct: usize,
    /// Number of test images.
    pub total: usize,
    /// Accuracy on the test set, 0 to 1.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub accuracy: f64,
    /// Whether the result is missing because its stage or one of its inputs failed; the accuracy is then NaN.
    pub is_missing: bool,
    /// 95 % confidence interval over test images (Wilson).
    #[serde(deserialize_with = "interval")]
    #[schemars(with = "(Option<f64>, Option<f64>)")]
    pub interval: (f64, f64),
    /// Mean recall of the classes that have test images.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub balanced_accuracy: f64,
    /// Mean F1 score of the classes that have test images or are predicted.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub macro_f1: f64,
    /// Fraction of the test images whose class is among the five with the highest scores, if there are more classes.
    pub top5_accuracy: Option<f64>,
    /// Identifies the test images: equal for the same images in the same order.
    pub test_set: String,
    /// Whether each test image was classified correctly; empty if unknown.
    pub right: Correctness,
    /// Whether the epoch was selected on the test set, which biases the accuracy upward.
    pub selected_on_test: bool,
    /// Accuracy on the validation split.
    pub validation_accuracy: Option<f64>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Confusion matrix: number of images by `[true class][predicted class]`.
    pub confusion: Vec<Vec<usize>>,
    /// Epoch whose weights were kept.
    pub best_epoch: Option<usize>,
    /// Number of training epochs.
    pub epochs: usize,
    /// The most confident wrong predictions among the images with a thumbnail.
    pub mistakes: Vec<Mistake>,
}

/// A two-dimensional embedding of the features at one depth.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EmbeddingPanel {
    /// Name of the stage in the pipeline file.
    pub stage: String,
    /// The pretraining run that the features come from.
    pub from: String,
    /// Name of the data set; empty for `[dataset]`.
    pub dataset: String,
    /// Depth of the features.
    pub depth: usize,
    /// Name of the depth.
    pub depth_label: String,
    /// "t-SNE" or "PCA" with the main parameters: "t-SNE, perplexity 30".
    pub method: String,
    /// Fractions of the variance that both axes explain (PCA).
    pub explained: Option<(f64, f64)>,
    /// Swept settings of this panel.
    pub variant: String,
    /// Name of each image inside the source.
    pub images: Vec<String>,
    /// One point per image.
    pub points: Vec<(f32, f32)>,
    /// Class of each point.
    pub labels: Vec<usize>,
    /// Names of the classes.
    pub classes: Vec<String>,
}

/// Images, each with two augmented views.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PairsImage {
    /// Name of the augmentation policy.
    pub policy: String,
    /// Key of the artifact, see [`SimilarityRow::pairs`].
    pub key: String,
    /// Views of each image.
    pub views: usize,
    /// Width and height of an image before it was enlarged, in pixels.
    pub side: usize,
    /// The encoded image, see [`pairs_png`](crate::render::pairs_png).
    pub png: EncodedImage,
}

/// Diagnostics of a representation at one depth (alignment and uniformity: Wang and Isola 2020).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HealthRow {
    /// Name of the stage in the pipeline file.
    pub stage: String,
    /// Swept settings of this row.
    pub variant: String,
    /// Whether the encoder is untrained.
    pub is_untrained: bool,
    /// Name of the depth.
    pub depth_label: String,
    /// Mean squared distance between the two views of an image on the unit sphere.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub alignment: f64,
    /// Log of the mean Gaussian potential between two images; lower is more uniform.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub uniformity: f64,
    /// Mean standard deviation of the coordinates of unit vectors; 1/sqrt(width) if spread evenly, 0 after a collapse.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub spread: f64,
    /// Exponential of the entropy of the normalized singular values.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub effective_rank: f64,
    /// Number of dimensions.
    pub width: usize,
}

/// One stage of the pipeline.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StageRow {
    /// Name in the pipeline file, with the variant.
    pub name: String,
    /// "pretrain", "linear_eval", ...
    pub kind: String,
    /// Key of its artifact in the store.
    pub key: String,
    /// Names of the stages whose artifacts it uses.
    pub inputs: Vec<String>,
}

/// How to reproduce the results.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Reproduce {
    /// The command line.
    pub command: String,
    /// The resolved configuration, with extended files and overrides merged in.
    pub resolved_toml: String,
    /// The same with every key that has a default and is not written.
    pub complete_toml: String,
    /// Name and version of the program, its libraries and the machine.
    pub versions: Vec<(String, String)>,
    /// Seeds used.
    pub seeds: Vec<u64>,
}

/// Reads `null` as NaN.
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
    fn a_non_finite_loss_round_trips_through_json() {
        let row = CurveRow { epoch: 1.0, loss: f64::NAN, ..CurveRow::default() };
        let back: CurveRow = serde_json::from_str(&serde_json::to_string(&row).unwrap()).unwrap();
        assert!(back.loss.is_nan());
        assert_eq!(back.epoch, 1.0);
    }

    #[test]
    fn a_report_round_trips_through_json() {
        let result = EvaluationResult { interval: (0.1, f64::NAN), ..EvaluationResult::default() };
        let report = Report { results: vec![result], ..Report::default() };
        let back: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!(back.results[0].interval.0, 0.1);
        assert!(back.results[0].interval.1.is_nan());
    }
}
