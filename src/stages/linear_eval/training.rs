//! How a linear classifier is trained: exactly by default, or by minibatches.

use crate::optim::schedule::ConstantConfig;
use crate::optim::{self, OptimizerConfig, ScheduleConfig, optimizers};
use crate::stages::linear_eval::LinearEvalConfig;
use crate::stages::shared::classifier::{ClassifierTraining, DEFAULT_PATIENCE, adam, check_stopping};
use crate::stages::shared::labels::SelectOn;
use crate::stages::shared::schedule::{check_optimizer, check_schedule};
use crate::study::Check;
use crate::train::logistic::LbfgsConfig;
use crate::train::{Monitor, Patience, StoppingRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares the optimizers of a linear classifier: those of `optim`, and L-BFGS.
macro_rules! declare_linear_optimizers {
    ([$($module:ident: $variant:ident($config:ident),)*]) => {
        /// The optimizer of a linear classifier.
        #[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum LinearOptimizerConfig {
            /// L-BFGS: the exact minimum of multinomial logistic regression with an L2 penalty; has no epochs.
            Lbfgs(LbfgsConfig),
            $(
                #[doc = concat!("`", stringify!($module), "`.")]
                #[schemars(description = optim::$config::SUMMARY)]
                $variant(optim::$config),
            )*
        }

        impl LinearOptimizerConfig {
            /// Returns the optimizer of minibatch training as `Ok`, or the settings of the exact solution as `Err`.
            fn split(self) -> Result<OptimizerConfig, LbfgsConfig> {
                match self {
                    Self::Lbfgs(config) => Err(config),
                    $(Self::$variant(config) => Ok(OptimizerConfig::$variant(config)),)*
                }
            }
        }
    };
}

optimizers!(declare_linear_optimizers);

/// Default number of epochs of minibatch training.
const DEFAULT_EPOCHS: usize = 100;
/// Default batch size of minibatch training.
const DEFAULT_BATCH_SIZE: usize = 64;

/// Keys that have no effect on the exact solution.
const EPOCH_KEYS: [&str; 6] = ["schedule", "epochs", "batch_size", "early_stopping", "monitor", "patience"];

/// How a linear classifier is trained.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinearTraining {
    /// The exact solution of the regularized problem.
    Lbfgs {
        /// Inverse strengths of regularization, in increasing order; the best one is selected.
        c: Vec<f64>,
        /// Images on which it is selected.
        select_on: SelectOn,
    },
    /// By minibatches.
    Epochs {
        /// Maximum number of passes over the labeled images.
        epochs: usize,
        /// Settings of training.
        training: ClassifierTraining,
    },
}

impl LinearTraining {
    /// Returns the images on which something is selected or training is monitored.
    pub(crate) fn monitored_on(&self) -> SelectOn {
        match self {
            Self::Lbfgs { select_on, .. } => *select_on,
            Self::Epochs { training, .. } => training.select_on,
        }
    }

    /// Returns the metric that early stopping monitors, if any.
    pub fn monitor(&self) -> Option<Monitor> {
        match self {
            Self::Lbfgs { .. } => None,
            Self::Epochs { training, .. } => training.monitor(),
        }
    }

    /// Returns the images on which something is selected, if anything is.
    pub(crate) fn selects_on(&self) -> Option<SelectOn> {
        match self {
            Self::Lbfgs { c, select_on } => (c.len() > 1).then_some(*select_on),
            Self::Epochs { training, .. } => training.selects_on(),
        }
    }
}

impl LinearEvalConfig {
    /// Resolves the keys, with defaults.
    pub fn training(&self) -> LinearTraining {
        let select_on = self.select_on;
        let optimizer = match self.optimizer.clone().map(LinearOptimizerConfig::split) {
            None if !self.is_by_epochs() => return lbfgs(LbfgsConfig::default(), select_on),
            Some(Err(config)) => return lbfgs(config, select_on),
            None => adam(),
            Some(Ok(optimizer)) => optimizer,
        };
        let batch_size = self.batch_size.unwrap_or(DEFAULT_BATCH_SIZE);
        let rule = StoppingRule {
            monitor: self.monitor.unwrap_or(Monitor::Loss),
            patience: Patience::Epochs(self.patience.unwrap_or(DEFAULT_PATIENCE)),
        };
        let training = ClassifierTraining {
            optimizer: optimizer.for_batch_size(batch_size),
            schedule: self.schedule.clone().unwrap_or_else(constant),
            batch_size,
            stopping: self.early_stopping.unwrap_or(true).then_some(rule),
            select_on,
        };
        LinearTraining::Epochs { epochs: self.epochs.unwrap_or(DEFAULT_EPOCHS), training }
    }

    /// Returns whether a key that only minibatch training has is set.
    fn is_by_epochs(&self) -> bool {
        self.schedule.is_some()
            || self.epochs.is_some()
            || self.batch_size.is_some()
            || self.early_stopping.is_some()
            || self.monitor.is_some()
            || self.patience.is_some()
    }
}

fn lbfgs(config: LbfgsConfig, select_on: SelectOn) -> LinearTraining {
    let mut c = config.c.0;
    c.sort_by(f64::total_cmp);
    LinearTraining::Lbfgs { c, select_on }
}

/// Returns the default schedule.
fn constant() -> ScheduleConfig {
    ScheduleConfig::Constant(ConstantConfig::default())
}

/// Reports keys that cannot be combined.
pub(super) fn check(config: &LinearEvalConfig, check: &mut Check<'_>) {
    match config.training() {
        LinearTraining::Lbfgs { .. } => check_exact(config, check),
        LinearTraining::Epochs { epochs, training } => {
            let as_written = config.optimizer.clone().and_then(|optimizer| optimizer.split().ok());
            check_optimizer(&as_written.unwrap_or_else(adam), check);
            check_schedule(&training.schedule, epochs, check);
            check_stopping(config.early_stopping.unwrap_or(true), check);
        }
    }
}

fn check_exact(config: &LinearEvalConfig, check: &mut Check<'_>) {
    let help = "remove it, or use another optimizer, such as `{ adam = { learning_rate = 1e-3 } }`";
    check.no_effect(&EPOCH_KEYS, "`optimizer = { lbfgs = ... }`, which has no epochs", help);
    let Some(LinearOptimizerConfig::Lbfgs(LbfgsConfig { c, .. })) = &config.optimizer else { return };
    for (index, value) in c.0.iter().enumerate().filter(|(index, value)| c.0[..*index].contains(value)) {
        let keys = ["optimizer", "lbfgs", "c", &index.to_string()];
        check.report(&keys, format!("the value {value} is listed twice"), None);
    }
}
