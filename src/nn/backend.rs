//! The kernels that an encoder needs from a device.

use crate::base::Result;
use crate::group::ShardedBatch;
use crate::nn::{Convolution, GradientSums, MaxPool, Moments, Precision};
use dfdx::prelude::{Device, Storage, Tensor};

/// Images in a batch of inference on the CPU.
pub(crate) const INFERENCE_ROWS: usize = 64;

/// A dfdx device with our kernels. Maps are `[rows, side, side, channels]`; "pixels" are `rows * side * side`.
///
/// Outputs are overwritten completely unless `accumulate` is set. Results do not depend on the number of threads.
/// Methods fail only where the device does (memory, driver); the caller must pass buffers of the right lengths.
#[expect(clippy::missing_errors_doc, reason = "documented once, above")]
pub trait Backend: Device<f32> {
    /// Parameters, their gradients, statistics and features on the device, 32-bit.
    type Buffer: std::fmt::Debug + Send + Sync + 'static;

    /// Feature maps, or their gradients, in one [`Precision`].
    type Map: std::fmt::Debug + Send + Sync + 'static;

    /// Returns a buffer of zeros.
    fn allocate(&self, length: usize) -> Result<Self::Buffer>;
    /// Copies values from the host into a new buffer.
    fn upload(&self, values: Vec<f32>) -> Result<Self::Buffer>;
    /// Copies a buffer to the host.
    fn download(&self, buffer: &Self::Buffer) -> Result<Vec<f32>>;
    /// Copies a buffer into another of the same length.
    fn copy(&self, from: &Self::Buffer, into: &mut Self::Buffer) -> Result<()>;
    /// Adds a buffer to another of the same length.
    fn add(&self, from: &Self::Buffer, into: &mut Self::Buffer) -> Result<()> {
        let (from, mut sum) = (self.download(from)?, self.download(into)?);
        sum.iter_mut().zip(&from).for_each(|(sum, from)| *sum += from);
        self.copy(&self.upload(sum)?, into)
    }
    /// Replaces buffers, this rank's sums over its shards of a batch, by the sums over the shards of all ranks, along the
    /// tree of the batch: the same bytes for any number of ranks. Also fails if another rank does.
    fn sum_over_ranks(&self, batch: &ShardedBatch, buffers: &mut [Self::Buffer]) -> Result<()> {
        sum_on_host(self, batch, buffers)
    }
    /// Returns the number of elements of a buffer.
    fn length(&self, buffer: &Self::Buffer) -> usize;
    /// Returns a map of zeros.
    fn allocate_map(&self, length: usize, precision: Precision) -> Result<Self::Map>;
    /// Copies values from the host into a new map, rounded to its precision.
    fn upload_map(&self, values: Vec<f32>, precision: Precision) -> Result<Self::Map>;
    /// Copies images `[rows, side, side, 3]` into a new map that only convolutions read.
    fn upload_images(&self, values: Vec<f32>, precision: Precision) -> Result<Self::Map> {
        self.upload_map(values, precision)
    }
    /// Returns the number of images of this width and height in a batch of inference, if it is arbitrary.
    fn inference_rows(&self, _side: usize) -> usize {
        INFERENCE_ROWS
    }
    /// Copies a map to the host, in 32 bits.
    fn download_map(&self, map: &Self::Map) -> Result<Vec<f32>>;
    /// Returns the number of elements of a map.
    fn map_length(&self, map: &Self::Map) -> usize;
    /// Copies a buffer into a new dfdx tensor.
    fn to_tensor(&self, buffer: &Self::Buffer, shape: (usize, usize)) -> Result<Tensor<(usize, usize), f32, Self>>;
    /// Copies a dfdx tensor into a new buffer.
    fn read_tensor(&self, tensor: &Tensor<(usize, usize), f32, Self>) -> Result<Self::Buffer>;
    /// Copies a dfdx gradient into a buffer of the same length.
    fn read_gradient(&self, gradient: &<Self as Storage<f32>>::Vec, into: &mut Self::Buffer) -> Result<()>;

    /// Computes `output = convolution(input, weights) + bias`.
    fn convolution(
        &self,
        shape: &Convolution,
        input: &Self::Map,
        weights: &Self::Buffer,
        bias: Option<&Self::Buffer>,
        output: &mut Self::Map,
    ) -> Result<()>;
    /// Computes the gradient of the input; adds it to `input_gradient` if `accumulate` is set.
    fn convolution_input_gradient(
        &self,
        shape: &Convolution,
        weights: &Self::Buffer,
        output_gradient: &Self::Map,
        accumulate: bool,
        input_gradient: &mut Self::Map,
    ) -> Result<()>;
    /// Computes the gradients of the weights and the bias.
    fn convolution_weight_gradient(
        &self,
        shape: &Convolution,
        input: &Self::Map,
        output_gradient: &Self::Map,
        weights: &mut Self::Buffer,
        bias: Option<&mut Self::Buffer>,
    ) -> Result<()>;

