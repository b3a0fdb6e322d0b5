//! The way back through a convolution.

use super::convolution::{BLOCK, block_windows, forward};
use super::product::{Matrix, multiply};
use super::windows::scatter;
use crate::nn::Convolution;
use rayon::prelude::*;

/// Numbers that the partial sums of one weight gradient may take together.
const PARTIAL_BUDGET: usize = 1 << 22;

/// The gradient of the input. With stride 1 it is itself a convolution, with the window turned by 180 degrees;
/// else every output pixel's share is computed and added where it belongs.
pub(super) fn of_input(
    shape: &Convolution,
    weights: &[f32],
    output_gradient: &[f32],
    accumulate: bool,
    input_gradient: &mut [f32],
) {
    if shape.stride == 1 && shape.padding < shape.kernel {
        let (mirrored, weights) = (mirror(shape), turned(shape, weights));
        forward(&mirrored, output_gradient, &weights, accumulate, input_gradient);
    } else {
        spread(shape, weights, output_gradient, accumulate, input_gradient);
    }
}

/// The convolution that takes the output's gradient to the input's.
fn mirror(shape: &Convolution) -> Convolution {
    Convolution {
        inputs: shape.outputs,
        outputs: shape.inputs,
        padding: shape.kernel - 1 - shape.padding,
        side: shape.output_side(),
        ..*shape
    }
}

/// `[kernel, kernel, inputs, outputs]` to `[kernel, kernel, outputs, inputs]` with the window turned by 180 degrees.
fn turned(shape: &Convolution, weights: &[f32]) -> Vec<f32> {
    let tap_len = shape.inputs * shape.outputs;
    let mut turned = vec![0.0; weights.len()];
    for (to, from) in turned.chunks_exact_mut(tap_len).zip(weights.chunks_exact(tap_len).rev()) {
        for (input, row) in from.chunks_exact(shape.outputs).enumerate() {
            for (output, weight) in row.iter().enumerate() {
                to[output * shape.inputs + input] = *weight;
            }
        }
    }
    turned
}

fn spread(shape: &Convolution, weights: &[f32], output_gradient: &[f32], accumulate: bool, input_gradient: &mut [f32]) {
    let weights = Matrix::new(weights, shape.window(), shape.outputs).transposed();
    let pictures = BLOCK.div_ceil(shape.output_pixels());
    let outputs = output_gradient.par_chunks(pictures * shape.output_len());
    let inputs = input_gradient.par_chunks_mut(pictures * shape.input_len());
    outputs.zip(inputs).for_each_init(Vec::new, |scratch, (outputs, inputs)| {
        if !accumulate {
            inputs.fill(0.0);
        }
        for (block, outputs) in outputs.chunks(BLOCK * shape.outputs).enumerate() {
            let pixels = outputs.len() / shape.outputs;
            scratch.resize(pixels * shape.window(), 0.0);
            multiply(Matrix::new(outputs, pixels, shape.outputs), weights, false, scratch);
            scatter(shape, scratch, block * BLOCK, inputs);
        }
    });
}

/// The gradient of the weights: partial sums over fixed ranges of blocks, added in order.
pub(super) fn of_weights(shape: &Convolution, input: &[f32], output_gradient: &[f32], weights: &mut [f32]) {
    let blocks = output_gradient.len().div_ceil(BLOCK * shape.outputs);
    let parts = (PARTIAL_BUDGET / shape.weights()).clamp(2, 16).min(blocks);
    let part_blocks = blocks.div_ceil(parts);
    let partial_sums: Vec<Vec<f32>> = output_gradient
        .par_chunks(part_blocks * BLOCK * shape.outputs)
        .enumerate()
        .map(|(part, gradient)| {
            let mut sum = vec![0.0; shape.weights()];
            let mut scratch = Vec::new();
            for (block, gradient) in gradient.chunks(BLOCK * shape.outputs).enumerate() {
                let (first, pixels) = ((part * part_blocks + block) * BLOCK, gradient.len() / shape.outputs);
                let windows = block_windows(shape, input, first, pixels, &mut scratch);
                let windows = Matrix::new(windows, pixels, shape.window()).transposed();
                multiply(windows, Matrix::new(gradient, pixels, shape.outputs), true, &mut sum);
            }
            sum
        })
        .collect();
    weights.fill(0.0);
    for sum in &partial_sums {
        for (weight, sum) in weights.iter_mut().zip(sum) {
            *weight += sum;
        }
    }
}
