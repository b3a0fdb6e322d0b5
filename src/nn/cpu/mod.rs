//! The CPU kernels: blocks of fixed size on rayon's threads, sums in a fixed order.

mod convolution;
mod convolution_gradient;
mod element;
mod groups;
mod im2col;
mod lanes;
mod map;
mod maps;
mod normalize;
mod pool;
mod scratch;
mod winograd;

use crate::base::{Error, Result};
use crate::nn::{
    Backend, Convolution, GradientSums, MaxPool, Moments, Normalization, Precision, ReluOutput, RunningUpdate,
};
use dfdx::prelude::{Cpu, Storage, Tensor, TensorFromVec};
use map::dispatch;
use rayon::prelude::*;

pub use map::Map;

/// Elements that one task adds.
const ADD_CHUNK: usize = 1 << 14;

impl Backend for Cpu {
    type Buffer = Vec<f32>;
    type Map = Map;

    fn allocate(&self, length: usize) -> Result<Vec<f32>> {
        zeros(length)
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

    fn add(&self, from: &Vec<f32>, into: &mut Vec<f32>) -> Result<()> {
        into.par_chunks_mut(ADD_CHUNK).zip(from.par_chunks(ADD_CHUNK)).for_each(|(into, from)| {
            into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
        });
        Ok(())
    }

    fn length(&self, buffer: &Vec<f32>) -> usize {
        buffer.len()
    }

    fn to_tensor(&self, buffer: &Vec<f32>, shape: (usize, usize)) -> Result<Tensor<(usize, usize), f32, Self>> {
        self.try_tensor_from_vec(buffer.clone(), shape).map_err(|error| Error::stage(format!("dfdx: {error}")))
    }

    fn read_tensor(&self, tensor: &Tensor<(usize, usize), f32, Self>) -> Result<Vec<f32>> {
        Ok(tensor.as_vec())
    }

    fn read_gradient(&self, gradient: &<Self as Storage<f32>>::Vec, into: &mut Vec<f32>) -> Result<()> {
        into.copy_from_slice(gradient);
        Ok(())
    }

    fn allocate_map(&self, length: usize, precision: Precision) -> Result<Map> {
        Ok(match precision {
            Precision::F32 | Precision::Tf32 => Map::F32(zeros(length)?),
            Precision::Bf16 => Map::Bf16(zeros(length)?),
        })
    }

    fn upload_map(&self, values: Vec<f32>, precision: Precision) -> Result<Map> {
        Ok(Map::new(values, precision))
    }

    fn download_map(&self, map: &Map) -> Result<Vec<f32>> {
        Ok(map.values())
    }

    fn map_length(&self, map: &Map) -> usize {
        map.len()
    }

    fn convolution(
        &self,
        shape: &Convolution,
        input: &Map,
        weights: &Vec<f32>,
        bias: Option<&Vec<f32>>,
        output: &mut Map,
    ) -> Result<()> {
        dispatch!(input, maps::convolution, shape, input, weights, bias, output)
    }

    fn convolution_input_gradient(
        &self,
        shape: &Convolution,
        weights: &Vec<f32>,
        output_gradient: &Map,
        accumulate: bool,
        input_gradient: &mut Map,
    ) -> Result<()> {
        dispatch!(
            output_gradient,
            maps::convolution_input_gradient,
            shape,
            weights,
            output_gradient,
            accumulate,
            input_gradient
        )
    }

    fn convolution_weight_gradient(
        &self,
        shape: &Convolution,
        input: &Map,
        output_gradient: &Map,
        weights: &mut Vec<f32>,
        bias: Option<&mut Vec<f32>>,
    ) -> Result<()> {
        dispatch!(input, maps::convolution_weight_gradient, shape, input, output_gradient, weights, bias)
    }

    fn batch_moments(
        &self,
        groups: usize,
        epsilon: f32,
        input: &Map,
        mean: &mut Vec<f32>,
        inv_std: &mut Vec<f32>,
        running: Option<RunningUpdate<'_, Vec<f32>>>,
    ) -> Result<()> {
        dispatch!(input, maps::moments, groups, epsilon, input, mean, inv_std, running)
    }

    fn inv_std(&self, epsilon: f32, variance: &Vec<f32>, inv_std: &mut Vec<f32>) -> Result<()> {
        for (inv_std, variance) in inv_std.iter_mut().zip(variance) {
            *inv_std = 1.0 / (variance + epsilon).sqrt();
        }
        Ok(())
    }

    fn normalize(
        &self,
        norm: &Normalization<'_, Vec<f32>>,
        input: &Map,
        residual: Option<&Map>,
        relu: bool,
        output: &mut Map,
    ) -> Result<()> {
        dispatch!(input, maps::normalize, norm, input, residual, relu, output)
    }

    fn normalize_gradient(
        &self,
        norm: &Normalization<'_, Vec<f32>>,
        relu_output: ReluOutput<'_, Map>,
        gradient: &mut Map,
        input: &mut Map,
        scale_gradient: &mut Vec<f32>,
        shift_gradient: &mut Vec<f32>,
    ) -> Result<()> {
        let parameters = [scale_gradient, shift_gradient];
        dispatch!(input, maps::normalize_gradient, norm, relu_output.map(), gradient, input, parameters)
    }

    fn moments(&self, groups: usize, channels: usize, input: &Map) -> Result<Vec<Moments>> {
        dispatch!(input, maps::moments_of, groups, channels, input)
    }

    fn gradient_sums(
        &self,
        norm: &Normalization<'_, Vec<f32>>,
        relu_output: ReluOutput<'_, Map>,
        gradient: &mut Map,
        input: &Map,
    ) -> Result<Vec<GradientSums>> {
        dispatch!(input, maps::gradient_sums, norm, relu_output.map(), gradient, input)
    }

    fn norm_input_gradient(
        &self,
        norm: &Normalization<'_, Vec<f32>>,
        _relu_output: ReluOutput<'_, Map>,
        sums: &[GradientSums],
        gradient: &mut Map,
        input: &mut Map,
    ) -> Result<()> {
        dispatch!(input, maps::norm_input_gradient, norm, sums, gradient, input)
    }

    fn max_pool(&self, shape: &MaxPool, input: &Map, output: &mut Map) -> Result<()> {
        dispatch!(input, maps::max_pool, shape, input, output)
    }

    fn max_pool_gradient(
        &self,
        shape: &MaxPool,
        input: &Map,
        output: &Map,
        output_gradient: &Map,
        input_gradient: &mut Map,
    ) -> Result<()> {
        dispatch!(input, maps::max_pool_gradient, shape, input, output, output_gradient, input_gradient)
    }

    fn average_pool(&self, channels: usize, input: &Map, rows: usize, output: &mut Vec<f32>) -> Result<()> {
        dispatch!(input, maps::average_pool, channels, input, rows, output)
    }

    fn average_pool_gradient(
        &self,
        channels: usize,
        output_gradient: &Vec<f32>,
        rows: usize,
        input_gradient: &mut Map,
    ) -> Result<()> {
        dispatch!(input_gradient, maps::average_pool_gradient, channels, output_gradient, rows, input_gradient)
    }
}

fn zeros<T: bytemuck::Zeroable + Clone>(length: usize) -> Result<Vec<T>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).map_err(|_| {
        Error::stage(format!("cannot allocate {} MiB for activations", length * size_of::<T>() / (1 << 20)))
            .help("use a smaller batch, smaller images or a narrower encoder")
    })?;
    buffer.resize(length, T::zeroed());
    Ok(buffer)
}
