//! A linear map along both sides of a tile, for all of its channels.

use super::lines::Line;
#[cfg(target_arch = "x86_64")]
use crate::nn::cpu::lanes::Eight;
use crate::nn::cpu::lanes::{Four, Lanes};

/// Most lanes that there are.
const WIDEST: usize = 8;

/// The channels of each pixel of a tile.
pub(super) type Tile<'a, const N: usize> = [[&'a [f32]; N]; N];
/// Where the channels of each pixel of a tile go.
pub(super) type TileMut<'a, const N: usize> = [[&'a mut [f32]; N]; N];

/// Takes a tile through `Map` down its columns and along its rows; writes the result, or adds it to what is there.
///
/// # Panics
/// The slices are not of the same length.
#[inline]
pub(super) fn transform<Map: Line<N, M>, const N: usize, const M: usize>(
    from: &Tile<'_, N>,
    to: &mut TileMut<'_, M>,
    accumulate: bool,
) {
    let channels = from[0][0].len();
    assert!(from.iter().flatten().all(|pixel| pixel.len() == channels));
    assert!(to.iter().flatten().all(|pixel| pixel.len() == channels));
    let whole = channels - channels % WIDEST;
    // SAFETY: all slices are at least that long.
    unsafe { dispatch::<Map, N, M>(whole, from, to, accumulate) };
    if whole < channels {
        ragged_end::<Map, N, M>(whole, from, to, accumulate);
    }
}

/// The last channels, in places of their own that have the length of lanes.
#[cold]
fn ragged_end<Map: Line<N, M>, const N: usize, const M: usize>(
    start: usize,
    from: &Tile<'_, N>,
    to: &mut TileMut<'_, M>,
    accumulate: bool,
) {
    let padded = |pixel: &[f32]| -> [f32; WIDEST] {
        std::array::from_fn(|lane| pixel.get(start + lane).copied().unwrap_or_default())
    };
    let padded_from = from.map(|row| row.map(padded));
    let mut padded_to = to.each_ref().map(|row| row.each_ref().map(|pixel| padded(pixel)));
    let from = padded_from.each_ref().map(|row| row.each_ref().map(|pixel| &pixel[..]));
    let mut into = padded_to.each_mut().map(|row| row.each_mut().map(|pixel| &mut pixel[..]));
    // SAFETY: all slices are that long.
    unsafe { dispatch::<Map, N, M>(WIDEST, &from, &mut into, accumulate) };
    for (to, padded) in to.iter_mut().flatten().zip(padded_to.iter().flatten()) {
        let end = &mut to[start..];
        end.copy_from_slice(&padded[..end.len()]);
    }
}

/// With the widest lanes that the processor has.
///
/// # Safety
/// `channels` is a multiple of `WIDEST`, and no slice is shorter.
#[inline]
unsafe fn dispatch<Map: Line<N, M>, const N: usize, const M: usize>(
    channels: usize,
    from: &Tile<'_, N>,
    to: &mut TileMut<'_, M>,
    accumulate: bool,
) {
    #[cfg(target_arch = "x86_64")]
    if Eight::available() {
        // SAFETY: the processor has what it needs; the rest is the caller's.
        return unsafe { wide::<Map, N, M>(channels, from, to, accumulate) };
    }
    // SAFETY: the caller's.
    unsafe { with_lanes::<Four, Map, N, M>(channels, from, to, accumulate) };
}

/// # Safety
/// As `dispatch`, and `Eight` is available.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn wide<Map: Line<N, M>, const N: usize, const M: usize>(
    channels: usize,
    from: &Tile<'_, N>,
    to: &mut TileMut<'_, M>,
    accumulate: bool,
) {
    // SAFETY: the caller's.
    unsafe { with_lanes::<Eight, Map, N, M>(channels, from, to, accumulate) };
}

/// # Safety
/// As `dispatch`, and the lanes are available.
// Indexed loops: iterators over arrays by value are not unrolled, which takes twice the time.
#[inline(always)]
unsafe fn with_lanes<L: Lanes, Map: Line<N, M>, const N: usize, const M: usize>(
    channels: usize,
    from: &Tile<'_, N>,
    to: &mut TileMut<'_, M>,
    accumulate: bool,
) {
    for at in (0..channels).step_by(L::COUNT) {
        let mut halfway = [[L::all(0.0); N]; M];
        for column in 0..N {
            let mut loaded = [L::all(0.0); N];
            for row in 0..N {
                // SAFETY: `at` and the lanes after it are in every slice.
                loaded[row] = unsafe { L::load(from[row][column].as_ptr().add(at)) };
            }
            let done = Map::map(loaded);
            for row in 0..M {
                halfway[row][column] = done[row];
            }
        }
        for row in 0..M {
            let done = Map::map(halfway[row]);
            for column in 0..M {
                // SAFETY: as above.
                unsafe {
                    let place = to[row][column].as_mut_ptr().add(at);
                    let before = if accumulate { L::load(place) } else { L::all(0.0) };
                    (done[column] + before).store(place);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::cpu::winograd::lines::Input;
    use crate::nn::cpu::winograd::planes::{planes, planes_mut};

    /// With the lanes that every processor has as with the widest, written and added, with channels left over.
    #[test]
    fn all_lanes_do_the_same() {
        const CHANNELS: usize = 21;
        let numbers = |seed: usize| (0..36 * CHANNELS).map(move |i| (i * 7919 % seed) as f32 / seed as f32 - 0.5);
        let (input, before): (Vec<f32>, Vec<f32>) = (numbers(1009).collect(), numbers(997).collect());
        let from: Tile<'_, 6> = planes(&input, CHANNELS, 0..CHANNELS);
        for accumulate in [false, true] {
            let (mut widest, mut narrow) = (before.clone(), before.clone());
            transform::<Input, 6, 6>(&from, &mut planes_mut(&mut widest, CHANNELS, 0..CHANNELS), accumulate);
            let to = &mut planes_mut(&mut narrow, CHANNELS, 0..CHANNELS);
            // SAFETY: 20 of the 21 channels of every slice.
            unsafe { with_lanes::<Four, Input, 6, 6>(20, &from, to, accumulate) };
            for (i, (widest, narrow)) in widest.iter().zip(&narrow).enumerate() {
                let last = i % CHANNELS == 20;
                assert!(last || (widest - narrow).abs() < 1e-5, "{i}: {widest} and {narrow}");
                assert!(!last || *widest != before[i], "{i}: not written");
            }
        }
    }
}
