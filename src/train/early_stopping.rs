//! Early stopping of classifiers.

use crate::train::EpochRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Metric monitored on images that are not trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// Cross-entropy; lower is better.
    Loss,
    /// Accuracy; among equal ones the lower cross-entropy is better.
    Accuracy,
}

/// How long training continues without improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Patience {
    /// Epochs.
    Epochs(usize),
    /// Steps.
    Steps(usize),
}

/// Metric and patience of early stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StoppingRule {
    /// Metric.
    pub monitor: Monitor,
    /// How long training continues without improvement.
    pub patience: Patience,
}

/// Early stopping on images that are not trained on; without a rule, training runs to its end and the last weights are
/// kept.
///
/// As Keras's `EarlyStopping` with `restore_best_weights`: training stops after `patience` consecutive epochs without
/// improvement. A NaN loss is never an improvement. Without such images every epoch counts as an improvement.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    rule: Option<StoppingRule>,
    best: Option<Best>,
    /// Last epoch and step observed.
    latest: (usize, u64),
}

#[derive(Clone, Copy, Debug)]
struct Best {
    epoch: usize,
    step: u64,
    loss: Option<f64>,
    accuracy: Option<f64>,
}

impl EarlyStopping {
    /// Creates the state before the first epoch.
    pub fn new(rule: Option<StoppingRule>) -> Self {
        Self { rule, best: None, latest: (0, 0) }
    }

    /// Observes the metrics after an epoch, `step` steps from the start; returns whether it is the best epoch so far,
    /// whose weights are to be kept.
    pub fn observe(&mut self, record: &EpochRecord, step: u64) -> bool {
        self.latest = (record.epoch, step);
        let Some(StoppingRule { monitor, .. }) = self.rule else { return false };
        let is_better = match (record.selection_loss, &self.best) {
            (None, _) => true,
            (Some(loss), None) => !loss.is_nan(),
            (Some(loss), Some(best)) => match monitor {
                Monitor::Loss => best.loss.is_none_or(|best| loss < best),
                Monitor::Accuracy if record.selection_accuracy == best.accuracy => {
                    best.loss.is_none_or(|best| loss < best)
                }
                Monitor::Accuracy => !loss.is_nan() && record.selection_accuracy > best.accuracy,
            },
        };
        if is_better {
            let (epoch, loss, accuracy) = (record.epoch, record.selection_loss, record.selection_accuracy);
            self.best = Some(Best { epoch, step, loss, accuracy });
        }
        is_better
    }

    /// Returns whether to stop training.
    pub fn is_over(&self) -> bool {
        let Some(StoppingRule { patience, .. }) = self.rule else { return false };
        let (epoch, step) = self.best.map_or((0, 0), |best| (best.epoch, best.step));
        match patience {
            Patience::Epochs(epochs) => self.latest.0 - epoch >= epochs.max(1),
            Patience::Steps(steps) => self.latest.1 - step >= steps.max(1) as u64,
        }
    }

    /// Returns the epoch, from 1, whose weights are kept; 0 if no epoch was an improvement.
    pub fn kept_epoch(&self) -> usize {
        match self.rule {
            Some(_) => self.best.map_or(0, |best| best.epoch),
            None => self.latest.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::EpochMeans;

    const LOSS_RULE: StoppingRule = StoppingRule { monitor: Monitor::Loss, patience: Patience::Epochs(2) };

    /// Returns for each epoch of 10 steps whether it was the best so far and whether training is over; and the kept
    /// epoch.
    fn observe_all(rule: Option<StoppingRule>, measured: &[(Option<f64>, f64)]) -> (Vec<(bool, bool)>, usize) {
        let mut stopping = EarlyStopping::new(rule);
        let observed = measured.iter().enumerate().map(|(i, &(selection_loss, accuracy))| {
            let selection_accuracy = Some(accuracy);
            let record = EpochRecord { selection_loss, selection_accuracy, ..EpochMeans::default().record(i + 1) };
            (stopping.observe(&record, 10 * (i as u64 + 1)), stopping.is_over())
        });
        (observed.collect(), stopping.kept_epoch())
    }

    #[test]
    fn training_stops_after_patience_and_the_best_epoch_is_kept() {
        let measured = [1.0, 1.0, 0.5, f64::NAN, 0.6].map(|loss| (Some(loss), 0.0));
        let expected = vec![(true, false), (false, false), (true, false), (false, false), (false, true)];
        assert_eq!(observe_all(Some(LOSS_RULE), &measured), (expected, 3));
    }

    #[test]
    fn equal_accuracies_are_decided_by_the_loss() {
        let rule = StoppingRule { monitor: Monitor::Accuracy, ..LOSS_RULE };
        let measured = [(1.0, 0.5), (2.0, 0.6), (1.5, 0.6), (0.1, 0.5), (1.5, 0.6)];
        let measured = measured.map(|(loss, accuracy)| (Some(loss), accuracy));
        let expected = vec![(true, false), (true, false), (true, false), (false, false), (false, true)];
        assert_eq!(observe_all(Some(rule), &measured), (expected, 3));
    }

    #[test]
    fn patience_in_steps() {
        let rule = StoppingRule { patience: Patience::Steps(25), ..LOSS_RULE };
        let measured = [1.0, 2.0, 2.0, 2.0].map(|loss| (Some(loss), 0.0));
        let expected = vec![(true, false), (false, false), (false, false), (false, true)];
        assert_eq!(observe_all(Some(rule), &measured), (expected, 1));
    }

    #[test]
    fn without_a_rule_training_never_stops_and_the_last_epoch_is_kept() {
        let measured = [0.0, 1.0, 2.0].map(|loss| (Some(loss), 0.0));
        assert_eq!(observe_all(None, &measured), (vec![(false, false); 3], 3));
    }

    #[test]
    fn without_selection_images_the_last_epoch_is_kept() {
        let rule = StoppingRule { patience: Patience::Epochs(1), ..LOSS_RULE };
        assert_eq!(observe_all(Some(rule), &[(None, 0.0); 3]), (vec![(true, false); 3], 3));
    }

    #[test]
    fn no_epoch_is_kept_when_every_loss_is_nan() {
        assert_eq!(observe_all(Some(LOSS_RULE), &[(Some(f64::NAN), 0.5); 2]), (vec![(false, false), (false, true)], 0));
    }
}
