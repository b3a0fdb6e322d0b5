//! A slow reference network in training mode, built from dfdx's operations alone, for any dfdx device; `simclr doctor`
//! checks [`Network`](super::Network) against it.

use crate::base::{Error, Result};
use crate::model::config::EncoderConfig;
use crate::model::layers::{Encoder, IMAGE_CHANNELS, Layer, Residual, Unit};
use crate::model::network::state_dict::{file_shape, from_file, to_file};
use crate::model::parameters::ParameterLayout;
use crate::model::registry::Registry;
use crate::nn::{NamedTensor, Taped, TapedScalar, oracle};
use dfdx::prelude::*;
use std::collections::BTreeMap;

/// Weights of a layer.
type Matrix<D> = Tensor<(usize, usize), f32, D>;

/// An encoder and head with their parameters, without running statistics.
#[derive(Debug)]
pub(crate) struct OracleNetwork<D: Device<f32>> {
    device: D,
    encoder: Encoder,
    /// Names of the encoder's parameters.
    registry: Registry,
    /// Linear layers of the head.
    layers: usize,
    /// `[window, outputs]` of convolutions, `[outputs, inputs]` of linear layers.
    matrices: BTreeMap<String, (ParameterLayout, Matrix<D>)>,
    /// Biases, and scales and shifts of batch norm, `[channels]`.
    channels: BTreeMap<String, Tensor<(usize,), f32, D>>,
}

impl<D: Device<f32>> OracleNetwork<D> {
    /// Creates the network of [`Network::new`](super::Network::new) with the parameters of its state dict.
    ///
    /// # Errors
    /// The images are too small for the encoder.
    pub(crate) fn new(
        encoder: &EncoderConfig,
        head: &[usize],
        side: usize,
        state: &[NamedTensor],
        device: &D,
    ) -> Result<Self> {
        let mut registry = Registry::default();
        let encoder = encoder.build(side, &mut registry)?;
        let (mut matrices, mut channels) = (BTreeMap::new(), BTreeMap::new());
        for NamedTensor { name, shape, values } in state {
            let (layout, rows, columns) = match shape[..] {
                [outputs, inputs, kernel, _] => {
                    (ParameterLayout::Convolution { kernel, inputs, outputs }, kernel * kernel * inputs, outputs)
                }
                [outputs, inputs] => (ParameterLayout::Linear { outputs, inputs }, outputs, inputs),
                _ => {
                    channels.insert(name.clone(), device.tensor_from_vec(values.clone(), (values.len(),)));
                    continue;
                }
            };
            let matrix = device.tensor_from_vec(from_file(layout, values), (rows, columns));
            matrices.insert(name.clone(), (layout, matrix));
        }
        Ok(Self { device: device.clone(), encoder, registry, layers: head.len(), matrices, channels })
    }

    /// Computes the head's output, `[rows, last width]`, of `[rows, side, side, 3]` images; batch norm uses the batch's
    /// statistics.
    ///
    /// # Errors
    /// The state dict lacks a parameter.
    pub(crate) fn forward(&self, images: Vec<f32>, rows: usize) -> Result<Taped<D>> {
        let pixels = images.len() / IMAGE_CHANNELS;
        let images = self.device.tensor_from_vec(images, (pixels, IMAGE_CHANNELS));
        let (stem, layers) = self.encoder.maps();
        let mut map = self.unit(stem, images.retaped())?.relu();
        for layer in layers {
            map = match layer {
                Layer::MaxPool(pool) => oracle::max_pool(&pool.shape, map),
                Layer::Residual(block) => self.block(block, map)?,
            };
        }
        let mut batch = oracle::average_pool(map, rows);
        for layer in 0..self.layers {
            batch = self.linear(&format!("head.{layer}"), batch)?;
            if layer + 1 < self.layers {
                batch = batch.relu();
            }
        }
        Ok(batch)
    }

    /// Returns the gradient of every parameter, named and shaped as in files, and the loss.
    pub(crate) fn backward(&self, loss: TapedScalar<D>) -> (Vec<NamedTensor>, f32) {
        let value = loss.as_vec().first().copied().unwrap_or(f32::NAN);
        let gradients = loss.backward();
        let matrices = self.matrices.iter().map(|(name, (layout, matrix))| NamedTensor {
            name: name.clone(),
            shape: file_shape(*layout),
            values: to_file(*layout, gradients.get(matrix).as_vec()),
        });
        let is_running = |name: &str| name.ends_with("running_mean") || name.ends_with("running_var");
        let channels = self.channels.iter().filter(|(name, _)| !is_running(name)).map(|(name, channels)| NamedTensor {
            name: name.clone(),
            shape: vec![channels.shape().0],
            values: gradients.get(channels).as_vec(),
        });
        (matrices.chain(channels).collect(), value)
    }

    fn block(&self, block: &Residual, input: Taped<D>) -> Result<Taped<D>> {
        let (input, tape) = input.split_tape();
        let mut main = input.clone().put_tape(tape);
        for unit in std::iter::once(&block.first).chain(&block.middle) {
            main = self.unit(unit, main)?.relu();
        }
        main = self.unit(&block.last, main)?;
        let residual = match &block.shortcut {
            Some(unit) => self.unit(unit, input.retaped())?,
            None => input.retaped(),
        };
        Ok((main + residual).relu())
    }

    fn unit(&self, unit: &Unit, input: Taped<D>) -> Result<Taped<D>> {
        let name = |index: usize| self.registry.parameters[index].name.as_str();
        let channels = |index: usize| self.channels.get(name(index)).ok_or_else(|| missing(name(index)));
        let weights = self.matrices.get(name(unit.weight)).ok_or_else(|| missing(name(unit.weight)))?;
        let bias = unit.bias.map(channels).transpose()?;
        let convolved = oracle::convolution(&unit.convolution, input, &weights.1, bias);
        let (scale, shift) = (channels(unit.scale)?, channels(unit.shift)?);
        Ok(oracle::batch_norm(convolved, scale, shift, self.encoder.norm.epsilon))
    }

    fn linear(&self, layer: &str, input: Taped<D>) -> Result<Taped<D>> {
        let (weight, bias) = (format!("{layer}.weight"), format!("{layer}.bias"));
        let (_, weight) = self.matrices.get(&weight).ok_or_else(|| missing(&weight))?;
        let bias = self.channels.get(&bias).ok_or_else(|| missing(&bias))?;
        let shape = (input.shape().0, bias.shape().0);
        let weight: Taped<D> = weight.retaped::<OwnedTape<f32, D>>().permute::<_, Axes2<1, 0>>();
        let bias: Taped<D> = bias.retaped::<OwnedTape<f32, D>>().broadcast_like::<(usize, usize), Axis<0>>(&shape);
        Ok(input.matmul(weight) + bias)
    }
}

fn missing(name: &str) -> Error {
    Error::bug(format!("the state dict of the reference network has no `{name}`"))
}
