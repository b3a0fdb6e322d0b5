//! The pipeline file as it is written: defaults filled in, references and combinations not yet checked.
//! The documentation of these types is that of the file: `docs/configuration.md` and the JSON Schema are made from it.

use crate::analysis::config::{EmbedMethod, KnnConfig, TsneConfig};
use crate::augment::PolicyConfig;
use crate::base::range;
use crate::config::fractions::Fractions;
use crate::config::linear_optimizer::LinearOptimizerConfig;
use crate::config::pipeline::{BatchOrder, LabelDraw, SelectOn, Statistics, Subset};
use crate::dataset::DatasetConfig;
use crate::engine::store::Verify;
use crate::loss::{LossConfig, NtXentConfig, Similarity};
use crate::model::config::layer_sizes;
use crate::model::{BatchNorm, EncoderConfig, ProjectionConfig};
use crate::nn::Precision;
use crate::optim::config::{AdamConfig, ConstantConfig};
use crate::optim::{Decayed, OptimizerConfig, RateScale, ScheduleConfig};
use crate::train::Monitor;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::Deserializer;
use std::collections::BTreeMap;

/// A pipeline file: one SimCLR study.
// Sections are read one by one, so this type is only the schema.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Pipeline")]
#[expect(dead_code, reason = "read through its schema")]
pub(super) struct RawPipeline {
    /// A pipeline file that this one builds on, relative to the directory of this file: its values hold where this file
    /// has none of its own. `name` and the report's `title` are not taken over.
    extends: Option<String>,
    /// Name of the study and of its directory under `outputs/runs`; default the file's name without `.toml`.
    name: Option<String>,
    /// Seed of every random number; a whole number of at least 0.
    #[serde(default)]
    seed: u64,
    /// Where training runs: `"auto"` (CUDA where there is a device, else the CPU), `"cpu"`, `"cuda"` or `"cuda:N"`.
    #[serde(default = "auto")]
    device: String,
    /// When artifacts are compared with their digests before they are read: `"changed"` (files whose inode, size or times
    /// are others than when they were compared last), `"always"` (in each run) or `"size"` (never; sizes are compared).
    #[serde(default)]
    verify: Verify,
    /// The images.
    dataset: DatasetConfig,
    /// Augmentation policies, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    augment: BTreeMap<String, PolicyConfig>,
    /// Contrastive pretrainings, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pretrain: BTreeMap<String, RawPretrain>,
    /// Linear evaluations of pretrainings, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    linear_eval: BTreeMap<String, RawLinearEval>,
    /// kNN evaluations of pretrainings, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    knn_eval: BTreeMap<String, RawKnnEval>,
    /// Supervised networks, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    supervised: BTreeMap<String, RawSupervised>,
    /// Images of the features in the plane, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    embed: BTreeMap<String, RawEmbed>,
    /// The report.
    report: Option<RawReport>,
    /// Values to be tried.
    sweep: Option<RawSweep>,
}

/// Values to be tried, every combination of them: dotted paths (quoted) with lists of values.
#[derive(JsonSchema)]
#[schemars(rename = "Sweep")]
#[expect(dead_code, reason = "read through its schema")]
pub(super) struct RawSweep {
    /// Paths whose values go together, the first with the first and so on: a table of lists of equal length. Several
    /// such tables, `[[sweep.together]]`, are combined with each other and with the other keys.
    together: Option<RawTogether>,
    #[serde(flatten)]
    keys: BTreeMap<String, RawSwept>,
}

/// One group of paths that go together, or several.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[expect(dead_code, reason = "read through its schema")]
enum RawTogether {
    One(BTreeMap<String, RawSwept>),
    Several(Vec<BTreeMap<String, RawSwept>>),
}

/// The values of a swept path, or a table of the paths below it.
struct RawSwept;

impl JsonSchema for RawSwept {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Swept".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["array", "object"], "minItems": 1 })
    }
}

/// The report.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Report")]
pub(super) struct RawReport {
    /// Title; default the name of the study. A file that is extended does not hand its title on.
    pub(super) title: Option<String>,
}

