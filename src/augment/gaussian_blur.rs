//! Gaussian blur, separable, mirrored at the borders.

use crate::augment::config::GaussianBlurConfig;
use crate::base::rng::{Rng, uniform};
use crate::picture::vector::vectorized;

/// Weights relative to the middle one below which a tap changes nothing in f32.
const NEGLIGIBLE: f64 = 1e-9;

/// Draws the standard deviation in pixels.
pub fn draw(config: &GaussianBlurConfig, rng: &mut Rng) -> f32 {
    uniform(config.sigma[0] as f32, config.sigma[1] as f32, rng)
}

/// Side of the kernel in pixels for pictures of `side` pixels: the configured part of it, odd, at least 3.
pub fn kernel_side(config: &GaussianBlurConfig, side: usize) -> usize {
    // The small number keeps a product such as 70 * 0.1 from falling below the whole number that it means.
    (((side as f64 * config.kernel + 1e-9) as usize) | 1).max(3)
}

/// Buffers of a blur, kept from one to the next.
#[derive(Debug, Default)]
pub struct BlurBuffers {
    weights: Vec<f32>,
    plane: Vec<f32>,
    row: Vec<f32>,
}

/// Blurs `[3, side, side]` with a kernel of `kernel_side` pixels and standard deviation `sigma`; the kernel reaches at
/// most `side - 1` pixels to each side. torchvision's `gaussian_blur`, without its taps that are too small to matter.
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

/// Half of the symmetric kernel: the middle weight, then those at distance 1, 2, ...
fn set_weights(weights: &mut Vec<f32>, radius: usize, sigma: f64) {
    let height = |distance: usize| (-0.5 * (distance as f64 / sigma).powi(2)).exp();
    let reach = (1..=radius).take_while(|&distance| height(distance) > NEGLIGIBLE).count();
    let sum = 1.0 + 2.0 * (1..=reach).map(height).sum::<f64>();
    weights.clear();
    weights.extend((0..=reach).map(|distance| (height(distance) / sum) as f32));
}

/// Values combined at once, so that their sums stay in registers.
const BLOCK: usize = 32;

vectorized! {
    fn blur_columns(plane: &[f32], side: usize, weights: &[f32], blurred: &mut [f32]) {
        for (y, out) in blurred.chunks_exact_mut(side).enumerate() {
            let row = |y: usize| &plane[y * side..(y + 1) * side];
            let pair = |distance: usize| (row(y.abs_diff(distance)), row(mirrored(y + distance, side)));
            let mut start = 0;
            while start < side {
                let end = (start + BLOCK).min(side);
                let mut sums = [0.0; BLOCK];
                for (sum, value) in sums.iter_mut().zip(&row(y)[start..end]) {
                    *sum = weights[0] * value;
                }
                for (distance, &weight) in weights.iter().enumerate().skip(1) {
                    let (above, below) = pair(distance);
                    for ((sum, a), b) in sums.iter_mut().zip(&above[start..end]).zip(&below[start..end]) {
                        *sum += weight * (a + b);
                    }
                }
                out[start..end].copy_from_slice(&sums[..end - start]);
                start = end;
            }
        }
    }
}

vectorized! {
    fn blur_rows(plane: &[f32], side: usize, weights: &[f32], padded: &mut Vec<f32>, blurred: &mut [f32]) {
        let radius = weights.len() - 1;
        padded.resize(side + 2 * radius + BLOCK, 0.0);
        for (row, out) in plane.chunks_exact(side).zip(blurred.chunks_exact_mut(side)) {
            padded[radius..radius + side].copy_from_slice(row);
            for distance in 1..=radius {
                padded[radius - distance] = row[distance];
                padded[radius + side - 1 + distance] = row[side - 1 - distance];
            }
            for (number, out) in out.chunks_mut(BLOCK).enumerate() {
                let middle = radius + number * BLOCK;
                let mut sums = [0.0; BLOCK];
                for (sum, value) in sums.iter_mut().zip(&padded[middle..middle + BLOCK]) {
                    *sum = weights[0] * value;
                }
                for (distance, &weight) in weights.iter().enumerate().skip(1) {
                    let left = &padded[middle - distance..middle - distance + BLOCK];
                    let right = &padded[middle + distance..middle + distance + BLOCK];
                    for ((sum, a), b) in sums.iter_mut().zip(left).zip(right) {
                        *sum += weight * (a + b);
                    }
                }
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
    }
}

/// A row at or below the last one, mirrored about the last row (which is not repeated).
fn mirrored(y: usize, side: usize) -> usize {
    if y < side { y } else { 2 * (side - 1) - y }
}
