//! Batch norm (Ioffe & Szegedy 2015) of one group of rows, `[pixels, channels]`, fused with ReLU and residual.

use super::element::Element;
use crate::nn::{Normalization, RunningUpdate};
use rayon::prelude::*;

/// Elements per chunk: fits the L1 cache, and is short enough for exact enough sums in f32.
const CHUNK: usize = 1 << 13;

/// Returns the elements per chunk, a multiple of the channels.
fn chunk(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
}

/// Mean and sum of squared deviations of each channel over some pixels.
struct Moments {
    pixels: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn of<E: Element>(values: &[E], channels: usize) -> Self {
        let pixels = (values.len() / channels) as f64;
        let mut mean = vec![0.0f32; channels];
        for pixel in values.chunks_exact(channels) {
            for (sum, value) in mean.iter_mut().zip(pixel) {
                *sum += value.widen();
            }
        }
        for sum in &mut mean {
            *sum /= pixels as f32;
        }
        let mut squares = vec![0.0f32; channels];
        for pixel in values.chunks_exact(channels) {
            for ((sum, value), mean) in squares.iter_mut().zip(pixel).zip(&mean) {
                let difference = value.widen() - mean;
                *sum += difference * difference;
            }
        }
        let to_f64 = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
        Self { pixels, mean: to_f64(mean), squares: to_f64(squares) }
    }

    /// Merges the moments of other pixels into these (Chan, Golub & LeVeque 1979).
    fn merge(&mut self, other: &Self) {
        let pixels = self.pixels + other.pixels;
        let (fraction, weight) = (other.pixels / pixels, self.pixels * other.pixels / pixels);
        for (i, (mean, squares)) in self.mean.iter_mut().zip(&mut self.squares).enumerate() {
            let difference = other.mean[i] - *mean;
            *mean += difference * fraction;
            *squares += other.squares[i] + difference * difference * weight;
        }
        self.pixels = pixels;
    }
}

/// Computes the moments of each channel and updates the running statistics.
pub(super) fn moments<E: Element>(
    epsilon: f32,
    input: &[E],
    mean: &mut [f32],
    inv_std: &mut [f32],
    running: Option<RunningUpdate<'_, [f32]>>,
) {
    let channels = mean.len();
    let parts: Vec<Moments> = input.par_chunks(chunk(channels)).map(|part| Moments::of(part, channels)).collect();
    let mut whole = Moments { pixels: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] };
    for part in &parts {
        whole.merge(part);
    }
    for i in 0..channels {
        mean[i] = whole.mean[i] as f32;
        inv_std[i] = (1.0 / (whole.squares[i] / whole.pixels + f64::from(epsilon)).sqrt()) as f32;
    }
    if let Some(running) = running {
        let momentum = f64::from(running.momentum);
        let degrees = (whole.pixels - 1.0).max(1.0);
        let update = |running: &mut f32, batch: f64| {
            *running = ((1.0 - momentum) * f64::from(*running) + momentum * batch) as f32;
        };
        for i in 0..channels {
            update(&mut running.mean[i], whole.mean[i]);
            update(&mut running.variance[i], whole.squares[i] / degrees);
        }
    }
}

/// Computes `output = [relu](scale * (input - mean) * inv_std + shift [+ residual])`.
pub(super) fn apply<E: Element>(
    norm: &Normalization<'_, [f32]>,
    input: &[E],
    residual: Option<&[E]>,
    relu: bool,
    output: &mut [E],
) {
    let channels = norm.mean.len();
    let factor: Vec<f32> = norm.scale.iter().zip(norm.inv_std).map(|(s, i)| s * i).collect();
    let offset: Vec<f32> = norm.shift.iter().zip(norm.mean).zip(&factor).map(|((s, m), f)| s - m * f).collect();
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    let size = chunk(channels);
    output.par_chunks_mut(size).zip(input.par_chunks(size)).enumerate().for_each(|(part, (output, input))| {
        let pixels = output.chunks_exact_mut(channels).zip(input.chunks_exact(channels));
        match residual.map(|residual| &residual[part * size..][..input.len()]) {
            None => pixels.for_each(|(output, input)| scaled(&factor, &offset, input, floor, output)),
            Some(residual) => {
                for ((output, input), residual) in pixels.zip(residual.chunks_exact(channels)) {
                    scaled_sum(&factor, &offset, input, residual, floor, output);
                }
            }
        }
    });
}

// The functions below slice their arguments to the same length first: only then does the compiler drop the bounds
// checks and vectorize.

/// Computes `output = max(factor * input + offset, floor)` for one pixel.
fn scaled<E: Element>(factor: &[f32], offset: &[f32], input: &[E], floor: f32, output: &mut [E]) {
    let channels = output.len();
    let (factor, offset, input) = (&factor[..channels], &offset[..channels], &input[..channels]);
    for i in 0..channels {
        output[i] = E::narrow(nan_max(floor, input[i].widen() * factor[i] + offset[i]));
    }
}

