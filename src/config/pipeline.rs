//! The checked configuration: what the stages are built from. Only this leaves `config`; references are resolved,
//! defaults filled in, paths absolute.

use crate::analysis::config::{EmbedMethod, KnnConfig};
use crate::augment::PolicyConfig;
use crate::dataset::DatasetConfig;
use crate::engine::store::Verify;
use crate::loss::LossConfig;
use crate::model::{BatchNorm, EncoderConfig, ProjectionConfig};
use crate::nn::Precision;
use crate::optim::{OptimizerConfig, ScheduleConfig};
use crate::train::{Monitor, Stopping};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A pipeline file with its sweep written out: one variant where there is no sweep.
#[derive(Clone, Debug)]
pub struct Study {
    /// Name of the study, also of its directory under the output directory.
    pub name: String,
    /// Title of the report.
    pub title: String,
    /// The combinations of the sweep, in order.
    pub variants: Vec<Variant>,
}

/// One combination of the sweep's values.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The values that make it, as (dotted path, value as TOML text); empty where there is no sweep.
    pub settings: Vec<(String, String)>,
    /// The pipeline with these values.
    pub pipeline: Pipeline,
}

/// One pipeline, checked.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Seed of every random number.
    pub seed: u64,
    /// Where training runs.
    pub device: DeviceChoice,
    /// When artifacts are compared with their digests.
    pub verify: Verify,
    /// Images and split.
    pub dataset: DatasetConfig,
    /// Augmentation policies by name.
    pub augment: BTreeMap<String, PolicyConfig>,
    /// Contrastive pretrainings, each after those it starts from.
    pub pretrain: Vec<Pretrain>,
    /// Linear evaluations.
    pub linear_eval: Vec<LinearEval>,
    /// kNN evaluations.
    pub knn_eval: Vec<KnnEval>,
    /// Supervised networks.
    pub supervised: Vec<Supervised>,
    /// Two-dimensional embeddings.
    pub embed: Vec<Embed>,
}

/// Where training runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// CUDA where the binary has it and a device answers, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of this number.
    Cuda(usize),
}

/// A contrastive pretraining.
#[derive(Clone, Debug, Serialize)]
pub struct Pretrain {
    /// Name in the pipeline file: `[pretrain.NAME]`.
    pub name: String,
    /// Augmentation that makes the two views.
    pub policy: PolicyConfig,
    /// Pretraining whose weights it starts from.
    pub init_from: Option<String>,
    /// Encoder f.
    pub encoder: EncoderConfig,
    /// Precision of the encoder.
    pub precision: Precision,
    /// Projection head g.
    pub projection: ProjectionConfig,
    /// Images over which batch norm takes its statistics.
    #[serde(skip_serializing_if = "BatchNorm::is_joint")]
    pub batch_norm: BatchNorm,
    /// Contrastive loss.
    pub loss: LossConfig,
    /// Optimizer.
    pub optimizer: OptimizerConfig,
    /// Learning-rate schedule.
    pub schedule: ScheduleConfig,
    /// Passes over the training set; 0 keeps the initial weights (a network that has learned nothing).
    pub epochs: usize,
    /// Images in a batch (two views each); a last batch that is not full is left out.
    pub batch_size: usize,
    /// Gradients are scaled down to this length, over all parameters.
    pub gradient_clip: Option<f64>,
}

impl Pretrain {
    /// Whether its encoder keeps the weights it was initialized with: the baseline of what training adds.
    pub fn is_untrained(&self) -> bool {
        self.epochs == 0 && self.init_from.is_none()
    }
}

/// A linear evaluation of frozen features.
#[derive(Clone, Debug, Serialize)]
pub struct LinearEval {
    /// Name in the pipeline file.
    pub name: String,
    /// The pretraining evaluated.
    pub from: String,
    /// Depths: 0 is the encoder's output, k the output of the k-th layer of the projection head.
    pub depths: Vec<usize>,
    /// Labeled parts of the training set.
    pub labeled_fractions: Vec<f64>,
    /// How labeled images are drawn.
    pub label_draw: LabelDraw,
    /// Batch-norm statistics of the encoder while features are computed.
    pub statistics: FeatureStatistics,
    /// Features are brought to mean 0 and variance 1 over the labeled images.
    pub standardize: bool,
    /// How the linear classifier is trained.
    pub training: LinearTraining,
}

/// A k-nearest-neighbors evaluation of frozen features.
#[derive(Clone, Debug, Serialize)]
pub struct KnnEval {
    /// Name in the pipeline file.
    pub name: String,
    /// The pretraining evaluated.
    pub from: String,
    /// Depths, as for linear evaluation.
    pub depths: Vec<usize>,
    /// Labeled parts of the training set that are searched.
    pub labeled_fractions: Vec<f64>,
    /// Batch-norm statistics of the encoder while features are computed.
    pub statistics: FeatureStatistics,
    /// Neighbors and temperature.
    pub knn: KnnConfig,
}

