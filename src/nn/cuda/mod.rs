//! The kernels on an NVIDIA GPU, next to those of dfdx.
//!
//! Convolutions are cuDNN's; everything between them is in `kernels/*.cu`, compiled for the present device when the
//! process first opens it. Maps are channels-last, in f32 or bf16; sums are 32-bit or wider. All work is queued on one
//! stream, and only copies to the host wait for it. The state of a device that lives as long as the process is in the
//! registry of [`gpu`], because dfdx's `Cuda` cannot be extended.
//!
//! Our kernels are deterministic. A deterministic algorithm of cuDNN is chosen if it costs less than 10 % more time,
//! but the choice depends on measurements. dfdx's reductions (in the head) use atomics and are not deterministic.

mod address;
mod algorithm;
mod arguments;
mod bridge;
mod buffer;
mod convolution;
mod cublas;
mod cudnn;
mod direction;
mod directions;
mod failure;
mod filter;
mod gpu;
mod grid;
mod host_sums;
mod image_cache;
mod kernels;
mod libraries;
mod memory;
mod multi_tensor;
mod nccl;
mod norm;
mod notes;
mod nt_xent;
mod pool;
mod probe;
mod program;
mod report;
mod shims;
mod source;
mod staging;
mod status;

pub(crate) use arguments::AdamStep;
pub(crate) use bridge::{from_tensor, to_storage};
pub use buffer::{Buffer, Map};
pub use failure::reporting;
pub(crate) use multi_tensor::{MultiTensor, ParameterTensors};
pub use nccl::{nccl_version, use_nccl};
pub(crate) use nt_xent::{NtXentResult, nt_xent};
pub use probe::{DeviceInfo, VisibleGpus, probe, visible};
pub use report::report;

use crate::base::Result;
use crate::group::ShardedBatch;
use crate::nn::{
    Backend, Convolution, GradientSums, MaxPool, Moments, Normalization, Precision, ReluOutput, RunningUpdate,
    sum_on_host,
};
use dfdx::prelude::{Cuda, Storage, Tensor};
use gpu::Gpu;
use grid::{Grid, THREADS};
pub use notes::take as take_note;

/// Opens the dfdx device with this ordinal and compiles our kernels for it.
///
/// dfdx's own cache of freed memory stays off: the driver's pool, which keeps freed blocks, serves both.
///
/// # Errors
/// The driver, the device or a library is missing, the device is too old, or it is out of memory.
pub fn open(ordinal: usize) -> Result<Cuda> {
    // Before dfdx, which panics if the driver does not start.
    Gpu::open(ordinal)?;
    Cuda::try_build(ordinal, 0).map_err(bridge::failed)
}

/// Returns the free and the total memory of the device, bytes.
///
/// # Errors
/// The driver fails.
pub fn memory(device: &Cuda) -> Result<(u64, u64)> {
    bridge::gpu_of(device)?.memory()
}

/// Returns the number of images in a batch of inference: enough to fill a GPU, with at most as many pixels as 256 images
/// of 224 x 224.
pub fn inference_rows(side: usize) -> usize {
    (256 * 224 * 224 / (side * side).max(1)).clamp(64, 256)
}

/// Waits until the device has finished all queued work.
///
/// # Errors
/// Some of the queued work failed.
pub fn synchronize(device: &Cuda) -> Result<()> {
    bridge::gpu_of(device)?.synchronize()
}

impl Backend for Cuda {
    type Buffer = Buffer;
    type Map = Map;

    fn allocate(&self, length: usize) -> Result<Buffer> {
        Buffer::zeros(&bridge::gpu_of(self)?, length)
    }

    fn upload(&self, values: Vec<f32>) -> Result<Buffer> {
        Buffer::from_host(&bridge::gpu_of(self)?, &values)
    }

    fn download(&self, buffer: &Buffer) -> Result<Vec<f32>> {
        buffer.to_host()
    }

    fn copy(&self, from: &Buffer, into: &mut Buffer) -> Result<()> {
        let bytes = into.len().min(from.len()) * size_of::<f32>();
        memory::copy(from.gpu(), from.address(), into.address_mut(), bytes)
    }

    fn add(&self, from: &Buffer, into: &mut Buffer) -> Result<()> {
        let (gpu, length) = (into.gpu().clone(), into.len().min(from.len()));
        kernels::add(&gpu, Grid::over(length, THREADS)?, from.address(), length as i64, into.address_mut())
    }

    fn sum_over_ranks(&self, batch: &ShardedBatch, buffers: &mut [Buffer]) -> Result<()> {
        match nccl::sum(&bridge::gpu_of(self)?, batch, buffers)? {
            true => Ok(()),
            false => sum_on_host(self, batch, buffers),
        }
    }

    fn length(&self, buffer: &Buffer) -> usize {
        buffer.len()
    }

    fn allocate_map(&self, length: usize, precision: Precision) -> Result<Map> {
        Map::zeros(&bridge::gpu_of(self)?, length, precision)
    }

