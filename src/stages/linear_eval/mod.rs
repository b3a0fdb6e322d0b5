//! `[linear_eval.NAME]`: linear classifiers on frozen features, one per depth and labeled fraction.

mod by_epochs;
mod exact;
mod fit;
mod training;

pub use training::{LinearOptimizerConfig, LinearTraining};

use crate::base::Result;
use crate::engine::Cost;
use crate::optim::ScheduleConfig;
use crate::render::data::{CurveKind, EvaluationKind};
use crate::stages::dataset::Dataset;
use crate::stages::pretrain::{Pretrain, PretrainNode, add_features};
use crate::stages::shared::class_weights::ClassWeights;
use crate::stages::shared::cost;
use crate::stages::shared::depths::{self, encoder_output, grid, widths};
use crate::stages::shared::evaluation::EvaluationTarget;
use crate::stages::shared::labels::{
    Counts, Fractions, LabelAmount, LabelSampling, SelectOn, check_amounts, check_labeled, check_labels,
    check_selection, check_validation,
};
use crate::stages::shared::results::{Evaluated, ResultPart};
use crate::stages::shared::statistics::{BatchNormStatistics, BatchOrder, StatisticsKeys};
use crate::study::{Check, DataCheck, DataFacts, Expansion, Ref, StageKind};
use crate::train::Monitor;
use fit::LinearEvalStage;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// The section `linear_eval`.
pub struct LinearEval;

/// A linear classifier on frozen features of a pretraining stage.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LinearEval")]
pub struct LinearEvalConfig {
    /// Name of the pretraining stage.
    pub from: Ref<Pretrain>,
    /// Name of the data set, `[dataset.NAME]`. Default: that of the pretraining stage.
    pub dataset: Option<Ref<Dataset>>,
    /// Depths at which features are taken: 0 is the encoder output h, k the output of projection layer k.
    #[serde(default = "encoder_output")]
    #[schemars(extend("x-each" = true))]
    pub depths: Vec<usize>,
    /// Labeled fraction of the training set, or a list of fractions, each evaluated separately.
    #[serde(default)]
    pub labeled_fraction: Fractions,
    /// Number of labeled training images of each class, or a list of numbers, each evaluated separately, instead of
    /// `labeled_fraction`.
    pub labels_per_class: Option<Counts>,
    /// How labeled images are sampled.
    #[serde(default)]
    pub label_draw: LabelSampling,
    /// Batch-norm statistics that the encoder uses when features are computed.
    #[serde(default)]
    pub statistics: BatchNormStatistics,
    /// Images per batch with `statistics = "batch"`. Default: 64; Keras' `predict` uses 32.
    #[schemars(range(min = 2))]
    pub statistics_batch: Option<usize>,
    /// Order in which images are grouped into these batches. Default: `"dataset"`.
    pub statistics_order: Option<BatchOrder>,
    /// Standardize features to mean 0 and variance 1 over the labeled images.
    #[serde(default = "yes")]
    pub standardize: bool,
    /// The optimizer. Default: `{ lbfgs = {} }`, the exact solution; if `schedule`, `epochs`, `batch_size`,
    /// `early_stopping`, `monitor` or `patience` is set, `{ adam = { learning_rate = 1e-3 } }`.
    pub optimizer: Option<LinearOptimizerConfig>,
    /// The learning-rate schedule. Default: constant.
    pub schedule: Option<ScheduleConfig>,
    /// Maximum number of passes over the labeled images. Default: 100.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub epochs: Option<usize>,
    /// Images per batch; the last batch of an epoch may be smaller. Default: 64.
    #[schemars(range(min = 1))]
    pub batch_size: Option<usize>,
    /// Stop when `monitor` on the images of `select_on` has not improved for `patience` epochs, and restore the best
    /// weights; `false` trains for all epochs and keeps the last weights. Default: `true`.
    pub early_stopping: Option<bool>,
    /// Metric that early stopping monitors. Default: `"loss"`.
    pub monitor: Option<Monitor>,
    /// Epochs without improvement after which training stops. Default: 10. Not allowed with `early_stopping = false`.
    #[schemars(range(min = 1))]
    pub patience: Option<usize>,
    /// Weights of the classes in the loss: `"balanced"` for n / (k n_c) with n labeled images of k classes, n_c of them of
    /// class c, or a table such as `{ cat = 2.0 }`, in which other classes have 1. The loss is a weighted mean, as in
    /// PyTorch. Default: all 1.
    pub class_weights: Option<ClassWeights>,
    /// Images on which `c` or the best weights are selected.
    #[serde(default)]
    pub select_on: SelectOn,
}

