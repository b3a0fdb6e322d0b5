//! The forward and the backward pass of training, joined by dfdx's tape: on it the whole encoder is one operation.

use crate::base::{Error, Result};
use crate::model::head::{NormMode, dfdx_error};
use crate::model::layers::{BackwardPass, ForwardPass, NormConstants, NormStatistics, SavedActivations};
use crate::model::network::Network;
use crate::nn::{Backend, Taped, TapedScalar, item};
use dfdx::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the backward operation of the encoder leaves the gradient of the features.
type FeatureGradient<B> = Arc<Mutex<Option<Result<B>>>>;

/// A forward pass that waits for its backward pass.
#[derive(Debug)]
pub(super) struct PendingPass<D: Backend> {
    rows: usize,
    saved: SavedActivations<D>,
    feature_gradient: FeatureGradient<D::Buffer>,
}

impl<D: Backend> Network<D> {
    /// Computes the head's output, `[rows, last width]`, of `[rows, side, side, 3]` images in training mode, on the
    /// tape. Batch norm uses the batch's statistics and updates the running ones; with [`BatchNorm::PerView`](crate::model::BatchNorm::PerView) the first
    /// half of the rows is one view.
    ///
    /// # Errors
    /// There are no images, the number of values is wrong, the views differ in number, or the device is out of memory.
    pub fn forward(&mut self, images: Vec<f32>, rows: usize) -> Result<Taped<D>> {
        let images = self.upload(images, rows)?;
        let features = self.forward_encoder(images, rows)?;
        self.forward_head(features)
    }

    /// Uploads `[rows, side, side, 3]` images to the device; the copy may still be running when this returns.
    ///
    /// # Errors
    /// There are no images, the number of values is wrong, or the device is out of memory.
    pub fn upload(&self, images: Vec<f32>, rows: usize) -> Result<D::Map> {
        self.check_images(images.len(), rows)?;
        self.device.upload_images(images, self.precision)
    }

    /// Computes the features h, `[rows, features]`, of images from [`Network::upload`] in training mode, on a new tape.
    ///
    /// # Errors
    /// The number of rows does not split into views, or the device is out of memory.
    pub fn forward_encoder(&mut self, images: D::Map, rows: usize) -> Result<Taped<D>> {
        if let Some(pending) = self.pending.take() {
            pending.saved.release(&mut self.buffers);
        }
        let groups = self.batch_norm.groups();
        if !rows.is_multiple_of(groups) {
            return Err(Error::bug(format!("{rows} images do not split into two views")));
        }
        let mut pass = ForwardPass {
            device: &self.device,
            parameters: &self.parameters,
            statistics: NormStatistics::Training(&mut self.statistics),
            buffers: &mut self.buffers,
            saved: Some(SavedActivations::default()),
            rows: &[rows],
            groups,
            shards: None,
        };
        let features = single(self.encoder.forward(&mut pass, vec![images])?)?;
        let saved = pass.saved.unwrap_or_default();
        let tensor = self.device.to_tensor(&features, (rows, self.encoder.features()))?;
        self.buffers.release(features);
        let (tensor, feature_gradient) = self.put_on_tape(tensor);
        self.pending = Some(PendingPass { rows, saved, feature_gradient });
        Ok(tensor)
    }

    /// Computes the head's output z, `[rows, last width]`, of features h, `[rows, features]`, in training mode.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn forward_head(&mut self, features: Taped<D>) -> Result<Taped<D>> {
        let (groups, NormConstants { epsilon, momentum }) = (self.batch_norm.groups(), self.encoder.norm);
        let mut moments = Vec::new();
        let output = self.head_values()?.forward(features, &NormMode::Batch { groups, epsilon }, &mut moments)?;
        for (index, moments) in moments {
            moments.update_running(&mut self.statistics[index], momentum, &self.device)?;
        }
        Ok(output)
    }

    /// Puts the features on a new tape, whose backward operation leaves their gradient for [`Network::backward`] to
    /// continue through the encoder.
    fn put_on_tape(&self, features: Tensor<(usize, usize), f32, D>) -> (Taped<D>, FeatureGradient<D::Buffer>) {
        let feature_gradient: FeatureGradient<D::Buffer> = Arc::default();
        let (ghost, device, to) = (features.ghost(), self.device.clone(), feature_gradient.clone());
        let length = features.shape().num_elements();
        let mut tape = OwnedTape::default();
        tape.add_backward_op(move |gradients| {
            let gradient = gradients.get_or_alloc_mut(&ghost)?;
            let copied = device.allocate(length).and_then(|mut buffer| {
                device.read_gradient(gradient, &mut buffer)?;
                Ok(buffer)
            });
            *to.lock().unwrap_or_else(PoisonError::into_inner) = Some(copied);
            Ok(())
        });
        (features.put_tape(tape), feature_gradient)
    }

    /// Writes the gradient of every parameter and returns the loss.
    ///
    /// # Errors
    /// The loss was not computed from the last [`Network::forward`], or the device is out of memory.
    pub fn backward(&mut self, loss: TapedScalar<D>) -> Result<f32> {
        self.queue_backward(loss).map(|loss| item(&loss))
    }

    /// Runs [`Network::backward`] without reading the loss, which on an asynchronous device would wait for all queued
    /// work.
    ///
    /// # Errors
    /// As for [`Network::backward`].
    pub fn queue_backward(&mut self, loss: TapedScalar<D>) -> Result<Tensor<(), f32, D>> {
        let pending = self.pending.take().ok_or_else(|| Error::bug("backward without a forward pass"))?;
        let PendingPass { rows, saved, feature_gradient } = pending;
        let (loss, tape) = loss.split_tape();
        let mut gradients = loss.clone().put_tape(tape).try_backward().map_err(dfdx_error)?;
        let features = feature_gradient.lock().unwrap_or_else(PoisonError::into_inner).take();
        let features =
            features.ok_or_else(|| Error::bug("the loss does not depend on the network's last output"))??;
        if let Some(head) = &self.head_values {
            head.read_gradients(&self.device, &mut gradients, &mut self.parameters)?;
        }
        let Self { device, parameters, buffers, .. } = self;
        let pass = BackwardPass { device, parameters, buffers, saved, rows: &[rows], shards: None };
        self.encoder.backward(pass, &[features])?;
        Ok(loss)
    }
}

/// Returns the only element.
pub(super) fn single<T>(all: Vec<T>) -> Result<T> {
    all.into_iter().next().ok_or_else(|| Error::bug("a pass without a map"))
}
