//! The pipeline file as written: defaults filled in, references and combinations not yet checked. The doc comments of
//! these types document the file: `docs/configuration.md` and the JSON Schema are generated from them.

use crate::analysis::config::{EmbedMethod, KnnConfig, TsneConfig};
use crate::augment::PolicyConfig;
use crate::base::range;
use crate::config::fractions::Fractions;
use crate::config::linear_optimizer::LinearOptimizerConfig;
use crate::config::pipeline::{BatchNormStatistics, BatchOrder, LabelSampling, SelectOn, Subset};
use crate::dataset::DatasetConfig;
use crate::engine::store::Verify;
use crate::loss::{LossConfig, NtXentConfig, Similarity};
use crate::model::config::layer_sizes;
use crate::model::{BatchNorm, EncoderConfig, ProjectionConfig};
use crate::nn::Precision;
use crate::optim::config::{AdamConfig, ConstantConfig};
use crate::optim::{DecayedParameters, OptimizerConfig, RateScale, ScheduleConfig};
use crate::train::Monitor;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::Deserializer;
use std::collections::BTreeMap;

/// A pipeline file: one SimCLR study.
// Sections are read one by one, so this type only defines the schema.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Pipeline")]
#[expect(dead_code, reason = "read through its schema")]
pub(super) struct RawPipeline {
    /// Base file that this file builds on, relative to the directory of this file. Values of this file override those
    /// of the base. `name` and the report's `title` are not inherited.
    extends: Option<String>,
    /// Name of the study and of its directory under `outputs/runs`. Default: the file name without `.toml`.
    name: Option<String>,
    /// Seed of all random number generators, at least 0.
    #[serde(default)]
    seed: u64,
    /// Device to run on: `"auto"` (a CUDA GPU if available, else the CPU), `"cpu"`, `"cuda"` (the first GPU) or
    /// `"cuda:N"`.
    #[serde(default = "auto")]
    device: String,
    /// When the digests of stored artifacts are checked before the artifacts are used.
    #[serde(default)]
    verify: Verify,
    /// The data set.
    dataset: DatasetConfig,
    /// Augmentation policies, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    augment: BTreeMap<String, PolicyConfig>,
    /// Contrastive pretraining stages, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pretrain: BTreeMap<String, RawPretrain>,
    /// Linear evaluations of pretraining stages, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    linear_eval: BTreeMap<String, RawLinearEval>,
    /// kNN evaluations of pretraining stages, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    knn_eval: BTreeMap<String, RawKnnEval>,
    /// Supervised networks, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    supervised: BTreeMap<String, RawSupervised>,
    /// Two-dimensional embeddings of features, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    embed: BTreeMap<String, RawEmbed>,
    /// The report.
    report: Option<RawReport>,
    /// Values to try.
    sweep: Option<RawSweep>,
}

/// Values to try, in every combination: dotted paths (quoted) with lists of values.
#[derive(JsonSchema)]
#[schemars(rename = "Sweep")]
#[expect(dead_code, reason = "read through its schema")]
pub(super) struct RawSweep {
    /// Paths whose values vary together, the first value of each, then the second: a table of lists of equal length.
    /// Several such tables, `[[sweep.together]]`, are combined with each other and with the other keys.
    together: Option<RawTogether>,
    #[serde(flatten)]
    keys: BTreeMap<String, RawSwept>,
}

/// One group of paths that vary together, or several.
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
    /// Title of the report. Default: the name of the study. Not inherited through `extends`.
    pub(super) title: Option<String>,
}

/// Contrastive pretraining of an encoder with a projection head.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pretrain")]
pub(super) struct RawPretrain {
    /// Name of the augmentation policy that produces the two views.
    pub(super) augment: String,
    /// Name of the pretraining stage whose weights to start from; its encoder must be the same. Default: random
    /// weights.
    pub(super) init_from: Option<String>,
    /// The encoder.
    pub(super) encoder: EncoderConfig,
    /// Numerical precision of the encoder.
    #[serde(default)]
    pub(super) precision: Precision,
    /// The projection head.
    pub(super) projection: ProjectionConfig,
    /// Images over which batch norm computes its statistics during pretraining.
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
    /// Number of passes over the training set; 0 keeps the initial weights, as an untrained baseline.
    #[serde(deserialize_with = "epochs")]
    pub(super) epochs: usize,
    /// Images per batch, each in two views; the last incomplete batch of an epoch is dropped.
    #[serde(deserialize_with = "at_least_two")]
    pub(super) batch_size: usize,
    /// Maximum norm of the gradient over all parameters; larger gradients are scaled down to it. Default: no clipping.
    #[serde(default, deserialize_with = "some_positive")]
    pub(super) gradient_clip: Option<f64>,
}

