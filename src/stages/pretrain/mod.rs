//! `[pretrain.NAME]`: contrastive pretraining, with diagnostics of the representation and an image of positive pairs.

mod contrastive;
mod curve;
mod features;
mod health;
mod pairs;
mod similarity;
mod views;

pub use contrastive::{trained, untrained};
pub use features::Features;
pub(crate) use features::depths;
pub(crate) use features::view;
pub(crate) use pairs::draw;

use crate::augment::PolicyConfig;
use crate::base::{Error, Result};
use crate::engine::StageId;
use crate::loss::LossConfig;
use crate::model::{self, BatchNorm, EncoderConfig, ProjectionConfig};
use crate::nn::Precision;
use crate::optim::{OptimizerConfig, ScheduleConfig};
use crate::stages::dataset::{self, Dataset, DatasetNodes};
use crate::stages::shared::cost::TrainingMemory;
use crate::stages::shared::schedule::{check_optimizer, check_schedule};
use crate::stages::shared::shards;
use crate::stages::shared::statistics::FeatureStatistics;
use crate::stages::{Augment, augment};
use crate::study::{Check, DataCheck, DataFacts, Expansion, Pipeline, Ref, StageKind};
use contrastive::PretrainStage;
use curve::CurvePart;
use features::FeaturesStage;
use health::{HealthPart, HealthStage};
use pairs::{PairsPart, PairsStage};
use schemars::JsonSchema;
use serde::Deserialize;
use similarity::{SimilarityPart, SimilarityStage};
use std::sync::Arc;

/// The section `pretrain`.
pub struct Pretrain;

/// Contrastive pretraining of an encoder with a projection head.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pretrain")]
pub struct PretrainConfig {
    /// Name of the augmentation policy that produces the two views.
    pub augment: Ref<Augment>,
    /// Name of the data set, `[dataset.NAME]`. Default: `[dataset]`.
    pub dataset: Option<Ref<Dataset>>,
    /// Name of the pretraining stage whose weights to start from; its encoder must be the same. Default: random
    /// weights.
    pub init_from: Option<Ref<Pretrain>>,
    /// The encoder.
    pub encoder: EncoderConfig,
    /// Numerical precision of the encoder.
    #[serde(default)]
    pub precision: Precision,
    /// The projection head.
    pub projection: ProjectionConfig,
    /// Images over which batch norm computes its statistics during pretraining.
    #[serde(default)]
    pub batch_norm: BatchNorm,
    /// The contrastive loss.
    #[serde(default)]
    pub loss: LossConfig,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The learning-rate schedule.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// Number of passes over the training set; 0 keeps the initial weights, as an untrained baseline.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub epochs: usize,
    /// Images per batch, each in two views; the last incomplete batch of an epoch is dropped.
    #[schemars(range(min = 2))]
    pub batch_size: usize,
    /// Number of equal parts that a batch is cut into, a power of two. Ranks (`simclr run --ranks`) divide the shards among
    /// each other, and the result is the same for any number of ranks.
    #[serde(default = "shards::one")]
    #[schemars(range(min = 1, max = 65536))]
    pub shards: usize,
    /// Images whose activations are in memory at once, with `batch_norm = "shard"`: a shard, or 2, 4, 8 ... shards. The
    /// outputs of the other images are computed first and their activations a second time, so that a step takes a third
    /// longer; the result is the same. Default: all images of a batch.
    #[schemars(range(min = 1))]
    pub micro_batch: Option<usize>,
    /// Maximum norm of the gradient over all parameters; larger gradients are scaled down to it. Default: no clipping.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub gradient_clip: Option<f64>,
}

impl PretrainConfig {
    /// Returns whether its encoder keeps its random initial weights, as a baseline.
    pub fn is_untrained(&self) -> bool {
        self.epochs == 0 && self.init_from.is_none()
    }

    /// Returns the name of its data set.
    ///
    /// # Errors
    /// It is ambiguous, which is a bug: that is checked when the file is read.
    pub fn dataset<'a>(&'a self, pipeline: &'a Pipeline) -> Result<&'a str> {
        dataset::name_of(self.dataset.as_ref(), pipeline)
            .ok_or_else(|| Error::bug("a pretraining run without a data set"))
    }

