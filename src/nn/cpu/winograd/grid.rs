//! The tiles of a feature map, and the transforms from maps to tiles and back.

use super::matrices::{InputTransform, OutputGradientTransform, OutputTransform, Transform1d};
use super::planes::planes_mut;
use super::transform::{Tile, TileMut, transform};
use crate::nn::Convolution;
use crate::nn::cpu::element::Element;
use std::ops::Range;

/// The tiles of a convolution: each has M x M outputs and the N x N inputs that these depend on.
#[derive(Clone, Copy)]
pub(super) struct TileGrid<'a, const N: usize, const M: usize> {
    pub(super) shape: &'a Convolution,
    /// Number of tiles along a side.
    side: usize,
}

impl<'a, const N: usize, const M: usize> TileGrid<'a, N, M> {
    pub(super) fn of(shape: &'a Convolution) -> Self {
        Self { shape, side: shape.output_side().div_ceil(M) }
    }

    /// Returns the number of tiles per image.
    pub(super) fn tiles(&self) -> usize {
        self.side * self.side
    }

    /// Returns the image of a tile and its first output pixel (y, x).
    fn position(&self, tile: usize) -> (usize, usize, usize) {
        (tile / self.tiles(), M * (tile / self.side % self.side), M * (tile % self.side))
    }

    /// Transforms the inputs of some tiles into slices of `[tiles, inputs]`.
    pub(super) fn transform_input<E: Element>(&self, input: &[E], tiles: Range<usize>, mut transformed: TileMut<'_, N>)
    where
        InputTransform: Transform1d<N, N>,
    {
        let Convolution { inputs: channels, side, padding, .. } = *self.shape;
        let zeros = vec![E::default(); channels];
        for (i, tile) in tiles.enumerate() {
            let (image, y, x) = self.position(tile);
            let inside = |at: usize| at.checked_sub(padding).filter(|at| *at < side);
            let pixel = |row: usize, column: usize| match (inside(y + row), inside(x + column)) {
                (Some(y), Some(x)) => &input[((image * side + y) * side + x) * channels..][..channels],
                _ => &zeros[..],
            };
            let from = std::array::from_fn(|row| std::array::from_fn(|column| pixel(row, column)));
            transform::<InputTransform, _, _, N, N>(&from, &mut rows_mut(&mut transformed, i, channels), false);
        }
    }

    /// Transforms products, slices of `[tiles, outputs]`, into some tiles of the output.
    pub(super) fn transform_output<E: Element>(
        &self,
        products: &Tile<'_, N>,
        tiles: Range<usize>,
        accumulate: bool,
        output: &mut [E],
    ) where
        OutputTransform: Transform1d<N, M>,
    {
        let (channels, side) = (self.shape.outputs, self.shape.output_side());
        let mut outside = vec![E::default(); M * M * channels];
        for (i, tile) in tiles.enumerate() {
            let (image, y, x) = self.position(tile);
            let from = products.each_ref().map(|line| line.each_ref().map(|rows| &rows[i * channels..][..channels]));
            let mut to: TileMut<'_, M, E> = planes_mut(&mut outside, channels, 0..channels);
            let image = &mut output[image * self.shape.output_len()..][..self.shape.output_len()];
            for (to, line) in to.iter_mut().zip(image.chunks_exact_mut(side * channels).skip(y)) {
                for (to, pixel) in to.iter_mut().zip(line.chunks_exact_mut(channels).skip(x)) {
                    *to = pixel;
                }
            }
            transform::<OutputTransform, _, _, N, M>(&from, &mut to, accumulate);
        }
    }

    /// Transforms the gradients of some tiles of the output into slices of `[tiles, outputs]`.
    pub(super) fn transform_output_gradient<E: Element>(
        &self,
        gradient: &[E],
        tiles: Range<usize>,
        mut transformed: TileMut<'_, N>,
    ) where
        OutputGradientTransform: Transform1d<M, N>,
    {
        let (channels, side) = (self.shape.outputs, self.shape.output_side());
        let zeros = vec![E::default(); channels];
        for (i, tile) in tiles.enumerate() {
            let (image, y, x) = self.position(tile);
            let pixel = |row: usize, column: usize| match y + row < side && x + column < side {
                true => &gradient[((image * side + y + row) * side + x + column) * channels..][..channels],
                false => &zeros[..],
            };
            let from = std::array::from_fn(|row| std::array::from_fn(|column| pixel(row, column)));
            transform::<OutputGradientTransform, _, _, M, N>(
                &from,
                &mut rows_mut(&mut transformed, i, channels),
                false,
            );
        }
    }
}

/// Returns the same row of each matrix of a tile.
#[inline]
fn rows_mut<'a, const N: usize>(matrices: &'a mut TileMut<'_, N>, row: usize, columns: usize) -> TileMut<'a, N> {
    matrices.each_mut().map(|line| line.each_mut().map(|rows| &mut rows[row * columns..][..columns]))
}