fn yes() -> bool {
    true
}

impl LinearEvalConfig {
    fn statistics(&self) -> StatisticsKeys {
        StatisticsKeys { statistics: self.statistics, batch: self.statistics_batch, order: self.statistics_order }
    }

    /// Returns the amounts of labels, each of which is evaluated separately.
    fn amounts(&self) -> Vec<LabelAmount> {
        LabelAmount::all(&self.labeled_fraction, self.labels_per_class.as_ref())
    }

    fn target(&self) -> EvaluationTarget<'_> {
        EvaluationTarget { from: &self.from, dataset: self.dataset.as_ref() }
    }
}

impl StageKind for LinearEval {
    const SECTION: &'static str = "linear_eval";
    type Config = LinearEvalConfig;

    fn check(config: &LinearEvalConfig, check: &mut Check<'_>) {
        depths::check(&config.depths, &config.from, check);
        config.statistics().check(check);
        check_amounts(&config.labeled_fraction, config.labels_per_class.as_ref(), config.label_draw, check);
        training::check(config, check);
        // The exact solution does not require validation images.
        if let LinearTraining::Epochs { training, .. } = config.training()
            && let Some((name, data)) = config.target().dataset_config(check.pipeline())
        {
            check_validation(training.selects_on(), name, data, check);
        }
    }

    fn check_data(config: &LinearEvalConfig, check: &mut DataCheck<'_>) {
        let Ok(name) = config.target().dataset(check.pipeline()) else { return };
        let Ok(facts) = check.facts(name) else { return };
        if !check_labeled(name, facts, check) {
            return;
        }
        check_labels(&config.labeled_fraction, config.labels_per_class.as_ref(), config.label_draw, facts, check);
        config.class_weights.iter().for_each(|weights| weights.check(facts, check));
        if let LinearTraining::Epochs { training, .. } = config.training() {
            check_selection(training.selects_on(), name, facts, check);
        }
    }

    fn expand(config: &LinearEvalConfig, expansion: &mut Expansion<'_>) -> Result<()> {
        let dataset = config.target().dataset(expansion.pipeline())?;
        let facts = expansion.facts(dataset)?;
        let node = expansion.provided::<Pretrain, PretrainNode>(config.from.name())?;
        let inputs = add_features(&node, dataset, config.statistics().resolve(), expansion)?;
        let widths = widths(&node.pretrained.config, facts.config.image_size)?;
        let (seed, name, training) = (expansion.pipeline().seed, expansion.name().to_owned(), config.training());
        let config = Arc::new(config.clone());
        for (depth, labels) in grid(&config.depths, &config.amounts()) {
            let stage = LinearEvalStage { name: name.clone(), config: config.clone(), depth, labels, seed };
            let id = expansion.add(stage, &inputs)?;
            expansion.cost(id, cost(&training, (widths[depth], labels), facts));
            let stage = format!("linear_eval.{name}");
            let evaluated = Evaluated {
                selected_on_test: training.selects_on() == Some(SelectOn::Test),
                monitor: training.monitor(),
                ..Evaluated::of_features(
                    stage,
                    &node,
                    (depth, widths[depth]),
                    (labels, dataset, facts),
                    expansion.pipeline(),
                )
            };
            let curve = matches!(training, LinearTraining::Epochs { .. }).then_some(CurveKind::LinearEval);
            expansion.show(&[("result", id)], ResultPart { kind: EvaluationKind::LinearEval, curve, evaluated });
        }
        Ok(())
    }
}

/// Returns the maximum cost of training; work in MACs.
fn cost(training: &LinearTraining, (width, labels): (usize, LabelAmount), facts: &DataFacts) -> Cost {
    /// Approximate number of passes over the labeled images per regularization strength.
    const PASSES_PER_STRENGTH: usize = 40;
    let labeled = labels.count(facts);
    let macs_per_pass = (labeled * width * facts.classes.len()) as f64;
    match training {
        LinearTraining::Epochs { epochs, .. } => {
            Cost { work: *epochs as f64 * macs_per_pass, memory: cost::features_memory(facts.all() + labeled, width) }
        }
        // Standardized and rotated features are in 64 bits.
        LinearTraining::Lbfgs { c, .. } => Cost {
            work: (c.len() * PASSES_PER_STRENGTH) as f64 * macs_per_pass,
            memory: cost::features_memory(facts.all() + 5 * labeled, width),
        },
    }
}
