//! Convolution as products of blocks of windows with the weights.

use super::element::Element;
use super::scratch::Scratch;
use super::windows::gather;
use super::winograd::Tiles;
use crate::base::matmul::Matrix;
use crate::nn::Convolution;
use rayon::prelude::*;

/// Output pixels of a block: enough rows for the product to pay, few enough to stay in the cache.
pub(super) const BLOCK: usize = 192;

/// `output = convolution(input, weights)`; weights are `[window, outputs]`.
pub(super) fn forward<E: Element>(shape: &Convolution, input: &[E], weights: &[f32], output: &mut [E]) {
    convolve(shape, Tiles::of_output::<E>(shape), input, weights, false, output);
}

/// `output = convolution(input, weights)`, or added to what is there, by tiles or directly.
pub(super) fn convolve<E: Element>(
    shape: &Convolution,
    tiles: Option<Tiles>,
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
        E::in_full(output, accumulate, sums, |output| E::multiply(windows, &weights, accumulate, output));
    });
}

/// The windows of `pixels` output pixels from `first`: the input itself where each window is one pixel.
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
    gather(shape, input, first, windows);
    windows
}

/// Adds the bias to every pixel.
pub(super) fn add_bias<E: Element>(bias: &[f32], output: &mut [E]) {
    output.par_chunks_mut(BLOCK * bias.len()).for_each(|block| {
        for pixel in block.chunks_exact_mut(bias.len()) {
            for (output, bias) in pixel.iter_mut().zip(bias) {
                *output = E::narrow(output.wide() + bias);
            }
        }
    });
}