    /// Returns the name of its data set, after those of the runs that it starts from: "photos, then drawings".
    pub(crate) fn datasets(&self, pipeline: &Pipeline) -> String {
        let name = |name: &str| if name.is_empty() { "dataset".to_owned() } else { name.to_owned() };
        let own = self.dataset(pipeline).unwrap_or_default();
        let before = self.init_from.as_ref().and_then(|start| pipeline.get(start)).map(|run| run.datasets(pipeline));
        match before {
            Some(before) if before != own => format!("{}, then {}", name(&before), name(own)),
            _ => own.to_owned(),
        }
    }

    /// Returns the optimizer with its learning rate scaled to the batch size.
    pub(crate) fn scaled_optimizer(&self) -> OptimizerConfig {
        self.optimizer.for_batch_size(self.batch_size)
    }
}

/// A pretraining run with everything that determines its network and the images that it is trained on.
#[derive(Clone, Debug)]
pub struct Pretrained {
    /// Name of the table.
    pub name: String,
    /// The table.
    pub config: PretrainConfig,
    /// The augmentation policy that it names.
    pub policy: PolicyConfig,
    /// Side of the images that it is trained on.
    pub side: usize,
}

/// What a pretraining run provides to the kinds that start from it or evaluate it.
#[derive(Clone, Debug)]
pub(crate) struct PretrainNode {
    /// The trained network.
    pub id: StageId,
    /// How it was trained.
    pub pretrained: Arc<Pretrained>,
}

impl StageKind for Pretrain {
    const SECTION: &'static str = "pretrain";
    type Config = PretrainConfig;

    fn check(config: &PretrainConfig, check: &mut Check<'_>) {
        dataset::check_reference(config.dataset.as_ref(), check);
        check_start(config.init_from.as_ref(), &config.encoder, check);
        check_optimizer(&config.optimizer, check);
        check_schedule(&config.schedule, config.epochs, check);
        shards::check_shards(config.shards, config.batch_size, check);
        let batches = (config.shards, config.batch_size, config.batch_norm);
        shards::check_micro_batch(config.micro_batch, batches, check);
    }

    fn check_data(config: &PretrainConfig, check: &mut DataCheck<'_>) {
        let Some(facts) = config.dataset(check.pipeline()).ok().and_then(|name| check.facts(name).ok()) else { return };
        let train = facts.pretraining();
        if config.epochs > 0 && config.batch_size > train {
            let message = format!("a batch of {} is larger than the training set of {train} images", config.batch_size);
            check.report(&["batch_size"], message, format!("set `batch_size` to at most {train}"));
        }
    }

    fn expand(config: &PretrainConfig, expansion: &mut Expansion<'_>) -> Result<()> {
        let pipeline = expansion.pipeline();
        let dataset = config.dataset(pipeline)?.to_owned();
        let facts = expansion.facts(&dataset)?;
        let nodes = expansion.provided::<Dataset, DatasetNodes>(&dataset)?;
        let policy = augment::policy(Some(&config.augment), pipeline);
        let pretrained = Arc::new(Pretrained {
            name: expansion.name().to_owned(),
            config: config.clone(),
            policy: policy.cloned().ok_or_else(|| Error::bug("a pretraining run without a policy"))?,
            side: facts.config.image_size,
        });
        let id = add_training(&pretrained, &nodes, facts, expansion)?;
        add_diagnostics(&pretrained, id, &nodes, facts, expansion)?;
        if let Ok(summary) = model::summarize(&config.encoder, &config.projection, facts.config.image_size) {
            expansion.model(format!("pretrain.{}", pretrained.name), summary.to_string());
        }
        expansion.provide::<Self, _>(PretrainNode { id, pretrained });
        Ok(())
    }
}

