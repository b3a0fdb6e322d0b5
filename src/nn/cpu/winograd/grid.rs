//! The tiles of a map, and the ways between maps and mapped tiles.

use super::lines::{Input, Line, Output, OutputGradient};
use super::planes::planes_mut;
use super::transform::{Tile, TileMut, transform};
use crate::nn::Convolution;
use crate::nn::cpu::element::Element;
use std::ops::Range;

/// The tiles of a convolution: each covers M x M outputs and the N x N inputs that they see.
#[derive(Clone, Copy)]
pub(super) struct Grid<'a, const N: usize, const M: usize> {
    pub(super) shape: &'a Convolution,
    /// Tiles along a side.
    side: usize,
}

impl<'a, const N: usize, const M: usize> Grid<'a, N, M> {
    pub(super) fn of(shape: &'a Convolution) -> Self {
        Self { shape, side: shape.output_side().div_ceil(M) }
    }

    /// Tiles of an image.
    pub(super) fn tiles(&self) -> usize {
        self.side * self.side
    }

    /// Image, and first output pixel (y, x).
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        (tile / self.tiles(), M * (tile / self.side % self.side), M * (tile % self.side))
    }

    /// The inputs that some tiles see, mapped; to slices of `[tiles, inputs]`.
    pub(super) fn map_input<E: Element>(&self, input: &[E], tiles: Range<usize>, mut mapped: TileMut<'_, N>)
    where
        Input: Line<N, N>,
    {
        let Convolution { inputs: channels, side, padding, .. } = *self.shape;
        let zeros = vec![E::default(); channels];
        for (i, tile) in tiles.enumerate() {
            let (image, y, x) = self.place(tile);
            let inside = |at: usize| at.checked_sub(padding).filter(|at| *at < side);
            let pixel = |row: usize, column: usize| match (inside(y + row), inside(x + column)) {
                (Some(y), Some(x)) => &input[((image * side + y) * side + x) * channels..][..channels],
                _ => &zeros[..],
            };
            let from = std::array::from_fn(|row| std::array::from_fn(|column| pixel(row, column)));
            transform::<Input, _, _, N, N>(&from, &mut rows_mut(&mut mapped, i, channels), false);
        }
    }

    /// Some tiles of the output, from slices of `[tiles, outputs]` products.
    pub(super) fn map_output<E: Element>(
        &self,
        products: &Tile<'_, N>,
        tiles: Range<usize>,
        accumulate: bool,
        output: &mut [E],
    ) where
        Output: Line<N, M>,
    {
        let (channels, side) = (self.shape.outputs, self.shape.output_side());
        let mut outside = vec![E::default(); M * M * channels];
        for (i, tile) in tiles.enumerate() {
            let (image, y, x) = self.place(tile);
            let from = products.each_ref().map(|line| line.each_ref().map(|rows| &rows[i * channels..][..channels]));
            let mut to: TileMut<'_, M, E> = planes_mut(&mut outside, channels, 0..channels);
            let image = &mut output[image * self.shape.output_len()..][..self.shape.output_len()];
            for (to, line) in to.iter_mut().zip(image.chunks_exact_mut(side * channels).skip(y)) {
                for (to, pixel) in to.iter_mut().zip(line.chunks_exact_mut(channels).skip(x)) {
                    *to = pixel;
                }
            }
            transform::<Output, _, _, N, M>(&from, &mut to, accumulate);
        }
    }

    /// The gradients of some tiles of the output, mapped; to slices of `[tiles, outputs]`.
    pub(super) fn map_output_gradient<E: Element>(
        &self,
        gradient: &[E],
        tiles: Range<usize>,
        mut mapped: TileMut<'_, N>,
    ) where
        OutputGradient: Line<M, N>,
    {
        let (channels, side) = (self.shape.outputs, self.shape.output_side());
        let zeros = vec![E::default(); channels];
        for (i, tile) in tiles.enumerate() {
            let (image, y, x) = self.place(tile);
            let pixel = |row: usize, column: usize| match y + row < side && x + column < side {
                true => &gradient[((image * side + y + row) * side + x + column) * channels..][..channels],
                false => &zeros[..],
            };
            let from = std::array::from_fn(|row| std::array::from_fn(|column| pixel(row, column)));
            transform::<OutputGradient, _, _, M, N>(&from, &mut rows_mut(&mut mapped, i, channels), false);
        }
    }
}

/// The same row of matrices of some columns.
#[inline]
fn rows_mut<'a, const N: usize>(matrices: &'a mut TileMut<'_, N>, row: usize, columns: usize) -> TileMut<'a, N> {
    matrices.each_mut().map(|line| line.each_mut().map(|rows| &mut rows[row * columns..][..columns]))
}
