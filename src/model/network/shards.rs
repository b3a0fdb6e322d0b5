//! Training passes over the shards of a batch. The loss is computed by the caller, who has the outputs of all ranks.

use crate::base::{Error, Result};
use crate::group::ShardedBatch;
use crate::model::head::HeadActivations;
use crate::model::layers::{BackwardPass, ForwardPass, NormStatistics, SavedActivations};
use crate::model::network::Network;
use crate::model::shard_norms::ShardNorms;
use crate::nn::{Backend, Precision};

/// A batch that is cut into shards, on its way through a network.
#[derive(Debug)]
pub(crate) struct ShardedStep {
    norms: ShardNorms,
    batch: ShardedBatch,
}

impl ShardedStep {
    /// Returns the shards of the batch.
    pub(crate) fn batch(&self) -> &ShardedBatch {
        &self.batch
    }

    /// Restricts the next passes to an aligned block of this many shards.
    pub(crate) fn restrict(&mut self, shards: usize) {
        self.norms.restrict(shards);
    }
}

/// The activations of a forward pass over shards.
#[derive(Debug)]
pub(crate) struct ShardActivations<D: Backend> {
    rows: Vec<usize>,
    encoder: SavedActivations<D>,
    head: HeadActivations<D>,
}

/// What a forward pass over shards is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForwardMode {
    /// Training: activations are kept, running statistics updated.
    Train,
    /// The outputs alone: running statistics are updated, the images are kept for [`ForwardMode::Recompute`].
    Outputs,
    /// The activations of a pass whose outputs are known.
    Recompute,
}

impl<D: Backend> Network<D> {
    /// Starts a training step on the shards of a batch.
    pub(crate) fn sharded_step(&self, batch: ShardedBatch) -> ShardedStep {
        let (groups, is_joint) = (self.batch_norm.groups(), self.batch_norm.spans_shards());
        ShardedStep { norms: ShardNorms::new(&batch, groups, is_joint, self.encoder.norm), batch }
    }

    /// Computes the head's output of each shard, `[rows, last width]`, from images of [`Network::upload`].
    ///
    /// # Errors
    /// A shard does not split into views, the device is out of memory, or another rank failed.
    pub(crate) fn forward_shards(
        &mut self,
        step: &mut ShardedStep,
        images: Vec<D::Map>,
        mode: ForwardMode,
    ) -> Result<(Vec<Vec<f32>>, ShardActivations<D>)> {
        let (length, groups) = (self.image_len(), self.batch_norm.groups());
        let rows: Vec<usize> = images.iter().map(|images| self.device.map_length(images) / length).collect();
        if rows.iter().any(|rows| !rows.is_multiple_of(groups)) {
            return Err(Error::bug(format!("shards of {rows:?} images do not split into two views")));
        }
        let updates = mode != ForwardMode::Recompute;
        let saved =
            if mode == ForwardMode::Outputs { SavedActivations::only_images() } else { SavedActivations::default() };
        let statistics = if updates { NormStatistics::Training(&mut self.statistics) } else { NormStatistics::Batch };
        let mut pass = ForwardPass {
            device: &self.device,
            parameters: &self.parameters,
            statistics,
            buffers: &mut self.buffers,
            saved: Some(saved),
            rows: &rows,
            groups,
            shards: Some(&mut step.norms),
        };
        let features = self.encoder.forward(&mut pass, images)?;
        let encoder = pass.saved.unwrap_or_default();
        let maps = features.iter().map(|features| {
            let values = self.device.download(features)?;
            self.device.upload_map(values, Precision::F32)
        });
        let maps = maps.collect::<Result<_>>()?;
        features.into_iter().for_each(|features| self.buffers.release(features));
        let statistics = updates.then_some(&mut self.statistics[..]);
        let (z, head) = self.head.forward_shards(&self.device, &self.parameters, statistics, &mut step.norms, maps)?;
        Ok((z, ShardActivations { rows, encoder, head }))
    }

    /// Writes the gradient of every parameter, summed over the shards of a forward pass, given those of its outputs.
    ///
    /// # Errors
    /// The device is out of memory, or another rank failed.
    pub(crate) fn backward_shards(
        &mut self,
        step: &ShardedStep,
        activations: ShardActivations<D>,
        gradients: Vec<Vec<f32>>,
    ) -> Result<()> {
        let ShardActivations { rows, encoder: saved, head } = activations;
        let Self { device, parameters, buffers, .. } = self;
        let features = self.head.backward_shards(device, parameters, &step.norms, head, gradients)?;
        let features = features.iter().map(|map| device.upload(device.download_map(map)?));
        let features = features.collect::<Result<Vec<_>>>()?;
        let shards = Some(&step.norms);
        self.encoder.backward(BackwardPass { device, parameters, buffers, saved, rows: &rows, shards }, &features)
    }

    /// Takes the images of a forward pass for its outputs alone.
    ///
    /// # Errors
    /// It was another pass.
    pub(crate) fn images_of(mut activations: ShardActivations<D>) -> Result<Vec<D::Map>> {
        activations.encoder.take_images()
    }

    /// Ends the passes of a step: updates the running statistics by the means over shards.
    ///
    /// # Errors
    /// Another rank failed.
    pub(crate) fn finish_shards(&mut self, step: &mut ShardedStep) -> Result<()> {
        step.norms.finish(&self.device, &mut self.statistics)
    }

    /// Replaces the gradients by zeros and returns them.
    ///
    /// # Errors
    /// The device is out of memory.
    pub(crate) fn take_gradients(&mut self) -> Result<Vec<D::Buffer>> {
        let fresh = self.parameters.specs.iter().map(|spec| self.buffers.acquire(spec.layout.len()));
        let fresh = fresh.collect::<Result<Vec<_>>>()?;
        Ok(std::mem::replace(&mut self.parameters.gradients, fresh))
    }

    /// Adds gradients to others and releases their buffers.
    ///
    /// # Errors
    /// The device failed.
    pub(crate) fn add_gradients(&mut self, left: &mut [D::Buffer], right: Vec<D::Buffer>) -> Result<()> {
        left.iter_mut().zip(&right).try_for_each(|(left, right)| self.device.add(right, left))?;
        right.into_iter().for_each(|buffer| self.buffers.release(buffer));
        Ok(())
    }

    /// Sets the gradients.
    pub(crate) fn set_gradients(&mut self, gradients: Vec<D::Buffer>) {
        let old = std::mem::replace(&mut self.parameters.gradients, gradients);
        old.into_iter().for_each(|buffer| self.buffers.release(buffer));
    }

    /// Replaces the gradients of this rank's shards by those of the whole batch.
    ///
    /// # Errors
    /// The device or another rank failed.
    pub(crate) fn sum_gradients(&mut self, batch: &ShardedBatch) -> Result<()> {
        if batch.sharding().group().size() == 1 {
            return Ok(());
        }
        self.device.sum_over_ranks(batch, &mut self.parameters.gradients)
    }
}
