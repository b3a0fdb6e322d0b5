//! The small linear maps of Winograd's convolution, one line of a tile at a time.
//!
//! F(m x m, 3x3) of Lavin & Gray 2015 (arXiv 1509.09308): m x m outputs of a 3x3 convolution from a tile of m + 2 by
//! m + 2 inputs, with one multiplication for each number of the tile: `output = A' [(G weights G') * (B' input B)] A`.
//! F(2x2) does 16 instead of 36, F(4x4) 36 instead of 144. The way back to the weights is the same with every map
//! transposed.
//!
//! F(4x4) multiplies polynomials by their values at 0, five more points and infinity; which ones decides how exact it
//! is. Of 64 to 512 channels of normal numbers after ReLU, in 32 bits, the error of the output relative to its root mean
//! square was (`direct` is the sum as it stands, with 1.2e-7 to 2.2e-7):
//!
//! | points | 64 channels | 512 channels | largest error / largest value, 512 |
//! | --- | ---: | ---: | ---: |
//! | F(2x2): 0, 1, -1 | 2.2e-7 | 3.9e-7 | 4.8e-7 |
//! | 0, 1, -1, 2, -2 | 1.4e-6 | 2.6e-6 | 6.9e-6 |
//! | 0, 1, -1, 1/2, -1/2 | 1.4e-6 | 2.8e-6 | 9.2e-6 |
//! | 0, 1/2, -1/2, 3/2, -3/2 | 7.9e-7 | 1.5e-6 | 3.9e-6 |
//! | 0, 3/4, -3/4, 3/2, -3/2 | 6.9e-7 | 1.3e-6 | 2.2e-6 |
//! | 0, √½, -√½, √2, -√2 | 6.7e-7 | 1.3e-6 | 2.0e-6 |
//!
//! The last are used: the product of their squares is 1, so they also need the fewest operations.

use crate::nn::cpu::lanes::Lanes;
use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

/// A linear map of N numbers to M.
pub(super) trait Line<const N: usize, const M: usize> {
    /// Maps one line of a tile.
    fn map<L: Lanes>(line: [L; N]) -> [L; M];
}

/// B'.
pub(super) struct Input;

impl Line<4, 4> for Input {
    #[inline(always)]
    fn map<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 4] {
        [a - c, b + c, c - b, b - d]
    }
}

impl Line<6, 6> for Input {
    #[inline(always)]
    fn map<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 6] {
        let (even, odd) = (e.plus(-2.0, c), d.plus(-2.0, b));
        let (even_far, odd_far) = (e.plus(-0.5, c), d.plus(-0.5, b));
        [
            (a + e).plus(-2.5, c),
            even.plus(FRAC_1_SQRT_2, odd),
            even.plus(-FRAC_1_SQRT_2, odd),
            even_far.plus(SQRT_2, odd_far),
            even_far.plus(-SQRT_2, odd_far),
            (b + f).plus(-2.5, d),
        ]
    }
}

/// G.
pub(super) struct Weights;

impl Line<3, 4> for Weights {
    #[inline(always)]
    fn map<L: Lanes>([a, b, c]: [L; 3]) -> [L; 4] {
        let outer = a + c;
        [a, (outer + b).times(0.5), (outer - b).times(0.5), c]
    }
}

impl Line<3, 6> for Weights {
    #[inline(always)]
    fn map<L: Lanes>([a, b, c]: [L; 3]) -> [L; 6] {
        let even = a.plus(0.5, c).times(-2.0 / 3.0);
        let even_far = a.plus(2.0, c).times(1.0 / 6.0);
        [
            a,
            even.plus(-2.0 / 3.0 * FRAC_1_SQRT_2, b),
            even.plus(2.0 / 3.0 * FRAC_1_SQRT_2, b),
            even_far.plus(SQRT_2 / 6.0, b),
            even_far.plus(-SQRT_2 / 6.0, b),
            c,
        ]
    }
}

/// A'.
pub(super) struct Output;

impl Line<4, 2> for Output {
    #[inline(always)]
    fn map<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 2] {
        [a + b + c, b - c - d]
    }
}

impl Line<6, 4> for Output {
    #[inline(always)]
    fn map<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 4] {
        let (sum, difference) = (b + c, (b - c).times(FRAC_1_SQRT_2));
        let (sum_far, difference_far) = (d + e, (d - e).times(SQRT_2));
        [
            a + sum + sum_far,
            difference + difference_far,
            sum.times(0.5).plus(2.0, sum_far),
            f.plus(0.5, difference).plus(2.0, difference_far),
        ]
    }
}

/// A.
pub(super) struct OutputGradient;

impl Line<2, 4> for OutputGradient {
    #[inline(always)]
    fn map<L: Lanes>([a, b]: [L; 2]) -> [L; 4] {
        [a, a + b, a - b, L::all(0.0) - b]
    }
}

impl Line<4, 6> for OutputGradient {
    #[inline(always)]
    fn map<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 6] {
        let (even, odd) = (a.plus(0.5, c), b.plus(0.5, d));
        let (even_far, odd_far) = (a.plus(2.0, c), b.plus(2.0, d));
        [
            a,
            even.plus(FRAC_1_SQRT_2, odd),
            even.plus(-FRAC_1_SQRT_2, odd),
            even_far.plus(SQRT_2, odd_far),
            even_far.plus(-SQRT_2, odd_far),
            d,
        ]
    }
}

/// G'.
pub(super) struct WeightGradient;

impl Line<4, 3> for WeightGradient {
    #[inline(always)]
    fn map<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 3] {
        let sum = (b + c).times(0.5);
        [a + sum, (b - c).times(0.5), sum + d]
    }
}

impl Line<6, 3> for WeightGradient {
    #[inline(always)]
    fn map<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 3] {
        let (sum, sum_far) = ((b + c).times(-2.0 / 3.0), (d + e).times(1.0 / 6.0));
        let difference_far = (d - e).times(SQRT_2 / 6.0);
        [a + sum + sum_far, difference_far.plus(-2.0 / 3.0 * FRAC_1_SQRT_2, b - c), f.plus(0.5, sum).plus(2.0, sum_far)]
    }
}
