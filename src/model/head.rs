//! The head: linear layers with ReLU between them, made of dfdx operations on the tape.

use crate::base::{Error, Result};
use crate::model::parameters::{Layout, Parameters};
use crate::nn::Backend;
use dfdx::prelude::*;

/// A batch of vectors, `[rows, features]`.
type Batch<D, T> = Tensor<(usize, usize), f32, D, T>;

/// The head's parameters as dfdx tensors.
#[derive(Debug)]
pub(super) struct Head<D: Backend> {
    layers: Vec<Linear<D>>,
}

#[derive(Debug)]
struct Linear<D: Backend> {
    /// Where the weight is among the parameters; the bias follows.
    place: usize,
    /// `[outputs, inputs]`.
    weight: Tensor<(usize, usize), f32, D>,
    /// `[outputs]`.
    bias: Tensor<(usize,), f32, D>,
}

impl<D: Backend> Head<D> {
    /// Copies the parameters.
    pub(super) fn of(parameters: &Parameters<D>, device: &D) -> Result<Self> {
        let mut layers = Vec::new();
        for (place, description) in parameters.descriptions.iter().enumerate() {
            let Layout::Linear { outputs, inputs } = description.layout else { continue };
            let weight = device.to_tensor(&parameters.values[place], (outputs, inputs))?;
            let bias = device.to_tensor(&parameters.values[place + 1], (1, outputs))?;
            let bias = bias.try_reshape_like(&(outputs,)).map_err(dfdx_error)?;
            layers.push(Linear { place, weight, bias });
        }
        Ok(Self { layers })
    }

    /// The output of the last layer; the input itself without layers.
    pub(super) fn forward<T: Tape<f32, D> + Merge<T>>(&self, input: Batch<D, T>) -> Result<Batch<D, T>> {
        let mut batch = input;
        for (i, layer) in self.layers.iter().enumerate() {
            batch = layer.forward(batch, i + 1 < self.layers.len())?;
        }
        Ok(batch)
    }

    /// The outputs of every layer, after the ReLU where there is one.
    pub(super) fn outputs(&self, input: Batch<D, NoneTape>) -> Result<Vec<Vec<f32>>> {
        let (mut batch, mut outputs) = (input, Vec::new());
        for (i, layer) in self.layers.iter().enumerate() {
            batch = layer.forward(batch, i + 1 < self.layers.len())?;
            outputs.push(batch.as_vec());
        }
        Ok(outputs)
    }

    /// Takes the parameters' gradients out of dfdx's.
    pub(super) fn read_gradients(
        &self,
        device: &D,
        gradients: &mut Gradients<f32, D>,
        parameters: &mut Parameters<D>,
    ) -> Result<()> {
        for layer in &self.layers {
            let weight = gradients.get_or_alloc_mut(&layer.weight).map_err(dfdx_error)?;
            device.read_gradient(weight, &mut parameters.gradients[layer.place])?;
            let bias = gradients.get_or_alloc_mut(&layer.bias).map_err(dfdx_error)?;
            device.read_gradient(bias, &mut parameters.gradients[layer.place + 1])?;
        }
        Ok(())
    }
}

impl<D: Backend> Linear<D> {
    /// `[rows, inputs] * [inputs, outputs] + [outputs]`.
    fn forward<T: Tape<f32, D> + Merge<T>>(&self, input: Batch<D, T>, relu: bool) -> Result<Batch<D, T>> {
        let rows = input.shape().0;
        let weight = self.weight.retaped::<T>().try_permute::<(usize, usize), Axes2<1, 0>>().map_err(dfdx_error)?;
        let product = input.try_matmul(weight).map_err(dfdx_error)?;
        let shape = (rows, self.bias.shape().0);
        let bias =
            self.bias.retaped::<T>().try_broadcast_like::<(usize, usize), Axis<0>>(&shape).map_err(dfdx_error)?;
        let output = product.try_add(bias).map_err(dfdx_error)?;
        if relu { output.try_relu().map_err(dfdx_error) } else { Ok(output) }
    }
}

/// dfdx fails for want of memory or by its driver.
pub(super) fn dfdx_error(error: impl std::fmt::Display) -> Error {
    Error::stage(format!("dfdx: {error}")).help("use a smaller batch or a smaller network")
}
