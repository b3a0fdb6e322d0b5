//! The transform matrices of Winograd's convolution, applied to one row or column of a tile at a time.
//!
//! F(m x m, 3x3) of Lavin & Gray 2015 (arXiv 1509.09308): m x m outputs of a 3x3 convolution from a tile of (m + 2)
//! x (m + 2) inputs, with one multiplication per element of the tile: `output = A' [(G weights G') * (B' input B)] A`. F(2x2)
//! needs 16 multiplications instead of 36, F(4x4) 36 instead of 144. The gradient of the weights is the same with every
//! matrix transposed.
//!
//! F(4x4) multiplies polynomials by interpolation at 0, four more points and infinity, whose choice decides the
//! accuracy. For 64 to 512 channels of normal values after ReLU, in f32, the error of the output relative to its root
//! mean square was (direct convolution: 1.2e-7 to 2.2e-7):
//!
//! | points | 64 channels | 512 channels | maximum error / maximum value, 512 |
//! | --- | ---: | ---: | ---: |
//! | F(2x2): 0, 1, -1 | 2.2e-7 | 3.9e-7 | 4.8e-7 |
//! | 0, 1, -1, 2, -2 | 1.4e-6 | 2.6e-6 | 6.9e-6 |
//! | 0, 1, -1, 1/2, -1/2 | 1.4e-6 | 2.8e-6 | 9.2e-6 |
//! | 0, 1/2, -1/2, 3/2, -3/2 | 7.9e-7 | 1.5e-6 | 3.9e-6 |
//! | 0, 3/4, -3/4, 3/2, -3/2 | 6.9e-7 | 1.3e-6 | 2.2e-6 |
//! | 0, √½, -√½, √2, -√2 | 6.7e-7 | 1.3e-6 | 2.0e-6 |
//!
//! The last ones are used: the product of their squares is 1, so they also need the fewest operations.

use crate::nn::cpu::lanes::Lanes;
use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

/// A linear transform of N values to M.
pub(super) trait Transform1d<const N: usize, const M: usize> {
    /// Transforms one row or column of a tile.
    fn apply<L: Lanes>(values: [L; N]) -> [L; M];
}

/// B'.
pub(super) struct InputTransform;

impl Transform1d<4, 4> for InputTransform {
    #[inline(always)]
    fn apply<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 4] {
        [a - c, b + c, c - b, b - d]
    }
}

impl Transform1d<6, 6> for InputTransform {
    #[inline(always)]
    fn apply<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 6] {
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
pub(super) struct FilterTransform;

impl Transform1d<3, 4> for FilterTransform {
    #[inline(always)]
    fn apply<L: Lanes>([a, b, c]: [L; 3]) -> [L; 4] {
        let outer = a + c;
        [a, (outer + b).times(0.5), (outer - b).times(0.5), c]
    }
}

impl Transform1d<3, 6> for FilterTransform {
    #[inline(always)]
    fn apply<L: Lanes>([a, b, c]: [L; 3]) -> [L; 6] {
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
pub(super) struct OutputTransform;

impl Transform1d<4, 2> for OutputTransform {
    #[inline(always)]
    fn apply<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 2] {
        [a + b + c, b - c - d]
    }
}

impl Transform1d<6, 4> for OutputTransform {
    #[inline(always)]
    fn apply<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 4] {
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
pub(super) struct OutputGradientTransform;

impl Transform1d<2, 4> for OutputGradientTransform {
    #[inline(always)]
    fn apply<L: Lanes>([a, b]: [L; 2]) -> [L; 4] {
        [a, a + b, a - b, L::splat(0.0) - b]
    }
}

impl Transform1d<4, 6> for OutputGradientTransform {
    #[inline(always)]
    fn apply<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 6] {
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
pub(super) struct FilterGradientTransform;

impl Transform1d<4, 3> for FilterGradientTransform {
    #[inline(always)]
    fn apply<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 3] {
        let sum = (b + c).times(0.5);
        [a + sum, (b - c).times(0.5), sum + d]
    }
}

impl Transform1d<6, 3> for FilterGradientTransform {
    #[inline(always)]
    fn apply<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 3] {
        let (sum, sum_far) = ((b + c).times(-2.0 / 3.0), (d + e).times(1.0 / 6.0));
        let difference_far = (d - e).times(SQRT_2 / 6.0);
        [a + sum + sum_far, difference_far.plus(-2.0 / 3.0 * FRAC_1_SQRT_2, b - c), f.plus(0.5, sum).plus(2.0, sum_far)]
    }
}