/// A contrastive pretraining of an encoder with a projection head.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pretrain")]
pub(super) struct RawPretrain {
    /// Name of the augmentation policy that makes the two views.
    pub(super) augment: String,
    /// Name of another pretraining whose weights it starts from; their encoders must be the same.
    pub(super) init_from: Option<String>,
    /// The encoder.
    pub(super) encoder: EncoderConfig,
    /// Precision that the encoder computes in.
    #[serde(default)]
    pub(super) precision: Precision,
    /// The projection head.
    pub(super) projection: ProjectionConfig,
    /// Images over which batch norm takes its statistics while this network is trained.
    #[serde(default)]
    pub(super) batch_norm: BatchNorm,
    /// The contrastive loss.
    #[serde(default = "nt_xent")]
    pub(super) loss: LossConfig,
    /// The optimizer.
    pub(super) optimizer: OptimizerConfig,
    /// The learning-rate schedule.
    #[serde(default)]
    pub(super) schedule: ScheduleConfig,
    /// Passes over the training set; 0 keeps the initial weights, for comparison with a network that has learned
    /// nothing.
    #[serde(deserialize_with = "epochs")]
    pub(super) epochs: usize,
    /// Images in a batch, each seen in two views; a last batch that is not full is left out.
    #[serde(deserialize_with = "at_least_two")]
    pub(super) batch_size: usize,
    /// Gradients longer than this, over all parameters, are scaled down to it; default no limit.
    #[serde(default, deserialize_with = "some_positive")]
    pub(super) gradient_clip: Option<f64>,
}

/// A linear classifier on frozen features of a pretraining.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LinearEval")]
pub(super) struct RawLinearEval {
    /// Name of the pretraining.
    pub(super) from: String,
    /// Where features are taken: 0 is the encoder's output, k the output of the k-th layer of the projection head.
    #[serde(default = "encoder_output")]
    pub(super) depths: Vec<usize>,
    /// Labeled part of the training set, or a list of them, each evaluated apart.
    #[serde(default)]
    pub(super) labeled_fraction: Fractions,
    /// How labeled images are drawn.
    #[serde(default)]
    pub(super) label_draw: LabelDraw,
    /// Batch-norm statistics of the encoder while features are computed.
    #[serde(default)]
    pub(super) statistics: Statistics,
    /// Images in a batch with `statistics = "batch"`; default 64. That of Keras' `predict` is 32.
    #[serde(default, deserialize_with = "some_at_least_two")]
    pub(super) statistics_batch: Option<usize>,
    /// Order in which images are put into these batches; default that of the data set.
    pub(super) statistics_order: Option<BatchOrder>,
    /// Bring features to mean 0 and variance 1 over the labeled images.
    #[serde(default = "yes")]
    pub(super) standardize: bool,
    /// The optimizer. Default `{ lbfgs = {} }`, the exact solution; where one of `schedule`, `epochs`, `batch_size`,
    /// `early_stopping`, `monitor` and `patience` is given, `{ adam = { learning_rate = 1e-3 } }`.
    pub(super) optimizer: Option<LinearOptimizerConfig>,
    /// The learning-rate schedule; default constant.
    pub(super) schedule: Option<ScheduleConfig>,
    /// Maximum number of passes over the labeled images; default 100.
    #[serde(default, deserialize_with = "some_epochs")]
    pub(super) epochs: Option<usize>,
    /// Images in a batch, the last one of an epoch may be smaller; default 64.
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub(super) batch_size: Option<usize>,
    /// Stop after `patience` epochs without anything better by `monitor` on the images of `select_on`, and restore the
    /// best weights; with `false` all epochs are run and the last weights are kept. Default `true`.
    pub(super) early_stopping: Option<bool>,
    /// What early stopping watches; default `"loss"`.
    pub(super) monitor: Option<Monitor>,
    /// Epochs without anything better after which training stops; default 10. Not beside `early_stopping = false`.
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub(super) patience: Option<usize>,
    /// Images on which `c` or the best weights are chosen.
    #[serde(default)]
    pub(super) select_on: SelectOn,
}

