//! `pretrain`: contrastive learning of the encoder and the projection head.

use crate::augment::Policy;
use crate::base::{Error, Result};
use crate::config::pipeline::{DeviceChoice, Pretrain};
use crate::dataset::{DatasetConfig, Split, batches};
use crate::engine::{Context, Stage};
use crate::loss::{LossConfig, nt_xent, nt_xent_chance};
use crate::model::Network;
use crate::nn::Traced;
use crate::stages::device::{self, Device};
use crate::stages::{dataset, formats, split};
use crate::train::progress::Speed;
use crate::train::trainer::TracedLoss;
use crate::train::{EpochMeans, EpochRecord, Trainer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Trains a network on pairs of views of unlabelled pictures.
pub struct PretrainStage {
    /// What the file says of this pretraining.
    pub config: Pretrain,
    /// What the file says of the data set.
    pub dataset: DatasetConfig,
    /// The pipeline's seed.
    pub seed: u64,
    /// Where it runs.
    pub device: DeviceChoice,
}

impl Stage for PretrainStage {
    fn name(&self) -> String {
        format!("pretrain.{}", self.config.name)
    }

    fn kind(&self) -> &'static str {
        "pretrain"
    }

    fn version(&self) -> u32 {
        2
    }

    fn obstacle(&self) -> Option<Error> {
        device::open(self.device).err()
    }

    fn parameters(&self) -> Value {
        let config = &self.config;
        json!({
            "augment": config.policy,
            "image_size": self.dataset.image_size,
            "fit": self.dataset.fit,
            "encoder": config.encoder,
            "projection": config.projection,
            "loss": config.loss,
            "optimizer": config.optimizer,
            "schedule": config.schedule,
            "epochs": config.epochs,
            "batch_size": config.batch_size,
            "gradient_clip": config.gradient_clip,
            "seed": self.seed,
        })
    }

    fn run(&self, context: &Context<'_>) -> Result<String> {
        let network = self.initial_network(context)?;
        let (network, records) = self.train(context, network)?;
        formats::write_arrays(&context.output().join(formats::MODEL), &network.state())?;
        formats::write_rows(&context.output().join(formats::HISTORY), &records)?;
        Ok(summary(&records))
    }

    fn metrics(&self, artifact: &Path) -> BTreeMap<String, f64> {
        let records: Vec<EpochRecord> = formats::read_rows(&artifact.join(formats::HISTORY)).unwrap_or_default();
        let of_last = |last: &EpochRecord| [("loss", last.loss), ("contrastive_accuracy", last.accuracy)];
        let metrics = records.last().map(of_last).into_iter().flatten();
        metrics.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl PretrainStage {
    fn initial_network(&self, context: &Context<'_>) -> Result<Network<Device>> {
        let mut network = untrained(&self.config, self.dataset.image_size, self.seed, self.device)?;
        if self.config.init_from.is_some() {
            let weights = context.input("init")?.join(formats::MODEL);
            network.load_encoder(&formats::read_arrays(&weights)?)?;
        }
        Ok(network)
    }

    fn train(&self, context: &Context<'_>, network: Network<Device>) -> Result<(Network<Device>, Vec<EpochRecord>)> {
        let config = &self.config;
        let Split { train, .. } = split::read(context)?;
        let steps_per_epoch = train.len() / config.batch_size;
        if steps_per_epoch == 0 && config.epochs > 0 {
            return Err(too_few(train.len(), config.batch_size));
        }
        let policy = Arc::new(Policy::new(&config.policy, self.dataset.image_size, self.dataset.fit));
        let set = dataset::pictures(context)?;
        let mut batches =
            batches::contrastive_batches(set, train, policy, config.batch_size, 0..config.epochs, self.seed);
        let mut trainer = Trainer::new(
            network,
            &config.optimizer,
            &config.schedule,
            config.gradient_clip,
            (config.epochs, steps_per_epoch),
        );
        let (mut means, mut records, mut speed) = (EpochMeans::default(), Vec::new(), Speed::default());
        let total = (config.epochs * steps_per_epoch) as u64;
        let mut done = 0;
        while let Some(batch) = batches.next() {
            context.check_interrupted()?;
            let (epoch, last, views) = (batch.epoch, batch.last_of_epoch, batch.rows);
            let report = trainer.step(batch, |z, _| contrastive_loss(z, &config.loss))?;
            means.add(&report);
            speed.add(views);
            done += 1;
            let detail = format!(
                "epoch {}/{}  loss {:.3} (chance {:.3})  accuracy {:.3}  lr {:.2e}  {:.0} views/s  waiting {:.1} %",
                epoch + 1,
                config.epochs,
                report.loss,
                nt_xent_chance(config.batch_size),
                report.accuracy,
                report.learning_rate,
                speed.views_per_second(),
                100.0 * speed.share(batches.waited()),
            );
            context.progress(done, total, detail);
            if last {
                records.push(means.finish(epoch + 1));
            }
        }
        Ok((trainer.into_network(), records))
    }
}

/// The network of a pretraining before its first step.
///
/// # Errors
/// The network cannot be built for the image size, or the device is not there.
pub fn untrained(config: &Pretrain, side: usize, seed: u64, device: DeviceChoice) -> Result<Network<Device>> {
    Network::new(&config.encoder, &config.projection.layers, side, seed, &device::open(device)?)
}

/// The network of a pretraining as its artifact holds it.
///
/// # Errors
/// The artifact is damaged, or the device is not there.
pub fn trained(config: &Pretrain, side: usize, folder: &Path, device: DeviceChoice) -> Result<Network<Device>> {
    let mut network = untrained(config, side, 0, device)?;
    network.load_state(&formats::read_arrays(&folder.join(formats::MODEL))?)?;
    Ok(network)
}

fn contrastive_loss(z: Traced<Device>, config: &LossConfig) -> Result<TracedLoss<Device>> {
    let LossConfig::NtXent(config) = config;
    let output = nt_xent(z, config)?;
    Ok((output.loss, output.accuracy))
}

fn too_few(pictures: usize, batch_size: usize) -> Error {
    Error::stage(format!("a batch of {batch_size} pictures is larger than the training set of {pictures}"))
        .help(format!("set `batch_size` to {pictures} or less"))
}

fn summary(records: &[EpochRecord]) -> String {
    match records.last() {
        Some(last) => format!("loss {:.3}, contrastive accuracy {:.3}", last.loss, last.accuracy),
        None => "initial weights".into(),
    }
}
