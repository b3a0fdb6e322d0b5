//! A linear transform along both sides of a tile, for all of its channels.

use super::matrices::Transform1d;
use crate::nn::cpu::element::Element;
#[cfg(target_arch = "x86_64")]
use crate::nn::cpu::lanes::F32x8;
use crate::nn::cpu::lanes::{F32x4, Lanes};

/// Maximum number of lanes.
const MAX_LANES: usize = 8;

/// The channels of each pixel of a tile.
pub(super) type Tile<'a, const N: usize, E = f32> = [[&'a [E]; N]; N];
/// The channels of each pixel of a tile, to write them.
pub(super) type TileMut<'a, const N: usize, E = f32> = [[&'a mut [E]; N]; N];

/// Applies the transform `Matrix` to the columns and then to the rows of a tile; writes the result, or adds it to `to`
/// if `accumulate` is set.
///
/// # Panics
/// The slices have different lengths.
#[inline]
pub(super) fn transform<Matrix: Transform1d<N, M>, F: Element, T: Element, const N: usize, const M: usize>(
    from: &Tile<'_, N, F>,
    to: &mut TileMut<'_, M, T>,
    accumulate: bool,
) {
    let channels = from[0][0].len();
    assert!(from.iter().flatten().all(|pixel| pixel.len() == channels));
    assert!(to.iter().flatten().all(|pixel| pixel.len() == channels));
    let whole = channels - channels % MAX_LANES;
    // SAFETY: every slice is at least that long.
    unsafe { dispatch::<Matrix, F, T, N, M>(whole, from, to, accumulate) };
    if whole < channels {
        transform_remainder::<Matrix, F, T, N, M>(whole, from, to, accumulate);
    }
}

/// Transforms the last channels, in copies that are padded to whole vectors.
#[cold]
fn transform_remainder<Matrix: Transform1d<N, M>, F: Element, T: Element, const N: usize, const M: usize>(
    start: usize,
    from: &Tile<'_, N, F>,
    to: &mut TileMut<'_, M, T>,
    accumulate: bool,
) {
    let padded_from = from.map(|row| row.map(|pixel| padded(start, pixel)));
    let mut padded_to = to.each_ref().map(|row| row.each_ref().map(|pixel| padded(start, pixel)));
    let from = padded_from.each_ref().map(|row| row.each_ref().map(|pixel| &pixel[..]));
    let mut into = padded_to.each_mut().map(|row| row.each_mut().map(|pixel| &mut pixel[..]));
    // SAFETY: every slice has that length.
    unsafe { dispatch::<Matrix, F, T, N, M>(MAX_LANES, &from, &mut into, accumulate) };
    for (to, padded) in to.iter_mut().flatten().zip(padded_to.iter().flatten()) {
        let end = &mut to[start..];
        end.copy_from_slice(&padded[..end.len()]);
    }
}

fn padded<E: Element>(start: usize, pixel: &[E]) -> [E; MAX_LANES] {
    std::array::from_fn(|lane| pixel.get(start + lane).copied().unwrap_or_default())
}

/// Transforms with the widest vectors of the processor.
///
/// # Safety
/// `channels` is a multiple of `MAX_LANES`, and no slice is shorter.
#[inline]
unsafe fn dispatch<Matrix: Transform1d<N, M>, F: Element, T: Element, const N: usize, const M: usize>(
    channels: usize,
    from: &Tile<'_, N, F>,
    to: &mut TileMut<'_, M, T>,
    accumulate: bool,
) {
    #[cfg(target_arch = "x86_64")]
    if F32x8::available() {
        // SAFETY: the processor has AVX2 and FMA; the rest is as for the caller.
        return unsafe { with_avx::<Matrix, F, T, N, M>(channels, from, to, accumulate) };
    }
    // SAFETY: as for the caller.
    unsafe { with_lanes::<F32x4, Matrix, F, T, N, M>(channels, from, to, accumulate) };
}

/// # Safety
/// As for `dispatch`, and `F32x8` is available.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn with_avx<Matrix: Transform1d<N, M>, F: Element, T: Element, const N: usize, const M: usize>(
    channels: usize,
    from: &Tile<'_, N, F>,
    to: &mut TileMut<'_, M, T>,
    accumulate: bool,
) {
    // SAFETY: as for the caller.
    unsafe { with_lanes::<F32x8, Matrix, F, T, N, M>(channels, from, to, accumulate) };
}

/// # Safety
/// As for `dispatch`, and the processor has these vectors.
#[inline(always)]
unsafe fn with_lanes<L: Lanes, Matrix: Transform1d<N, M>, F: Element, T: Element, const N: usize, const M: usize>(
    channels: usize,
    from: &Tile<'_, N, F>,
    to: &mut TileMut<'_, M, T>,
    accumulate: bool,
) {
    // By index: iterators over arrays by value are not unrolled, which takes twice the time.
    for at in (0..channels).step_by(L::COUNT) {
        let mut halfway = [[L::splat(0.0); N]; M];
        for column in 0..N {
            let mut loaded = [L::splat(0.0); N];
            for row in 0..N {
                // SAFETY: every slice has `L::COUNT` elements from `at` on.
                loaded[row] = unsafe { F::load(from[row][column].as_ptr().add(at)) };
            }
            let transformed = Matrix::apply(loaded);
            for row in 0..M {
                halfway[row][column] = transformed[row];
            }
        }
        for row in 0..M {
            let transformed = Matrix::apply(halfway[row]);
            for column in 0..M {
                // SAFETY: as above.
                unsafe {
                    let to = to[row][column].as_mut_ptr().add(at);
                    let before = if accumulate { T::load(to) } else { L::splat(0.0) };
                    T::store(transformed[column] + before, to);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::cpu::winograd::matrices::InputTransform;
    use crate::nn::cpu::winograd::planes::{planes, planes_mut};

    /// F32x4 against the widest vectors, with and without accumulation, with a remainder of channels.
    #[test]
    fn all_vector_widths_agree() {
        const CHANNELS: usize = 21;
        let values = |seed: usize| (0..36 * CHANNELS).map(move |i| (i * 7919 % seed) as f32 / seed as f32 - 0.5);
        let (input, before): (Vec<f32>, Vec<f32>) = (values(1009).collect(), values(997).collect());
        let from: Tile<'_, 6> = planes(&input, CHANNELS, 0..CHANNELS);
        for accumulate in [false, true] {
            let (mut widest, mut narrow) = (before.clone(), before.clone());
            transform::<InputTransform, _, _, 6, 6>(
                &from,
                &mut planes_mut(&mut widest, CHANNELS, 0..CHANNELS),
                accumulate,
            );
            let to = &mut planes_mut(&mut narrow, CHANNELS, 0..CHANNELS);
            // SAFETY: 20 of the 21 channels of every slice.
            unsafe { with_lanes::<F32x4, InputTransform, _, _, 6, 6>(20, &from, to, accumulate) };
            for (i, (widest, narrow)) in widest.iter().zip(&narrow).enumerate() {
                let last = i % CHANNELS == 20;
                assert!(last || (widest - narrow).abs() < 1e-5, "{i}: {widest} and {narrow}");
                assert!(!last || *widest != before[i], "{i}: not written");
            }
        }
    }
}
