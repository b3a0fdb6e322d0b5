//! Checks of the training of classifiers: which keys can be combined, and their defaults.

use super::{Checker, TableRef};
use crate::config::pipeline::{Budget, ClassifierTraining, LinearTraining};
use crate::config::raw::{RawLinearEval, RawSupervised, adam, constant};
use crate::train::logistic::LbfgsConfig;
use crate::train::{Monitor, Patience, StoppingRule};

/// Default number of epochs without improvement after which training stops.
const DEFAULT_PATIENCE: usize = 10;
/// Default epochs and batch size of a linear classifier trained by minibatches.
const DEFAULT_EPOCHS: (usize, usize) = (100, 64);
/// Default number of steps of a supervised network, for any number of labels; with batches of 64 about 13 epochs of
/// 10,000 images.
const DEFAULT_STEPS: usize = 2000;

impl Checker<'_> {
    /// Returns the training of a linear classifier: the exact solution, unless a key of minibatch training is set.
    pub(super) fn linear_training(&mut self, stage: TableRef<'_>, raw: &RawLinearEval) -> LinearTraining {
        let epoch_keys = [
            ("schedule", raw.schedule.is_some()),
            ("epochs", raw.epochs.is_some()),
            ("batch_size", raw.batch_size.is_some()),
            ("early_stopping", raw.early_stopping.is_some()),
            ("monitor", raw.monitor.is_some()),
            ("patience", raw.patience.is_some()),
        ];
        let written: Vec<&str> = epoch_keys.iter().filter(|(_, is_written)| *is_written).map(|(key, _)| *key).collect();
        let optimizer = match raw.optimizer.clone().map(|optimizer| optimizer.split()) {
            None if written.is_empty() => return self.exact(stage, raw, LbfgsConfig::default()),
            Some(Err(config)) => {
                written.iter().for_each(|key| self.report_epoch_key(stage, key));
                return self.exact(stage, raw, config);
            }
            None => adam(),
            Some(Ok(optimizer)) => optimizer,
        };
        let (epochs, batch_size) = (raw.epochs.unwrap_or(DEFAULT_EPOCHS.0), raw.batch_size.unwrap_or(DEFAULT_EPOCHS.1));
        let schedule = raw.schedule.clone().unwrap_or_else(constant);
        self.optimizer(stage, &optimizer);
        self.schedule(stage, &schedule, epochs);
        let optimizer = optimizer.for_batch_size(batch_size);
        let stopping = self.stopping(
            stage,
            raw.early_stopping.unwrap_or(true),
            StoppingRule {
                monitor: raw.monitor.unwrap_or(Monitor::Loss),
                patience: Patience::Epochs(raw.patience.unwrap_or(DEFAULT_PATIENCE)),
            },
        );
        let training = ClassifierTraining { optimizer, schedule, batch_size, stopping, select_on: raw.select_on };
        LinearTraining::Epochs { epochs, training }
    }

    fn exact(&mut self, stage: TableRef<'_>, raw: &RawLinearEval, config: LbfgsConfig) -> LinearTraining {
        let mut c = config.c.0;
        for (index, value) in c.iter().enumerate() {
            if c[..index].contains(value) {
                let mut path = stage.at(&["optimizer", "lbfgs", "c"]);
                path.push(index.into());
                self.report(&path, format!("the value {value} is listed twice"), None);
            }
        }
        c.sort_by(f64::total_cmp);
        LinearTraining::Lbfgs { c, select_on: raw.select_on }
    }

    fn report_epoch_key(&mut self, stage: TableRef<'_>, key: &str) {
        let message = format!("`{key}` cannot be combined with `optimizer = {{ lbfgs = ... }}`, which has no epochs");
        let help = "remove it, or use another optimizer, such as `{ adam = { learning_rate = 1e-3 } }`".to_owned();
        self.report(&stage.at(&[key]), message, help);
    }

    /// Returns the length and the training of a supervised network.
    pub(super) fn supervised_training(
        &mut self,
        stage: TableRef<'_>,
        raw: &RawSupervised,
    ) -> (Budget, ClassifierTraining) {
        if raw.steps.is_some() && raw.epochs.is_some() {
            let help = "remove one of the two".to_owned();
            self.report(
                &stage.at(&["steps"]),
                "`steps` cannot be combined with `epochs`: both set the length of training",
                help,
            );
        }
        let budget = match (raw.steps, raw.epochs) {
            (None, Some(epochs)) => Budget::Epochs(epochs),
            (steps, _) => Budget::Steps(steps.unwrap_or(DEFAULT_STEPS)),
        };
        self.optimizer(stage, &raw.optimizer);
        // The number of epochs of a budget in steps depends on the number of images.
        self.schedule(stage, &raw.schedule, raw.epochs.unwrap_or(0));
        if raw.patience.is_some() && raw.patience_steps.is_some() {
            let help = "remove one of the two".to_owned();
            self.report(&stage.at(&["patience_steps"]), "`patience_steps` cannot be combined with `patience`", help);
        }
        let has_keys = raw.monitor.is_some() || raw.patience.is_some() || raw.patience_steps.is_some();
        let early = raw.early_stopping.unwrap_or(has_keys);
        let patience = match (raw.patience, raw.patience_steps, budget) {
            (Some(epochs), ..) => Patience::Epochs(epochs),
            (None, Some(steps), _) => Patience::Steps(steps),
            (None, None, Budget::Epochs(_)) => Patience::Epochs(DEFAULT_PATIENCE),
            (None, None, Budget::Steps(steps)) => Patience::Steps(steps.div_ceil(4)),
        };
        let monitor = raw.monitor.unwrap_or(Monitor::Accuracy);
        let stopping = self.stopping(stage, early, StoppingRule { monitor, patience });
        let (optimizer, schedule) = (raw.optimizer.for_batch_size(raw.batch_size), raw.schedule.clone());
        let (batch_size, select_on) = (raw.batch_size, raw.select_on);
        (budget, ClassifierTraining { optimizer, schedule, batch_size, stopping, select_on })
    }

    /// Returns the rule of early stopping, if enabled; otherwise reports its keys.
    fn stopping(&mut self, stage: TableRef<'_>, early: bool, rule: StoppingRule) -> Option<StoppingRule> {
        if !early {
            for key in ["monitor", "patience", "patience_steps"] {
                if self.is_written(&stage.at(&[key])) {
                    let message = format!("`{key}` cannot be combined with `early_stopping = false`");
                    self.report(&stage.at(&[key]), message, "remove one of the two".to_owned());
                }
            }
            return None;
        }
        Some(rule)
    }
}
