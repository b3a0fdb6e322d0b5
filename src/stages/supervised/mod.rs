//! `[supervised.NAME]`: supervised networks, trained from scratch or fine-tuned, one per labeled fraction.

mod fairness;
mod length;
mod train;

pub use length::Budget;

use crate::base::{Error, Result};
use crate::engine::{Cost, StageId};
use crate::model::{self, EncoderConfig};
use crate::nn::Precision;
use crate::optim::{OptimizerConfig, ScheduleConfig};
use crate::render::data::{CurveKind, EvaluationKind};
use crate::stages::augment::{self, NO_POLICY};
use crate::stages::dataset::{self, Dataset, DatasetNodes};
use crate::stages::pretrain::{PretrainNode, check_start};
use crate::stages::shared::class_weights::ClassWeights;
use crate::stages::shared::classifier::{ClassifierTraining, DEFAULT_PATIENCE, adam, check_stopping};
use crate::stages::shared::cost::TrainingMemory;
use crate::stages::shared::labels::{
    Counts, Fractions, LabelAmount, LabelSampling, SelectOn, check_amounts, check_labeled, check_labels,
    check_selection, check_validation,
};
use crate::stages::shared::results::{Evaluated, ResultPart};
use crate::stages::shared::schedule::{check_optimizer, check_schedule};
use crate::stages::shared::shards::{self, ShardNorm};
use crate::stages::{Augment, Pretrain};
use crate::study::{Check, DataCheck, DataFacts, Expansion, Pipeline, Ref, StageKind};
use crate::train::{Monitor, Patience, StoppingRule};
use length::Length;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use train::{ResolvedNetwork, SupervisedStage};

/// The section `supervised`.
pub struct Supervised;

/// Default number of steps: with batches of 64, as many images as 12 epochs of 10,000 images, for any number of labels.
const DEFAULT_STEPS: usize = 2000;

/// A supervised network, trained from scratch or fine-tuned from a pretraining stage.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Supervised")]
pub struct SupervisedConfig {
    /// Name of the augmentation policy of the training images, or `"none"`. Default: the policy of the pretraining
    /// stage in `init_from`, else of the first pretraining stage in the file, so that a baseline gets the same
    /// augmentation.
    #[schemars(extend("x-none" = "none"))]
    pub augment: Option<Ref<Augment>>,
    /// Name of the data set, `[dataset.NAME]`. Default: that of the pretraining stage in `init_from`, else `[dataset]`.
    pub dataset: Option<Ref<Dataset>>,
    /// Name of the pretraining stage whose encoder weights to start from (fine-tuning); its encoder must be the same.
    /// Default: random weights.
    pub init_from: Option<Ref<Pretrain>>,
    /// The encoder.
    pub encoder: EncoderConfig,
    /// Numerical precision of the encoder.
    #[serde(default)]
    pub precision: Precision,
    /// Output sizes of hidden layers, each followed by ReLU, between the encoder and the classifier.
    #[serde(default)]
    #[schemars(inner(range(min = 1, max = 65536)))]
    pub hidden: Vec<usize>,
    /// Labeled fraction of the training set, or a list of fractions, each trained separately.
    #[serde(default)]
    pub labeled_fraction: Fractions,
    /// Number of labeled training images of each class, or a list of numbers, each trained separately, instead of
    /// `labeled_fraction`.
    pub labels_per_class: Option<Counts>,
    /// How labeled images are sampled.
    #[serde(default)]
    pub label_draw: LabelSampling,
    /// The optimizer.
    #[serde(default = "adam")]
    pub optimizer: OptimizerConfig,
    /// The learning-rate schedule.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// Number of training steps, independent of the number of labeled images. Default: 2000. Not allowed with `epochs`.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub steps: Option<usize>,
    /// Number of passes over the labeled images, instead of `steps`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub epochs: Option<usize>,
    /// Images per batch; the last batch of an epoch may be smaller.
    #[serde(default = "default_batch_size")]
    #[schemars(range(min = 2))]
    pub batch_size: usize,
    /// Number of parts that a batch is cut into, a power of two. Ranks (`simclr run --ranks`) divide the shards among each
    /// other, and the result is the same for any number of ranks.
    #[serde(default = "shards::one")]
    #[schemars(range(min = 1, max = 65536))]
    pub shards: usize,
    /// Images over which batch norm computes its statistics during training.
    #[serde(default)]
    pub batch_norm: ShardNorm,
    /// Stop when `monitor` has not improved for `patience` epochs or `patience_steps` steps, and restore the best
    /// weights; `false` trains to the end and keeps the last weights. Default: `true` if `monitor`, `patience` or
    /// `patience_steps` is set, else `false`.
    pub early_stopping: Option<bool>,
    /// Metric that early stopping monitors on the images of `select_on`. Default: `"accuracy"`.
    pub monitor: Option<Monitor>,
    /// Epochs without improvement after which training stops. Default with `epochs`: 10.
    #[schemars(range(min = 1))]
    pub patience: Option<usize>,
    /// Steps without improvement after which training stops. Default with `steps`: a quarter of them. Not allowed with
    /// `patience`.
    #[schemars(range(min = 1))]
    pub patience_steps: Option<usize>,
    /// Images on which training is monitored and early stopping selects the best weights.
    #[serde(default)]
    pub select_on: SelectOn,
    /// Weights of the classes in the loss: `"balanced"` for n / (k n_c) with n labeled images of k classes, n_c of them of
    /// class c, or a table such as `{ cat = 2.0 }`, in which other classes have 1. The loss is a weighted mean, as in
    /// PyTorch. Default: all 1.
    pub class_weights: Option<ClassWeights>,
    /// Maximum norm of the gradient over all parameters; larger gradients are scaled down to it. Default: no clipping.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub gradient_clip: Option<f64>,
}

