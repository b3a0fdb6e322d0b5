//! `pretrain`: contrastive learning of the encoder and the projection head.

use crate::augment::Policy;
use crate::base::{Error, Result};
use crate::dataset::{LoaderConfig, Split, batches};
use crate::engine::{Context, Cost, Stage, StageHardware, StageSummary};
use crate::imaging::Fit;
use crate::loss::ContrastiveLoss;
use crate::model::{self, BatchNorm, Network};
use crate::nn::Backend;
use crate::stages::dataset::{self, split};
use crate::stages::pretrain::{PretrainConfig, Pretrained};
use crate::stages::shared::artifacts;
use crate::stages::shared::cost::TrainingMemory;
use crate::stages::shared::device::{self, DeviceStage};
use crate::stages::shared::shards;
use crate::stages::shared::training::TrainLoop;
use crate::study::{DataFacts, DeviceChoice};
use crate::train::{Compute, EpochRecord, TrainConfig, TrainState};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Trains a network on pairs of views of unlabeled images.
pub(super) struct PretrainStage {
    /// The pretraining run.
    pub(super) pretrained: Arc<Pretrained>,
    /// How images are fitted to a square.
    pub(super) fit: Fit,
    /// The pipeline's seed.
    pub(super) seed: u64,
    /// Device on which it runs.
    pub(super) device: DeviceChoice,
    /// Memory that training needs.
    pub(super) memory: Option<TrainingMemory>,
}

impl Stage for PretrainStage {
    fn name(&self) -> String {
        format!("pretrain.{}", self.pretrained.name)
    }

