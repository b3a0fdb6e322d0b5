//! `supervised`: a network trained on labeled images, from scratch or from a pretraining run.

use crate::augment::{Policy, PolicyConfig};
use crate::base::{Error, Result};
use crate::dataset::{Batch, DatasetConfig, ImageDataset, LoaderConfig, Split, batches};
use crate::engine::{Context, Stage, StageHardware, StageSummary};
use crate::model::{self, BatchStatistics, EncoderInput, Network};
use crate::nn::Backend;
use crate::stages::dataset::{self, split};
use crate::stages::shared::artifacts;
use crate::stages::shared::class_weights::ClassWeights;
use crate::stages::shared::classifier::ClassifierTraining;
use crate::stages::shared::cost::TrainingMemory;
use crate::stages::shared::device::{self, DeviceStage};
use crate::stages::shared::evaluation::{self, Evaluation};
use crate::stages::shared::labels::LabelAmount;
use crate::stages::shared::metrics;
use crate::stages::shared::shards::{self, ShardNorm};
use crate::stages::shared::training::TrainLoop;
use crate::stages::supervised::SupervisedConfig;
use crate::stages::supervised::length::{Budget, Length};
use crate::study::DeviceChoice;
use crate::train::{Compute, CrossEntropy, EarlyStopping, EpochRecord, TrainConfig, TrainState, logits};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A table of the section with its keys resolved.
#[derive(Clone, Debug)]
pub(super) struct ResolvedNetwork {
    /// Name of the table.
    pub(super) name: String,
    /// The table.
    pub(super) config: SupervisedConfig,
    /// Augmentation of the training images; `None` treats them as in evaluation.
    pub(super) policy: Option<PolicyConfig>,
    /// Training budget.
    pub(super) budget: Budget,
    /// Training settings.
    pub(super) training: ClassifierTraining,
}

/// Trains and tests a supervised network.
pub(super) struct SupervisedStage {
    /// The network.
    pub(super) network: Arc<ResolvedNetwork>,
    /// The data set.
    pub(super) dataset: DatasetConfig,
    /// How many training images have labels.
    pub(super) labels: LabelAmount,
    /// Memory that training needs.
    pub(super) memory: Option<TrainingMemory>,
    /// The pipeline's seed.
    pub(super) seed: u64,
    /// Device on which it runs.
    pub(super) device: DeviceChoice,
}

impl Stage for SupervisedStage {
    fn name(&self) -> String {
        evaluation::stage_name("supervised", &self.network.name, None, Some(self.labels))
    }

    fn kind(&self) -> &'static str {
        "supervised"
    }

    fn version(&self) -> u32 {
        5
    }

    fn obstacle(&self) -> Option<Error> {
        device::obstacle(self.device, self.memory.as_ref())
    }

    fn hardware(&self) -> StageHardware {
        device::hardware(self.device)
    }

    fn parameters(&self) -> Value {
        let (network, config) = (&self.network, &self.network.config);
        let mut parameters = json!({
            "augment": network.policy,
            "image_size": self.dataset.image_size,
            "fit": self.dataset.fit,
            "encoder": config.encoder,
            "precision": config.precision,
            "hidden": config.hidden,
            "label_draw": config.label_draw,
            "budget": network.budget,
            "training": network.training,
            "gradient_clip": config.gradient_clip,
            "seed": self.seed,
        });
        // Only if they are not the default, so that older artifacts keep their keys.
        if !shards::is_one(&config.shards) {
            parameters["shards"] = json!(config.shards);
            if config.batch_norm != ShardNorm::default() {
                parameters["batch_norm"] = json!(config.batch_norm);
            }
        }
        self.labels.describe(&mut parameters);
        parameters
    }

    fn shards(&self) -> usize {
        self.network.config.shards
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        device::compute(self, context)
    }

    fn metrics(&self, artifact: &Path) -> BTreeMap<String, f64> {
        metrics::comparable(artifact)
    }
}

impl DeviceStage for SupervisedStage {
    fn device(&self) -> DeviceChoice {
        self.device
    }

