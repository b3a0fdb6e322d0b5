//! Checks of how classifiers are trained: which keys go together, and what is meant where they are left out.

use super::{Checker, Stage};
use crate::config::pipeline::{Budget, ClassifierTraining, LinearTraining};
use crate::config::raw::{RawLinearEval, RawSupervised, adam, constant};
use crate::train::logistic::LbfgsConfig;
use crate::train::{Monitor, Patience, Stopping};

/// Epochs without anything better after which training stops, where the file does not say.
const DEFAULT_PATIENCE: usize = 10;
/// Epochs of a linear classifier that is trained by epochs, and images of its batch.
const DEFAULT_EPOCHS: (usize, usize) = (100, 64);
/// Steps of a supervised network: with batches of 64 as many images as 10,000 images in 12 epochs, whether the labels are
/// few or many.
const DEFAULT_STEPS: usize = 2000;

impl Checker<'_> {
    /// How a linear classifier is trained: exactly, unless a key says otherwise.
    pub(super) fn linear_training(&mut self, stage: Stage<'_>, raw: &RawLinearEval) -> LinearTraining {
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
                written.iter().for_each(|key| self.key_of_epochs(stage, key));
                return self.exact(stage, raw, config);
            }
            None => adam(),
            Some(Ok(optimizer)) => optimizer,
        };
        let (epochs, batch_size) = (raw.epochs.unwrap_or(DEFAULT_EPOCHS.0), raw.batch_size.unwrap_or(DEFAULT_EPOCHS.1));
        let schedule = raw.schedule.clone().unwrap_or_else(constant);
        self.optimizer(stage, &optimizer);
        self.schedule(stage, &schedule, epochs);
        let stopping = self.stopping(
            stage,
            raw.early_stopping.unwrap_or(true),
            Stopping {
                monitor: raw.monitor.unwrap_or(Monitor::Loss),
                patience: Patience::Epochs(raw.patience.unwrap_or(DEFAULT_PATIENCE)),
            },
        );
        let training = ClassifierTraining { optimizer, schedule, batch_size, stopping, select_on: raw.select_on };
        LinearTraining::Epochs { epochs, training }
    }

    fn exact(&mut self, stage: Stage<'_>, raw: &RawLinearEval, config: LbfgsConfig) -> LinearTraining {
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

    fn key_of_epochs(&mut self, stage: Stage<'_>, key: &str) {
        let message = format!("`{key}` has no effect beside `optimizer = {{ lbfgs = ... }}`, which has no epochs");
        let help = "take it out, or choose another optimizer, such as `{ adam = { learning_rate = 1e-3 } }`".to_owned();
        self.report(&stage.at(&[key]), message, help);
    }

    /// How a supervised network is trained, and for how long.
    pub(super) fn supervised_training(
        &mut self,
        stage: Stage<'_>,
        raw: &RawSupervised,
    ) -> (Budget, ClassifierTraining) {
        if raw.steps.is_some() && raw.epochs.is_some() {
            let help = "take out one of the two".to_owned();
            self.report(&stage.at(&["steps"]), "`steps` has no effect beside `epochs`: both say how long", help);
        }
        let budget = match (raw.steps, raw.epochs) {
            (None, Some(epochs)) => Budget::Epochs(epochs),
            (steps, _) => Budget::Steps(steps.unwrap_or(DEFAULT_STEPS)),
        };
        self.optimizer(stage, &raw.optimizer);
        // How many epochs some steps are is known only when the images have been counted.
        self.schedule(stage, &raw.schedule, raw.epochs.unwrap_or(0));
        if raw.patience.is_some() && raw.patience_steps.is_some() {
            let help = "take out one of the two".to_owned();
            self.report(&stage.at(&["patience_steps"]), "`patience_steps` has no effect beside `patience`", help);
        }
        let is_wanted = raw.monitor.is_some() || raw.patience.is_some() || raw.patience_steps.is_some();
        let early = raw.early_stopping.unwrap_or(is_wanted);
        let patience = match (raw.patience, raw.patience_steps, budget) {
            (Some(epochs), ..) => Patience::Epochs(epochs),
            (None, Some(steps), _) => Patience::Steps(steps),
            (None, None, Budget::Epochs(_)) => Patience::Epochs(DEFAULT_PATIENCE),
            (None, None, Budget::Steps(steps)) => Patience::Steps(steps.div_ceil(4)),
        };
        let monitor = raw.monitor.unwrap_or(Monitor::Accuracy);
        let stopping = self.stopping(stage, early, Stopping { monitor, patience });
        let (optimizer, schedule) = (raw.optimizer.clone(), raw.schedule.clone());
        let (batch_size, select_on) = (raw.batch_size, raw.select_on);
        (budget, ClassifierTraining { optimizer, schedule, batch_size, stopping, select_on })
    }

    /// The rule of early stopping; none where there is none, which its keys do not go with.
    fn stopping(&mut self, stage: Stage<'_>, early: bool, rule: Stopping) -> Option<Stopping> {
        if !early {
            for key in ["monitor", "patience", "patience_steps"] {
                if self.is_written(&stage.at(&[key])) {
                    let message = format!("`{key}` has no effect beside `early_stopping = false`");
                    self.report(&stage.at(&[key]), message, "take out one of the two".to_owned());
                }
            }
            return None;
        }
        Some(rule)
    }
}