/// Computes `output = max(factor * input + offset + residual, floor)` for one pixel.
fn scaled_sum<E: Element>(factor: &[f32], offset: &[f32], input: &[E], residual: &[E], floor: f32, output: &mut [E]) {
    let channels = output.len();
    let (factor, offset) = (&factor[..channels], &offset[..channels]);
    let (input, residual) = (&input[..channels], &residual[..channels]);
    for i in 0..channels {
        let sum = input[i].widen() * factor[i] + offset[i] + residual[i].widen();
        output[i] = E::narrow(nan_max(floor, sum));
    }
}

/// Returns the maximum of both; NaN propagates, which `f32::max` would drop.
fn nan_max(floor: f32, value: f32) -> f32 {
    if value < floor { floor } else { value }
}

/// Computes the gradients of scale (sum of gradient times normalized input) and shift (sum of gradient), after zeroing
/// the gradient in place where the output of the ReLU is 0.
pub(super) fn parameter_gradients<E: Element>(
    norm: &Normalization<'_, [f32]>,
    input: &[E],
    relu_output: Option<&[E]>,
    gradient: &mut [E],
    scale_gradient: &mut [f32],
    shift_gradient: &mut [f32],
) {
    let channels = norm.mean.len();
    let size = chunk(channels);
    let sums_of = |(part, (gradient, input)): (usize, (&mut [E], &[E]))| {
        let mut sums = (vec![0.0f32; channels], vec![0.0f32; channels]);
        let output = relu_output.map(|output| &output[part * size..][..input.len()]);
        for (pixel, (gradient, input)) in
            gradient.chunks_exact_mut(channels).zip(input.chunks_exact(channels)).enumerate()
        {
            if let Some(output) = output {
                mask_by_relu(&output[pixel * channels..], gradient);
            }
            add_products(norm.mean, input, gradient, &mut sums);
        }
        sums
    };
    let parts = gradient.par_chunks_mut(size).zip(input.par_chunks(size)).enumerate();
    let parts: Vec<(Vec<f32>, Vec<f32>)> = parts.map(sums_of).collect();
    for i in 0..channels {
        let product: f64 = parts.iter().map(|(products, _)| f64::from(products[i])).sum();
        scale_gradient[i] = (product * f64::from(norm.inv_std[i])) as f32;
        shift_gradient[i] = parts.iter().map(|(_, sums)| f64::from(sums[i])).sum::<f64>() as f32;
    }
}

/// Zeroes the gradient of one pixel where the output of the ReLU is 0.
fn mask_by_relu<E: Element>(output: &[E], gradient: &mut [E]) {
    for (gradient, output) in gradient.iter_mut().zip(output) {
        *gradient = if output.widen() <= 0.0 { E::default() } else { *gradient };
    }
}

/// Adds gradient times centered input, and the gradient, of one pixel to the sums.
fn add_products<E: Element>(mean: &[f32], input: &[E], gradient: &[E], sums: &mut (Vec<f32>, Vec<f32>)) {
    let channels = gradient.len();
    let (mean, input) = (&mean[..channels], &input[..channels]);
    let (products, sums) = (&mut sums.0[..channels], &mut sums.1[..channels]);
    for i in 0..channels {
        products[i] += gradient[i].widen() * (input[i].widen() - mean[i]);
        sums[i] += gradient[i].widen();
    }
}

/// Replaces `input` by its gradient,
/// `scale * inv_std * (gradient - mean(gradient) - normalized * mean(gradient * normalized))`.
pub(super) fn input_gradient<E: Element>(
    norm: &Normalization<'_, [f32]>,
    scale_gradient: &[f32],
    shift_gradient: &[f32],
    gradient: &[E],
    input: &mut [E],
) {
    let channels = norm.mean.len();
    let pixels = (input.len() / channels) as f32;
    let factor: Vec<f32> = norm.scale.iter().zip(norm.inv_std).map(|(s, i)| s * i).collect();
    let slope: Vec<f32> = (0..channels).map(|i| -factor[i] * norm.inv_std[i] * scale_gradient[i] / pixels).collect();
    let offset: Vec<f32> =
        (0..channels).map(|i| -factor[i] * shift_gradient[i] / pixels - slope[i] * norm.mean[i]).collect();
    let size = chunk(channels);
    input.par_chunks_mut(size).zip(gradient.par_chunks(size)).for_each(|(input, gradient)| {
        for (input, gradient) in input.chunks_exact_mut(channels).zip(gradient.chunks_exact(channels)) {
            let (input, gradient) = (&mut input[..channels], &gradient[..channels]);
            let (factor, slope, offset) = (&factor[..channels], &slope[..channels], &offset[..channels]);
            for i in 0..channels {
                input[i] = E::narrow(gradient[i].widen() * factor[i] + input[i].widen() * slope[i] + offset[i]);
            }
        }
    });
}

/// Sums each channel over all pixels.
pub(super) fn channel_sums<E: Element>(values: &[E], sums: &mut [f32]) {
    let channels = sums.len();
    let parts: Vec<Vec<f32>> = values
        .par_chunks(chunk(channels))
        .map(|part| {
            let mut sums = vec![0.0f32; channels];
            for pixel in part.chunks_exact(channels) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += value.widen();
                }
            }
            sums
        })
        .collect();
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum = parts.iter().map(|part| f64::from(part[i])).sum::<f64>() as f32;
    }
}