/// A k-nearest-neighbors classification of frozen features of a pretraining.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KnnEval")]
pub(super) struct RawKnnEval {
    /// Name of the pretraining.
    pub(super) from: String,
    /// Where features are taken: 0 is the encoder's output, k the output of the k-th layer of the projection head.
    #[serde(default = "encoder_output")]
    pub(super) depths: Vec<usize>,
    /// Labeled part of the training set in which neighbors are searched, or a list of them, each evaluated apart.
    #[serde(default)]
    pub(super) labeled_fraction: Fractions,
    /// Batch-norm statistics of the encoder while features are computed.
    #[serde(default)]
    pub(super) statistics: Statistics,
    /// Images in a batch with `statistics = "batch"`; default 64. That of Keras' `predict` is 32.
    #[serde(default, deserialize_with = "some_at_least_two")]
    pub(super) statistics_batch: Option<usize>,
    /// Order in which images are put into these batches; default that of the data set.
    pub(super) statistics_order: Option<BatchOrder>,
    /// Neighbors that vote; at most as many as there are labeled images.
    #[serde(default = "neighbors", deserialize_with = "range::at_least_one")]
    pub(super) k: usize,
    /// A neighbor's vote weighs exp(cosine / temperature).
    #[serde(default = "knn_temperature", deserialize_with = "range::positive")]
    pub(super) temperature: f64,
}

/// A supervised network, from scratch or fine-tuned from a pretraining.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Supervised")]
pub(super) struct RawSupervised {
    /// Name of the augmentation policy of the training images, or `"none"`. Default: the policy of the pretraining run
    /// that it starts from, or else of the first one in the file, so that a baseline sees what pretraining sees.
    pub(super) augment: Option<String>,
    /// Name of a pretraining whose encoder it starts from; their encoders must be the same. Default: from scratch.
    pub(super) init_from: Option<String>,
    /// The encoder.
    pub(super) encoder: EncoderConfig,
    /// Precision that the encoder computes in.
    #[serde(default)]
    pub(super) precision: Precision,
    /// Outputs of hidden layers with ReLU between the encoder and the classes.
    #[serde(default, deserialize_with = "layer_sizes")]
    pub(super) hidden: Vec<usize>,
    /// Labeled part of the training set, or a list of them, each trained apart.
    #[serde(default)]
    pub(super) labeled_fraction: Fractions,
    /// How labeled images are drawn.
    #[serde(default)]
    pub(super) label_draw: LabelDraw,
    /// The optimizer.
    #[serde(default = "adam")]
    pub(super) optimizer: OptimizerConfig,
    /// The learning-rate schedule.
    #[serde(default)]
    pub(super) schedule: ScheduleConfig,
    /// Steps of training, whatever the number of labeled images; default 2000. Not beside `epochs`.
    #[serde(default, deserialize_with = "some_steps")]
    pub(super) steps: Option<usize>,
    /// Passes over the labeled images, in place of `steps`.
    #[serde(default, deserialize_with = "some_epochs")]
    pub(super) epochs: Option<usize>,
    /// Images in a batch; the last one of an epoch may be smaller.
    #[serde(default = "sixty_four", deserialize_with = "at_least_two")]
    pub(super) batch_size: usize,
    /// Stop when `monitor` has not become better for as long as `patience` or `patience_steps` says, and restore the best
    /// weights; with `false` all steps are made and the last weights are kept. Default `true` where `monitor`,
    /// `patience` or `patience_steps` is given, else `false`.
    pub(super) early_stopping: Option<bool>,
    /// What early stopping watches on the images of `select_on`; default `"accuracy"`.
    pub(super) monitor: Option<Monitor>,
    /// Epochs without anything better after which training stops; default 10 with `epochs`.
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub(super) patience: Option<usize>,
    /// Steps without anything better after which training stops; default a quarter of `steps`. Not beside `patience`.
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub(super) patience_steps: Option<usize>,
    /// Images on which training is watched, and with early stopping the best weights are chosen.
    #[serde(default)]
    pub(super) select_on: SelectOn,
    /// Gradients longer than this, over all parameters, are scaled down to it; default no limit.
    #[serde(default, deserialize_with = "some_positive")]
    pub(super) gradient_clip: Option<f64>,
}