    /// Computes the mean and `1 / sqrt(variance + epsilon)` (biased variance) of each channel over the pixels of each
    /// group, both `[groups, channels]`. The groups are equal ranges of the input's rows. The running statistics are
    /// updated by one group after the other (the variance with Bessel's correction, as in PyTorch and in TensorFlow's
    /// fused kernel), as if the model had been called once per group.
    fn batch_moments(
        &self,
        groups: usize,
        epsilon: f32,
        input: &Self::Map,
        mean: &mut Self::Buffer,
        inv_std: &mut Self::Buffer,
        running: Option<RunningUpdate<'_, Self::Buffer>>,
    ) -> Result<()>;
    /// Computes `1 / sqrt(variance + epsilon)`.
    fn inv_std(&self, epsilon: f32, variance: &Self::Buffer, inv_std: &mut Self::Buffer) -> Result<()>;
    /// Computes `output = [relu](scale * (input - mean) * inv_std + shift [+ residual])` in one pass, each group
    /// of rows by its own moments.
    fn normalize(
        &self,
        norm: &Normalization<'_, Self::Buffer>,
        input: &Self::Map,
        residual: Option<&Self::Map>,
        relu: bool,
        output: &mut Self::Map,
    ) -> Result<()>;
    /// The backward pass of [`Backend::batch_moments`] and [`Backend::normalize`]. Works in place: `input` becomes the
    /// gradient of the input, and `gradient` (of the output) becomes that of the residual, the gradient before the ReLU;
    /// for [`ReluOutput::AfterNorm`], which has no residual, its content is arbitrary. The gradients of scale and shift
    /// are sums over the groups.
    fn normalize_gradient(
        &self,
        norm: &Normalization<'_, Self::Buffer>,
        relu_output: ReluOutput<'_, Self::Map>,
        gradient: &mut Self::Map,
        input: &mut Self::Map,
        scale_gradient: &mut Self::Buffer,
        shift_gradient: &mut Self::Buffer,
    ) -> Result<()>;

    /// Returns the moments of each channel over the pixels of each group of rows, for statistics of several maps.
    fn moments(&self, groups: usize, channels: usize, input: &Self::Map) -> Result<Vec<Moments>>;
    /// The first half of [`Backend::normalize_gradient`] for moments of several maps: returns the sums of each group.
    /// `gradient` becomes the gradient before the ReLU, except for [`ReluOutput::AfterNorm`], for which its content is
    /// arbitrary.
    fn gradient_sums(
        &self,
        norm: &Normalization<'_, Self::Buffer>,
        relu_output: ReluOutput<'_, Self::Map>,
        gradient: &mut Self::Map,
        input: &Self::Map,
    ) -> Result<Vec<GradientSums>>;
    /// The second half: `input` becomes its gradient, given the sums over all pixels that were normalized with the
    /// moments of each group, and the gradient that [`Backend::gradient_sums`] left.
    fn norm_input_gradient(
        &self,
        norm: &Normalization<'_, Self::Buffer>,
        relu_output: ReluOutput<'_, Self::Map>,
        sums: &[GradientSums],
        gradient: &mut Self::Map,
        input: &mut Self::Map,
    ) -> Result<()>;

    /// Computes the maximum of each window.
    fn max_pool(&self, shape: &MaxPool, input: &Self::Map, output: &mut Self::Map) -> Result<()>;
    /// The backward pass of [`Backend::max_pool`]: each gradient goes to the first maximum of its window in row-major
    /// order.
    fn max_pool_gradient(
        &self,
        shape: &MaxPool,
        input: &Self::Map,
        output: &Self::Map,
        output_gradient: &Self::Map,
        input_gradient: &mut Self::Map,
    ) -> Result<()>;
    /// Averages each channel over the pixels of each image: `[rows, pixels, channels]` to `[rows, channels]`.
    fn average_pool(&self, channels: usize, input: &Self::Map, rows: usize, output: &mut Self::Buffer) -> Result<()>;
    /// The backward pass of [`Backend::average_pool`]: each gradient is divided equally among the pixels.
    fn average_pool_gradient(
        &self,
        channels: usize,
        output_gradient: &Self::Buffer,
        rows: usize,
        input_gradient: &mut Self::Map,
    ) -> Result<()>;
}

/// Moments and parameters of a batch norm.
#[derive(Debug)]
pub struct Normalization<'a, B: ?Sized> {
    /// Mean, `[groups, channels]`.
    pub mean: &'a B,
    /// `1 / sqrt(variance + epsilon)`, `[groups, channels]`.
    pub inv_std: &'a B,
    /// Learned scale, gamma, `[channels]`.
    pub scale: &'a B,
    /// Learned shift, beta, `[channels]`.
    pub shift: &'a B,
}

/// The output of the ReLU after a batch norm, for the backward pass.
#[derive(Debug)]
pub enum ReluOutput<'a, M> {
    /// There is no ReLU.
    None,
    /// The ReLU of the normalized values, so that its mask also follows from the input.
    AfterNorm(&'a M),
    /// The ReLU of their sum with a residual.
    AfterSum(&'a M),
}

impl<'a, M> ReluOutput<'a, M> {
    /// Returns the map, if there is a ReLU.
    pub fn map(self) -> Option<&'a M> {
        match self {
            Self::None => None,
            Self::AfterNorm(map) | Self::AfterSum(map) => Some(map),
        }
    }
}

/// RunningUpdate statistics to update: `running = (1 - momentum) * running + momentum * batch`.
#[derive(Debug)]
pub struct RunningUpdate<'a, B: ?Sized> {
    /// RunningUpdate mean, `[channels]`.
    pub mean: &'a mut B,
    /// RunningUpdate variance, `[channels]`.
    pub variance: &'a mut B,
    /// Weight of the batch in the update.
    pub momentum: f32,
}

/// Sums buffers over ranks through the memory of the host; see [`Backend::sum_over_ranks`].
///
/// # Errors
/// The device or another rank failed.
pub(crate) fn sum_on_host<D: Backend>(device: &D, batch: &ShardedBatch, buffers: &mut [D::Buffer]) -> Result<()> {
    let host = buffers.iter().map(|buffer| device.download(buffer)).collect::<Result<Vec<_>>>()?;
    let mut all = host.concat();
    batch.sum(&mut all)?;
    let mut rest = all.as_slice();
    for buffer in buffers {
        let (own, after) = rest.split_at(device.length(buffer));
        *buffer = device.upload(own.to_vec())?;
        rest = after;
    }
    Ok(())
}
