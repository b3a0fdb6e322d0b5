//! The transformed tiles of a block, as the matrices that are multiplied.

use super::planes::{for_each_chunk, planes};
use super::transform::{Tile, TileMut};
use crate::base::matmul::Matrix;
use crate::nn::cpu::scratch::Scratch;
use rayon::prelude::*;
use std::ops::Range;

/// Tiles that one task transforms.
const TILES_PER_TASK: usize = 16;

/// Unused elements after each plane: without them the elements of a tile would often fall into the same cache sets.
const GAP: usize = 48;

/// Transformed tiles, `[N, N, tiles, channels]` with gaps; reused from block to block.
#[derive(Default)]
pub(super) struct TransformedTiles<const N: usize> {
    values: Scratch,
    tiles: usize,
    channels: usize,
}

impl<const N: usize> TransformedTiles<N> {
    /// Changes the shape; the content becomes arbitrary.
    pub(super) fn resize(&mut self, tiles: usize, channels: usize) {
        self.values.resize(N * N * (tiles * channels + GAP));
        (self.tiles, self.channels) = (tiles, channels);
    }

    /// Calls `transform` in parallel to write a few tiles at a time to slices of `[tiles, channels]`.
    pub(super) fn fill(
        &mut self,
        tiles: Range<usize>,
        channels: usize,
        transform: impl Fn(Range<usize>, TileMut<'_, N>) + Sync,
    ) {
        self.resize(tiles.len(), channels);
        let plane = self.plane();
        for_each_chunk(&mut self.values, plane + GAP, plane, TILES_PER_TASK * channels, |part, to| {
            transform(tiles.start + part.start / channels..tiles.start + part.end / channels, to);
        });
    }

    /// Returns each plane as a matrix `[tiles, channels]`.
    pub(super) fn matrices(&self) -> impl IndexedParallelIterator<Item = Matrix<'_, f32>> {
        let planes = self.values.par_chunks_exact(self.plane() + GAP);
        planes.map(|plane| Matrix::new(&plane[..self.plane()], self.tiles, self.channels))
    }

    /// Returns the elements of each plane.
    pub(super) fn planes_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [f32]> {
        let plane = self.plane();
        self.values.par_chunks_exact_mut(plane + GAP).map(move |values| &mut values[..plane])
    }

    /// Returns the planes as one tile of long slices.
    pub(super) fn tile(&self) -> Tile<'_, N> {
        planes(&self.values, self.plane() + GAP, 0..self.plane())
    }

    fn plane(&self) -> usize {
        self.tiles * self.channels
    }
}
