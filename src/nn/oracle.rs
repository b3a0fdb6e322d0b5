//! The same operations made of dfdx's alone: slow, simple, for any dfdx device; what our kernels are tested against.
//!
//! Maps are `[pixels, channels]` here. A window's tap is a gather of rows; padding is one more row.

use crate::nn::{Convolution, MaxPool};
use dfdx::prelude::*;

/// A tensor with a tape.
type Taped<S> = Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>;
/// `[pixels, channels]` or another matrix.
type Matrix = (usize, usize);

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
    /// For each tap, the input row that each output pixel sees there; `outside` stands for padding.
    fn taps(self, rows: usize, outside: usize) -> Vec<Vec<usize>> {
        let place = |picture: usize, y: usize, x: usize| {
            let inside = |at: usize| at.checked_sub(self.padding).filter(|at| *at < self.side);
            match (inside(y), inside(x)) {
                (Some(y), Some(x)) => (picture * self.side + y) * self.side + x,
                _ => outside,
            }
        };
        let outputs = |tap_y: usize, tap_x: usize| {
            let mut sees = Vec::new();
            for picture in 0..rows {
                for y in 0..self.output_side {
                    let line = (0..self.output_side).map(|x| x * self.stride + tap_x);
                    sees.extend(line.map(|x| place(picture, y * self.stride + tap_y, x)));
                }
            }
            sees
        };
        (0..self.kernel * self.kernel).map(|tap| outputs(tap / self.kernel, tap % self.kernel)).collect()
    }
}

/// What each tap of the windows sees, `[output pixels, channels]` each; `padding_value` outside the picture.
fn gather_taps(windows: Windows, input: &Tensor<Matrix, f32, Cpu>, padding_value: f32) -> Vec<Taped<Matrix>> {
    let device = input.device();
    let (pixels, channels) = *input.shape();
    let rows = pixels / (windows.side * windows.side);
    let tap = |sees: Vec<usize>| {
        let padding = device.tensor_from_vec(vec![padding_value; channels], (1, channels));
        let padded = (input.retaped::<OwnedTape<f32, Cpu>>(), padding).concat_along(Axis::<0>);
        let padded: Taped<Matrix> = padded.realize();
        let length = sees.len();
        let sees: Tensor<(usize,), usize, Cpu> = device.tensor_from_vec(sees, (length,));
        padded.gather(sees)
    };
    windows.taps(rows, pixels).into_iter().map(tap).collect()
}

/// `[pixels, inputs]` and `[window, outputs]` to `[output pixels, outputs]`.
pub(super) fn convolution(
    shape: &Convolution,
    input: &Tensor<Matrix, f32, Cpu>,
    weights: &Tensor<Matrix, f32, Cpu>,
    bias: &Tensor<(usize,), f32, Cpu>,
) -> Taped<Matrix> {
    let Convolution { kernel, stride, padding, side, .. } = *shape;
    let windows = Windows { kernel, stride, padding, side, output_side: shape.output_side() };
    let taps = gather_taps(windows, input, 0.0);
    let pixels = taps[0].shape().0;
    let bias = bias.retaped::<OwnedTape<f32, Cpu>>();
    let mut output = bias.broadcast_like::<Matrix, Axis<0>>(&(pixels, shape.outputs));
    for (tap, seen) in taps.into_iter().enumerate() {
        let rows = tap * shape.inputs..(tap + 1) * shape.inputs;
        let weights: Taped<Matrix> = weights.retaped::<OwnedTape<f32, Cpu>>().slice((rows, 0..shape.outputs)).realize();
        output = output + seen.matmul(weights);
    }
    output
}

/// Batch norm with the batch's statistics, the residual, ReLU.
pub(super) fn norm_relu(
    input: &Tensor<Matrix, f32, Cpu>,
    scale: &Tensor<(usize,), f32, Cpu>,
    shift: &Tensor<(usize,), f32, Cpu>,
    residual: &Tensor<Matrix, f32, Cpu>,
    epsilon: f32,
) -> Taped<Matrix> {
    let shape = *input.shape();
    let taped = || input.retaped::<OwnedTape<f32, Cpu>>();
    let spread = |channels: Taped<(usize,)>| -> Taped<Matrix> { channels.broadcast_like::<Matrix, Axis<0>>(&shape) };
    let mean = || spread(taped().mean::<(usize,), Axis<0>>());
    let variance = (taped() - mean()).square().mean::<(usize,), Axis<0>>();
    let normalised = (taped() - mean()) / spread((variance + epsilon).sqrt());
    let scaled = normalised * spread(scale.retaped()) + spread(shift.retaped());
    (scaled + residual.retaped::<OwnedTape<f32, Cpu>>()).relu()
}

/// Maximum of each window.
pub(super) fn max_pool(shape: &MaxPool, input: &Tensor<Matrix, f32, Cpu>) -> Taped<Matrix> {
    let MaxPool { kernel, stride, padding, side, .. } = *shape;
    let windows = Windows { kernel, stride, padding, side, output_side: shape.output_side() };
    let mut taps = gather_taps(windows, input, -1e30).into_iter();
    let first = taps.next().unwrap();
    taps.fold(first, |largest, tap| largest.maximum(tap))
}

/// `[pixels, channels]` to `[rows, channels]`.
pub(super) fn average_pool(input: &Tensor<Matrix, f32, Cpu>, rows: usize) -> Taped<Matrix> {
    let (pixels, channels) = *input.shape();
    let maps = input.retaped::<OwnedTape<f32, Cpu>>().reshape_like(&(rows, pixels / rows, channels));
    maps.mean::<Matrix, Axis<1>>()
}
