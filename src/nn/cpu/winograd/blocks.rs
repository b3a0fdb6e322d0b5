//! Blocks of tiles: mapped, multiplied plane by plane, mapped back. Blocks go over the threads, and inside a block its
//! planes do too, since the late layers of a network have hardly more than one block.

use super::grid::Grid;
use super::lines::{Input, Line, Output, OutputGradient, WeightGradient, Weights};
use super::mapped::Mapped;
use super::weights::{map_weight_gradient, map_weights};
use crate::base::matmul::{Matrix, multiply};
use crate::nn::cpu::element::Element;
use crate::nn::cpu::scratch::Scratch;
use rayon::prelude::*;
use std::ops::Range;

/// Tiles of a block: enough rows for the products to pay; with 32 to 96 the late layers, whose weights fill the caches,
/// take up to 40 % longer, and the early ones as long.
const BLOCK: usize = 128;

/// Numbers that the partial sums of one weight gradient may take together.
const PARTIAL_BUDGET: usize = 1 << 23;

/// `output = convolution(input, weights)`, or added to what is there.
pub(super) fn forward<E: Element, const N: usize, const M: usize>(
    grid: &Grid<'_, N, M>,
    input: &[E],
    weights: &[f32],
    accumulate: bool,
    output: &mut [E],
) where
    Input: Line<N, N>,
    Weights: Line<3, N>,
    Output: Line<N, M>,
{
    let shape = grid.shape;
    let plane = shape.inputs * shape.outputs;
    let mut weight_planes = Scratch::of(N * N * plane);
    map_weights::<N>(weights, &mut weight_planes);
    let images = BLOCK.div_ceil(grid.tiles());
    let outputs = output.par_chunks_mut(images * shape.output_len());
    outputs.zip(input.par_chunks(images * shape.input_len())).for_each_init(
        || (Mapped::default(), Mapped::default()),
        |(inputs, products), (output, input)| {
            for tiles in blocks(output.len() / shape.output_len() * grid.tiles()) {
                inputs.fill(tiles.clone(), shape.inputs, |tiles, to| grid.map_input(input, tiles, to));
                products.resize(tiles.len(), shape.outputs);
                let operands = inputs.matrices().zip(weight_planes.par_chunks_exact(plane));
                products.planes_mut().zip(operands).for_each(|(product, (inputs, weights))| {
                    multiply(inputs, Matrix::new(weights, shape.inputs, shape.outputs), false, product);
                });
                grid.map_output(&products.tile(), tiles, accumulate, output);
            }
        },
    );
}

/// The gradient of the weights: partial sums over fixed ranges of images, added in order.
pub(super) fn of_weights<E: Element, const N: usize, const M: usize>(
    grid: &Grid<'_, N, M>,
    input: &[E],
    output_gradient: &[E],
    weights: &mut [f32],
) where
    Input: Line<N, N>,
    OutputGradient: Line<M, N>,
    WeightGradient: Line<N, 3>,
{
    let shape = grid.shape;
    let plane = shape.inputs * shape.outputs;
    let images = BLOCK.div_ceil(grid.tiles());
    let groups = output_gradient.len().div_ceil(images * shape.output_len());
    let parts = (PARTIAL_BUDGET / (N * N * plane)).clamp(1, 16).min(groups);
    let images = groups.div_ceil(parts) * images;
    let sum_of = |(gradient, input): (&[E], &[E])| {
        let mut sum = Scratch::of(N * N * plane);
        let (mut inputs, mut gradients) = (Mapped::default(), Mapped::default());
        for tiles in blocks(gradient.len() / shape.output_len() * grid.tiles()) {
            inputs.fill(tiles.clone(), shape.inputs, |tiles, to| grid.map_input(input, tiles, to));
            gradients.fill(tiles.clone(), shape.outputs, |tiles, to| grid.map_output_gradient(gradient, tiles, to));
            let operands = inputs.matrices().zip(gradients.matrices());
            sum.par_chunks_exact_mut(plane).zip(operands).for_each(|(sum, (inputs, gradients))| {
                multiply(inputs.transposed(), gradients, tiles.start > 0, sum);
            });
        }
        sum
    };
    let gradients = output_gradient.par_chunks(images * shape.output_len());
    let partial_sums: Vec<Scratch> = gradients.zip(input.par_chunks(images * shape.input_len())).map(sum_of).collect();
    map_weight_gradient::<N>(&partial_sums, weights);
}

/// Ranges of nearly equal lengths.
fn blocks(tiles: usize) -> impl Iterator<Item = Range<usize>> {
    let blocks = tiles.div_ceil(BLOCK + BLOCK / 2);
    (0..blocks).map(move |block| block * tiles / blocks..(block + 1) * tiles / blocks)
}
