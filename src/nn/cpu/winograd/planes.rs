//! N x N planes of numbers one after the other, cut across.

use super::transform::{Tile, TileMut};
use rayon::prelude::*;
use std::ops::Range;

/// The same range of each plane; planes start every `stride` numbers.
pub(super) fn planes<const N: usize>(planes: &[f32], stride: usize, range: Range<usize>) -> Tile<'_, N> {
    std::array::from_fn(|row| std::array::from_fn(|column| &planes[(row * N + column) * stride..][range.clone()]))
}

/// The same range of each plane.
pub(super) fn planes_mut<E, const N: usize>(planes: &mut [E], stride: usize, range: Range<usize>) -> TileMut<'_, N, E> {
    let mut planes = planes.chunks_exact_mut(stride);
    let mut next = || planes.next().map(|plane| &mut plane[range.clone()]).unwrap_or_default();
    std::array::from_fn(|_| std::array::from_fn(|_| next()))
}

/// Calls `work` in parallel with ranges of at most `step` of the first `length` numbers of a plane, and that range of
/// each plane.
pub(super) fn for_parts<const N: usize>(
    planes: &mut [f32],
    stride: usize,
    length: usize,
    step: usize,
    work: impl Fn(Range<usize>, TileMut<'_, N>) + Sync,
) {
    let mut cut: Vec<_> = planes.chunks_exact_mut(stride).map(|plane| plane[..length].chunks_mut(step)).collect();
    let mut part = || {
        let mut slices = cut.iter_mut().filter_map(Iterator::next);
        std::array::from_fn(|_| std::array::from_fn(|_| slices.next().unwrap_or_default()))
    };
    let parts: Vec<TileMut<'_, N>> = (0..length.div_ceil(step)).map(|_| part()).collect();
    parts.into_par_iter().enumerate().for_each(|(part, slices)| {
        work(part * step..((part + 1) * step).min(length), slices);
    });
}
