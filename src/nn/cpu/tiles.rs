//! The small linear maps of Winograd's convolution, applied to all channels of a tile.
//!
//! F(2x2, 3x3) of Lavin & Gray 2015 (arXiv 1509.09308): 2x2 outputs of a 3x3 convolution from a 4x4 tile of the input
//! with 16 multiplications instead of 36: `output = A' [(G weights G') * (B' input B)] A`. The way back to the weights
//! is the same with every map transposed.

use super::element::Element;
use super::lanes::{LANES, Lanes};

/// B': a line of the input.
#[inline(always)]
pub(super) fn input_line([a, b, c, d]: [Lanes; 4]) -> [Lanes; 4] {
    [a - c, b + c, c - b, b - d]
}

/// G: a line of the weights.
#[inline(always)]
pub(super) fn weight_line([a, b, c]: [Lanes; 3]) -> [Lanes; 4] {
    let outer = a + c;
    [a, (outer + b).half(), (outer - b).half(), c]
}

/// A': a line of the products.
#[inline(always)]
pub(super) fn output_line([a, b, c, d]: [Lanes; 4]) -> [Lanes; 2] {
    [a + b + c, b - c - d]
}

/// A: a line of the output's gradient.
#[inline(always)]
pub(super) fn output_gradient_line([a, b]: [Lanes; 2]) -> [Lanes; 4] {
    [a, a + b, a - b, Lanes::zero() - b]
}

/// G': a line of the weights' gradient.
#[inline(always)]
pub(super) fn weight_gradient_line([a, b, c, d]: [Lanes; 4]) -> [Lanes; 3] {
    let sum = (b + c).half();
    [a + sum, (b - c).half(), sum + d]
}

/// Takes tiles of N x N slices of equal length through `line` down the columns and along the rows; `write` gets row,
/// column, place in the slices, and numbers.
#[expect(clippy::needless_range_loop, reason = "iterators over arrays by value are not unrolled: twice the time")]
#[inline(always)]
pub(super) fn transform<E: Element, const N: usize, const M: usize>(
    from: [[&[E]; N]; N],
    line: impl Fn([Lanes; N]) -> [Lanes; M],
    mut write: impl FnMut(usize, usize, usize, Lanes),
) {
    for at in (0..from[0][0].len()).step_by(LANES) {
        let mut halfway = [[Lanes::zero(); N]; M];
        for column in 0..N {
            let mut loaded = [Lanes::zero(); N];
            for row in 0..N {
                loaded[row] = Lanes::load(from[row][column], at);
            }
            let done = line(loaded);
            for row in 0..M {
                halfway[row][column] = done[row];
            }
        }
        for row in 0..M {
            let done = line(halfway[row]);
            for column in 0..M {
                write(row, column, at, done[column]);
            }
        }
    }
}
