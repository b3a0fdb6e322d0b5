//! Separable Gaussian blur with reflected borders.

use crate::augment::interval::interval;
use crate::augment::operator::half;
use crate::augment::{Operator, Scratch};
use crate::base::rng::{Rng, uniform};
use crate::imaging::vector::vectorized;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Gaussian blur.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianBlur {
    /// Probability of being applied.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
    /// Standard deviation in pixels, sampled uniformly from `[low, high]`.
    #[serde(default = "GaussianBlur::default_sigma", deserialize_with = "interval")]
    #[schemars(extend("items" = { "type": "number", "exclusiveMinimum": 0, "maximum": 1000 }))]
    pub sigma: [f64; 2],
    /// Kernel size as a fraction of the image size; rounded to an odd number of at least 3 pixels.
    #[serde(default = "GaussianBlur::default_kernel")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub kernel: f64,
}

impl GaussianBlur {
    fn default_sigma() -> [f64; 2] {
        [0.1, 2.0]
    }
    fn default_kernel() -> f64 {
        0.1
    }
}

impl Operator for GaussianBlur {
    fn summary() -> &'static str {
        "Blur with a Gaussian of random standard deviation."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        false
    }

    fn apply(&self, scratch: &mut Scratch, rng: &mut Rng) {
        let (side, sigma) = (scratch.side, sample(self, rng));
        let planes = &mut scratch.planes;
        scratch.buffers.with(|buffers| gaussian_blur(planes, side, kernel_side(self, side), sigma, buffers));
    }
}

/// Weight relative to the central one below which a tap has no effect in f32.
const NEGLIGIBLE: f64 = 1e-9;

/// Samples the standard deviation in pixels.
fn sample(config: &GaussianBlur, rng: &mut Rng) -> f32 {
    uniform(config.sigma[0] as f32, config.sigma[1] as f32, rng)
}

/// Returns the kernel size in pixels for images of `side` pixels: the configured fraction, odd and at least 3.
fn kernel_side(config: &GaussianBlur, side: usize) -> usize {
    // The small offset keeps rounding error from moving a product such as 70 * 0.1 below 7.
    (((side as f64 * config.kernel + 1e-9) as usize) | 1).max(3)
}

/// Reusable buffers of a blur.
#[derive(Debug, Default)]
pub struct BlurBuffers {
    weights: Vec<f32>,
    plane: Vec<f32>,
    row: Vec<f32>,
}

/// Blurs `[3, side, side]` with a kernel of `kernel_side` pixels and standard deviation `sigma`; the radius of the
/// kernel is at most `side - 1` pixels. torchvision's `gaussian_blur` without negligible taps.
pub fn gaussian_blur(planes: &mut [f32], side: usize, kernel_side: usize, sigma: f32, buffers: &mut BlurBuffers) {
    set_weights(&mut buffers.weights, (kernel_side / 2).min(side - 1), f64::from(sigma));
    if buffers.weights.len() == 1 {
        return;
    }
    buffers.plane.resize(side * side, 0.0);
    for plane in planes.chunks_exact_mut(side * side) {
        blur_columns(plane, side, &buffers.weights, &mut buffers.plane);
        blur_rows(&buffers.plane, side, &buffers.weights, &mut buffers.row, plane);
    }
}

/// Sets half of the symmetric kernel: the central weight, then those at distance 1, 2, ...
fn set_weights(weights: &mut Vec<f32>, radius: usize, sigma: f64) {
    let height = |distance: usize| (-0.5 * (distance as f64 / sigma).powi(2)).exp();
    let reach = (1..=radius).take_while(|&distance| height(distance) > NEGLIGIBLE).count();
    let sum = 1.0 + 2.0 * (1..=reach).map(height).sum::<f64>();
    weights.clear();
    weights.extend((0..=reach).map(|distance| (height(distance) / sum) as f32));
}

vectorized! {
    fn blur_columns(plane: &[f32], side: usize, weights: &[f32], blurred: &mut [f32]) {
        for (y, out) in blurred.chunks_exact_mut(side).enumerate() {
            let row = |y: usize| &plane[y * side..(y + 1) * side];
            combine(out, weights, |distance| (row(y.abs_diff(distance)), row(reflected(y + distance, side))));
        }
    }
}

vectorized! {
    fn blur_rows(plane: &[f32], side: usize, weights: &[f32], padded: &mut Vec<f32>, blurred: &mut [f32]) {
        let radius = weights.len() - 1;
        padded.resize(side + 2 * radius, 0.0);
        for (row, out) in plane.chunks_exact(side).zip(blurred.chunks_exact_mut(side)) {
            padded[radius..radius + side].copy_from_slice(row);
            for distance in 1..=radius {
                padded[radius - distance] = row[distance];
                padded[radius + side - 1 + distance] = row[side - 1 - distance];
            }
            let shifted = |start: usize| &padded[start..start + side];
            combine(out, weights, |distance| (shifted(radius - distance), shifted(radius + distance)));
        }
    }
}

/// Computes `out[i] = weights[0] * center[i] + sum over k > 0 of weights[k] * (before[k][i] + after[k][i])`, where
/// `pair(k)` is (before, after) at distance k, and the center at 0. Two taps at a time over the whole row, which stays
/// in the cache.
#[inline(always)]
fn combine<'a>(out: &mut [f32], weights: &[f32], pair: impl Fn(usize) -> (&'a [f32], &'a [f32])) {
    let length = out.len();
    let center = &pair(0).0[..length];
    let (pairs, last) = weights[1..].as_chunks::<2>();
    for index in 0..length {
        out[index] = weights[0] * center[index];
    }
    for (number, &[near, far]) in pairs.iter().enumerate() {
        let ((a, b), (c, d)) = (pair(2 * number + 1), pair(2 * number + 2));
        let (a, b, c, d) = (&a[..length], &b[..length], &c[..length], &d[..length]);
        for index in 0..length {
            out[index] += near * (a[index] + b[index]) + far * (c[index] + d[index]);
        }
    }
    if let [weight] = last {
        let (a, b) = pair(weights.len() - 1);
        let (a, b) = (&a[..length], &b[..length]);
        for index in 0..length {
            out[index] += weight * (a[index] + b[index]);
        }
    }
}

/// Reflects a row below the last one about the last row, which is not repeated.
fn reflected(y: usize, side: usize) -> usize {
    if y < side { y } else { 2 * (side - 1) - y }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_the_largest_odd_size_up_to_the_fraction_or_3() {
        let side = |kernel, side| kernel_side(&GaussianBlur { p: 0.5, sigma: [0.1, 2.0], kernel }, side);
        assert_eq!([side(0.1, 70), side(0.1, 32), side(0.1, 8), side(1.0, 33)], [7, 3, 3, 33]);
    }
}
