//! How classifiers are trained by minibatches.

use crate::optim::{AdamConfig, OptimizerConfig, ScheduleConfig};
use crate::stages::shared::labels::SelectOn;
use crate::study::Check;
use crate::train::{Monitor, StoppingRule};
use serde::Serialize;

/// Default number of epochs without improvement after which training stops.
pub(in crate::stages) const DEFAULT_PATIENCE: usize = 10;

/// How a classifier is trained, by minibatches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassifierTraining {
    /// Optimizer.
    pub optimizer: OptimizerConfig,
    /// Learning-rate schedule.
    pub schedule: ScheduleConfig,
    /// Images per batch; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Early stopping, which restores the best weights; `None` trains to the end and keeps the last weights.
    pub stopping: Option<StoppingRule>,
    /// Images on which training is monitored.
    pub select_on: SelectOn,
}

impl ClassifierTraining {
    /// Returns the metric that early stopping monitors; `None` if the last weights are kept.
    pub(crate) fn monitor(&self) -> Option<Monitor> {
        self.stopping.map(|stopping| stopping.monitor)
    }

    /// Returns the images on which weights are selected; `None` if the last weights are kept.
    pub(crate) fn selects_on(&self) -> Option<SelectOn> {
        self.stopping.map(|_| self.select_on)
    }
}

/// Returns the default optimizer of classifiers.
pub(in crate::stages) fn adam() -> OptimizerConfig {
    OptimizerConfig::Adam(AdamConfig::with_learning_rate(1e-3))
}

/// Reports keys of early stopping if it is off.
pub(in crate::stages) fn check_stopping(early_stopping: bool, check: &mut Check<'_>) {
    if !early_stopping {
        let keys = ["monitor", "patience", "patience_steps"];
        check.no_effect(&keys, "`early_stopping = false`", "remove one of the two");
    }
}
