//! The values of a head as dfdx tensors, with its forward and backward pass on the tape.

use crate::base::{Error, Result};
use crate::model::head::norm::{Moments, NormMode, NormValues};
use crate::model::head::{Head, LinearLayer};
use crate::model::parameters::Parameters;
use crate::nn::Backend;
use dfdx::prelude::*;

/// A batch of vectors, `[rows, features]`.
pub(super) type Batch<D, T> = Tensor<(usize, usize), f32, D, T>;
/// A value per output, `[outputs]`.
pub(super) type Channels<D> = Tensor<(usize,), f32, D>;

/// Copies of a head's parameters as dfdx tensors.
#[derive(Debug)]
pub(in crate::model) struct HeadValues<D: Backend> {
    layers: Vec<LayerValues<D>>,
}

/// The parameters of a linear layer and its batch norm.
#[derive(Debug)]
struct LayerValues<D: Backend> {
    /// `[outputs, inputs]`.
    weight: HeadParameter<(usize, usize), D>,
    /// `[outputs]`.
    bias: Option<HeadParameter<(usize,), D>>,
    norm: Option<NormValues<D>>,
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
    /// Copies the parameter of this index, `[channels]`.
    pub(super) fn channels(index: usize, parameters: &Parameters<D>, device: &D) -> Result<Self> {
        let length = parameters.specs[index].layout.len();
        let values = device.to_tensor(&parameters.values[index], (1, length))?;
        Ok(Self { index, values: values.try_reshape_like(&(length,)).map_err(dfdx_error)? })
    }
}

impl Head {
    /// Copies the parameters of the head.
    pub(in crate::model) fn values<D: Backend>(&self, parameters: &Parameters<D>, device: &D) -> Result<HeadValues<D>> {
        let layers = self.layers.iter().map(|layer| layer.values(parameters, device));
        Ok(HeadValues { layers: layers.collect::<Result<_>>()? })
    }
}

impl LinearLayer {
    fn values<D: Backend>(&self, parameters: &Parameters<D>, device: &D) -> Result<LayerValues<D>> {
        let weight = device.to_tensor(&parameters.values[self.weight], (self.outputs, self.inputs))?;
        let bias = self.bias.map(|bias| HeadParameter::channels(bias, parameters, device));
        let norm = self.norm.map(|norm| norm.values(parameters, device));
        Ok(LayerValues {
            weight: HeadParameter { index: self.weight, values: weight },
            bias: bias.transpose()?,
            norm: norm.transpose()?,
            relu: self.relu,
        })
    }
}

impl<D: Backend> HeadValues<D> {
    /// Returns the output of the last layer, or the input of a head without layers. Appends to `all`, for each
    /// batch norm, the index of its running statistics and the moments of its input.
    pub(in crate::model) fn forward<T: Tape<f32, D> + Merge<T>>(
        &self,
        input: Batch<D, T>,
        mode: &NormMode<'_, D>,
        all: &mut Vec<(usize, Moments<D>)>,
    ) -> Result<Batch<D, T>> {
        let mut batch = input;
        for layer in &self.layers {
            batch = layer.forward(batch, mode, all)?;
        }
        Ok(batch)
    }

    /// Returns the output of every layer, after its ReLU if any.
    pub(in crate::model) fn outputs(&self, input: Batch<D, NoneTape>, mode: &NormMode<'_, D>) -> Result<Vec<Vec<f32>>> {
        let (mut batch, mut all, mut outputs) = (input, Vec::new(), Vec::new());
        for layer in &self.layers {
            batch = layer.forward(batch, mode, &mut all)?;
            outputs.push(batch.as_vec());
        }
        Ok(outputs)
    }

    /// Copies the gradients of the head's parameters from dfdx's.
    pub(in crate::model) fn read_gradients(
        &self,
        device: &D,
        gradients: &mut Gradients<f32, D>,
        parameters: &mut Parameters<D>,
    ) -> Result<()> {
        for layer in &self.layers {
            layer.weight.read_gradient(device, gradients, parameters)?;
            let norm = layer.norm.iter().flat_map(NormValues::parameters);
            for channels in layer.bias.iter().chain(norm) {
                channels.read_gradient(device, gradients, parameters)?;
            }
        }
        Ok(())
    }
}

impl<D: Backend> LayerValues<D> {
    fn forward<T: Tape<f32, D> + Merge<T>>(
        &self,
        input: Batch<D, T>,
        mode: &NormMode<'_, D>,
        all: &mut Vec<(usize, Moments<D>)>,
    ) -> Result<Batch<D, T>> {
        let mut output = self.linear(input)?;
        if let Some(norm) = &self.norm {
            let (normalized, moments) = norm.forward(output, mode)?;
            all.push((norm.statistics, moments));
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
pub(in crate::model) fn dfdx_error(error: impl std::fmt::Display) -> Error {
    Error::stage(format!("dfdx: {error}")).help("use a smaller batch or a smaller network")
}
