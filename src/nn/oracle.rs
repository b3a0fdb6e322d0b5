//! Reference implementations of the kernels in plain dfdx operations: slow and simple, for any dfdx device. Tests and
//! `simclr doctor` check our kernels against them.
//!
//! Maps are `[pixels, channels]` here. Each tap of a window is a gather of rows, in which padding is masked. Operations
//! that dfdx compiles at the first call (concatenation) are not used.
//!
//! Device errors are panics here, as in dfdx.

use crate::nn::{Convolution, MaxPool, Taped};
use dfdx::prelude::*;

type Matrix = (usize, usize);
/// One value per channel, `[channels]`.
type Channels<D> = Tensor<(usize,), f32, D>;
/// [`Channels`] on a tape.
type TapedChannels<D> = Tensor<(usize,), f32, D, OwnedTape<f32, D>>;

/// Padding value of max pooling: below every activation, yet finite.
const MAX_POOL_PADDING: f32 = -1e30;

/// Square windows over square maps.
#[derive(Clone, Copy)]
struct Windows {
    kernel: usize,
    stride: usize,
    padding: usize,
    side: usize,
    output_side: usize,
}

impl Windows {
    /// Returns, for each tap, the input row that each output pixel reads; `None` for padding.
    fn taps(self, rows: usize) -> Vec<Vec<Option<usize>>> {
        let inside = |at: usize| at.checked_sub(self.padding).filter(|at| *at < self.side);
        let pixel = |image: usize, y: usize, x: usize| Some((image * self.side + inside(y)?) * self.side + inside(x)?);
        let outputs = |tap_y: usize, tap_x: usize| {
            let mut input_rows = Vec::new();
            for image in 0..rows {
                for y in 0..self.output_side {
                    let columns = (0..self.output_side).map(|x| x * self.stride + tap_x);
                    input_rows.extend(columns.map(|x| pixel(image, y * self.stride + tap_y, x)));
                }
            }
            input_rows
        };
        (0..self.kernel * self.kernel).map(|tap| outputs(tap / self.kernel, tap % self.kernel)).collect()
    }
}

/// Returns the inputs at each tap of the windows, `[output pixels, channels]` each; `padding_value` outside the image.
fn gather_taps<D: Device<f32>>(windows: Windows, input: Taped<D>, padding_value: f32) -> Vec<Taped<D>> {
    let (pixels, channels) = *input.shape();
    let (input, tape) = input.split_tape();
    let mut tape = Some(tape);
    let mut tap = |input_rows: Vec<Option<usize>>| {
        let length = input_rows.len();
        let mask = |value: fn(bool) -> f32| -> Tensor<Matrix, f32, D> {
            let values = input_rows.iter().map(|row| value(row.is_some())).collect();
            let values: Channels<D> = input.device().tensor_from_vec(values, (length,));
            values.broadcast_like::<Matrix, Axis<1>>(&(length, channels))
        };
        let (inside, outside) = (mask(f32::from), mask(|inside| f32::from(!inside)));
        let indices: Vec<usize> = input_rows.iter().map(|row| row.unwrap_or(0)).collect();
        let indices: Tensor<(usize,), usize, D> = input.device().tensor_from_vec(indices, (length,));
        let gathered: Taped<D> = input.clone().put_tape(tape.take().unwrap_or_default()).gather(indices);
        gathered * inside + outside * padding_value
    };
    windows.taps(pixels / (windows.side * windows.side)).into_iter().map(&mut tap).collect()
}

/// Convolves `[pixels, inputs]` with `[window, outputs]` to `[output pixels, outputs]`.
pub(crate) fn convolution<D: Device<f32>>(
    shape: &Convolution,
    input: Taped<D>,
    weights: &Tensor<Matrix, f32, D>,
    bias: Option<&Channels<D>>,
) -> Taped<D> {
    let Convolution { kernel, stride, padding, side, .. } = *shape;
    let windows = Windows { kernel, stride, padding, side, output_side: shape.output_side() };
    let pixels = input.shape().0 / (side * side) * shape.output_pixels();
    let zeros = || input.device().tensor_from_vec(vec![0.0; shape.outputs], (shape.outputs,));
    let bias: TapedChannels<D> = bias.cloned().unwrap_or_else(zeros).retaped();
    let mut output: Taped<D> = bias.broadcast_like::<Matrix, Axis<0>>(&(pixels, shape.outputs));
    for (tap, inputs) in gather_taps(windows, input, 0.0).into_iter().enumerate() {
        let rows = tap * shape.inputs..(tap + 1) * shape.inputs;
        let weights: Taped<D> = weights.retaped::<OwnedTape<f32, D>>().slice((rows, 0..shape.outputs)).realize();
        output = output + inputs.matmul(weights);
    }
    output
}

/// Batch norm by the statistics of the batch.
pub(crate) fn batch_norm<D: Device<f32>>(
    input: Taped<D>,
    scale: &Channels<D>,
    shift: &Channels<D>,
    epsilon: f32,
) -> Taped<D> {
    let shape = *input.shape();
    let broadcast = |channels: TapedChannels<D>| -> Taped<D> { channels.broadcast_like::<Matrix, Axis<0>>(&shape) };
    let (input, tape) = input.split_tape();
    let mean = input.retaped::<OwnedTape<f32, D>>().mean::<(usize,), Axis<0>>();
    let (centered, tape) = (input.put_tape(tape) - broadcast(mean)).split_tape();
    let variance = centered.retaped::<OwnedTape<f32, D>>().square().mean::<(usize,), Axis<0>>();
    let normalized = centered.put_tape(tape) / broadcast((variance + epsilon).sqrt());
    normalized * broadcast(scale.retaped()) + broadcast(shift.retaped())
}

/// Returns the maximum of each window.
pub(crate) fn max_pool<D: Device<f32>>(shape: &MaxPool, input: Taped<D>) -> Taped<D> {
    let MaxPool { kernel, stride, padding, side, .. } = *shape;
    let windows = Windows { kernel, stride, padding, side, output_side: shape.output_side() };
    let (input, tape) = input.split_tape();
    let taps = gather_taps(windows, input.clone().put_tape(tape), MAX_POOL_PADDING).into_iter();
    // Every window has at least one tap, so the fallback is never used.
    taps.reduce(|largest, tap| largest.maximum(tap)).unwrap_or_else(|| input.retaped())
}

/// Averages `[pixels, channels]` over the pixels of each image to `[rows, channels]`.
pub(crate) fn average_pool<D: Device<f32>>(input: Taped<D>, rows: usize) -> Taped<D> {
    let (pixels, channels) = *input.shape();
    let maps = input.reshape_like(&(rows, pixels / rows, channels));
    maps.mean::<Matrix, Axis<1>>()
}
