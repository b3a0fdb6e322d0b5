//! Global average pooling: the last layer of an encoder, from feature maps to features.

use crate::base::Result;
use crate::model::layers::{BackwardPass, ForwardPass};
use crate::model::registry::Registry;
use crate::nn::Backend;

/// The mean of each channel over the pixels; it has no parameters.
#[derive(Clone, Copy, Debug)]
pub(in crate::model) struct GlobalAverage {
    pub(in crate::model) channels: usize,
    /// Pixels of one input map.
    pixels: usize,
}

impl GlobalAverage {
    /// Creates the layer for maps of `side` x `side` pixels and registers its row of the summary.
    pub(super) fn new(name: &str, channels: usize, side: usize, registry: &mut Registry) -> Self {
        registry.row(name, "global average", vec![channels], 0);
        Self { channels, pixels: side * side }
    }

    /// Returns the features of each shard, `[rows, channels]`.
    pub(super) fn forward<D: Backend>(
        &self,
        pass: &mut ForwardPass<'_, D>,
        input: &[D::Map],
    ) -> Result<Vec<D::Buffer>> {
        let of_shard = |(rows, input): (&usize, &D::Map)| {
            let mut features = pass.buffers.acquire(rows * self.channels)?;
            pass.device.average_pool(self.channels, input, *rows, &mut features)?;
            Ok(features)
        };
        pass.rows.iter().zip(input).map(of_shard).collect()
    }

    /// Returns the gradient of the input, given that of the features.
    pub(super) fn backward<D: Backend>(
        &self,
        pass: &mut BackwardPass<'_, D>,
        features_gradient: &[D::Buffer],
    ) -> Result<Vec<D::Map>> {
        let mut gradient = pass.acquire_maps(self.pixels * self.channels)?;
        for ((rows, features), gradient) in pass.rows.iter().zip(features_gradient).zip(&mut gradient) {
            pass.device.average_pool_gradient(self.channels, features, *rows, gradient)?;
        }
        Ok(gradient)
    }
}
