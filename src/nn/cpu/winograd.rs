//! 3x3 convolutions with stride 1 by Winograd's minimal filtering: less than half the multiplications.

use super::element::Element;
use super::lanes::Lanes;
use super::tiles::{input_line, output_gradient_line, output_line, transform, weight_gradient_line, weight_line};
use crate::base::product::{Matrix, multiply};
use crate::nn::Convolution;
use rayon::prelude::*;

/// Numbers in a 4x4 tile.
const TILE: usize = 16;

/// Tiles of a block: enough rows for 16 products to pay, few enough for the cache.
const BLOCK: usize = 96;

/// Numbers left free after each of a block's 16 matrices: without them the 16 numbers of a tile would often fall on the
/// same lines of the cache.
const GAP: usize = 48;

/// With fewer channels the maps cost more than the products save.
const FEWEST_CHANNELS: usize = 16;

/// Weights that one thread maps at a time.
const WEIGHTS: usize = 1 << 12;

/// Numbers that the partial sums of one weight gradient may take together.
const PARTIAL_BUDGET: usize = 1 << 23;

/// Whether this is the better way.
pub(super) fn suits(shape: &Convolution) -> bool {
    let side = shape.output_side();
    let tiles_fit = side.is_multiple_of(2) || side >= 5; // else most of the last tile is waste
    let channels = shape.inputs.min(shape.outputs);
    cfg!(target_arch = "x86_64") // elsewhere `Lanes` may be slow
        && shape.kernel == 3 && shape.stride == 1 && shape.padding < 3 && tiles_fit && channels >= FEWEST_CHANNELS
}

/// `output = convolution(input, weights)`, or added to what is there.
pub(super) fn forward<E: Element>(
    shape: &Convolution,
    input: &[E],
    weights: &[f32],
    accumulate: bool,
    output: &mut [E],
) {
    let grid = Grid::of(shape);
    let mapped = map_weights(&E::rounded(weights));
    let plane = shape.inputs * shape.outputs;
    let outputs = output.par_chunks_mut(grid.pictures * shape.output_len());
    outputs.zip(input.par_chunks(grid.pictures * shape.input_len())).for_each_init(
        Scratch::default,
        |scratch, (output, input)| {
            for tiles in grid.blocks(output.len() / shape.output_len()) {
                let count = tiles.len();
                grid.map_input(input, tiles.clone(), &mut scratch.inputs);
                scratch.outputs.resize(TILE * (count * shape.outputs + GAP), 0.0);
                let inputs = matrices(&scratch.inputs);
                let products = scratch.outputs.chunks_exact_mut(count * shape.outputs + GAP);
                for ((inputs, weights), product) in inputs.zip(mapped.chunks_exact(plane)).zip(products) {
                    let weights = Matrix::new(weights, shape.inputs, shape.outputs);
                    multiply(
                        Matrix::new(inputs, count, shape.inputs),
                        weights,
                        false,
                        &mut product[..count * shape.outputs],
                    );
                }
                grid.map_output(&scratch.outputs, tiles, accumulate, output);
            }
        },
    );
}

/// The gradient of the weights: partial sums over fixed ranges of pictures, added in order.
pub(super) fn of_weights<E: Element>(shape: &Convolution, input: &[E], output_gradient: &[E], weights: &mut [f32]) {
    let grid = Grid::of(shape);
    let plane = shape.inputs * shape.outputs;
    let groups = output_gradient.len().div_ceil(grid.pictures * shape.output_len());
    let parts = (PARTIAL_BUDGET / (TILE * plane)).clamp(2, 16).min(groups);
    let pictures = groups.div_ceil(parts) * grid.pictures;
    let gradients = output_gradient.par_chunks(pictures * shape.output_len());
    let sum_of = |(gradient, input): (&[E], &[E])| {
        let mut sum = vec![0.0; TILE * plane];
        let mut scratch = Scratch::default();
        for tiles in grid.blocks(gradient.len() / shape.output_len()) {
            let count = tiles.len();
            grid.map_input(input, tiles.clone(), &mut scratch.inputs);
            grid.map_output_gradient(gradient, tiles, &mut scratch.outputs);
            let (inputs, gradients) = (matrices(&scratch.inputs), matrices(&scratch.outputs));
            for ((inputs, gradients), sum) in inputs.zip(gradients).zip(sum.chunks_exact_mut(plane)) {
                let inputs = Matrix::new(inputs, count, shape.inputs).transposed();
                multiply(inputs, Matrix::new(gradients, count, shape.outputs), true, sum);
            }
        }
        sum
    };
    let partial_sums: Vec<Vec<f32>> =
        gradients.zip(input.par_chunks(pictures * shape.input_len())).map(sum_of).collect();
    map_weight_gradient(&partial_sums, weights);
}