/// A linear classifier on frozen features of a pretraining stage.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LinearEval")]
pub(super) struct RawLinearEval {
    /// Name of the pretraining stage.
    pub(super) from: String,
    /// Depths at which features are taken: 0 is the encoder output h, k the output of projection layer k.
    #[serde(default = "encoder_output")]
    pub(super) depths: Vec<usize>,
    /// Labeled fraction of the training set, or a list of fractions, each evaluated separately.
    #[serde(default)]
    pub(super) labeled_fraction: Fractions,
    /// How labeled images are sampled.
    #[serde(default)]
    pub(super) label_draw: LabelSampling,
    /// Batch-norm statistics that the encoder uses when features are computed.
    #[serde(default)]
    pub(super) statistics: BatchNormStatistics,
    /// Images per batch with `statistics = "batch"`. Default: 64; Keras' `predict` uses 32.
    #[serde(default, deserialize_with = "some_at_least_two")]
    pub(super) statistics_batch: Option<usize>,
    /// Order in which images are grouped into these batches. Default: `"dataset"`.
    pub(super) statistics_order: Option<BatchOrder>,
    /// Standardize features to mean 0 and variance 1 over the labeled images.
    #[serde(default = "yes")]
    pub(super) standardize: bool,
    /// The optimizer. Default: `{ lbfgs = {} }`, the exact solution; if `schedule`, `epochs`, `batch_size`,
    /// `early_stopping`, `monitor` or `patience` is set, `{ adam = { learning_rate = 1e-3 } }`.
    pub(super) optimizer: Option<LinearOptimizerConfig>,
    /// The learning-rate schedule. Default: constant.
    pub(super) schedule: Option<ScheduleConfig>,
    /// Maximum number of passes over the labeled images. Default: 100.
    #[serde(default, deserialize_with = "some_epochs")]
    pub(super) epochs: Option<usize>,
    /// Images per batch; the last batch of an epoch may be smaller. Default: 64.
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub(super) batch_size: Option<usize>,
    /// Stop when `monitor` on the images of `select_on` has not improved for `patience` epochs, and restore the best
    /// weights; `false` trains for all epochs and keeps the last weights. Default: `true`.
    pub(super) early_stopping: Option<bool>,
    /// Metric that early stopping monitors. Default: `"loss"`.
    pub(super) monitor: Option<Monitor>,
    /// Epochs without improvement after which training stops. Default: 10. Not allowed with `early_stopping = false`.
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub(super) patience: Option<usize>,
    /// Images on which `c` or the best weights are selected.
    #[serde(default)]
    pub(super) select_on: SelectOn,
}

/// Weighted k-nearest-neighbors classification of frozen features of a pretraining stage.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KnnEval")]
pub(super) struct RawKnnEval {
    /// Name of the pretraining stage.
    pub(super) from: String,
    /// Depths at which features are taken: 0 is the encoder output h, k the output of projection layer k.
    #[serde(default = "encoder_output")]
    pub(super) depths: Vec<usize>,
    /// Labeled fraction of the training set that is searched for neighbors, or a list of fractions, each evaluated
    /// separately.
    #[serde(default)]
    pub(super) labeled_fraction: Fractions,
    /// Batch-norm statistics that the encoder uses when features are computed.
    #[serde(default)]
    pub(super) statistics: BatchNormStatistics,
    /// Images per batch with `statistics = "batch"`. Default: 64; Keras' `predict` uses 32.
    #[serde(default, deserialize_with = "some_at_least_two")]
    pub(super) statistics_batch: Option<usize>,
    /// Order in which images are grouped into these batches. Default: `"dataset"`.
    pub(super) statistics_order: Option<BatchOrder>,
    /// Number of neighbors that vote; at most the number of labeled images.
    #[serde(default = "neighbors", deserialize_with = "range::at_least_one")]
    pub(super) k: usize,
    /// Temperature of the votes; a vote is weighted by exp(cosine similarity / temperature).
    #[serde(default = "knn_temperature", deserialize_with = "range::positive")]
    pub(super) temperature: f64,
}

