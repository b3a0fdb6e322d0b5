//! An encoder: a stem on the images, a list of layers, global average pooling.

use crate::base::Result;
use crate::model::initializer::Initialization;
use crate::model::layers::global_average::GlobalAverage;
use crate::model::layers::unit::{InputGradient, UnitOutput};
use crate::model::layers::{BackwardPass, ForwardPass, Layer, MapLayer, Unit};
use crate::nn::Backend;

/// Number of channels of an image.
pub(in crate::model) const IMAGE_CHANNELS: usize = 3;

/// The layers of an encoder; their values are in `Parameters` and `RunningStatistics`.
#[derive(Clone, Debug)]
pub(in crate::model) struct Encoder {
    pub(super) stem: Unit,
    pub(super) layers: Vec<Layer>,
    pub(super) average: GlobalAverage,
    /// Width and height of the images, pixels.
    pub(in crate::model) side: usize,
    /// Constants of every batch norm of the network.
    pub(in crate::model) norm: NormConstants,
    /// How the weights of the network are initialized.
    pub(in crate::model) initialization: Initialization,
}

/// Constants of batch norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::model) struct NormConstants {
    /// Added to the variance.
    pub(in crate::model) epsilon: f32,
    /// Weight of a batch in the running statistics.
    pub(in crate::model) momentum: f32,
}

impl Encoder {
    /// Returns the number of features.
    pub(in crate::model) fn features(&self) -> usize {
        self.average.channels
    }

    /// Returns the stem and the layers after it, before global average pooling.
    pub(in crate::model) fn maps(&self) -> (&Unit, &[Layer]) {
        (&self.stem, &self.layers)
    }

    /// Encodes `[rows, side, side, 3]` to `[rows, features]`, for each shard.
    pub(in crate::model) fn forward<D: Backend>(
        &self,
        pass: &mut ForwardPass<'_, D>,
        images: Vec<D::Map>,
    ) -> Result<Vec<D::Buffer>> {
        let mut map = self.stem.forward(pass, &images, None, true)?;
        pass.save_images(images);
        for layer in &self.layers {
            let output = layer.forward(pass, &map)?;
            pass.save_maps(std::mem::replace(&mut map, output));
        }
        let features = self.average.forward(pass, &map)?;
        pass.save_maps(map);
        Ok(features)
    }

    /// Backpropagates the gradient of the features of each shard, `[rows, features]`, to those of the parameters.
    pub(in crate::model) fn backward<D: Backend>(
        &self,
        mut pass: BackwardPass<'_, D>,
        features_gradient: &[D::Buffer],
    ) -> Result<()> {
        let pass = &mut pass;
        let mut gradient = self.average.backward(pass, features_gradient)?;
        let mut output = pass.saved.pop_maps()?;
        for layer in self.layers.iter().rev() {
            let input = pass.saved.pop_maps()?;
            gradient = layer.backward(pass, &input, output, gradient)?;
            output = input;
        }
        let images = pass.saved.take_images()?;
        self.stem.backward(pass, &images, UnitOutput::AfterNorm(&output), &mut gradient, InputGradient::Skip)?;
        pass.buffers.release_maps(output);
        pass.buffers.release_maps(gradient);
        Ok(())
    }
}