/// The features of a pretraining as points in the plane.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Embed")]
pub(super) struct RawEmbed {
    /// Name of the pretraining.
    pub(super) from: String,
    /// Where features are taken: 0 is the encoder's output, k the output of the k-th layer of the projection head.
    #[serde(default = "encoder_output")]
    pub(super) depths: Vec<usize>,
    /// Images shown.
    #[serde(default)]
    pub(super) subset: Subset,
    /// Batch-norm statistics of the encoder while features are computed.
    #[serde(default)]
    pub(super) statistics: Statistics,
    /// Images in a batch with `statistics = "batch"`; default 64. That of Keras' `predict` is 32.
    #[serde(default, deserialize_with = "some_at_least_two")]
    pub(super) statistics_batch: Option<usize>,
    /// Order in which images are put into these batches; default that of the data set.
    pub(super) statistics_order: Option<BatchOrder>,
    /// The method.
    #[serde(default = "tsne")]
    pub(super) method: EmbedMethod,
}

/// Images in a batch of features, where the file does not say.
pub(super) const DEFAULT_STATISTICS_BATCH: usize = 64;

fn auto() -> String {
    "auto".to_owned()
}

fn yes() -> bool {
    true
}

fn encoder_output() -> Vec<usize> {
    vec![0]
}

fn sixty_four() -> usize {
    64
}

fn neighbors() -> usize {
    KnnConfig::default().k
}

fn knn_temperature() -> f64 {
    KnnConfig::default().temperature
}

fn nt_xent() -> LossConfig {
    LossConfig::NtXent(NtXentConfig { temperature: 0.1, similarity: Similarity::Cosine })
}

/// The optimizer of classifiers where the file does not say.
pub(super) fn adam() -> OptimizerConfig {
    OptimizerConfig::Adam(AdamConfig {
        learning_rate: 1e-3,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        weight_decay: 0.0,
        decay: Decayed::default(),
        scale: RateScale::default(),
    })
}

/// The schedule of linear classifiers where the file does not say.
pub(super) fn constant() -> ScheduleConfig {
    ScheduleConfig::Constant(ConstantConfig { warmup_epochs: 0.0 })
}

fn tsne() -> EmbedMethod {
    EmbedMethod::Tsne(TsneConfig { perplexity: 30.0, iterations: 1000 })
}

/// Most epochs: more are a slip, and steps must be countable.
const MOST_EPOCHS: usize = 1_000_000;

fn epochs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    epochs_from(0, usize::deserialize(deserializer)?)
}

fn some_epochs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    epochs_from(1, usize::deserialize(deserializer)?).map(Some)
}

/// Maximum number of steps: more are a typo.
const MAX_STEPS: usize = 1_000_000_000;

fn some_steps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    match usize::deserialize(deserializer)? {
        steps @ 1..=MAX_STEPS => Ok(Some(steps)),
        steps => Err(serde::de::Error::custom(format!("must be between 1 and {MAX_STEPS}, got {steps}"))),
    }
}

fn epochs_from<E: serde::de::Error>(least: usize, epochs: usize) -> Result<usize, E> {
    if (least..=MOST_EPOCHS).contains(&epochs) {
        return Ok(epochs);
    }
    Err(E::custom(format!("must be between {least} and {MOST_EPOCHS}, got {epochs}")))
}

fn at_least_two<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        number @ ..2 => Err(serde::de::Error::custom(format!("must be at least 2, got {number}"))),
        number => Ok(number),
    }
}

fn some_at_least_two<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    at_least_two(deserializer).map(Some)
}

fn some_at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    range::at_least_one(deserializer).map(Some)
}

fn some_positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    range::positive(deserializer).map(Some)
}