/// The 16 matrices of a block, without the gaps after them.
fn matrices(mapped: &[f32]) -> impl Iterator<Item = &[f32]> {
    let stride = mapped.len() / TILE;
    mapped.chunks_exact(stride).map(move |matrix| &matrix[..stride - GAP])
}

/// Kept from block to block.
#[derive(Default)]
struct Scratch {
    /// `[16, tiles, inputs]`, with gaps.
    inputs: Vec<f32>,
    /// `[16, tiles, outputs]`, with gaps.
    outputs: Vec<f32>,
}

/// The tiles of a map: each covers 2x2 outputs and the 4x4 inputs that they see.
struct Grid<'a> {
    shape: &'a Convolution,
    /// Tiles along a side.
    side: usize,
    /// Pictures that are taken together so that they fill a block.
    pictures: usize,
}

impl<'a> Grid<'a> {
    fn of(shape: &'a Convolution) -> Self {
        let side = shape.output_side().div_ceil(2);
        Self { shape, side, pictures: BLOCK.div_ceil(side * side) }
    }

    /// Ranges of tiles that cover some pictures, of nearly equal lengths.
    fn blocks(&self, pictures: usize) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let tiles = pictures * self.side * self.side;
        let blocks = tiles.div_ceil(BLOCK + BLOCK / 2);
        (0..blocks).map(move |block| block * tiles / blocks..(block + 1) * tiles / blocks)
    }

    /// Picture, and first output pixel (y, x).
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let tiles = self.side * self.side;
        (tile / tiles, 2 * (tile / self.side % self.side), 2 * (tile % self.side))
    }

    fn map_input<E: Element>(&self, input: &[E], tiles: std::ops::Range<usize>, mapped: &mut Vec<f32>) {
        let Convolution { inputs: channels, side, padding, .. } = *self.shape;
        let zeros = vec![E::default(); channels];
        let plane = tiles.len() * channels + GAP;
        mapped.resize(TILE * plane, 0.0);
        for (i, tile) in tiles.enumerate() {
            let (picture, y, x) = self.place(tile);
            let pixel = |row: usize, column: usize| {
                let inside = |at: usize| at.checked_sub(padding).filter(|at| *at < side);
                match (inside(y + row), inside(x + column)) {
                    (Some(y), Some(x)) => &input[((picture * side + y) * side + x) * channels..][..channels],
                    _ => &zeros[..],
                }
            };
            let from = std::array::from_fn(|row| std::array::from_fn(|column| pixel(row, column)));
            transform(from, input_line, |row, column, at, lanes| {
                let to = &mut mapped[(row * 4 + column) * plane + i * channels..][..channels];
                lanes.store(to, at);
            });
        }
    }

    fn map_output<E: Element>(
        &self,
        products: &[f32],
        tiles: std::ops::Range<usize>,
        accumulate: bool,
        output: &mut [E],
    ) {
        let (channels, side) = (self.shape.outputs, self.shape.output_side());
        let plane = tiles.len() * channels + GAP;
        for (i, tile) in tiles.enumerate() {
            let (picture, y, x) = self.place(tile);
            let product =
                |row: usize, column: usize| &products[(row * 4 + column) * plane + i * channels..][..channels];
            let from = std::array::from_fn(|row| std::array::from_fn(|column| product(row, column)));
            transform(from, output_line, |row, column, at, lanes| {
                let (y, x) = (y + row, x + column);
                if y < side && x < side {
                    let to = &mut output[((picture * side + y) * side + x) * channels..][..channels];
                    let before = if accumulate { Lanes::load(to, at) } else { Lanes::zero() };
                    (lanes + before).store(to, at);
                }
            });
        }
    }

    fn map_output_gradient<E: Element>(&self, gradient: &[E], tiles: std::ops::Range<usize>, mapped: &mut Vec<f32>) {
        let (channels, side) = (self.shape.outputs, self.shape.output_side());
        let zeros = vec![E::default(); channels];
        let plane = tiles.len() * channels + GAP;
        mapped.resize(TILE * plane, 0.0);
        for (i, tile) in tiles.enumerate() {
            let (picture, y, x) = self.place(tile);
            let pixel = |row: usize, column: usize| match y + row < side && x + column < side {
                true => &gradient[((picture * side + y + row) * side + x + column) * channels..][..channels],
                false => &zeros[..],
            };
            let from = std::array::from_fn(|row| std::array::from_fn(|column| pixel(row, column)));
            transform(from, output_gradient_line, |row, column, at, lanes| {
                let to = &mut mapped[(row * 4 + column) * plane + i * channels..][..channels];
                lanes.store(to, at);
            });
        }
    }
}