fn add_training(
    pretrained: &Arc<Pretrained>,
    nodes: &DatasetNodes,
    facts: &DataFacts,
    expansion: &mut Expansion<'_>,
) -> Result<StageId> {
    let Pipeline { seed, device, .. } = *expansion.pipeline();
    let memory = TrainingMemory::of_pretrain(&pretrained.config, pretrained.side);
    let mut inputs = nodes.pretraining();
    if let Some(start) = &pretrained.config.init_from {
        inputs.push(("init", expansion.provided::<Pretrain, PretrainNode>(start.name())?.id));
    }
    let fit = facts.config.fit;
    let stage = PretrainStage { pretrained: pretrained.clone(), fit, seed, device, memory: memory.clone() };
    let id = expansion.add(stage, &inputs)?;
    if let Some(memory) = memory {
        expansion.cost(id, contrastive::cost(&pretrained.config, &memory, facts));
        expansion.fits(id, memory.fits());
    }
    if pretrained.config.epochs > 0 {
        expansion.show(&[("pretrain", id)], CurvePart::new(pretrained, facts));
    }
    Ok(id)
}

/// Adds the diagnostics of the representation, the positive pairs, and the similarities of pairs and neighbors.
fn add_diagnostics(
    pretrained: &Arc<Pretrained>,
    id: StageId,
    nodes: &DatasetNodes,
    facts: &DataFacts,
    expansion: &mut Expansion<'_>,
) -> Result<()> {
    let Pipeline { seed, device, .. } = *expansion.pipeline();
    let fit = facts.config.fit;
    let health = HealthStage { pretrained: pretrained.clone(), fit, seed, device };
    let health = expansion.add(health, &[nodes.measured(), vec![("pretrain", id)]].concat())?;
    expansion.cost(health, health::cost(pretrained, facts));
    let pairs = PairsStage {
        name: pretrained.name.clone(),
        policy: pretrained.policy.clone(),
        dataset: facts.config.clone(),
        seed,
    };
    let pairs = expansion.add(pairs, &nodes.measured())?;
    if pretrained.config.epochs > 0 && !expansion.is_shown(pairs) {
        let policy = augment::name_of(&pretrained.policy, expansion.pipeline());
        expansion.show(&[("pairs", pairs)], PairsPart { policy, side: facts.config.image_size });
    }
    expansion.show(&[("health", health)], HealthPart::new(pretrained));
    let similarity = SimilarityStage { pretrained: pretrained.clone(), fit, seed, device };
    let similarity = expansion.add(similarity, &[nodes.measured(), vec![("pretrain", id)]].concat())?;
    expansion.cost(similarity, similarity::cost(pretrained, facts));
    let dataset = pretrained.config.dataset(expansion.pipeline())?.to_owned();
    expansion.show(&[("similarity", similarity), ("pairs", pairs)], SimilarityPart::new(pretrained, dataset));
    Ok(())
}

/// Returns the inputs of an evaluation of a pretraining run's network on a data set: the data set, and the features that
/// evaluations share.
///
/// # Errors
/// Bugs of the caller.
pub(super) fn add_features(
    node: &PretrainNode,
    dataset: &str,
    statistics: FeatureStatistics,
    expansion: &mut Expansion<'_>,
) -> Result<Vec<(&'static str, StageId)>> {
    let Pipeline { seed, device, .. } = *expansion.pipeline();
    let facts = expansion.facts(dataset)?;
    let nodes = expansion.provided::<Dataset, DatasetNodes>(dataset)?;
    let stage = FeaturesStage {
        pretrained: node.pretrained.clone(),
        dataset: dataset.to_owned(),
        side: facts.config.image_size,
        fit: facts.config.fit,
        statistics,
        seed,
        device,
    };
    let features = expansion.add(stage, &[nodes.images(), vec![("pretrain", node.id)]].concat())?;
    expansion.cost(features, features::cost(&node.pretrained.config, device, facts));
    Ok(nodes.labeled().into_iter().chain([("features", features)]).collect())
}

/// Reports a start from a different encoder.
pub(super) fn check_start(from: Option<&Ref<Pretrain>>, encoder: &EncoderConfig, check: &mut Check<'_>) {
    let Some(from) = from else { return };
    if let Some(start) = check.pipeline().get(from)
        && !start.encoder.has_same_layers_as(encoder)
    {
        let message = format!("`[pretrain.{}]` and `[{}]` have different encoders", from.name(), check.title());
        let help = "weights can only be loaded into the same encoder: make the two `encoder` keys equal".to_owned();
        check.report(&["init_from"], message, help);
    }
}
