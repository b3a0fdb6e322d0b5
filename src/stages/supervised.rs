//! `supervised`: the baseline, a network trained on labelled pictures, from scratch or from a pretraining.

use crate::augment::Policy;
use crate::base::{Error, Result};
use crate::config::pipeline::{DeviceChoice, Supervised};
use crate::dataset::{DatasetConfig, PictureSet, batches};
use crate::engine::{Context, Stage};
use crate::loss::cross_entropy;
use crate::model::{BatchStatistics, Network};
use crate::nn::NamedArray;
use crate::stages::device::{self, Device};
use crate::stages::evaluation::{self, Evaluation};
use crate::stages::linear_eval::selection;
use crate::stages::{dataset, formats, split};
use crate::train::early_stopping::{EarlyStopping, Verdict};
use crate::train::progress::Speed;
use crate::train::{EpochMeans, EpochRecord, Trainer, logits};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Trains and tests a supervised network.
pub struct SupervisedStage {
    /// What the file says of this network.
    pub config: Supervised,
    /// What the file says of the data set.
    pub dataset: DatasetConfig,
    /// Labelled part of the training set.
    pub fraction: f64,
    /// The pipeline's seed.
    pub seed: u64,
    /// Where it runs.
    pub device: DeviceChoice,
}

impl Stage for SupervisedStage {
    fn name(&self) -> String {
        evaluation::stage_name("supervised", &self.config.name, None, Some(self.fraction))
    }

    fn kind(&self) -> &'static str {
        "supervised"
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
            "hidden": config.hidden,
            "labeled_fraction": self.fraction,
            "label_draw": config.label_draw,
            "training": config.training,
            "gradient_clip": config.gradient_clip,
            "seed": self.seed,
        })
    }

    fn run(&self, context: &Context<'_>) -> Result<String> {
        let set = dataset::pictures(context)?;
        let split = split::read(context)?;
        let labeled = split::labeled(&split, &set, self.fraction, self.config.label_draw, self.seed)?;
        let run = Run { stage: self, context, set, evaluation: Arc::new(self.evaluation_policy()) };
        let selection = selection(&split, self.config.training.select_on);
        let (network, records, best_epoch) = run.train(&labeled, selection)?;
        let validation = run.logits(&network, &split.validation)?;
        let evaluation = Evaluation {
            labeled: labeled.len(),
            validation: evaluation::accuracy(&validation, &split.validation, &run.set),
            best_epoch: Some(best_epoch),
            epochs: Some(records.len()),
            width: network.widths()[0],
        };
        formats::write_rows(&context.output().join(formats::HISTORY), &records)?;
        formats::write_arrays(&context.output().join(formats::MODEL), &network.state())?;
        let scores = logits::probabilities(run.logits(&network, &split.test)?, run.set.classes().len());
        evaluation.write(context.output(), &run.set, &split.test, &scores)
    }

    fn metrics(&self, artifact: &Path) -> BTreeMap<String, f64> {
        evaluation::comparable(artifact)
    }
}

impl SupervisedStage {
    fn evaluation_policy(&self) -> Policy {
        Policy::evaluation(self.config.policy.as_ref(), self.dataset.image_size, self.dataset.fit)
    }

    fn training_policy(&self) -> Policy {
        match &self.config.policy {
            Some(policy) => Policy::new(policy, self.dataset.image_size, self.dataset.fit),
            None => self.evaluation_policy(),
        }
    }
}

/// A run of the stage: what all its parts need.
struct Run<'a> {
    stage: &'a SupervisedStage,
    context: &'a Context<'a>,
    set: Arc<PictureSet>,
    evaluation: Arc<Policy>,
}

