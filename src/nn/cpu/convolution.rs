//! Convolution as im2col and matmul, block by block, or by Winograd's algorithm.

use super::element::Element;
use super::im2col::im2col;
use super::scratch::Scratch;
use super::winograd::TileSize;
use crate::base::matmul::Matrix;
use crate::nn::Convolution;
use rayon::prelude::*;

/// Output pixels per block: enough rows for an efficient matmul, few enough to stay in the cache.
pub(super) const BLOCK: usize = 192;

/// Computes `output = convolution(input, weights)`; weights are `[window, outputs]`.
pub(super) fn forward<E: Element>(shape: &Convolution, input: &[E], weights: &[f32], output: &mut [E]) {
    convolve(shape, TileSize::for_forward::<E>(shape), input, weights, false, output);
}

/// Computes `output = convolution(input, weights)`, or adds it to `output` if `accumulate` is set; with `tiles` by
/// Winograd's algorithm, else by im2col.
pub(super) fn convolve<E: Element>(
    shape: &Convolution,
    tiles: Option<TileSize>,
    input: &[E],
    weights: &[f32],
    accumulate: bool,
    output: &mut [E],
) {
    if let Some(tiles) = tiles {
        return tiles.forward(shape, input, weights, accumulate, output);
    }
    let weights = E::weights(weights, shape.window(), shape.outputs, false);
    let blocks = output.par_chunks_mut(BLOCK * shape.outputs).enumerate();
    let scratch = || (Scratch::default(), Scratch::default());
    blocks.for_each_init(scratch, |(windows, sums), (block, output)| {
        let pixels = output.len() / shape.outputs;
        let windows = block_windows(shape, input, block * BLOCK, pixels, windows);
        let windows = Matrix::new(windows, pixels, shape.window());
        E::with_f32(output, accumulate, sums, |output| E::matmul(windows, &weights, accumulate, output));
    });
}

/// Returns the windows of `pixels` output pixels from `first` on; a slice of the input if each window is one pixel.
pub(super) fn block_windows<'a, E: Element>(
    shape: &Convolution,
    input: &'a [E],
    first: usize,
    pixels: usize,
    scratch: &'a mut Scratch,
) -> &'a [E] {
    if shape.is_pointwise() {
        return &input[first * shape.inputs..][..pixels * shape.inputs];
    }
    let windows = scratch.elements(pixels * shape.window());
    im2col(shape, input, first, windows);
    windows
}

/// Adds the bias to every pixel.
pub(super) fn add_bias<E: Element>(bias: &[f32], output: &mut [E]) {
    output.par_chunks_mut(BLOCK * bias.len()).for_each(|block| {
        for pixel in block.chunks_exact_mut(bias.len()) {
            for (output, bias) in pixel.iter_mut().zip(bias) {
                *output = E::narrow(output.widen() + bias);
            }
        }
    });
}
