//! `supervised`: the baseline, a network trained on labeled images, from scratch or from a pretraining.

use crate::augment::Policy;
use crate::base::{Error, Result};
use crate::config::pipeline::{DeviceChoice, Supervised};
use crate::dataset::{DatasetConfig, ImageDataset, LoaderConfig, Split, batches};
use crate::engine::{Context, Stage};
use crate::loss::cross_entropy;
use crate::model::{self, BatchStatistics, Network};
use crate::nn::Backend;
use crate::stages::cost::TrainingMemory;
use crate::stages::device::{self, DeviceStage};
use crate::stages::evaluation::{self, Evaluation};
use crate::stages::length::Length;
use crate::stages::linear_eval::selection;
use crate::stages::training::Training;
use crate::stages::{dataset, formats, split};
use crate::train::{Compute, EarlyStopping, EpochRecord, TrainConfig, TrainState, logits};
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
    /// Labeled part of the training set.
    pub fraction: f64,
    /// Memory of its training, where that can be told.
    pub memory: Option<TrainingMemory>,
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
        4
    }

    fn obstacle(&self) -> Option<Error> {
        device::obstacle(self.device, self.memory.as_ref())
    }

    fn parameters(&self) -> Value {
        let config = &self.config;
        json!({
            "augment": config.policy,
            "image_size": self.dataset.image_size,
            "fit": self.dataset.fit,
            "encoder": config.encoder,
            "precision": config.precision,
            "hidden": config.hidden,
            "labeled_fraction": self.fraction,
            "label_draw": config.label_draw,
            "budget": config.budget,
            "training": config.training,
            "gradient_clip": config.gradient_clip,
            "seed": self.seed,
        })
    }

    fn run(&self, context: &Context<'_>) -> Result<String> {
        device::compute(self, context)
    }

    fn metrics(&self, artifact: &Path) -> BTreeMap<String, f64> {
        evaluation::comparable(artifact)
    }
}

impl DeviceStage for SupervisedStage {
    fn device(&self) -> DeviceChoice {
        self.device
    }

    fn compute<D: Compute>(&self, device: &D, context: &Context<'_>) -> Result<String> {
        device::warn_of_memory(self.device, self.memory.as_ref(), context);
        let run = Run::new(self, context)?;
        run.training(device)?.interruptible(|training| {
            let kept_epoch = run.train(training)?;
            training.tell_speed(self.device);
            run.evaluate(&training.session, kept_epoch)
        })
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
    set: Arc<ImageDataset>,
    split: Split,
    /// Labeled images.
    labeled: Vec<usize>,
    evaluation: Arc<Policy>,
}

impl<'a> Run<'a> {
    fn new(stage: &'a SupervisedStage, context: &'a Context<'a>) -> Result<Self> {
        let set = dataset::images(context)?;
        let split = split::read(context, &set)?;
        let labeled = split::labeled(&split, &set, stage.fraction, stage.config.label_draw, stage.seed)?;
        Ok(Self { stage, context, set, split, labeled, evaluation: Arc::new(stage.evaluation_policy()) })
    }

    fn training<D: Compute>(&self, device: &D) -> Result<Training<'a, D>> {
        let (stage, training) = (self.stage, &self.stage.config.training);
        let length = Length::new(stage.config.budget, self.labeled.len(), training.batch_size);
        let epochs = length.epochs();
        let recipe = TrainConfig {
            optimizer: &training.optimizer,
            schedule: &training.schedule,
            gradient_clip: stage.config.gradient_clip,
            epochs,
            steps_per_epoch: length.steps_per_epoch,
        };
        let session = TrainState::of_steps(self.initial_network(device)?, &recipe, length.steps, length.epochs_per_row);
        let chance = (self.set.classes().len() as f64).ln();
        let side = stage.dataset.image_size;
        let multiply_adds = model::summarize(&stage.config.encoder, &self.head(), side)?.multiply_adds;
        Ok(Training::resume(self.context, session, (chance, multiply_adds), |skip| {
            let course = LoaderConfig { batch_size: training.batch_size, epochs, skip, seed: stage.seed };
            let policy = Arc::new(stage.training_policy());
            batches::labeled_batches(self.set.clone(), self.labeled.clone(), policy, course)
        }))
    }