    fn upload_map(&self, values: Vec<f32>, precision: Precision) -> Result<Map> {
        let gpu = bridge::gpu_of(self)?;
        gpu.staging()?.upload(&gpu, &values, precision, None)
    }

    fn upload_images(&self, values: Vec<f32>, precision: Precision) -> Result<Map> {
        let gpu = bridge::gpu_of(self)?;
        gpu.staging()?.upload(&gpu, &values, precision, convolution::image_padding(precision))
    }

    fn inference_rows(&self, side: usize) -> usize {
        inference_rows(side)
    }

    fn download_map(&self, map: &Map) -> Result<Vec<f32>> {
        map.to_host()
    }

    fn map_length(&self, map: &Map) -> usize {
        map.len()
    }

    fn to_tensor(&self, buffer: &Buffer, shape: (usize, usize)) -> Result<Tensor<(usize, usize), f32, Self>> {
        bridge::to_tensor(self, buffer, shape)
    }

    fn read_tensor(&self, tensor: &Tensor<(usize, usize), f32, Self>) -> Result<Buffer> {
        bridge::from_tensor(tensor)
    }

    fn read_gradient(&self, gradient: &<Self as Storage<f32>>::Vec, into: &mut Buffer) -> Result<()> {
        bridge::read_gradient(gradient, into)
    }

    fn convolution(
        &self,
        shape: &Convolution,
        input: &Map,
        weights: &Buffer,
        bias: Option<&Buffer>,
        output: &mut Map,
    ) -> Result<()> {
        convolution::forward(shape, input, weights, bias, output)
    }

    fn convolution_input_gradient(
        &self,
        shape: &Convolution,
        weights: &Buffer,
        output_gradient: &Map,
        accumulate: bool,
        input_gradient: &mut Map,
    ) -> Result<()> {
        convolution::input_gradient(shape, weights, output_gradient, accumulate, input_gradient)
    }

    fn convolution_weight_gradient(
        &self,
        shape: &Convolution,
        input: &Map,
        output_gradient: &Map,
        weights: &mut Buffer,
        bias: Option<&mut Buffer>,
    ) -> Result<()> {
        convolution::weight_gradient(shape, input, output_gradient, weights, bias)
    }

    fn batch_moments(
        &self,
        groups: usize,
        epsilon: f32,
        input: &Map,
        mean: &mut Buffer,
        inv_std: &mut Buffer,
        running: Option<RunningUpdate<'_, Buffer>>,
    ) -> Result<()> {
        norm::moments(groups, epsilon, input, mean, inv_std, running)
    }

    fn inv_std(&self, epsilon: f32, variance: &Buffer, inv_std: &mut Buffer) -> Result<()> {
        norm::inv_std(epsilon, variance, inv_std)
    }

    fn normalize(
        &self,
        norm: &Normalization<'_, Buffer>,
        input: &Map,
        residual: Option<&Map>,
        relu: bool,
        output: &mut Map,
    ) -> Result<()> {
        norm::normalize(norm, input, residual, relu, output)
    }

    fn normalize_gradient(
        &self,
        norm: &Normalization<'_, Buffer>,
        relu_output: ReluOutput<'_, Map>,
        gradient: &mut Map,
        input: &mut Map,
        scale_gradient: &mut Buffer,
        shift_gradient: &mut Buffer,
    ) -> Result<()> {
        norm::gradient(norm, relu_output, gradient, input, scale_gradient, shift_gradient)
    }

    fn moments(&self, groups: usize, channels: usize, input: &Map) -> Result<Vec<Moments>> {
        host_sums::moments(groups, channels, input)
    }

    fn gradient_sums(
        &self,
        norm: &Normalization<'_, Buffer>,
        relu_output: ReluOutput<'_, Map>,
        gradient: &mut Map,
        input: &Map,
    ) -> Result<Vec<GradientSums>> {
        host_sums::gradient_sums(norm, relu_output, gradient, input)
    }

    fn norm_input_gradient(
        &self,
        norm: &Normalization<'_, Buffer>,
        relu_output: ReluOutput<'_, Map>,
        sums: &[GradientSums],
        gradient: &mut Map,
        input: &mut Map,
    ) -> Result<()> {
        host_sums::input_gradient(norm, relu_output, sums, gradient, input)
    }

    fn max_pool(&self, shape: &MaxPool, input: &Map, output: &mut Map) -> Result<()> {
        pool::max_pool(shape, input, output)
    }

    fn max_pool_gradient(
        &self,
        shape: &MaxPool,
        input: &Map,
        output: &Map,
        output_gradient: &Map,
        input_gradient: &mut Map,
    ) -> Result<()> {
        pool::max_pool_gradient(shape, input, output, output_gradient, input_gradient)
    }

    fn average_pool(&self, channels: usize, input: &Map, rows: usize, output: &mut Buffer) -> Result<()> {
        pool::average_pool(channels, input, rows, output)
    }

    fn average_pool_gradient(
        &self,
        channels: usize,
        output_gradient: &Buffer,
        rows: usize,
        input_gradient: &mut Map,
    ) -> Result<()> {
        pool::average_pool_gradient(channels, output_gradient, rows, input_gradient)
    }
}
