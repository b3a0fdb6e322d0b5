//! Slices across N x N contiguous planes.

use super::transform::{Tile, TileMut};
use rayon::prelude::*;
use std::ops::Range;

/// Returns the same range of each plane; planes start every `stride` elements.
pub(super) fn planes<const N: usize>(planes: &[f32], stride: usize, range: Range<usize>) -> Tile<'_, N> {
    std::array::from_fn(|row| std::array::from_fn(|column| &planes[(row * N + column) * stride..][range.clone()]))
}

/// Returns the same range of each plane, to write it.
pub(super) fn planes_mut<E, const N: usize>(planes: &mut [E], stride: usize, range: Range<usize>) -> TileMut<'_, N, E> {
    let mut planes = planes.chunks_exact_mut(stride);
    let mut next = || planes.next().map(|plane| &mut plane[range.clone()]).unwrap_or_default();
    std::array::from_fn(|_| std::array::from_fn(|_| next()))
}

/// Splits the first `length` elements of the planes into ranges of at most `step`, and calls `work` in parallel with
/// each range and its slice of every plane.
pub(super) fn for_each_chunk<const N: usize>(
    planes: &mut [f32],
    stride: usize,
    length: usize,
    step: usize,
    work: impl Fn(Range<usize>, TileMut<'_, N>) + Sync,
) {
    let mut chunks: Vec<_> = planes.chunks_exact_mut(stride).map(|plane| plane[..length].chunks_mut(step)).collect();
    let mut next = || {
        let mut slices = chunks.iter_mut().filter_map(Iterator::next);
        std::array::from_fn(|_| std::array::from_fn(|_| slices.next().unwrap_or_default()))
    };
    let tiles: Vec<TileMut<'_, N>> = (0..length.div_ceil(step)).map(|_| next()).collect();
    tiles.into_par_iter().enumerate().for_each(|(chunk, slices)| {
        work(chunk * step..((chunk + 1) * step).min(length), slices);
    });
}
