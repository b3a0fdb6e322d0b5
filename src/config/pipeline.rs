//! The checked configuration that stages are built from, the only form that leaves `config`: references are resolved,
//! defaults filled in, paths absolute.

use crate::analysis::config::{EmbedMethod, KnnConfig};
use crate::augment::PolicyConfig;
use crate::dataset::DatasetConfig;
use crate::engine::store::Verify;
use crate::loss::LossConfig;
use crate::model::{BatchNorm, EncoderConfig, ProjectionConfig};
use crate::nn::Precision;
use crate::optim::{OptimizerConfig, ScheduleConfig};
use crate::train::{Monitor, StoppingRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A pipeline file with its sweep expanded; one variant if there is no sweep.
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
    /// The swept values as (dotted path, TOML text); empty if there is no sweep.
    pub settings: Vec<(String, String)>,
    /// The pipeline with these values.
    pub pipeline: Pipeline,
}

/// One pipeline, checked.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Seed of all random number generators.
    pub seed: u64,
    /// Device to run on.
    pub device: DeviceChoice,
    /// When artifacts are compared with their digests.
    pub verify: Verify,
    /// Images and split.
    pub dataset: DatasetConfig,
    /// Augmentation policies by name.
    pub augment: BTreeMap<String, PolicyConfig>,
    /// Contrastive pretraining stages, each after the one it starts from.
    pub pretrain: Vec<Pretrain>,
    /// Linear evaluations.
    pub linear_eval: Vec<LinearEval>,
    /// kNN evaluations.
    pub knn_eval: Vec<KnnEval>,
    /// Supervised networks.
    pub supervised: Vec<Supervised>,
    /// Two-dimensional embeddings of features.
    pub embed: Vec<Embed>,
}

/// The device to run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA GPU if the binary supports CUDA and a GPU responds, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA GPU with this index.
    Cuda(usize),
}

/// A contrastive pretraining stage.
#[derive(Clone, Debug, Serialize)]
pub struct Pretrain {
    /// Name in the pipeline file: `[pretrain.NAME]`.
    pub name: String,
    /// Augmentation policy that produces the two views.
    pub policy: PolicyConfig,
    /// Pretraining stage whose weights it starts from.
    pub init_from: Option<String>,
    /// Encoder f.
    pub encoder: EncoderConfig,
    /// Precision of the encoder.
    pub precision: Precision,
    /// Projection head g.
    pub projection: ProjectionConfig,
    /// Images over which batch norm computes its statistics.
    #[serde(skip_serializing_if = "BatchNorm::is_joint")]
    pub batch_norm: BatchNorm,
    /// Contrastive loss.
    pub loss: LossConfig,
    /// Optimizer.
    pub optimizer: OptimizerConfig,
    /// Learning-rate schedule.
    pub schedule: ScheduleConfig,
    /// Passes over the training set; 0 keeps the initial weights, as an untrained baseline.
    pub epochs: usize,
    /// Images per batch, in two views each; the last incomplete batch of an epoch is dropped.
    pub batch_size: usize,
    /// Maximum norm of the gradient over all parameters.
    pub gradient_clip: Option<f64>,
}

impl Pretrain {
    /// Whether the encoder keeps its random initialization: an untrained baseline.
    pub fn is_untrained(&self) -> bool {
        self.epochs == 0 && self.init_from.is_none()
    }
}

/// A linear evaluation of frozen features.
#[derive(Clone, Debug, Serialize)]
pub struct LinearEval {
    /// Name in the pipeline file.
    pub name: String,
    /// The pretraining stage evaluated.
    pub from: String,
    /// Depths: 0 is the encoder output h, k the output of projection layer k.
    pub depths: Vec<usize>,
    /// Labeled fractions of the training set.
    pub labeled_fractions: Vec<f64>,
    /// How labeled images are sampled.
    pub label_draw: LabelSampling,
    /// Batch-norm statistics that the encoder uses when features are computed.
    pub statistics: FeatureStatistics,
    /// Whether features are standardized to mean 0 and variance 1 over the labeled images.
    pub standardize: bool,
    /// How the linear classifier is trained.
    pub training: LinearTraining,
}

/// A k-nearest-neighbors evaluation of frozen features.
#[derive(Clone, Debug, Serialize)]
pub struct KnnEval {
    /// Name in the pipeline file.
    pub name: String,
    /// The pretraining stage evaluated.
    pub from: String,
    /// Depths, as for linear evaluation.
    pub depths: Vec<usize>,
    /// Labeled fractions of the training set that are searched for neighbors.
    pub labeled_fractions: Vec<f64>,
    /// Batch-norm statistics that the encoder uses when features are computed.
    pub statistics: FeatureStatistics,
    /// Number of neighbors and temperature.
    pub knn: KnnConfig,
}

