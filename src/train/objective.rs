//! What a training run minimizes, on whole batches and on shards.

use crate::base::Result;
use crate::group::ShardedBatch;
use crate::loss::{ContrastiveLoss, LossConfig, ShardedLoss, cross_entropy, sharded_cross_entropy, sharded_loss};
use crate::nn::Taped;
use crate::train::{Compute, TapedLoss};

/// The loss of a training run.
pub trait Objective {
    /// Returns the loss of a whole batch on the tape of the network's outputs, and the accuracy.
    ///
    /// # Errors
    /// The device failed.
    fn taped<D: Compute>(&self, outputs: Taped<D>, labels: &[usize]) -> Result<TapedLoss<D>>;

    /// Returns the loss of a batch over all shards, with the gradients of this rank's outputs.
    ///
    /// # Errors
    /// Another rank failed.
    fn sharded(&self, batch: &ShardedBatch, outputs: &[Vec<f32>], labels: &[usize]) -> Result<ShardedLoss>;
}

impl Objective for LossConfig {
    fn taped<D: Compute>(&self, outputs: Taped<D>, _: &[usize]) -> Result<TapedLoss<D>> {
        let output = self.evaluate(outputs)?;
        Ok((output.loss, output.accuracy))
    }

    fn sharded(&self, batch: &ShardedBatch, outputs: &[Vec<f32>], _: &[usize]) -> Result<ShardedLoss> {
        sharded_loss(self, batch, outputs)
    }
}

/// Cross-entropy of logits.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy<'a> {
    /// Weight of each class, if they differ.
    pub class_weights: Option<&'a [f64]>,
}

impl Objective for CrossEntropy<'_> {
    fn taped<D: Compute>(&self, outputs: Taped<D>, labels: &[usize]) -> Result<TapedLoss<D>> {
        cross_entropy(outputs, labels, self.class_weights)
    }

    fn sharded(&self, batch: &ShardedBatch, outputs: &[Vec<f32>], labels: &[usize]) -> Result<ShardedLoss> {
        sharded_cross_entropy(batch, outputs, labels, self.class_weights)
    }
}