fn default_batch_size() -> usize {
    64
}

impl SupervisedConfig {
    /// Returns the output sizes of the layers after the encoder.
    pub fn head(&self, classes: usize) -> Vec<usize> {
        self.hidden.iter().copied().chain([classes]).collect()
    }

    /// Returns the amounts of labels, each of which is trained separately.
    pub(super) fn amounts(&self) -> Vec<LabelAmount> {
        LabelAmount::all(&self.labeled_fraction, self.labels_per_class.as_ref())
    }

    /// Returns the training budget.
    pub fn budget(&self) -> Budget {
        match (self.steps, self.epochs) {
            (None, Some(epochs)) => Budget::Epochs(epochs),
            (steps, _) => Budget::Steps(steps.unwrap_or(DEFAULT_STEPS)),
        }
    }

    /// Returns the training settings.
    pub fn training(&self) -> ClassifierTraining {
        let patience = match (self.patience, self.patience_steps, self.budget()) {
            (Some(epochs), ..) => Patience::Epochs(epochs),
            (None, Some(steps), _) => Patience::Steps(steps),
            (None, None, Budget::Epochs(_)) => Patience::Epochs(DEFAULT_PATIENCE),
            (None, None, Budget::Steps(steps)) => Patience::Steps(steps.div_ceil(4)),
        };
        let rule = StoppingRule { monitor: self.monitor.unwrap_or(Monitor::Accuracy), patience };
        ClassifierTraining {
            optimizer: self.optimizer.for_batch_size(self.batch_size),
            schedule: self.schedule.clone(),
            batch_size: self.batch_size,
            stopping: self.stops_early().then_some(rule),
            select_on: self.select_on,
            class_weights: self.class_weights.clone(),
        }
    }

    fn stops_early(&self) -> bool {
        let is_configured = self.monitor.is_some() || self.patience.is_some() || self.patience_steps.is_some();
        self.early_stopping.unwrap_or(is_configured)
    }

    /// Returns the name of its data set.
    ///
    /// # Errors
    /// It is ambiguous, which is a bug: that is checked when the file is read.
    pub fn dataset<'a>(&'a self, pipeline: &'a Pipeline) -> Result<&'a str> {
        if let (None, Some(start)) = (&self.dataset, &self.init_from)
            && let Some(start) = pipeline.get(start)
        {
            return start.dataset(pipeline);
        }
        let name = dataset::name_of(self.dataset.as_ref(), pipeline);
        name.ok_or_else(|| Error::bug("a supervised network without a data set"))
    }

    /// Returns the name of its augmentation policy: its own, else that of the pretraining run it starts from, else that
    /// of the first one in the file.
    pub fn policy<'a>(&'a self, pipeline: &'a Pipeline) -> Option<&'a Ref<Augment>> {
        let of_pretrain = || match &self.init_from {
            Some(start) => pipeline.get(start),
            None => pipeline.in_file_order::<Pretrain>().next().map(|(_, first)| first),
        };
        let own = self.augment.as_ref();
        own.or_else(|| of_pretrain().map(|run| &run.augment)).filter(|policy| policy.name() != NO_POLICY)
    }
}

impl StageKind for Supervised {
    const SECTION: &'static str = "supervised";
    type Config = SupervisedConfig;

    fn check(config: &SupervisedConfig, check: &mut Check<'_>) {
        if config.init_from.is_none() {
            dataset::check_reference(config.dataset.as_ref(), check);
        }
        check_start(config.init_from.as_ref(), &config.encoder, check);
        check_amounts(&config.labeled_fraction, config.labels_per_class.as_ref(), config.label_draw, check);
        if config.steps.is_some() && config.epochs.is_some() {
            let help = "remove one of the two".to_owned();
            check.report(&["steps"], "`steps` cannot be combined with `epochs`: both set the length of training", help);
        }
        check_optimizer(&config.optimizer, check);
        // With a budget in steps, the number of epochs is known only once the images have been counted.
        check_schedule(&config.schedule, config.epochs.unwrap_or(0), check);
        if config.patience.is_some() {
            check.no_effect(&["patience_steps"], "`patience`", "remove one of the two");
        }
        check_stopping(config.stops_early(), check);
        shards::check_shards(config.shards, config.batch_size, check);
        if let Ok(name) = config.dataset(check.pipeline())
            && let Some((_, data)) = check.pipeline().all::<Dataset>().find(|(other, _)| *other == name)
        {
            check_validation(config.training().selects_on(), name, data, check);
        }
    }