impl Run<'_> {
    fn train(&self, labeled: &[usize], selection: &[usize]) -> Result<(Network<Device>, Vec<EpochRecord>, usize)> {
        let training = &self.stage.config.training;
        let steps_per_epoch = labeled.len().div_ceil(training.batch_size);
        let mut trainer = Trainer::new(
            self.initial_network()?,
            &training.optimizer,
            &training.schedule,
            self.stage.config.gradient_clip,
            (training.epochs, steps_per_epoch),
        );
        let policy = Arc::new(self.stage.training_policy());
        let batches = batches::labeled_batches(
            self.set.clone(),
            labeled.to_vec(),
            policy,
            training.batch_size,
            0..training.epochs,
            self.stage.seed,
        );
        let mut stopping = EarlyStopping::new(training.patience);
        let mut best: Option<(usize, Vec<NamedArray>)> = None;
        let (mut means, mut records, mut speed) = (EpochMeans::default(), Vec::new(), Speed::default());
        let (mut done, total) = (0, (training.epochs * steps_per_epoch) as u64);
        for batch in batches {
            self.context.check_interrupted()?;
            let (epoch, last, rows) = (batch.epoch + 1, batch.last_of_epoch, batch.rows);
            let report = trainer.step(batch, cross_entropy)?;
            means.add(&report);
            speed.add(rows);
            done += 1;
            let detail = format!(
                "epoch {epoch}/{}  loss {:.3}  accuracy {:.3}  lr {:.2e}  {:.0} pictures/s",
                training.epochs,
                report.loss,
                report.accuracy,
                report.learning_rate,
                speed.views_per_second(),
            );
            self.context.progress(done, total, detail);
            if !last {
                continue;
            }
            let record = self.select(means.finish(epoch), trainer.network(), selection)?;
            let selection_loss = record.selection_loss;
            records.push(record);
            // Without pictures to choose on, the last weights are the best known.
            match selection_loss.map_or(Verdict::Improved, |loss| stopping.observe(epoch, loss)) {
                Verdict::Improved => best = Some((epoch, trainer.network().state())),
                Verdict::Wait => {}
                Verdict::Stop => break,
            }
        }
        if let Some((_, weights)) = &best {
            trainer.network_mut().load_state(weights)?;
        }
        Ok((trainer.into_network(), records, best.map_or(0, |(epoch, _)| epoch)))
    }

    fn initial_network(&self) -> Result<Network<Device>> {
        let (stage, config) = (self.stage, &self.stage.config);
        let head: Vec<usize> = config.hidden.iter().copied().chain([self.set.classes().len()]).collect();
        let device = device::open(stage.device)?;
        let mut network = Network::new(&config.encoder, &head, stage.dataset.image_size, stage.seed, &device)?;
        if config.init_from.is_some() {
            let weights = self.context.input("init")?.join(formats::MODEL);
            network.load_encoder(&formats::read_arrays(&weights)?)?;
        }
        Ok(network)
    }

    fn select(&self, record: EpochRecord, network: &Network<Device>, selection: &[usize]) -> Result<EpochRecord> {
        if selection.is_empty() {
            return Ok(record);
        }
        let scores = self.logits(network, selection)?;
        let labels = evaluation::labels(&self.set, selection);
        let loss = logits::mean_cross_entropy(&scores, &labels, self.set.classes().len());
        let accuracy = evaluation::accuracy(&scores, selection, &self.set);
        Ok(EpochRecord { selection_loss: Some(loss), selection_accuracy: accuracy, ..record })
    }

    /// Logits `[pictures, classes]` in inference mode.
    fn logits(&self, network: &Network<Device>, pictures: &[usize]) -> Result<Vec<f32>> {
        let mut logits = Vec::with_capacity(pictures.len() * self.set.classes().len());
        let batches = batches::plain_batches(
            self.set.clone(),
            pictures.to_vec(),
            self.evaluation.clone(),
            self.stage.config.training.batch_size,
        );
        for batch in batches {
            self.context.check_interrupted()?;
            let encoded = network.encode(&batch.images, batch.rows, BatchStatistics::Running)?;
            logits.extend(network.project(&encoded, batch.rows)?.pop().unwrap_or_default());
        }
        Ok(logits)
    }
}
