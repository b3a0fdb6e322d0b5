//! Convolution as products of blocks of windows with the weights.

use super::scratch::Scratch;
use super::windows::gather;
use super::winograd::Tiles;
use crate::base::product::{Matrix, multiply};
use crate::nn::Convolution;
use rayon::prelude::*;

/// Output pixels of a block: enough rows for the product to pay, few enough to stay in the cache.
pub(super) const BLOCK: usize = 192;

/// `output = convolution(input, weights)`; weights are `[window, outputs]`.
pub(super) fn forward(shape: &Convolution, input: &[f32], weights: &[f32], output: &mut [f32]) {
    convolve(shape, Tiles::of_output(shape), input, weights, false, output);
}

/// `output = convolution(input, weights)`, or added to what is there, by tiles or directly.
pub(super) fn convolve(
    shape: &Convolution,
    tiles: Option<Tiles>,
    input: &[f32],
    weights: &[f32],
    accumulate: bool,
    output: &mut [f32],
) {
    if let Some(tiles) = tiles {
        return tiles.forward(shape, input, weights, accumulate, output);
    }
    let weights = Matrix::new(weights, shape.window(), shape.outputs);
    output.par_chunks_mut(BLOCK * shape.outputs).enumerate().for_each_init(
        Scratch::default,
        |scratch, (block, output)| {
            let pixels = output.len() / shape.outputs;
            let windows = block_windows(shape, input, block * BLOCK, pixels, scratch);
            multiply(Matrix::new(windows, pixels, shape.window()), weights, accumulate, output);
        },
    );
}

/// The windows of `pixels` output pixels from `first`: the input itself where each window is one pixel.
pub(super) fn block_windows<'a>(
    shape: &Convolution,
    input: &'a [f32],
    first: usize,
    pixels: usize,
    scratch: &'a mut Scratch,
) -> &'a [f32] {
    if shape.is_pointwise() {
        return &input[first * shape.inputs..][..pixels * shape.inputs];
    }
    scratch.resize(pixels * shape.window());
    gather(shape, input, first, scratch);
    scratch
}

/// Adds the bias to every pixel.
pub(super) fn add_bias(bias: &[f32], output: &mut [f32]) {
    output.par_chunks_mut(BLOCK * bias.len()).for_each(|block| {
        for pixel in block.chunks_exact_mut(bias.len()) {
            for (output, bias) in pixel.iter_mut().zip(bias) {
                *output += bias;
            }
        }
    });
}
