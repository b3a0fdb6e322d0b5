//! The backward pass of a convolution.

use super::convolution::{BLOCK, block_windows, convolve};
use super::element::Element;
use super::im2col::col2im;
use super::scratch::Scratch;
use super::winograd::TileSize;
use crate::base::matmul::Matrix;
use crate::nn::Convolution;
use rayon::prelude::*;

/// Maximum total size of the partial sums of one weight gradient, elements.
const PARTIAL_BUDGET: usize = 1 << 22;
/// Weights whose partial sums one task adds up.
const SUM_CHUNK: usize = 1 << 13;
/// Side of the tiles of a transposition.
const TRANSPOSE_TILE: usize = 16;

/// Computes the gradient of the input. With stride 1 it is itself a convolution, with the kernel rotated by 180
/// degrees; otherwise a matmul and col2im.
pub(super) fn of_input<E: Element>(
    shape: &Convolution,
    weights: &[f32],
    output_gradient: &[E],
    accumulate: bool,
    input_gradient: &mut [E],
) {
    if shape.stride == 1 && shape.padding < shape.kernel {
        let (transposed, weights) = (transposed_convolution(shape), rotated(shape, weights));
        let tiles = TileSize::for_backward::<E>(&transposed);
        convolve(&transposed, tiles, output_gradient, &weights, accumulate, input_gradient);
    } else {
        matmul_col2im(shape, weights, output_gradient, accumulate, input_gradient);
    }
}

/// Returns the convolution that maps the gradient of the output to that of the input.
fn transposed_convolution(shape: &Convolution) -> Convolution {
    Convolution {
        inputs: shape.outputs,
        outputs: shape.inputs,
        padding: shape.kernel - 1 - shape.padding,
        side: shape.output_side(),
        ..*shape
    }
}

/// Converts `[kernel, kernel, inputs, outputs]` to `[kernel, kernel, outputs, inputs]`, rotated by 180 degrees.
fn rotated(shape: &Convolution, weights: &[f32]) -> Scratch {
    let tap_len = shape.inputs * shape.outputs;
    let mut rotated = Scratch::of(weights.len());
    rotated.par_chunks_exact_mut(tap_len).zip(weights.par_chunks_exact(tap_len).rev()).for_each(|(to, from)| {
        transpose(from, shape.outputs, to, shape.inputs);
    });
    rotated
}

/// Computes `to[column, row] = from[row, column]` tile by tile, so that both stay in the cache.
fn transpose(from: &[f32], columns: usize, to: &mut [f32], rows: usize) {
    for first_row in (0..rows).step_by(TRANSPOSE_TILE) {
        for first_column in (0..columns).step_by(TRANSPOSE_TILE) {
            for column in first_column..(first_column + TRANSPOSE_TILE).min(columns) {
                for row in first_row..(first_row + TRANSPOSE_TILE).min(rows) {
                    to[column * rows + row] = from[row * columns + column];
                }
            }
        }
    }
}

fn matmul_col2im<E: Element>(
    shape: &Convolution,
    weights: &[f32],
    output_gradient: &[E],
    accumulate: bool,
    input_gradient: &mut [E],
) {
    let weights = E::weights(weights, shape.window(), shape.outputs, true);
    let images = BLOCK.div_ceil(shape.output_pixels());
    let outputs = output_gradient.par_chunks(images * shape.output_len());
    let inputs = input_gradient.par_chunks_mut(images * shape.input_len());
    let scratch = || (Scratch::default(), Scratch::default());
    outputs.zip(inputs).for_each_init(scratch, |(windows, sums), (outputs, inputs)| {
        E::with_f32(inputs, accumulate, sums, |inputs| {
            if !accumulate {
                inputs.fill(0.0);
            }
            for (block, outputs) in outputs.chunks(BLOCK * shape.outputs).enumerate() {
                let pixels = outputs.len() / shape.outputs;
                windows.resize(pixels * shape.window());
                E::matmul(Matrix::new(outputs, pixels, shape.outputs), &weights, false, windows);
                col2im(shape, windows, block * BLOCK, inputs);
            }
        });
    });
}

/// Computes the gradient of the weights: partial sums over fixed ranges of blocks, added in order.
pub(super) fn of_weights<E: Element>(shape: &Convolution, input: &[E], output_gradient: &[E], weights: &mut [f32]) {
    if let Some(tiles) = TileSize::for_backward::<E>(shape) {
        return tiles.of_weights(shape, input, output_gradient, weights);
    }
    let blocks = output_gradient.len().div_ceil(BLOCK * shape.outputs);
    let parts = (PARTIAL_BUDGET / shape.weights()).clamp(2, 16).min(blocks);
    let part_blocks = blocks.div_ceil(parts);
    let partial_sums: Vec<Scratch> = output_gradient
        .par_chunks(part_blocks * BLOCK * shape.outputs)
        .enumerate()
        .map(|(part, gradient)| {
            let mut sum = Scratch::of(shape.weights());
            let mut scratch = Scratch::default();
            for (block, gradient) in gradient.chunks(BLOCK * shape.outputs).enumerate() {
                let (first, pixels) = ((part * part_blocks + block) * BLOCK, gradient.len() / shape.outputs);
                let windows = block_windows(shape, input, first, pixels, &mut scratch);
                let windows = Matrix::new(windows, pixels, shape.window()).transposed();
                E::matmul(windows, &E::rhs(gradient, pixels, shape.outputs), block > 0, &mut sum);
            }
            sum
        })
        .collect();
    weights.par_chunks_mut(SUM_CHUNK).enumerate().for_each(|(chunk, weights)| {
        weights.fill(0.0);
        for sum in &partial_sums {
            for (weight, sum) in weights.iter_mut().zip(&sum[chunk * SUM_CHUNK..]) {
                *weight += sum;
            }
        }
    });
}
