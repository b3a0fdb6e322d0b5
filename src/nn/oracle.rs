//! The same operations made of dfdx's alone: slow, simple, for any dfdx device; what our kernels are held against, in
//! tests and by `simclr doctor`.
//!
//! Maps are `[pixels, channels]` here. A window's tap is a gather of rows; what lies outside is masked. Operations that
//! dfdx compiles when they are called (concatenation) are not used.
//!
//! The device's failures are panics here, as in dfdx.

use crate::nn::{Convolution, MaxPool, Taped};
use dfdx::prelude::*;

/// `[pixels, channels]` or another matrix.
type Matrix = (usize, usize);
/// A number for each channel.
type Channels<D> = Tensor<(usize,), f32, D>;
/// The same on a tape.
type TapedChannels<D> = Tensor<(usize,), f32, D, OwnedTape<f32, D>>;

/// What stands for a place outside the image in a maximum: below everything, yet finite.
const LOWEST: f32 = -1e30;

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
    /// For each tap, the input row that each output pixel sees there; none where it is padding.
    fn taps(self, rows: usize) -> Vec<Vec<Option<usize>>> {
        let inside = |at: usize| at.checked_sub(self.padding).filter(|at| *at < self.side);
        let place = |image: usize, y: usize, x: usize| Some((image * self.side + inside(y)?) * self.side + inside(x)?);
        let outputs = |tap_y: usize, tap_x: usize| {
            let mut sees = Vec::new();
            for image in 0..rows {
                for y in 0..self.output_side {
                    let line = (0..self.output_side).map(|x| x * self.stride + tap_x);
                    sees.extend(line.map(|x| place(image, y * self.stride + tap_y, x)));
                }
            }
            sees
        };
        (0..self.kernel * self.kernel).map(|tap| outputs(tap / self.kernel, tap % self.kernel)).collect()
    }
}

/// What each tap of the windows sees, `[output pixels, channels]` each; `padding_value` outside the image.
fn gather_taps<D: Device<f32>>(windows: Windows, input: Taped<D>, padding_value: f32) -> Vec<Taped<D>> {
    let (pixels, channels) = *input.shape();
    let (input, tape) = input.split_tape();
    let mut tape = Some(tape);
    let mut tap = |sees: Vec<Option<usize>>| {
        let length = sees.len();
        let spread = |number: fn(bool) -> f32| -> Tensor<Matrix, f32, D> {
            let numbers = sees.iter().map(|sees| number(sees.is_some())).collect();
            let numbers: Channels<D> = input.device().tensor_from_vec(numbers, (length,));
            numbers.broadcast_like::<Matrix, Axis<1>>(&(length, channels))
        };
        let (inside, outside) = (spread(f32::from), spread(|inside| f32::from(!inside)));
        let places: Vec<usize> = sees.iter().map(|sees| sees.unwrap_or(0)).collect();
        let places: Tensor<(usize,), usize, D> = input.device().tensor_from_vec(places, (length,));
        let seen: Taped<D> = input.clone().put_tape(tape.take().unwrap_or_default()).gather(places);
        seen * inside + outside * padding_value
    };
    windows.taps(pixels / (windows.side * windows.side)).into_iter().map(&mut tap).collect()
}

/// `[pixels, inputs]` and `[window, outputs]` to `[output pixels, outputs]`.
pub fn convolution<D: Device<f32>>(
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
    for (tap, seen) in gather_taps(windows, input, 0.0).into_iter().enumerate() {
        let rows = tap * shape.inputs..(tap + 1) * shape.inputs;
        let weights: Taped<D> = weights.retaped::<OwnedTape<f32, D>>().slice((rows, 0..shape.outputs)).realize();
        output = output + seen.matmul(weights);
    }
    output
}

/// Batch norm with the batch's statistics.
pub fn batch_norm<D: Device<f32>>(input: Taped<D>, scale: &Channels<D>, shift: &Channels<D>, epsilon: f32) -> Taped<D> {
    let shape = *input.shape();
    let spread = |channels: TapedChannels<D>| -> Taped<D> { channels.broadcast_like::<Matrix, Axis<0>>(&shape) };
    let (input, tape) = input.split_tape();
    let mean = input.retaped::<OwnedTape<f32, D>>().mean::<(usize,), Axis<0>>();
    let (centered, tape) = (input.put_tape(tape) - spread(mean)).split_tape();
    let variance = centered.retaped::<OwnedTape<f32, D>>().square().mean::<(usize,), Axis<0>>();
    let normalized = centered.put_tape(tape) / spread((variance + epsilon).sqrt());
    normalized * spread(scale.retaped()) + spread(shift.retaped())
}

/// Maximum of each window.
pub fn max_pool<D: Device<f32>>(shape: &MaxPool, input: Taped<D>) -> Taped<D> {
    let MaxPool { kernel, stride, padding, side, .. } = *shape;
    let windows = Windows { kernel, stride, padding, side, output_side: shape.output_side() };
    let (input, tape) = input.split_tape();
    let taps = gather_taps(windows, input.clone().put_tape(tape), LOWEST).into_iter();
    // A window has at least one tap, so the map itself is never what is left.
    taps.reduce(|largest, tap| largest.maximum(tap)).unwrap_or_else(|| input.retaped())
}

/// `[pixels, channels]` to `[rows, channels]`.
pub fn average_pool<D: Device<f32>>(input: Taped<D>, rows: usize) -> Taped<D> {
    let (pixels, channels) = *input.shape();
    let maps = input.reshape_like(&(rows, pixels / rows, channels));
    maps.mean::<Matrix, Axis<1>>()
}
