//! Batch norm (Ioffe & Szegedy 2015) of one group of rows, `[pixels, channels]`, fused with ReLU and residual.

use super::element::Element;
use crate::nn::moments::update_running;
use crate::nn::{GradientSums, Moments, Normalization, RunningUpdate};
use rayon::prelude::*;

/// Elements per chunk: fits the L1 cache, and is short enough for exact enough sums in f32.
const CHUNK: usize = 1 << 13;

/// Returns the elements per chunk, a multiple of the channels.
fn chunk(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
}

/// Returns the moments of a chunk of pixels.
fn chunk_moments<E: Element>(values: &[E], channels: usize) -> Moments {
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
    Moments { pixels, mean: to_f64(mean), squares: to_f64(squares) }
}

/// Returns the moments of each channel.
pub(super) fn moments_of<E: Element>(input: &[E], channels: usize) -> Moments {
    let parts: Vec<Moments> = input.par_chunks(chunk(channels)).map(|part| chunk_moments(part, channels)).collect();
    let mut whole = Moments::empty(channels);
    parts.iter().for_each(|part| whole.merge(part));
    whole
}

/// Computes the moments of each channel and updates the running statistics.
pub(super) fn moments<E: Element>(
    epsilon: f32,
    input: &[E],
    mean: &mut [f32],
    inv_std: &mut [f32],
    running: Option<RunningUpdate<'_, [f32]>>,
) {
    let whole = moments_of(input, mean.len());
    mean.iter_mut().zip(&whole.mean).for_each(|(mean, exact)| *mean = *exact as f32);
    inv_std.iter_mut().zip(whole.inv_std(epsilon)).for_each(|(inv_std, value)| *inv_std = value);
    if let Some(running) = running {
        update_running(running.mean, whole.mean.iter().copied(), running.momentum);
        update_running(running.variance, whole.unbiased_variance(), running.momentum);
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

/// Returns the sums of gradient times centered input and of the gradient, after zeroing the gradient in place where the
/// output of the ReLU is 0.
pub(super) fn gradient_sums<E: Element>(
    norm: &Normalization<'_, [f32]>,
    input: &[E],
    relu_output: Option<&[E]>,
    gradient: &mut [E],
) -> GradientSums {
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
    GradientSums {
        pixels: (input.len() / channels) as f64,
        products: (0..channels).map(|i| parts.iter().map(|(products, _)| f64::from(products[i])).sum()).collect(),
        sums: (0..channels).map(|i| parts.iter().map(|(_, sums)| f64::from(sums[i])).sum()).collect(),
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
/// `scale * inv_std * (gradient - mean(gradient) - normalized * mean(gradient * normalized))`, with means over all
/// `pixels` that were normalized together.
pub(super) fn input_gradient<E: Element>(
    norm: &Normalization<'_, [f32]>,
    pixels: f64,
    [scale_gradient, shift_gradient]: [&[f32]; 2],
    gradient: &[E],
    input: &mut [E],
) {
    let channels = norm.mean.len();
    let pixels = pixels as f32;
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
