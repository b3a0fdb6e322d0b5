//! The mapped tiles of a block, as the matrices that are multiplied.

use super::planes::{for_parts, planes};
use super::transform::{Tile, TileMut};
use crate::base::matmul::Matrix;
use crate::nn::cpu::scratch::Scratch;
use rayon::prelude::*;
use std::ops::Range;

/// Tiles that one thread maps at a time.
const FEW: usize = 16;

/// Numbers left free after each plane: without them the numbers of a tile would often fall on the same lines of the
/// cache.
const GAP: usize = 48;

/// `[N, N, tiles, channels]`, with gaps; kept from block to block.
#[derive(Default)]
pub(super) struct Mapped<const N: usize> {
    numbers: Scratch,
    tiles: usize,
    channels: usize,
}

impl<const N: usize> Mapped<N> {
    /// Another shape, with any content.
    pub(super) fn resize(&mut self, tiles: usize, channels: usize) {
        self.numbers.resize(N * N * (tiles * channels + GAP));
        (self.tiles, self.channels) = (tiles, channels);
    }

    /// Has `map` write the mapped numbers of a few tiles at a time, in parallel, to slices of `[tiles, channels]`.
    pub(super) fn fill(
        &mut self,
        tiles: Range<usize>,
        channels: usize,
        map: impl Fn(Range<usize>, TileMut<'_, N>) + Sync,
    ) {
        self.resize(tiles.len(), channels);
        let plane = self.plane();
        for_parts(&mut self.numbers, plane + GAP, plane, FEW * channels, |part, to| {
            map(tiles.start + part.start / channels..tiles.start + part.end / channels, to);
        });
    }

    /// Each plane as `[tiles, channels]`.
    pub(super) fn matrices(&self) -> impl IndexedParallelIterator<Item = Matrix<'_, f32>> {
        let planes = self.numbers.par_chunks_exact(self.plane() + GAP);
        planes.map(|plane| Matrix::new(&plane[..self.plane()], self.tiles, self.channels))
    }

    /// The numbers of each plane.
    pub(super) fn planes_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [f32]> {
        let plane = self.plane();
        self.numbers.par_chunks_exact_mut(plane + GAP).map(move |numbers| &mut numbers[..plane])
    }

    /// The planes as one tile of long slices.
    pub(super) fn tile(&self) -> Tile<'_, N> {
        planes(&self.numbers, self.plane() + GAP, 0..self.plane())
    }

    fn plane(&self) -> usize {
        self.tiles * self.channels
    }
}