    fn compute<D: Compute>(&self, device: &D, context: &Context<'_>) -> Result<StageSummary> {
        device::warn_of_memory(self.device, self.memory.as_ref(), context);
        let run = SupervisedRun::new(self, context)?;
        run.training(device)?.interruptible(|training| {
            let kept_epoch = run.train(training)?;
            if !training.end()? {
                return Ok(StageSummary::default());
            }
            training.report_speed(self.device);
            run.evaluate(&training.state, kept_epoch)
        })
    }
}

impl SupervisedStage {
    fn evaluation_policy(&self) -> Policy {
        Policy::evaluation(self.network.policy.as_ref(), self.dataset.image_size, self.dataset.fit)
    }

    fn training_policy(&self) -> Policy {
        match &self.network.policy {
            Some(policy) => Policy::new(policy, self.dataset.image_size, self.dataset.fit),
            None => self.evaluation_policy(),
        }
    }
}

/// A run of the stage, with its images.
struct SupervisedRun<'a> {
    stage: &'a SupervisedStage,
    context: &'a Context<'a>,
    set: Arc<ImageDataset>,
    split: Split,
    /// Labeled images.
    labeled: Vec<usize>,
    /// Weight of each class in the loss, if they differ.
    class_weights: Option<Vec<f64>>,
    evaluation: Arc<Policy>,
}

impl<'a> SupervisedRun<'a> {
    fn new(stage: &'a SupervisedStage, context: &'a Context<'a>) -> Result<Self> {
        let set = dataset::images(context)?;
        let split = split::read(context, &set)?;
        let labeled = split::labeled(&split, &set, stage.labels, stage.network.config.label_draw, stage.seed)?;
        let weights = |weights: &ClassWeights| weights.of(set.classes(), &evaluation::labels(&set, &labeled));
        let class_weights = stage.network.training.class_weights.as_ref().map(weights);
        let evaluation = Arc::new(stage.evaluation_policy());
        Ok(Self { stage, context, set, split, labeled, class_weights, evaluation })
    }