/// `[3, 3, plane]` to `[4, 4, plane]`, a part of the plane at a time.
fn map_weights(weights: &[f32]) -> Vec<f32> {
    let plane = weights.len() / 9;
    let mut mapped = vec![0.0; TILE * plane];
    for_parts(&mut mapped, plane, |range, to| {
        let tap = |row: usize, column: usize| &weights[(row * 3 + column) * plane..][range.clone()];
        let from = std::array::from_fn(|row| std::array::from_fn(|column| tap(row, column)));
        transform(from, weight_line, |row, column, at, lanes| lanes.store(to[row * 4 + column], at));
    });
    mapped
}

/// Adds up `[4, 4, plane]` sums and maps them to `[3, 3, plane]`.
fn map_weight_gradient(partial_sums: &[Vec<f32>], weights: &mut [f32]) {
    let plane = weights.len() / 9;
    for_parts(weights, plane, |range, to| {
        let length = range.len();
        let mut sum = vec![0.0; TILE * length];
        for partial in partial_sums {
            for (sum, partial) in sum.chunks_exact_mut(length).zip(partial.chunks_exact(plane)) {
                for (sum, partial) in sum.iter_mut().zip(&partial[range.clone()]) {
                    *sum += partial;
                }
            }
        }
        let part = |row: usize, column: usize| &sum[(row * 4 + column) * length..][..length];
        let from = std::array::from_fn(|row| std::array::from_fn(|column| part(row, column)));
        transform(from, weight_gradient_line, |row, column, at, lanes| lanes.store(to[row * 3 + column], at));
    });
}

/// Calls `work` in parallel with parts of a plane and, of each plane in `planes`, that part.
fn for_parts(planes: &mut [f32], plane: usize, work: impl Fn(std::ops::Range<usize>, &mut [&mut [f32]]) + Sync) {
    let mut cut: Vec<_> = planes.chunks_exact_mut(plane).map(|plane| plane.chunks_mut(WEIGHTS)).collect();
    let parts: Vec<Vec<&mut [f32]>> =
        (0..plane.div_ceil(WEIGHTS)).map(|_| cut.iter_mut().filter_map(Iterator::next).collect()).collect();
    parts.into_par_iter().enumerate().for_each(|(part, mut slices)| {
        let start = part * WEIGHTS;
        work(start..(start + WEIGHTS).min(plane), &mut slices);
    });
}
