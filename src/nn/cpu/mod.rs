//! The kernels on the host: blocks of fixed size over rayon's threads, sums in fixed order.

mod convolution;
mod convolution_gradient;
mod lanes;
mod normalize;
mod pool;
mod scratch;
mod windows;
mod winograd;

use crate::base::{Error, Result};
use crate::nn::{Backend, Convolution, MaxPool, Normalization, Running};
use dfdx::prelude::{Cpu, Storage, Tensor, TensorFromVec};

impl Backend for Cpu {
    type Buffer = Vec<f32>;

    fn allocate(&self, length: usize) -> Result<Vec<f32>> {
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(length).map_err(|_| {
            Error::stage(format!("no memory for {} MiB of activations", length * 4 / (1 << 20)))
                .help("use a smaller batch, smaller pictures or a narrower encoder")
        })?;
        buffer.resize(length, 0.0);
        Ok(buffer)
    }

    fn upload(&self, values: Vec<f32>) -> Result<Vec<f32>> {
        Ok(values)
    }

    fn download(&self, buffer: &Vec<f32>) -> Result<Vec<f32>> {
        Ok(buffer.clone())
    }

    fn copy(&self, from: &Vec<f32>, into: &mut Vec<f32>) -> Result<()> {
        into.copy_from_slice(from);
        Ok(())
    }

    fn length(&self, buffer: &Vec<f32>) -> usize {
        buffer.len()
    }

    fn to_tensor(&self, buffer: &Vec<f32>, shape: (usize, usize)) -> Result<Tensor<(usize, usize), f32, Self>> {
        self.try_tensor_from_vec(buffer.clone(), shape).map_err(|error| Error::stage(format!("dfdx: {error}")))
    }

    fn read_gradient(&self, gradient: &<Self as Storage<f32>>::Vec, into: &mut Vec<f32>) -> Result<()> {
        into.copy_from_slice(gradient);
        Ok(())
    }

    fn convolution(
        &self,
        shape: &Convolution,
        input: &Vec<f32>,
        weights: &Vec<f32>,
        bias: Option<&Vec<f32>>,
        output: &mut Vec<f32>,
    ) -> Result<()> {
        convolution::forward(shape, input, weights, output);
        if let Some(bias) = bias {
            convolution::add_bias(bias, output);
        }
        Ok(())
    }

    fn convolution_input_gradient(
        &self,
        shape: &Convolution,
        weights: &Vec<f32>,
        output_gradient: &Vec<f32>,
        accumulate: bool,
        input_gradient: &mut Vec<f32>,
    ) -> Result<()> {
        convolution_gradient::of_input(shape, weights, output_gradient, accumulate, input_gradient);
        Ok(())
    }

    fn convolution_weight_gradient(
        &self,
        shape: &Convolution,
        input: &Vec<f32>,
        output_gradient: &Vec<f32>,
        weights: &mut Vec<f32>,
        bias: Option<&mut Vec<f32>>,
    ) -> Result<()> {
        convolution_gradient::of_weights(shape, input, output_gradient, weights);
        if let Some(bias) = bias {
            normalize::channel_sums(output_gradient, bias);
        }
        Ok(())
    }

    fn batch_moments(
        &self,
        epsilon: f32,
        input: &Vec<f32>,
        mean: &mut Vec<f32>,
        inverse_deviation: &mut Vec<f32>,
        running: Option<Running<'_, Vec<f32>>>,
    ) -> Result<()> {
        normalize::moments(epsilon, input, mean, inverse_deviation, running);
        Ok(())
    }

    fn inverse_deviation(&self, epsilon: f32, variance: &Vec<f32>, inverse: &mut Vec<f32>) -> Result<()> {
        for (inverse, variance) in inverse.iter_mut().zip(variance) {
            *inverse = 1.0 / (variance + epsilon).sqrt();
        }
        Ok(())
    }

    fn normalize(
        &self,
        norm: &Normalization<'_, Vec<f32>>,
        input: &Vec<f32>,
        residual: Option<&Vec<f32>>,
        relu: bool,
        output: &mut Vec<f32>,
    ) -> Result<()> {
        normalize::apply(norm, input, residual.map(Vec::as_slice), relu, output);
        Ok(())
    }

    fn normalize_gradient(
        &self,
        norm: &Normalization<'_, Vec<f32>>,
        relu_output: Option<&Vec<f32>>,
        gradient: &mut Vec<f32>,
        input: &mut Vec<f32>,
        scale_gradient: &mut Vec<f32>,
        shift_gradient: &mut Vec<f32>,
    ) -> Result<()> {
        let output = relu_output.map(Vec::as_slice);
        normalize::parameter_gradients(norm, input, output, gradient, scale_gradient, shift_gradient);
        normalize::input_gradient(norm, scale_gradient, shift_gradient, gradient, input);
        Ok(())
    }

    fn max_pool(&self, shape: &MaxPool, input: &Vec<f32>, output: &mut Vec<f32>) -> Result<()> {
        pool::max(shape, input, output);
        Ok(())
    }

    fn max_pool_gradient(
        &self,
        shape: &MaxPool,
        input: &Vec<f32>,
        output: &Vec<f32>,
        output_gradient: &Vec<f32>,
        input_gradient: &mut Vec<f32>,
    ) -> Result<()> {
        pool::max_gradient(shape, input, output, output_gradient, input_gradient);
        Ok(())
    }

    fn average_pool(&self, channels: usize, input: &Vec<f32>, rows: usize, output: &mut Vec<f32>) -> Result<()> {
        pool::average(channels, input, rows, output);
        Ok(())
    }

    fn average_pool_gradient(
        &self,
        channels: usize,
        output_gradient: &Vec<f32>,
        rows: usize,
        input_gradient: &mut Vec<f32>,
    ) -> Result<()> {
        pool::average_gradient(channels, output_gradient, rows, input_gradient);
        Ok(())
    }
}