/// A supervised network, trained from scratch or from a pretraining (fine-tuning).
#[derive(Clone, Debug, Serialize)]
pub struct Supervised {
    /// Name in the pipeline file.
    pub name: String,
    /// Augmentation of the training images; none leaves them as for evaluation.
    pub policy: Option<PolicyConfig>,
    /// Pretraining whose encoder it starts from.
    pub init_from: Option<String>,
    /// Encoder.
    pub encoder: EncoderConfig,
    /// Precision of the encoder.
    pub precision: Precision,
    /// Outputs of the hidden layers between encoder and classes.
    pub hidden: Vec<usize>,
    /// Labeled parts of the training set.
    pub labeled_fractions: Vec<f64>,
    /// How labeled images are drawn.
    pub label_draw: LabelDraw,
    /// How long it is trained.
    pub budget: Budget,
    /// How it is trained.
    pub training: ClassifierTraining,
    /// Gradients are scaled down to this length, over all parameters.
    pub gradient_clip: Option<f64>,
}

/// A two-dimensional image of the features.
#[derive(Clone, Debug, Serialize)]
pub struct Embed {
    /// Name in the pipeline file.
    pub name: String,
    /// The pretraining whose features are shown.
    pub from: String,
    /// Depths, as for linear evaluation.
    pub depths: Vec<usize>,
    /// Images shown.
    pub subset: Subset,
    /// Batch-norm statistics of the encoder while features are computed.
    pub statistics: FeatureStatistics,
    /// Method.
    pub method: EmbedMethod,
}

/// How a linear classifier is trained.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinearTraining {
    /// To the minimum, for each inverse strength of regularization of `c`, of which one is chosen.
    Lbfgs {
        /// Inverse strengths of regularization.
        c: Vec<f64>,
        /// Images on which one of them is chosen.
        select_on: SelectOn,
    },
    /// By minibatches.
    Epochs {
        /// Maximum number of passes over the labeled images.
        epochs: usize,
        /// How it is trained.
        training: ClassifierTraining,
    },
}

impl LinearTraining {
    /// Images on which training is watched, or something is chosen.
    pub fn watched_on(&self) -> SelectOn {
        match self {
            Self::Lbfgs { select_on, .. } => *select_on,
            Self::Epochs { training, .. } => training.select_on,
        }
    }

    /// By what the epoch is chosen whose weights are kept; none where none is.
    pub fn monitor(&self) -> Option<Monitor> {
        match self {
            Self::Lbfgs { .. } => None,
            Self::Epochs { training, .. } => training.monitor(),
        }
    }

    /// Images on which something is chosen; none where nothing is.
    pub fn chooses_on(&self) -> Option<SelectOn> {
        match self {
            Self::Lbfgs { c, select_on } => (c.len() > 1).then_some(*select_on),
            Self::Epochs { training, .. } => training.chooses_on(),
        }
    }
}

/// How long a network is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Passes over the labeled images.
    Epochs(usize),
    /// Steps, whatever the number of labeled images.
    Steps(usize),
}

/// How a classifier is trained and when it stops.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassifierTraining {
    /// Optimizer.
    pub optimizer: OptimizerConfig,
    /// Learning-rate schedule.
    pub schedule: ScheduleConfig,
    /// Images in a batch; the last one of an epoch may be smaller.
    pub batch_size: usize,
    /// When training stops early and the best weights are restored; none runs to the end and keeps the last weights.
    pub stopping: Option<Stopping>,
    /// Images on which training is watched.
    pub select_on: SelectOn,
}

impl ClassifierTraining {
    /// By what the epoch is chosen whose weights are kept; none where the last ones are.
    pub fn monitor(&self) -> Option<Monitor> {
        self.stopping.map(|stopping| stopping.monitor)
    }

    /// Images on which weights are chosen; none where the last ones are kept.
    pub fn chooses_on(&self) -> Option<SelectOn> {
        self.stopping.map(|_| self.select_on)
    }
}

/// Images on which early stopping chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectOn {
    /// The validation split.
    #[default]
    Validation,
    /// The test set, as the report did; its accuracy is then too good.
    Test,
}

/// How labeled images are drawn from the training set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelDraw {
    /// The same part of each class, without replacement; smaller parts lie inside larger ones.
    #[default]
    Stratified,
    /// Uniformly from all images, with replacement, as the report did.
    WithReplacement,
}

/// Batch-norm statistics used while features are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statistics {
    /// The running statistics of training (inference mode).
    #[default]
    Running,
    /// Those of each batch of features, as Keras' `predict` of a model that was built with `training=True`.
    Batch,
}

/// Order in which images are put into the batches whose statistics are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchOrder {
    /// That of the data set, where the images of a class often follow each other.
    #[default]
    Dataset,
    /// A random order; training and test images in batches of their own.
    Random,
}

/// Batch-norm statistics used while features are computed, with the batches where they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureStatistics {
    /// The running statistics of training.
    Running,
    /// Those of batches of so many images; the last may be smaller.
    Batch {
        /// Images in a batch.
        images: usize,
        /// Which images those are.
        order: BatchOrder,
    },
}

/// Images of an embedding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subset {
    /// The training and validation images.
    Train,
    /// The test images.
    #[default]
    Test,
    /// All images.
    All,
}
