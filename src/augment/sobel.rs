//! Sobel: the image is replaced by the magnitude of its gradient.

use crate::augment::operator::half;
use crate::augment::{Operator, Scratch};
use crate::base::rng::Rng;
use crate::imaging::vector::vectorized;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sobel filter: the magnitude of the gradient, per channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sobel {
    /// Probability of being applied.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
}

impl Operator for Sobel {
    fn summary() -> &'static str {
        "Replace each channel by the magnitude of its Sobel gradient."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        true
    }

    fn apply(&self, scratch: &mut Scratch, _: &mut Rng) {
        let side = scratch.side;
        scratch.replace(|planes, gradient| sobel(planes, side, gradient));
    }
}

vectorized! {
    /// Replaces each channel of `[3, side, side]` by the magnitude of its Sobel gradient, clipped to 1.
    ///
    /// Kernels `[1 2 1]` by `[-1 0 1]`, divided by 4 so that a step from black to white along an axis gives 1; the
    /// border is replicated. The SimCLR paper mentions a Sobel operator without defining it.
    pub fn sobel(planes: &[f32], side: usize, gradient: &mut [f32]) {
        for (plane, out) in planes.chunks_exact(side * side).zip(gradient.chunks_exact_mut(side * side)) {
            for y in 0..side {
                let row = |y: usize| &plane[y * side..(y + 1) * side];
                let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(side - 1)));
                let out = &mut out[y * side..(y + 1) * side];
                for x in [0, side - 1] {
                    out[x] = magnitude(above, here, below, x.saturating_sub(1), x, (x + 1).min(side - 1));
                }
                for (x, out) in out.iter_mut().enumerate().take(side - 1).skip(1) {
                    *out = magnitude(above, here, below, x - 1, x, x + 1);
                }
            }
        }
    }
}

#[inline(always)]
fn magnitude(above: &[f32], here: &[f32], below: &[f32], left: usize, x: usize, right: usize) -> f32 {
    let across = above[right] - above[left] + 2.0 * (here[right] - here[left]) + below[right] - below[left];
    let down = below[left] - above[left] + 2.0 * (below[x] - above[x]) + below[right] - above[right];
    (0.25 * (across * across + down * down).sqrt()).min(1.0)
}
