//! One optimization step on a batch that is cut into shards, whose sums are the same bytes for any number of ranks.
//!
//! With micro-batches (GradCache: Gao et al. 2021, arXiv 2101.06983), the outputs of all shards are computed first, a few
//! shards at a time and without keeping activations; then the loss and its gradients; then the same shards once more,
//! with activations, for the backward pass. The result has the same bytes, in the memory of a few shards.

use crate::base::Result;
use crate::group::{Sharding, TreeSum};
use crate::loss::ShardedLoss;
use crate::model::{ForwardMode, Network, ShardedStep};
use crate::nn::Backend;
use crate::train::objective::Objective;
use crate::train::{Compute, StepReport, TrainState, UploadedBatch};

/// How the batches of a training run are cut.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// The shards.
    pub sharding: Sharding,
    /// Shards of a rank whose activations are in memory at once, a power of two; `None` for all.
    pub at_once: Option<usize>,
}

impl<D: Compute> TrainState<D> {
    /// Cuts batches into shards from now on.
    #[must_use]
    pub fn on_shards(mut self, shards: ShardConfig) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Takes one step on the shards of this rank, and runs `meanwhile` before the update. The inner result, which is the
    /// same on every rank, is an error if the loss or a gradient is not finite.
    ///
    /// # Errors
    /// The device, `meanwhile` or another rank failed.
    pub fn step_on_shards<T>(
        &mut self,
        shards: &ShardConfig,
        batch: UploadedBatch<D>,
        objective: &impl Objective,
        meanwhile: impl FnOnce(&Network<D>) -> Result<T>,
    ) -> Result<(Result<StepReport>, T)> {
        let UploadedBatch { images, labels, images_of_batch, .. } = batch;
        let mut step = self.network.sharded_step(shards.sharding.batch(images_of_batch));
        let loss = match shards.at_once.filter(|count| *count < images.len()) {
            Some(count) => in_micro_batches(&mut self.network, &mut step, images, count, objective, &labels)?,
            None => at_once(&mut self.network, &mut step, images, objective, &labels)?,
        };
        self.network.finish_shards(&mut step)?;
        self.network.sum_gradients(step.batch())?;
        let result = meanwhile(&self.network)?;
        Ok((self.update(loss.loss, loss.accuracy), result))
    }
}

/// Writes the gradients of the parameters, with the activations of all shards in memory.
fn at_once<D: Backend>(
    network: &mut Network<D>,
    step: &mut ShardedStep,
    images: Vec<D::Map>,
    objective: &impl Objective,
    labels: &[usize],
) -> Result<ShardedLoss> {
    let (outputs, activations) = network.forward_shards(step, images, ForwardMode::Train)?;
    let mut loss = objective.sharded(step.batch(), &outputs, labels)?;
    network.backward_shards(step, activations, std::mem::take(&mut loss.gradients))?;
    Ok(loss)
}

/// Writes the gradients of the parameters, with the activations of `count` shards in memory.
fn in_micro_batches<D: Backend>(
    network: &mut Network<D>,
    step: &mut ShardedStep,
    images: Vec<D::Map>,
    count: usize,
    objective: &impl Objective,
    labels: &[usize],
) -> Result<ShardedLoss> {
    step.restrict(count);
    let (mut outputs, mut kept, mut images) = (Vec::new(), Vec::new(), images.into_iter().peekable());
    while images.peek().is_some() {
        let some = images.by_ref().take(count).collect();
        let (of_some, activations) = network.forward_shards(step, some, ForwardMode::Outputs)?;
        outputs.extend(of_some);
        kept.push(Network::images_of(activations)?);
    }
    let mut loss = objective.sharded(step.batch(), &outputs, labels)?;
    let (mut sum, mut gradients) = (TreeSum::default(), std::mem::take(&mut loss.gradients).into_iter());
    for images in kept {
        let (_, activations) = network.forward_shards(step, images, ForwardMode::Recompute)?;
        network.backward_shards(step, activations, gradients.by_ref().take(count).collect())?;
        let own = network.take_gradients()?;
        sum.push_block(count, Some(own), |left: &mut Vec<D::Buffer>, right| network.add_gradients(left, right))?;
    }
    sum.finish().into_iter().for_each(|sum| network.set_gradients(sum));
    Ok(loss)
}
