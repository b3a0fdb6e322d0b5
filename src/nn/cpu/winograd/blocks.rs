//! Blocks of tiles: transformed, multiplied plane by plane, transformed back. Threads share the blocks and also the
//! planes of a block, since the late layers of a network have few blocks.

use super::grid::TileGrid;
use super::matrices::{
    FilterGradientTransform, FilterTransform, InputTransform, OutputGradientTransform, OutputTransform, Transform1d,
};
use super::transformed::TransformedTiles;
use super::weights::{transform_weight_gradient, transform_weights};
use crate::base::matmul::{Matrix, gemm};
use crate::nn::cpu::element::Element;
use crate::nn::cpu::scratch::Scratch;
use rayon::prelude::*;
use std::ops::Range;

/// Tiles per block: enough rows for an efficient matmul. With 32 to 96 the late layers, whose weights fill the caches,
/// take up to 40 % longer, and the early ones take the same time.
const BLOCK: usize = 128;

/// Maximum total size of the partial sums of one weight gradient, elements.
const PARTIAL_BUDGET: usize = 1 << 23;

/// Computes `output = convolution(input, weights)`, or adds it to `output` if `accumulate` is set.
pub(super) fn forward<E: Element, const N: usize, const M: usize>(
    grid: &TileGrid<'_, N, M>,
    input: &[E],
    weights: &[f32],
    accumulate: bool,
    output: &mut [E],
) where
    InputTransform: Transform1d<N, N>,
    FilterTransform: Transform1d<3, N>,
    OutputTransform: Transform1d<N, M>,
{
    let shape = grid.shape;
    let plane = shape.inputs * shape.outputs;
    let mut weight_planes = Scratch::of(N * N * plane);
    transform_weights::<N>(weights, &mut weight_planes);
    let images = BLOCK.div_ceil(grid.tiles());
    let outputs = output.par_chunks_mut(images * shape.output_len());
    outputs.zip(input.par_chunks(images * shape.input_len())).for_each_init(
        || (TransformedTiles::default(), TransformedTiles::default()),
        |(inputs, products), (output, input)| {
            for tiles in blocks(output.len() / shape.output_len() * grid.tiles()) {
                inputs.fill(tiles.clone(), shape.inputs, |tiles, to| grid.transform_input(input, tiles, to));
                products.resize(tiles.len(), shape.outputs);
                let operands = inputs.matrices().zip(weight_planes.par_chunks_exact(plane));
                products.planes_mut().zip(operands).for_each(|(product, (inputs, weights))| {
                    gemm(inputs, Matrix::new(weights, shape.inputs, shape.outputs), false, product);
                });
                grid.transform_output(&products.tile(), tiles, accumulate, output);
            }
        },
    );
}

/// Computes the gradient of the weights: partial sums over fixed ranges of images, added in order.
pub(super) fn of_weights<E: Element, const N: usize, const M: usize>(
    grid: &TileGrid<'_, N, M>,
    input: &[E],
    output_gradient: &[E],
    weights: &mut [f32],
) where
    InputTransform: Transform1d<N, N>,
    OutputGradientTransform: Transform1d<M, N>,
    FilterGradientTransform: Transform1d<N, 3>,
{
    let shape = grid.shape;
    let plane = shape.inputs * shape.outputs;
    let images = BLOCK.div_ceil(grid.tiles());
    let groups = output_gradient.len().div_ceil(images * shape.output_len());
    let parts = (PARTIAL_BUDGET / (N * N * plane)).clamp(1, 16).min(groups);
    let images = groups.div_ceil(parts) * images;
    let sum_of = |(gradient, input): (&[E], &[E])| {
        let mut sum = Scratch::of(N * N * plane);
        let (mut inputs, mut gradients) = (TransformedTiles::default(), TransformedTiles::default());
        for tiles in blocks(gradient.len() / shape.output_len() * grid.tiles()) {
            inputs.fill(tiles.clone(), shape.inputs, |tiles, to| grid.transform_input(input, tiles, to));
            gradients
                .fill(tiles.clone(), shape.outputs, |tiles, to| grid.transform_output_gradient(gradient, tiles, to));
            let operands = inputs.matrices().zip(gradients.matrices());
            sum.par_chunks_exact_mut(plane).zip(operands).for_each(|(sum, (inputs, gradients))| {
                gemm(inputs.transposed(), gradients, tiles.start > 0, sum);
            });
        }
        sum
    };
    let gradients = output_gradient.par_chunks(images * shape.output_len());
    let partial_sums: Vec<Scratch> = gradients.zip(input.par_chunks(images * shape.input_len())).map(sum_of).collect();
    transform_weight_gradient::<N>(&partial_sums, weights);
}

/// Splits the tiles into ranges of nearly equal lengths.
fn blocks(tiles: usize) -> impl Iterator<Item = Range<usize>> {
    let blocks = tiles.div_ceil(BLOCK + BLOCK / 2);
    (0..blocks).map(move |block| block * tiles / blocks..(block + 1) * tiles / blocks)
}