    fn kind(&self) -> &'static str {
        "pretrain"
    }

    fn version(&self) -> u32 {
        3
    }

    fn obstacle(&self) -> Option<Error> {
        device::obstacle(self.device, self.memory.as_ref())
    }

    fn hardware(&self) -> StageHardware {
        device::hardware(self.device)
    }

    fn parameters(&self) -> Value {
        let config = &self.pretrained.config;
        let mut parameters = json!({
            "augment": self.pretrained.policy,
            "image_size": self.pretrained.side,
            "fit": self.fit,
            "encoder": config.encoder,
            "precision": config.precision,
            "projection": config.projection,
            "loss": config.loss,
            "optimizer": config.scaled_optimizer(),
            "schedule": config.schedule,
            "epochs": config.epochs,
            "batch_size": config.batch_size,
            "gradient_clip": config.gradient_clip,
            "seed": self.seed,
        });
        // Only if it is not the default, so that older artifacts keep their keys.
        // A single shard is the whole batch.
        let is_joint = config.batch_norm.is_joint() || (config.batch_norm == BatchNorm::Shard && config.shards == 1);
        if !is_joint {
            parameters["batch_norm"] = json!(config.batch_norm);
        }
        if config.shards != 1 {
            parameters["shards"] = json!(config.shards);
        }
        parameters
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        device::compute(self, context)
    }

    fn shards(&self) -> usize {
        self.pretrained.config.shards
    }

    fn metrics(&self, artifact: &Path) -> BTreeMap<String, f64> {
        let records: Vec<EpochRecord> = artifacts::read_rows(&artifact.join(artifacts::HISTORY)).unwrap_or_default();
        let of_last = |last: &EpochRecord| [("loss", last.loss), ("contrastive_accuracy", last.accuracy)];
        let metrics = records.last().map(of_last).into_iter().flatten();
        metrics.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl DeviceStage for PretrainStage {
    fn device(&self) -> DeviceChoice {
        self.device
    }

    fn compute<D: Compute>(&self, device: &D, context: &Context<'_>) -> Result<StageSummary> {
        device::warn_of_memory(self.device, self.memory.as_ref(), context);
        let mut training = self.training(device, context)?;
        training.interruptible(|training| self.train(training))?;
        if !training.end()? {
            return Ok(StageSummary::default());
        }
        training.report_speed(self.device);
        let state = &training.state;
        artifacts::write_arrays(&context.output().join(artifacts::MODEL), &state.network().state_dict()?)?;
        artifacts::write_rows(&context.output().join(artifacts::HISTORY), state.records())?;
        Ok(summary(state.records()))
    }
}

impl PretrainStage {
    fn training<'a, D: Compute>(&self, device: &D, context: &'a Context<'_>) -> Result<TrainLoop<'a, D>> {
        let config = &self.pretrained.config;
        let set = dataset::unlabeled_images(context)?;
        let Split { train, .. } = split::read(context, &set)?;
        let steps_per_epoch = train.len() / config.batch_size;
        if steps_per_epoch == 0 && config.epochs > 0 {
            return Err(too_few(train.len(), config.batch_size));
        }
        let optimizer = config.scaled_optimizer();
        let train_config = TrainConfig {
            optimizer: &optimizer,
            schedule: &config.schedule,
            gradient_clip: config.gradient_clip,
            epochs: config.epochs,
            steps_per_epoch,
        };
        let shards = shards::config(context, config.shards, config.batch_size, config.micro_batch)?;
        let sharding = shards::of_loader(shards.as_ref())?;
        let mut state = TrainState::new(self.initial_network(device, context)?, &train_config);
        if let Some(shards) = shards {
            state = state.on_shards(shards);
        }
        let side = self.pretrained.side;
        let macs = model::summarize(&config.encoder, &config.projection, side)?.multiply_adds;
        let policy = Arc::new(Policy::new(&self.pretrained.policy, side, self.fit));
        let batches = |skip| {
            let loader = LoaderConfig { batch_size: config.batch_size, epochs: config.epochs, skip, seed: self.seed };
            batches::contrastive_shards(set, train, policy, loader, &sharding)
        };
        let chance = config.loss.chance(config.batch_size).map(|chance| chance.loss);
        TrainLoop::resume(context, state, (chance, macs), batches)
    }

    fn initial_network<D: Compute>(&self, device: &D, context: &Context<'_>) -> Result<Network<D>> {
        let mut network = untrained(&self.pretrained.config, self.pretrained.side, self.seed, device)?;
        if self.pretrained.config.init_from.is_some() {
            let weights = context.input("init")?.join(artifacts::MODEL);
            network.load_encoder(&artifacts::read_arrays(&weights)?)?;
        }
        Ok(network)
    }

    fn train<D: Compute>(&self, training: &mut TrainLoop<'_, D>) -> Result<()> {
        while training.state.has_epochs_left() {
            while let Some(batch) = training.next_batch()? {
                training.step(batch, &self.pretrained.config.loss)?;
            }
            training.finish_epoch(training.state.record());
        }
        Ok(())
    }
}

/// Builds the network of a pretraining run before its first step.
///
/// # Errors
/// The network cannot be built for the image size, or the device is out of memory.
pub fn untrained<D: Backend>(config: &PretrainConfig, side: usize, seed: u64, device: &D) -> Result<Network<D>> {
    let network = Network::new(&config.encoder, &config.projection, side, seed, device)?;
    Ok(network.in_precision(config.precision).with_batch_norm(config.batch_norm))
}

/// Loads the network of a pretraining run from its artifact.
///
/// # Errors
/// The artifact is damaged, or the device is out of memory.
pub fn trained<D: Backend>(config: &PretrainConfig, side: usize, directory: &Path, device: &D) -> Result<Network<D>> {
    let mut network = untrained(config, side, 0, device)?;
    let path = directory.join(artifacts::MODEL);
    let loaded = network.load_state_dict(&artifacts::read_arrays(&path)?);
    loaded.map_err(|error| artifacts::impossible(&path, error.what())).map(|()| network)
}

fn too_few(images: usize, batch_size: usize) -> Error {
    Error::stage(format!("a batch of {batch_size} images is larger than the training set of {images}"))
        .help(format!("set `batch_size` to {images} or less"))
}

fn summary(records: &[EpochRecord]) -> StageSummary {
    let summary = StageSummary::default();
    match records.last() {
        Some(last) => summary.number("loss", last.loss).number("contrastive accuracy", last.accuracy),
        None => summary.text("initial weights"),
    }
}

/// Returns the cost of training; work in MACs.
pub(super) fn cost(config: &PretrainConfig, memory: &TrainingMemory, facts: &DataFacts) -> Cost {
    let steps = config.epochs * (facts.pretraining() / config.batch_size.max(1));
    memory.training((steps * 2 * config.batch_size) as f64, 0.0)
}