    /// Outputs of the layers after the encoder.
    fn head(&self) -> Vec<usize> {
        self.stage.config.hidden.iter().copied().chain([self.set.classes().len()]).collect()
    }

    fn initial_network<D: Compute>(&self, device: &D) -> Result<Network<D>> {
        let (stage, config) = (self.stage, &self.stage.config);
        let network = Network::new(&config.encoder, &self.head(), stage.dataset.image_size, stage.seed, device)?;
        let mut network = network.in_precision(config.precision);
        if config.init_from.is_some() {
            let weights = self.context.input("init")?.join(formats::MODEL);
            network.load_encoder(&formats::read_arrays(&weights)?)?;
        }
        Ok(network)
    }

    /// Trains up to the weights that are kept. Returns their epoch.
    fn train<D: Compute>(&self, training: &mut Training<'_, D>) -> Result<usize> {
        let config = &self.stage.config.training;
        let selection = selection(&self.split, config.select_on);
        let mut stopping = EarlyStopping::new(config.stopping);
        training.session.finished().for_each(|(record, step)| {
            stopping.observe(record, step);
        });
        while training.session.has_epochs_left() && !stopping.is_over() {
            while let Some(batch) = training.next_batch()? {
                training.step(batch, cross_entropy)?;
            }
            let session = &mut training.session;
            let record = self.select(session.record(), session.network(), selection)?;
            if stopping.observe(&record, session.steps()) {
                session.keep_best()?;
            }
            session.finish_epoch(record);
        }
        training.session.load_best()?;
        Ok(stopping.kept_epoch())
    }

    fn evaluate<D: Compute>(&self, session: &TrainState<D>, kept_epoch: usize) -> Result<String> {
        let (network, split, output) = (session.network(), &self.split, self.context.output());
        let validation = self.logits(network, &split.validation)?;
        let evaluation = Evaluation {
            labeled: self.labeled.len(),
            validation: evaluation::accuracy(&validation, &split.validation, &self.set),
            best_epoch: Some(kept_epoch),
            epochs: session.records().last().map(|record| record.epoch),
            kept: Some(evaluation::kept(self.stage.config.training.stopping, kept_epoch)),
            width: network.widths()[0],
            ..Evaluation::default()
        };
        evaluation::write_labeled(output, &self.set, &self.labeled)?;
        formats::write_rows(&output.join(formats::HISTORY), session.records())?;
        formats::write_arrays(&output.join(formats::MODEL), &network.state_dict()?)?;
        let scores = logits::probabilities(self.logits(network, &split.test)?, self.set.classes().len());
        evaluation.write(output, &self.set, &split.test, &scores)
    }

    fn select<D: Backend>(
        &self,
        record: EpochRecord,
        network: &Network<D>,
        selection: &[usize],
    ) -> Result<EpochRecord> {
        if selection.is_empty() {
            return Ok(record);
        }
        let scores = self.logits(network, selection)?;
        let labels = evaluation::labels(&self.set, selection);
        let loss = logits::mean_cross_entropy(&scores, &labels, self.set.classes().len());
        let accuracy = evaluation::accuracy(&scores, selection, &self.set);
        Ok(EpochRecord { selection_loss: Some(loss), selection_accuracy: accuracy, ..record })
    }

    /// Logits `[images, classes]` in inference mode.
    fn logits<D: Backend>(&self, network: &Network<D>, images: &[usize]) -> Result<Vec<f32>> {
        let mut logits = Vec::with_capacity(images.len() * self.set.classes().len());
        let batches = batches::plain_batches(
            self.set.clone(),
            images.to_vec(),
            self.evaluation.clone(),
            self.stage.config.training.batch_size,
        );
        for batch in batches {
            self.context.check_interrupted()?;
            let batch = batch?;
            let encoded = network.encode(&batch.images, batch.rows, BatchStatistics::Running)?;
            logits.extend(network.project(&encoded, batch.rows, BatchStatistics::Running)?.pop().unwrap_or_default());
        }
        Ok(logits)
    }
}