    fn check_data(config: &SupervisedConfig, check: &mut DataCheck<'_>) {
        let Ok(name) = config.dataset(check.pipeline()) else { return };
        let Ok(facts) = check.facts(name) else { return };
        if !check_labeled(name, facts, check) {
            return;
        }
        check_labels(&config.labeled_fraction, config.labels_per_class.as_ref(), config.label_draw, facts, check);
        config.class_weights.iter().for_each(|weights| weights.check(facts, check));
        check_selection(config.training().selects_on(), name, facts, check);
        check_warm_up(config, facts, check);
    }

    fn expand(config: &SupervisedConfig, expansion: &mut Expansion<'_>) -> Result<()> {
        let pipeline = expansion.pipeline();
        let dataset = config.dataset(pipeline)?;
        let facts = expansion.facts(dataset)?;
        let network = Arc::new(ResolvedNetwork {
            name: expansion.name().to_owned(),
            config: config.clone(),
            policy: augment::policy(config.policy(pipeline), pipeline).cloned(),
            budget: config.budget(),
            training: config.training(),
        });
        let mut inputs = expansion.provided::<Dataset, DatasetNodes>(dataset)?.labeled();
        if let Some(start) = &config.init_from {
            inputs.push(("init", expansion.provided::<Pretrain, PretrainNode>(start.name())?.id));
        }
        for labels in config.amounts() {
            add(&network, labels, dataset, &inputs, expansion)?;
        }
        let head = config.head(facts.classes.len());
        if let Ok(summary) = model::summarize(&config.encoder, &head, facts.config.image_size) {
            expansion.model(format!("supervised.{}", network.name), summary.to_string());
        }
        Ok(())
    }

    fn warnings(pipeline: &Pipeline, expansion: &Expansion<'_>) -> Vec<String> {
        fairness::warnings(pipeline, |dataset| expansion.facts(dataset).ok())
    }
}

/// Adds the network that is trained on an amount of labels.
fn add(
    network: &Arc<ResolvedNetwork>,
    labels: LabelAmount,
    dataset: &str,
    inputs: &[(&str, StageId)],
    expansion: &mut Expansion<'_>,
) -> Result<()> {
    let pipeline = expansion.pipeline();
    let (seed, device) = (pipeline.seed, pipeline.device);
    let facts = expansion.facts(dataset)?;
    let start = network.config.init_from.as_ref();
    let pretrained_on = start.and_then(|start| pipeline.get(start)).map(|run| run.datasets(pipeline));
    let memory = TrainingMemory::of_supervised(&network.config, labels, facts);
    let cost = memory.as_ref().map(|memory| cost(network, labels, facts, memory));
    let fits = memory.as_ref().map(TrainingMemory::fits);
    let stage =
        SupervisedStage { network: network.clone(), dataset: facts.config.clone(), labels, memory, seed, device };
    let id = expansion.add(stage, inputs)?;
    expansion.cost(id, cost);
    fits.into_iter().for_each(|fits| expansion.fits(id, fits));
    let evaluated = Evaluated {
        stage: format!("supervised.{}", network.name),
        from: start.map(|start| start.name().to_owned()),
        pretrained_on,
        dataset: dataset.to_owned(),
        is_untrained: false,
        encoder: network.config.encoder.clone(),
        depth: None,
        width: 0,
        fraction: labels.fraction(facts),
        labels_per_class: labels.per_class(),
        seed,
        selected_on_test: network.training.selects_on() == Some(SelectOn::Test),
        monitor: network.training.monitor(),
    };
    let (kind, curve) = (EvaluationKind::Supervised, Some(CurveKind::Supervised));
    expansion.show(&[("result", id)], ResultPart { kind, curve, evaluated });
    Ok(())
}

/// Returns the maximum cost of training; work in MACs.
fn cost(network: &ResolvedNetwork, labels: LabelAmount, facts: &DataFacts, memory: &TrainingMemory) -> Cost {
    let labeled = labels.count(facts);
    let length = Length::new(network.budget, labeled, network.training.batch_size);
    let monitored = (length.rows() * facts.validation()) as f64;
    memory.training(length.images(), monitored + facts.test() as f64)
}

/// Reports a warm-up that is longer than the run.
fn check_warm_up(config: &SupervisedConfig, facts: &DataFacts, check: &mut DataCheck<'_>) {
    let Budget::Steps(total) = config.budget() else { return };
    for labels in config.amounts() {
        let steps_per_epoch = labels.count(facts).div_ceil(config.batch_size.max(1));
        let warm_up = config.schedule.warmup_epochs() * steps_per_epoch as f64;
        if warm_up > total as f64 {
            let at = match labels {
                LabelAmount::Fraction(fraction) => format!("at the labeled fraction {fraction}"),
                LabelAmount::PerClass(_) => format!("with {labels}"),
            };
            let message = format!("`warmup_epochs` is {warm_up:.0} steps {at}, but the run has {total}");
            let help = "the learning rate would never reach its peak: set a larger `steps`".to_owned();
            check.report(&["schedule"], message, help);
            return;
        }
    }
}
