//! The head: linear layers with ReLU between them, built from dfdx operations on the tape.

use crate::base::{Error, Result};
use crate::model::ProjectionConfig;
use crate::model::head_norm::{HeadNormLayer, Moments, NormMode};
use crate::model::parameters::Parameters;
use crate::nn::Backend;
use dfdx::prelude::*;

/// A batch of vectors, `[rows, features]`.
pub(super) type Batch<D, T> = Tensor<(usize, usize), f32, D, T>;
/// A value per output, `[outputs]`.
pub(super) type Channels<D> = Tensor<(usize,), f32, D>;

/// The head's parameters as dfdx tensors.
#[derive(Debug)]
pub(super) struct Head<D: Backend> {
    layers: Vec<Layer<D>>,
}

/// A linear layer, its batch norm if any, and ReLU except after the last layer.
#[derive(Debug)]
struct Layer<D: Backend> {
    /// `[outputs, inputs]`.
    weight: HeadParameter<(usize, usize), D>,
    /// `[outputs]`.
    bias: Option<HeadParameter<(usize,), D>>,
    norm: Option<HeadNormLayer<D>>,
    relu: bool,
}

/// A parameter of the head as a dfdx tensor, with its index among the network's parameters.
#[derive(Debug)]
pub(super) struct HeadParameter<S: Shape, D: Backend> {
    index: usize,
    pub(super) values: Tensor<S, f32, D>,
}

impl<S: Shape, D: Backend> HeadParameter<S, D> {
    fn read_gradient(
        &self,
        device: &D,
        gradients: &mut Gradients<f32, D>,
        parameters: &mut Parameters<D>,
    ) -> Result<()> {
        let gradient = gradients.get_or_alloc_mut(&self.values).map_err(dfdx_error)?;
        device.read_gradient(gradient, &mut parameters.gradients[self.index])
    }
}

impl<D: Backend> HeadParameter<(usize,), D> {
    /// Copies a parameter `[channels]`; `None` if the network has no parameter of this name.
    pub(super) fn channels(parameters: &Parameters<D>, name: &str, device: &D) -> Result<Option<Self>> {
        let Some(index) = parameters.index_of(name) else { return Ok(None) };
        let length = parameters.specs[index].layout.len();
        let values = device.to_tensor(&parameters.values[index], (1, length))?;
        Ok(Some(Self { index, values: values.try_reshape_like(&(length,)).map_err(dfdx_error)? }))
    }
}

impl<D: Backend> Head<D> {
    /// Copies the parameters of a head on `features` features.
    pub(super) fn from_parameters(
        config: &ProjectionConfig,
        features: usize,
        parameters: &Parameters<D>,
        device: &D,
    ) -> Result<Self> {
        let inputs = std::iter::once(&features).chain(&config.layers);
        let mut layers = Vec::new();
        for (layer, (inputs, outputs)) in inputs.zip(&config.layers).enumerate() {
            let name = format!("head.{layer}");
            let missing = || Error::bug(format!("the network has no `{name}.weight`"));
            let index = parameters.index_of(&format!("{name}.weight")).ok_or_else(missing)?;
            layers.push(Layer {
                weight: HeadParameter {
                    index,
                    values: device.to_tensor(&parameters.values[index], (*outputs, *inputs))?,
                },
                bias: HeadParameter::channels(parameters, &format!("{name}.bias"), device)?,
                norm: HeadNormLayer::from_parameters(parameters, &format!("{name}.norm"), device)?,
                relu: !config.is_last(layer),
            });
        }
        Ok(Self { layers })
    }

    /// Returns the output of the last layer, or the input of a head without layers. Appends the moments of each batch
    /// norm's input to `all`, first to last.
    pub(super) fn forward<T: Tape<f32, D> + Merge<T>>(
        &self,
        input: Batch<D, T>,
        mode: &NormMode<'_, D>,
        all: &mut Vec<Moments<D>>,
    ) -> Result<Batch<D, T>> {
        let mut batch = input;
        for layer in &self.layers {
            batch = layer.forward(batch, mode, all)?;
        }
        Ok(batch)
    }

    /// Returns the output of every layer, after its ReLU if any.
    pub(super) fn outputs(&self, input: Batch<D, NoneTape>, mode: &NormMode<'_, D>) -> Result<Vec<Vec<f32>>> {
        let (mut batch, mut all, mut outputs) = (input, Vec::new(), Vec::new());
        for layer in &self.layers {
            batch = layer.forward(batch, mode, &mut all)?;
            outputs.push(batch.as_vec());
        }
        Ok(outputs)
    }

    /// Copies the gradients of the head's parameters from dfdx's.
    pub(super) fn read_gradients(
        &self,
        device: &D,
        gradients: &mut Gradients<f32, D>,
        parameters: &mut Parameters<D>,
    ) -> Result<()> {
        for layer in &self.layers {
            layer.weight.read_gradient(device, gradients, parameters)?;
            let norm = layer.norm.iter().flat_map(HeadNormLayer::parameters);
            for channels in layer.bias.iter().chain(norm) {
                channels.read_gradient(device, gradients, parameters)?;
            }
        }
        Ok(())
    }
}

impl<D: Backend> Layer<D> {
    fn forward<T: Tape<f32, D> + Merge<T>>(
        &self,
        input: Batch<D, T>,
        mode: &NormMode<'_, D>,
        all: &mut Vec<Moments<D>>,
    ) -> Result<Batch<D, T>> {
        let mut output = self.linear(input)?;
        if let Some(norm) = &self.norm {
            let (normalized, moments) = norm.forward(output, mode, all.len())?;
            all.push(moments);
            output = normalized;
        }
        if self.relu { output.try_relu().map_err(dfdx_error) } else { Ok(output) }
    }

    /// Computes `[rows, inputs] * [inputs, outputs] [+ [outputs]]`.
    fn linear<T: Tape<f32, D> + Merge<T>>(&self, input: Batch<D, T>) -> Result<Batch<D, T>> {
        let weight = self.weight.values.retaped::<T>();
        let weight = weight.try_permute::<(usize, usize), Axes2<1, 0>>().map_err(dfdx_error)?;
        let product = input.try_matmul(weight).map_err(dfdx_error)?;
        let Some(bias) = &self.bias else { return Ok(product) };
        let bias = broadcast_rows::<D, T>(&bias.values, product.shape())?;
        product.try_add(bias).map_err(dfdx_error)
    }
}

/// Broadcasts `[outputs]` to every row of a batch, `[rows, outputs]`.
pub(super) fn broadcast_rows<D: Backend, T: Tape<f32, D> + Merge<T>>(
    channels: &Channels<D>,
    shape: &(usize, usize),
) -> Result<Batch<D, T>> {
    channels.retaped::<T>().try_broadcast_like::<(usize, usize), Axis<0>>(shape).map_err(dfdx_error)
}

/// Wraps an error of dfdx, which is out of memory or an error of the driver.
pub(super) fn dfdx_error(error: impl std::fmt::Display) -> Error {
    Error::stage(format!("dfdx: {error}")).help("use a smaller batch or a smaller network")
}
