//! Numbers of events: progress, metrics of training, speed.

use serde::{Deserialize, Serialize};

/// Progress of a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Units completed; for a training run, steps since its start, also those before it was resumed.
    pub done: u64,
    /// Total number of units.
    pub total: u64,
    /// What is counted: `images`, `iterations`, `steps`. Empty in records of earlier versions.
    #[serde(default)]
    pub unit: String,
    /// Metrics of the last step of a training run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingMetrics>,
}

/// Metrics of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingMetrics {
    /// Epoch of the step, from 1.
    pub epoch: u64,
    /// Number of epochs of the whole run.
    pub epochs: u64,
    /// Loss on the batch, before the step.
    pub loss: f64,
    /// Loss of guessing, where it is known.
    pub chance_loss: Option<f64>,
    /// Accuracy on the batch, a fraction; contrastive accuracy where the loss is contrastive.
    pub accuracy: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// L2 norm of all gradients before clipping.
    pub gradient_norm: f64,
    /// Views per second since this process started training.
    pub views_per_second: f64,
    /// Fraction of that time spent waiting for data.
    pub waiting: f64,
}

/// Metrics of an epoch, or of several short ones together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Epoch that ended, from 1.
    pub epoch: u64,
    /// Number of steps taken at its end.
    pub step: u64,
    /// Mean training loss.
    pub loss: f64,
    /// Mean training accuracy, a fraction.
    pub accuracy: f64,
    /// Loss on the images on which training is monitored, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Accuracy on these images, a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
}

/// Speed of a training run in this process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSpeed {
    /// Views per second.
    pub views_per_second: f64,
    /// Fraction of the time spent waiting for data.
    pub waiting: f64,
    /// GFLOP/s, convolutions counted as direct ones.
    pub gigaflops: f64,
    /// Measured peak of the device in GFLOP/s, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_gigaflops: Option<f64>,
}
