//! When to stop training a classifier, and which weights to keep.

use crate::train::EpochRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is watched on images that are not trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// The cross-entropy; smaller is better.
    Loss,
    /// The accuracy; of equal ones the smaller cross-entropy is better.
    Accuracy,
}

/// How long training goes on without anything better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Patience {
    /// Epochs.
    Epochs(usize),
    /// Steps.
    Steps(usize),
}

/// A rule of early stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stopping {
    /// What is watched.
    pub monitor: Monitor,
    /// How long training goes on without anything better.
    pub patience: Patience,
}

/// Watches training on images that are not trained on, by a rule; without one training runs to its end and the last
/// weights are kept.
///
/// As Keras' `EarlyStopping` with `restore_best_weights`: training stops at the `patience`-th epoch in a row that is no
/// better than the best. A loss that is not a number is never better. Without such images every epoch counts as better.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    rule: Option<Stopping>,
    best: Option<Best>,
    /// Last epoch and step that were observed.
    now: (usize, u64),
}

#[derive(Clone, Copy, Debug)]
struct Best {
    epoch: usize,
    step: u64,
    loss: Option<f64>,
    accuracy: Option<f64>,
}

impl EarlyStopping {
    /// Before the first epoch.
    pub fn new(rule: Option<Stopping>) -> Self {
        Self { rule, best: None, now: (0, 0) }
    }

    /// Takes what was measured after an epoch and so many steps; whether it is the best so far by the rule, so that its
    /// weights are to be kept.
    pub fn observe(&mut self, record: &EpochRecord, step: u64) -> bool {
        self.now = (record.epoch, step);
        let Some(Stopping { monitor, .. }) = self.rule else { return false };
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

    /// Whether training is to stop.
    pub fn is_over(&self) -> bool {
        let Some(Stopping { patience, .. }) = self.rule else { return false };
        let (epoch, step) = self.best.map_or((0, 0), |best| (best.epoch, best.step));
        match patience {
            Patience::Epochs(epochs) => self.now.0 - epoch >= epochs.max(1),
            Patience::Steps(steps) => self.now.1 - step >= steps.max(1) as u64,
        }
    }

    /// The epoch, from 1, whose weights are kept; 0 where none was better than the start.
    pub fn kept_epoch(&self) -> usize {
        match self.rule {
            Some(_) => self.best.map_or(0, |best| best.epoch),
            None => self.now.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::EpochMeans;

    const LOSS: Stopping = Stopping { monitor: Monitor::Loss, patience: Patience::Epochs(2) };

    /// Ten steps per epoch; for each epoch whether it was the best so far and whether training is over.
    fn watch(rule: Option<Stopping>, measured: &[(Option<f64>, f64)]) -> (Vec<(bool, bool)>, usize) {
        let mut stopping = EarlyStopping::new(rule);
        let seen = measured.iter().enumerate().map(|(i, &(selection_loss, accuracy))| {
            let selection_accuracy = Some(accuracy);
            let record = EpochRecord { selection_loss, selection_accuracy, ..EpochMeans::default().record(i + 1) };
            (stopping.observe(&record, 10 * (i as u64 + 1)), stopping.is_over())
        });
        (seen.collect(), stopping.kept_epoch())
    }

    #[test]
    fn it_stops_after_patience_and_remembers_the_best() {
        let measured = [1.0, 1.0, 0.5, f64::NAN, 0.6].map(|loss| (Some(loss), 0.0));
        let wanted = vec![(true, false), (false, false), (true, false), (false, false), (false, true)];
        assert_eq!(watch(Some(LOSS), &measured), (wanted, 3));
    }

    #[test]
    fn accuracy_decides_and_the_loss_between_equal_ones() {
        let rule = Stopping { monitor: Monitor::Accuracy, ..LOSS };
        let measured = [(1.0, 0.5), (2.0, 0.6), (1.5, 0.6), (0.1, 0.5), (1.5, 0.6)];
        let measured = measured.map(|(loss, accuracy)| (Some(loss), accuracy));
        let wanted = vec![(true, false), (true, false), (true, false), (false, false), (false, true)];
        assert_eq!(watch(Some(rule), &measured), (wanted, 3));
    }

    #[test]
    fn patience_in_steps() {
        let rule = Stopping { patience: Patience::Steps(25), ..LOSS };
        let measured = [1.0, 2.0, 2.0, 2.0].map(|loss| (Some(loss), 0.0));
        let wanted = vec![(true, false), (false, false), (false, false), (false, true)];
        assert_eq!(watch(Some(rule), &measured), (wanted, 1));
    }

    #[test]
    fn without_a_rule_it_never_stops_and_keeps_the_last() {
        let measured = [0.0, 1.0, 2.0].map(|loss| (Some(loss), 0.0));
        assert_eq!(watch(None, &measured), (vec![(false, false); 3], 3));
    }

    #[test]
    fn without_images_to_choose_on_the_last_epoch_is_the_best() {
        let rule = Stopping { patience: Patience::Epochs(1), ..LOSS };
        assert_eq!(watch(Some(rule), &[(None, 0.0); 3]), (vec![(true, false); 3], 3));
    }

    #[test]
    fn nothing_is_better_than_the_start_where_every_loss_is_not_a_number() {
        assert_eq!(watch(Some(LOSS), &[(Some(f64::NAN), 0.5); 2]), (vec![(false, false), (false, true)], 0));
    }
}