/// A supervised network, trained from scratch or fine-tuned from a pretraining stage.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Supervised")]
pub(super) struct RawSupervised {
    /// Name of the augmentation policy of the training images, or `"none"`. Default: the policy of the pretraining
    /// stage in `init_from`, else of the first pretraining stage in the file, so that a baseline gets the same
    /// augmentation.
    pub(super) augment: Option<String>,
    /// Name of the pretraining stage whose encoder weights to start from (fine-tuning); its encoder must be the same.
    /// Default: random weights.
    pub(super) init_from: Option<String>,
    /// The encoder.
    pub(super) encoder: EncoderConfig,
    /// Numerical precision of the encoder.
    #[serde(default)]
    pub(super) precision: Precision,
    /// Output sizes of hidden layers, each followed by ReLU, between the encoder and the classifier.
    #[serde(default, deserialize_with = "layer_sizes")]
    pub(super) hidden: Vec<usize>,
    /// Labeled fraction of the training set, or a list of fractions, each trained separately.
    #[serde(default)]
    pub(super) labeled_fraction: Fractions,
    /// How labeled images are sampled.
    #[serde(default)]
    pub(super) label_draw: LabelSampling,
    /// The optimizer.
    #[serde(default = "adam")]
    pub(super) optimizer: OptimizerConfig,
    /// The learning-rate schedule.
    #[serde(default)]
    pub(super) schedule: ScheduleConfig,
    /// Number of training steps, independent of the number of labeled images. Default: 2000. Not allowed with `epochs`.
    #[serde(default, deserialize_with = "some_steps")]
    pub(super) steps: Option<usize>,
    /// Number of passes over the labeled images, instead of `steps`.
    #[serde(default, deserialize_with = "some_epochs")]
    pub(super) epochs: Option<usize>,
    /// Images per batch; the last batch of an epoch may be smaller.
    #[serde(default = "sixty_four", deserialize_with = "at_least_two")]
    pub(super) batch_size: usize,
    /// Stop when `monitor` has not improved for `patience` epochs or `patience_steps` steps, and restore the best
    /// weights; `false` trains to the end and keeps the last weights. Default: `true` if `monitor`, `patience` or
    /// `patience_steps` is set, else `false`.
    pub(super) early_stopping: Option<bool>,
    /// Metric that early stopping monitors on the images of `select_on`. Default: `"accuracy"`.
    pub(super) monitor: Option<Monitor>,
    /// Epochs without improvement after which training stops. Default with `epochs`: 10.
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub(super) patience: Option<usize>,
    /// Steps without improvement after which training stops. Default with `steps`: a quarter of them. Not allowed with
    /// `patience`.
    #[serde(default, deserialize_with = "some_at_least_one")]
    pub(super) patience_steps: Option<usize>,
    /// Images on which training is monitored and early stopping selects the best weights.
    #[serde(default)]
    pub(super) select_on: SelectOn,
    /// Maximum norm of the gradient over all parameters; larger gradients are scaled down to it. Default: no clipping.
    #[serde(default, deserialize_with = "some_positive")]
    pub(super) gradient_clip: Option<f64>,
}

/// A two-dimensional embedding of the features of a pretraining stage.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Embed")]
pub(super) struct RawEmbed {
    /// Name of the pretraining stage.
    pub(super) from: String,
    /// Depths at which features are taken: 0 is the encoder output h, k the output of projection layer k.
    #[serde(default = "encoder_output")]
    pub(super) depths: Vec<usize>,
    /// Images to embed.
    #[serde(default)]
    pub(super) subset: Subset,
    /// Batch-norm statistics that the encoder uses when features are computed.
    #[serde(default)]
    pub(super) statistics: BatchNormStatistics,
    /// Images per batch with `statistics = "batch"`. Default: 64; Keras' `predict` uses 32.
    #[serde(default, deserialize_with = "some_at_least_two")]
    pub(super) statistics_batch: Option<usize>,
    /// Order in which images are grouped into these batches. Default: `"dataset"`.
    pub(super) statistics_order: Option<BatchOrder>,
    /// The embedding method.
    #[serde(default = "tsne")]
    pub(super) method: EmbedMethod,
}

/// Default number of images per batch for `statistics = "batch"`.
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

/// Returns the default optimizer of classifiers trained by minibatches.
pub(super) fn adam() -> OptimizerConfig {
    OptimizerConfig::Adam(AdamConfig {
        learning_rate: 1e-3,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        weight_decay: 0.0,
        decay: DecayedParameters::default(),
        scale: RateScale::default(),
    })
}

/// Returns the default schedule of linear classifiers.
pub(super) fn constant() -> ScheduleConfig {
    ScheduleConfig::Constant(ConstantConfig { warmup_epochs: 0.0 })
}

fn tsne() -> EmbedMethod {
    EmbedMethod::Tsne(TsneConfig { perplexity: 30.0, iterations: 1000 })
}

/// Maximum number of epochs: more are a typo, and the number of steps must not overflow.
const MAX_EPOCHS: usize = 1_000_000;

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

fn epochs_from<E: serde::de::Error>(min: usize, epochs: usize) -> Result<usize, E> {
    if (min..=MAX_EPOCHS).contains(&epochs) {
        return Ok(epochs);
    }
    Err(E::custom(format!("must be between {min} and {MAX_EPOCHS}, got {epochs}")))
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
