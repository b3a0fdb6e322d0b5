//! The way back through a convolution.

use super::convolution::{BLOCK, block_windows, convolve};
use super::element::Element;
use super::scratch::Scratch;
use super::windows::scatter;
use super::winograd::Tiles;
use crate::base::matmul::Matrix;
use crate::nn::Convolution;
use rayon::prelude::*;

/// Numbers that the partial sums of one weight gradient may take together.
const PARTIAL_BUDGET: usize = 1 << 22;
/// Weights that one thread adds up at a time.
const SUM_CHUNK: usize = 1 << 13;
/// Side of a tile of a transposition.
const TILE: usize = 16;

/// The gradient of the input. With stride 1 it is itself a convolution, with the window turned by 180 degrees;
/// else every output pixel's share is computed and added where it belongs.
pub(super) fn of_input<E: Element>(
    shape: &Convolution,
    weights: &[f32],
    output_gradient: &[E],
    accumulate: bool,
    input_gradient: &mut [E],
) {
    if shape.stride == 1 && shape.padding < shape.kernel {
        let (mirrored, weights) = (mirror(shape), turned(shape, weights));
        let tiles = Tiles::of_gradient::<E>(&mirrored);
        convolve(&mirrored, tiles, output_gradient, &weights, accumulate, input_gradient);
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
fn turned(shape: &Convolution, weights: &[f32]) -> Scratch {
    let tap_len = shape.inputs * shape.outputs;
    let mut turned = Scratch::of(weights.len());
    turned.par_chunks_exact_mut(tap_len).zip(weights.par_chunks_exact(tap_len).rev()).for_each(|(to, from)| {
        transpose(from, shape.outputs, to, shape.inputs);
    });
    turned
}

/// `to[column, row] = from[row, column]`, tile by tile, so that both stay in the cache.
fn transpose(from: &[f32], columns: usize, to: &mut [f32], rows: usize) {
    for first_row in (0..rows).step_by(TILE) {
        for first_column in (0..columns).step_by(TILE) {
            for column in first_column..(first_column + TILE).min(columns) {
                for row in first_row..(first_row + TILE).min(rows) {
                    to[column * rows + row] = from[row * columns + column];
                }
            }
        }
    }
}

fn spread<E: Element>(
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
        E::in_full(inputs, accumulate, sums, |inputs| {
            if !accumulate {
                inputs.fill(0.0);
            }
            for (block, outputs) in outputs.chunks(BLOCK * shape.outputs).enumerate() {
                let pixels = outputs.len() / shape.outputs;
                windows.resize(pixels * shape.window());
                E::multiply(Matrix::new(outputs, pixels, shape.outputs), &weights, false, windows);
                scatter(shape, windows, block * BLOCK, inputs);
            }
        });
    });
}

/// The gradient of the weights: partial sums over fixed ranges of blocks, added in order.
pub(super) fn of_weights<E: Element>(shape: &Convolution, input: &[E], output_gradient: &[E], weights: &mut [f32]) {
    if let Some(tiles) = Tiles::of_gradient::<E>(shape) {
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
                E::multiply(windows, &E::right(gradient, pixels, shape.outputs), block > 0, &mut sum);
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