    fn training<D: Compute>(&self, device: &D) -> Result<TrainLoop<'a, D>> {
        let (stage, training) = (self.stage, &self.stage.network.training);
        let length = Length::new(stage.network.budget, self.labeled.len(), training.batch_size);
        let epochs = length.epochs();
        let train_config = TrainConfig {
            optimizer: &training.optimizer,
            schedule: &training.schedule,
            gradient_clip: stage.network.config.gradient_clip,
            epochs,
            steps_per_epoch: length.steps_per_epoch,
        };
        let shards = shards::config(self.context, stage.network.config.shards, training.batch_size, None)?;
        let sharding = shards::of_loader(shards.as_ref())?;
        let network = self.initial_network(device)?;
        let mut state = TrainState::of_steps(network, &train_config, length.steps, length.epochs_per_row);
        if let Some(shards) = shards {
            state = state.on_shards(shards);
        }
        let chance = (self.set.classes().len() as f64).ln();
        let side = stage.dataset.image_size;
        let macs = model::summarize(&stage.network.config.encoder, &self.head(), side)?.multiply_adds;
        TrainLoop::resume(self.context, state, (Some(chance), macs), |skip| {
            let loader = LoaderConfig { batch_size: training.batch_size, epochs, skip, seed: stage.seed };
            let policy = Arc::new(stage.training_policy());
            batches::labeled_shards(self.set.clone(), self.labeled.clone(), policy, loader, &sharding)
        })
    }

    /// Returns the output sizes of the layers after the encoder.
    fn head(&self) -> Vec<usize> {
        self.stage.network.config.head(self.set.classes().len())
    }

    fn initial_network<D: Compute>(&self, device: &D) -> Result<Network<D>> {
        let (stage, config) = (self.stage, &self.stage.network.config);
        let network = Network::new(&config.encoder, &self.head(), stage.dataset.image_size, stage.seed, device)?;
        let mut network = network.in_precision(config.precision).with_batch_norm(config.batch_norm.into());
        if config.init_from.is_some() {
            let weights = self.context.input("init")?.join(artifacts::MODEL);
            network.load_encoder(&artifacts::read_arrays(&weights)?)?;
        }
        Ok(network)
    }

    /// Trains and restores the weights that are kept. Returns their epoch.
    fn train<D: Compute>(&self, training: &mut TrainLoop<'_, D>) -> Result<usize> {
        let config = &self.stage.network.training;
        let selection = config.select_on.images(&self.split);
        let mut stopping = EarlyStopping::new(config.stopping);
        training.state.finished().for_each(|(record, step)| {
            stopping.observe(record, step);
        });
        let objective = CrossEntropy { class_weights: self.class_weights.as_deref() };
        while training.state.has_epochs_left() && !stopping.is_over() {
            while let Some(batch) = training.next_batch()? {
                training.step(batch, &objective)?;
            }
            let record = self.with_selection_metrics(training, selection)?;
            let state = &mut training.state;
            if stopping.observe(&record, state.steps()) {
                state.keep_best()?;
            }
            training.finish_epoch(record);
        }
        training.state.load_best()?;
        Ok(stopping.kept_epoch())
    }

    fn evaluate<D: Compute>(&self, state: &TrainState<D>, kept_epoch: usize) -> Result<StageSummary> {
        let (network, split, output) = (state.network(), &self.split, self.context.output());
        let validation = self.logits(network, &split.validation)?;
        let evaluation = Evaluation {
            labeled: self.labeled.len(),
            validation: evaluation::accuracy(&validation, &split.validation, &self.set),
            best_epoch: Some(kept_epoch),
            epochs: state.records().last().map(|record| record.epoch),
            kept: Some(evaluation::kept(self.stage.network.training.stopping, kept_epoch)),
            width: network.widths()[0],
            ..Evaluation::default()
        };
        evaluation::write_labeled(output, &self.set, &self.labeled)?;
        artifacts::write_rows(&output.join(artifacts::HISTORY), state.records())?;
        artifacts::write_arrays(&output.join(artifacts::MODEL), &network.state_dict()?)?;
        let scores = logits::probabilities(self.logits(network, &split.test)?, self.set.classes().len());
        evaluation.write(output, &self.set, &split.test, &scores)
    }

    /// Returns the record of the current row with the metrics on the images that select the best weights, which the first
    /// of several ranks computes.
    fn with_selection_metrics<D: Compute>(
        &self,
        training: &TrainLoop<'_, D>,
        selection: &[usize],
    ) -> Result<EpochRecord> {
        let record = training.state.record();
        if selection.is_empty() {
            return Ok(record);
        }
        let numbers = training.on_first(|state| {
            let scores = self.logits(state.network(), selection)?;
            let labels = evaluation::labels(&self.set, selection);
            let weights = self.class_weights.as_deref();
            let loss = logits::mean_cross_entropy(&scores, &labels, self.set.classes().len(), weights);
            Ok([Some(loss), evaluation::accuracy(&scores, selection, &self.set)].into_iter().flatten().collect())
        })?;
        let (loss, accuracy) = (numbers.first().copied(), numbers.get(1).copied());
        Ok(EpochRecord { selection_loss: loss, selection_accuracy: accuracy, ..record })
    }

    /// Returns the logits `[images, classes]` in inference mode.
    fn logits<D: Backend>(&self, network: &Network<D>, images: &[usize]) -> Result<Vec<f32>> {
        let mut logits = Vec::with_capacity(images.len() * self.set.classes().len());
        let batches = batches::plain_batches(
            self.set.clone(),
            images.to_vec(),
            self.evaluation.clone(),
            self.stage.network.training.batch_size,
        );
        let inputs = batches.map(|batch| {
            self.context.check_interrupted()?;
            let Batch { images, rows, .. } = batch?;
            Ok(EncoderInput { images, rows, of: rows })
        });
        network.encode_each(inputs, BatchStatistics::Running, |rows, encoded| {
            logits.extend(network.project(&encoded, rows, BatchStatistics::Running)?.pop().unwrap_or_default());
            Ok(())
        })?;
        Ok(logits)
    }
}
