//! The kernels that an encoder needs of a device.

use crate::base::Result;
use crate::nn::{Convolution, MaxPool, Precision};
use dfdx::prelude::{Device, Storage, Tensor};

/// A dfdx device with our kernels. Maps are `[rows, side, side, channels]`; "pixels" are `rows * side * side`.
///
/// Outputs are overwritten entirely unless `accumulate` is said. Results do not depend on the number of threads.
/// Every method fails only where the device does (memory, driver): lengths are the caller's duty.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
pub trait Backend: Device<f32> {
    /// Parameters, their gradients, statistics and features on the device, 32-bit.
    type Buffer: std::fmt::Debug + Send + Sync + 'static;

    /// Feature maps, or their gradients, in one [`Precision`].
    type Map: std::fmt::Debug + Send + Sync + 'static;

    /// A buffer of zeros.
    fn allocate(&self, length: usize) -> Result<Self::Buffer>;
    /// Numbers from the host.
    fn upload(&self, values: Vec<f32>) -> Result<Self::Buffer>;
    /// Numbers to the host.
    fn download(&self, buffer: &Self::Buffer) -> Result<Vec<f32>>;
    /// Copies a buffer into another of the same length.
    fn copy(&self, from: &Self::Buffer, into: &mut Self::Buffer) -> Result<()>;
    /// How many numbers a buffer holds.
    fn length(&self, buffer: &Self::Buffer) -> usize;
    /// A map of zeros.
    fn allocate_map(&self, length: usize, precision: Precision) -> Result<Self::Map>;
    /// A map of numbers from the host.
    fn upload_map(&self, values: Vec<f32>, precision: Precision) -> Result<Self::Map>;
    /// The numbers of a map to the host.
    fn download_map(&self, map: &Self::Map) -> Result<Vec<f32>>;
    /// How many numbers a map holds.
    fn map_length(&self, map: &Self::Map) -> usize;
    /// A dfdx tensor with a buffer's numbers.
    fn to_tensor(&self, buffer: &Self::Buffer, shape: (usize, usize)) -> Result<Tensor<(usize, usize), f32, Self>>;
    /// A buffer with a dfdx tensor's numbers.
    fn read_tensor(&self, tensor: &Tensor<(usize, usize), f32, Self>) -> Result<Self::Buffer>;
    /// Copies a dfdx gradient into a buffer of the same length.
    fn read_gradient(&self, gradient: &<Self as Storage<f32>>::Vec, into: &mut Self::Buffer) -> Result<()>;

    /// `output = convolution(input, weights) + bias`.
    fn convolution(
        &self,
        shape: &Convolution,
        input: &Self::Map,
        weights: &Self::Buffer,
        bias: Option<&Self::Buffer>,
        output: &mut Self::Map,
    ) -> Result<()>;
    /// The gradient of the input, added to what is there with `accumulate`.
    fn convolution_input_gradient(
        &self,
        shape: &Convolution,
        weights: &Self::Buffer,
        output_gradient: &Self::Map,
        accumulate: bool,
        input_gradient: &mut Self::Map,
    ) -> Result<()>;
    /// The gradients of the weights and the bias.
    fn convolution_weight_gradient(
        &self,
        shape: &Convolution,
        input: &Self::Map,
        output_gradient: &Self::Map,
        weights: &mut Self::Buffer,
        bias: Option<&mut Self::Buffer>,
    ) -> Result<()>;

    /// Mean and `1 / sqrt(variance + epsilon)` of each channel over the pixels of each group (the biased variance), both
    /// `[groups, channels]`. The groups are as many equal ranges of the input's rows. The running statistics are moved
    /// towards those of one group after the other (the variance with Bessel's correction, as in torch and in
    /// TensorFlow's fused kernel), as if the model had been called once per group.
    fn batch_moments(
        &self,
        groups: usize,
        epsilon: f32,
        input: &Self::Map,
        mean: &mut Self::Buffer,
        inverse_deviation: &mut Self::Buffer,
        running: Option<Running<'_, Self::Buffer>>,
    ) -> Result<()>;
    /// `1 / sqrt(variance + epsilon)`.
    fn inverse_deviation(&self, epsilon: f32, variance: &Self::Buffer, inverse: &mut Self::Buffer) -> Result<()>;
    /// `output = [relu](scale * (input - mean) * inverse_deviation + shift [+ residual])` in one pass, each group of rows
    /// by its own moments.
    fn normalize(
        &self,
        norm: &Normalization<'_, Self::Buffer>,
        input: &Self::Map,
        residual: Option<&Self::Map>,
        relu: bool,
        output: &mut Self::Map,
    ) -> Result<()>;
    /// The way back through [`Backend::batch_moments`] and [`Backend::normalize`]. `relu_output` is their output where
    /// a ReLU was applied. In place: `input` becomes its gradient, `gradient` (of the output) becomes what passes the
    /// ReLU, which is the gradient of the residual. The gradients of scale and shift are sums over the groups.
    fn normalize_gradient(
        &self,
        norm: &Normalization<'_, Self::Buffer>,
        relu_output: Option<&Self::Map>,
        gradient: &mut Self::Map,
        input: &mut Self::Map,
        scale_gradient: &mut Self::Buffer,
        shift_gradient: &mut Self::Buffer,
    ) -> Result<()>;

    /// Maximum over windows.
    fn max_pool(&self, shape: &MaxPool, input: &Self::Map, output: &mut Self::Map) -> Result<()>;
    /// The gradient goes to the first maximum of each window, in reading order.
    fn max_pool_gradient(
        &self,
        shape: &MaxPool,
        input: &Self::Map,
        output: &Self::Map,
        output_gradient: &Self::Map,
        input_gradient: &mut Self::Map,
    ) -> Result<()>;
    /// Mean of each channel over the pixels of each image: `[rows, pixels, channels]` to `[rows, channels]`.
    fn average_pool(&self, channels: usize, input: &Self::Map, rows: usize, output: &mut Self::Buffer) -> Result<()>;
    /// The way back: every pixel gets its part.
    fn average_pool_gradient(
        &self,
        channels: usize,
        output_gradient: &Self::Buffer,
        rows: usize,
        input_gradient: &mut Self::Map,
    ) -> Result<()>;
}

/// What batch norm needs of each channel.
#[derive(Debug)]
pub struct Normalization<'a, B: ?Sized> {
    /// Mean that is taken off, `[groups, channels]`.
    pub mean: &'a B,
    /// `1 / sqrt(variance + epsilon)`, `[groups, channels]`.
    pub inverse_deviation: &'a B,
    /// The learned factor, gamma, `[channels]`.
    pub scale: &'a B,
    /// The learned offset, beta, `[channels]`.
    pub shift: &'a B,
}

/// Running statistics to move: `running = (1 - momentum) * running + momentum * batch`.
#[derive(Debug)]
pub struct Running<'a, B: ?Sized> {
    /// Running mean, `[channels]`.
    pub mean: &'a mut B,
    /// Running variance, `[channels]`.
    pub variance: &'a mut B,
    /// Part that the batch gets.
    pub momentum: f32,
}