/// A supervised network, trained from scratch or fine-tuned from a pretraining stage.
#[derive(Clone, Debug, Serialize)]
pub struct Supervised {
    /// Name in the pipeline file.
    pub name: String,
    /// Augmentation policy of the training images; without one they are preprocessed as for evaluation.
    pub policy: Option<PolicyConfig>,
    /// Pretraining stage whose encoder weights it starts from.
    pub init_from: Option<String>,
    /// Encoder.
    pub encoder: EncoderConfig,
    /// Precision of the encoder.
    pub precision: Precision,
    /// Output sizes of the hidden layers between encoder and classifier.
    pub hidden: Vec<usize>,
    /// Labeled fractions of the training set.
    pub labeled_fractions: Vec<f64>,
    /// How labeled images are sampled.
    pub label_draw: LabelSampling,
    /// Length of training.
    pub budget: Budget,
    /// Optimization and early stopping.
    pub training: ClassifierTraining,
    /// Maximum norm of the gradient over all parameters.
    pub gradient_clip: Option<f64>,
}

/// A two-dimensional embedding of features.
#[derive(Clone, Debug, Serialize)]
pub struct Embed {
    /// Name in the pipeline file.
    pub name: String,
    /// The pretraining stage whose features are embedded.
    pub from: String,
    /// Depths, as for linear evaluation.
    pub depths: Vec<usize>,
    /// Images to embed.
    pub subset: Subset,
    /// Batch-norm statistics that the encoder uses when features are computed.
    pub statistics: FeatureStatistics,
    /// Method.
    pub method: EmbedMethod,
}

/// The training method of a linear classifier.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinearTraining {
    /// To the minimum of the loss for each value of `c`, of which one is selected.
    Lbfgs {
        /// Inverse regularization strengths.
        c: Vec<f64>,
        /// Images on which one of them is selected.
        select_on: SelectOn,
    },
    /// By minibatch gradient descent.
    Epochs {
        /// Maximum number of passes over the labeled images.
        epochs: usize,
        /// Optimization and early stopping.
        training: ClassifierTraining,
    },
}

impl LinearTraining {
    /// Returns the images on which training is monitored or `c` is selected.
    pub fn monitored_on(&self) -> SelectOn {
        match self {
            Self::Lbfgs { select_on, .. } => *select_on,
            Self::Epochs { training, .. } => training.select_on,
        }
    }

    /// Returns the metric that early stopping monitors; none without early stopping.
    pub fn monitor(&self) -> Option<Monitor> {
        match self {
            Self::Lbfgs { .. } => None,
            Self::Epochs { training, .. } => training.monitor(),
        }
    }

    /// Returns the images on which `c` or weights are selected; none if nothing is selected.
    pub fn selects_on(&self) -> Option<SelectOn> {
        match self {
            Self::Lbfgs { c, select_on } => (c.len() > 1).then_some(*select_on),
            Self::Epochs { training, .. } => training.selects_on(),
        }
    }
}

/// The length of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Passes over the labeled images.
    Epochs(usize),
    /// Steps, independent of the number of labeled images.
    Steps(usize),
}

/// Optimization of a classifier, and when it stops.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassifierTraining {
    /// Optimizer.
    pub optimizer: OptimizerConfig,
    /// Learning-rate schedule.
    pub schedule: ScheduleConfig,
    /// Images per batch; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Early stopping, which restores the best weights; none trains to the end and keeps the last weights.
    pub stopping: Option<StoppingRule>,
    /// Images on which training is monitored.
    pub select_on: SelectOn,
}

impl ClassifierTraining {
    /// Returns the metric that early stopping monitors; none if the last weights are kept.
    pub fn monitor(&self) -> Option<Monitor> {
        self.stopping.map(|stopping| stopping.monitor)
    }

    /// Returns the images on which weights are selected; none if the last weights are kept.
    pub fn selects_on(&self) -> Option<SelectOn> {
        self.stopping.map(|_| self.select_on)
    }
}

/// Images on which weights or `c` are selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectOn {
    /// The validation split.
    #[default]
    Validation,
    /// The test set, as in the W&B report; the test accuracy is then optimistic.
    Test,
}

/// How labeled images are sampled from the training set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelSampling {
    /// The same fraction of each class, without replacement; a smaller fraction is a subset of a larger one.
    #[default]
    Stratified,
    /// Uniformly from all images, with replacement, as in the W&B report.
    WithReplacement,
}

/// Batch-norm statistics that the encoder uses when features are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchNormStatistics {
    /// The running statistics of training (evaluation mode).
    #[default]
    Running,
    /// The statistics of each batch, as `predict` of a Keras model that was built with `training=True`.
    Batch,
}

/// Order in which images are grouped into the batches whose statistics are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchOrder {
    /// The order of the data set, which often lists the images of a class one after another.
    #[default]
    Dataset,
    /// A random order; training and test images are in separate batches.
    Random,
}

/// Batch-norm statistics that the encoder uses when features are computed, with the composition of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureStatistics {
    /// The running statistics of training.
    Running,
    /// The statistics of each batch; the last batch may be smaller.
    Batch {
        /// Images per batch.
        images: usize,
        /// Order in which images are grouped into batches.
        order: BatchOrder,
    },
}

/// Images that an embedding shows.
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
