//! One optimization step, from a batch of views to updated parameters.

use crate::base::{Error, Result};
use crate::dataset::batches::Batch;
use crate::group::Sharding;
use crate::model::Network;
use crate::nn::{Backend, Taped, TapedScalar, item};
use crate::optim::clip_gradients;
use crate::train::{Compute, TrainState};
use std::ops::Range;

/// A loss on dfdx's tape, and the accuracy on the same batch.
pub type TapedLoss<D> = (TapedScalar<D>, f32);

impl<D: Compute> TrainState<D> {
    /// Takes one step on a batch.
    ///
    /// # Errors
    /// As for [`TrainState::step_with`].
    pub fn step(
        &mut self,
        batch: Batch,
        loss: impl FnOnce(Taped<D>, &[usize]) -> Result<TapedLoss<D>>,
    ) -> Result<StepReport> {
        let batch = UploadedBatch::new(batch, &self.network)?;
        self.step_with(batch, loss, |_| Ok(())).map(|(report, ())| report)
    }

    /// Takes one step on an uploaded batch, and runs `meanwhile` while the device works on it.
    ///
    /// # Errors
    /// The device or `meanwhile` failed, or the loss or a gradient is not finite; the message then has the step, the
    /// learning rate and what to try.
    pub fn step_with<T>(
        &mut self,
        batch: UploadedBatch<D>,
        loss: impl FnOnce(Taped<D>, &[usize]) -> Result<TapedLoss<D>>,
        meanwhile: impl FnOnce(&Network<D>) -> Result<T>,
    ) -> Result<(StepReport, T)> {
        let UploadedBatch { images, rows, labels, .. } = batch;
        let images = images.into_iter().next().ok_or_else(|| Error::bug("a batch without images"))?;

        let h = self.network.forward_encoder(images, rows)?;
        let z = self.network.forward_head(h)?;
        let (loss, accuracy) = loss(z, &labels)?;
        let loss = self.network.queue_backward(loss)?;

        // The device may still be working; the next lines wait for it.
        let result = meanwhile(&self.network)?;
        let loss = f64::from(item(&loss));
        Ok((self.update(loss, f64::from(accuracy))?, result))
    }

    /// Updates the parameters by their gradients.
    ///
    /// # Errors
    /// The device failed, or the loss or a gradient is not finite.
    pub(super) fn update(&mut self, loss: f64, accuracy: f64) -> Result<StepReport> {
        let learning_rate = self.schedule.learning_rate(self.step);
        let device = self.network.device().clone();
        let mut parameters = self.network.trainables();
        let gradient_norm = device.gradient_norm(&parameters)?;
        self.step += 1;
        check_finite(loss, gradient_norm, self.step, learning_rate)?;

        if let Some(max_norm) = self.gradient_clip {
            clip_gradients(&device, &mut parameters, gradient_norm, max_norm)?;
        }
        self.optimizer.step(&device, &mut parameters, learning_rate)?;
        drop(parameters);
        self.network.parameters_changed()?;

        let report = StepReport { loss, accuracy, learning_rate, gradient_norm };
        self.means.add(&report);
        Ok(report)
    }
}

/// A batch uploaded to the device; the copy may still be running.
pub struct UploadedBatch<D: Backend> {
    /// A map, or one for each shard of this rank.
    pub(super) images: Vec<D::Map>,
    /// Number of images on this rank.
    pub rows: usize,
    pub(super) labels: Vec<usize>,
    /// Images of the whole batch, each counted once.
    pub(super) images_of_batch: usize,
}

impl<D: Backend> UploadedBatch<D> {
    /// Uploads a batch to the device of a network.
    ///
    /// # Errors
    /// The size of the images is not that of the network, or the device is out of memory.
    pub fn new(batch: Batch, network: &Network<D>) -> Result<Self> {
        let Batch { images, rows, labels, images_of_batch, .. } = batch;
        Ok(Self { images: vec![network.upload(images, rows)?], rows, labels, images_of_batch })
    }

    /// Uploads the shards of this rank.
    ///
    /// # Errors
    /// As for [`UploadedBatch::new`].
    pub fn shards(batch: Batch, network: &Network<D>, sharding: &Sharding) -> Result<Self> {
        let Batch { images, rows, labels, images_of_batch, .. } = batch;
        let own = sharding.batch(images_of_batch).own();
        let once: usize = own.iter().map(Range::len).sum();
        let views = rows / once.max(1);
        let length = images.len() / rows.max(1);
        let mut rest = images.as_slice();
        let maps = own.iter().map(|shard| {
            let (shard, after) = (views * shard.len(), &mut rest);
            let (values, left) = after.split_at(shard * length);
            *after = left;
            network.upload(values.to_vec(), shard)
        });
        Ok(Self { images: maps.collect::<Result<_>>()?, rows, labels, images_of_batch })
    }
}

/// Metrics of one step.
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// Loss before the step.
    pub loss: f64,
    /// Accuracy before the step.
    pub accuracy: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// L2 norm of all gradients before clipping.
    pub gradient_norm: f64,
}

fn check_finite(loss: f64, gradient_norm: f64, step: u64, learning_rate: f64) -> Result<()> {
    let what = match (loss.is_finite(), gradient_norm.is_finite()) {
        (true, true) => return Ok(()),
        (false, _) => format!("the loss is {loss}"),
        (true, false) => format!("the gradient norm is {gradient_norm} (loss {loss:.4})"),
    };
    if step == 1 {
        // No step has been taken yet, so the learning rate is not the cause.
        return Err(Error::stage(format!("{what} at step 1, before any weight changed")).help(
            "the images or the loss are out of range: check `std` of `normalize`, the strengths of `color_jitter` and \
             `gaussian_noise`, and the `temperature` of the loss",
        ));
    }
    Err(Error::stage(format!("training diverged: {what} at step {step}, learning rate {learning_rate:.4e}")).help(
        "lower `learning_rate`, add `warmup_epochs`, set `gradient_clip = 1.0`, or raise the loss's `temperature`; \
         also check `std` of `normalize` and the strengths of the augmentation",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_is_reported_with_step_and_learning_rate() {
        assert!(check_finite(1.0, 2.0, 7, 0.1).is_ok());
        let error = check_finite(f64::NAN, 2.0, 7, 0.1).unwrap_err().to_string();
        assert!(error.contains("step 7") && error.contains("1.0000e-1") && error.contains("gradient_clip"), "{error}");
        let first = check_finite(f64::NAN, 2.0, 1, 0.1).unwrap_err().to_string();
        assert!(first.contains("`normalize`") && !first.contains("learning"), "{first}");
        assert!(check_finite(1.0, f64::INFINITY, 7, 0.1).unwrap_err().what().contains("gradient"));
    }
}
