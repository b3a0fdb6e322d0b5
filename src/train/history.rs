//! The history of a training run, a record per epoch.

use crate::train::StepReport;
use serde::{Deserialize, Serialize};

/// Metrics of an epoch; means are over its steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Mean training loss.
    pub loss: f64,
    /// Mean training accuracy: contrastive accuracy where the loss is contrastive.
    pub accuracy: f64,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean L2 norm of the gradients before clipping.
    pub gradient_norm: Option<f64>,
    /// Loss on the images that select the best weights.
    pub selection_loss: Option<f64>,
    /// Accuracy on the images that select the best weights.
    pub selection_accuracy: Option<f64>,
}

/// Running sums over the steps of an epoch, for its means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochMeans {
    steps: usize,
    loss: f64,
    accuracy: f64,
    gradient_norm: f64,
    learning_rate: f64,
}

impl EpochMeans {
    /// Adds one step.
    pub fn add(&mut self, step: &StepReport) {
        self.steps += 1;
        self.loss += step.loss;
        self.accuracy += step.accuracy;
        self.gradient_norm += step.gradient_norm;
        self.learning_rate = step.learning_rate;
    }

    /// Returns the number of steps added.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Returns the record of the epoch.
    pub fn record(&self, epoch: usize) -> EpochRecord {
        let steps = self.steps.max(1) as f64;
        EpochRecord {
            epoch,
            loss: self.loss / steps,
            accuracy: self.accuracy / steps,
            learning_rate: self.learning_rate,
            gradient_norm: Some(self.gradient_norm / steps),
            selection_loss: None,
            selection_accuracy: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_the_means_of_its_steps_and_the_last_learning_rate() {
        let mut means = EpochMeans::default();
        for loss in [1.0, 2.0] {
            means.add(&StepReport { loss, accuracy: 0.5, learning_rate: loss / 10.0, gradient_norm: 3.0 });
        }
        let record = means.record(1);
        assert_eq!((record.loss, record.learning_rate, record.gradient_norm), (1.5, 0.2, Some(3.0)));
    }
}
