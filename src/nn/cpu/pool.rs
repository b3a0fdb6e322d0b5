//! Max pooling and global average pooling, one image per task.

use super::element::Element;
use super::scratch::Scratch;
use crate::nn::MaxPool;
use rayon::prelude::*;
use std::ops::Range;

/// Computes the maximum of each window, without padding.
pub(super) fn max<E: Element>(shape: &MaxPool, input: &[E], output: &mut [E]) {
    let (channels, side) = (shape.channels, shape.output_side());
    let inputs = input.par_chunks(shape.side * shape.side * channels);
    output.par_chunks_mut(shape.output_len()).zip(inputs).for_each(|(output, input)| {
        for (pixel, output) in output.chunks_exact_mut(channels).enumerate() {
            output.fill(E::narrow(f32::NEG_INFINITY));
            for position in window(shape, pixel / side, pixel % side) {
                for (output, input) in output.iter_mut().zip(&input[position * channels..]) {
                    // NaN propagates, so that a diverged network is detected.
                    let max = output.widen();
                    *output = if input.widen() <= max || max.is_nan() { *output } else { *input };
                }
            }
        }
    });
}

/// Adds the gradient of each output to the first pixel of its window that holds the maximum, in row-major order.
pub(super) fn max_gradient<E: Element>(
    shape: &MaxPool,
    input: &[E],
    output: &[E],
    output_gradient: &[E],
    input_gradient: &mut [E],
) {
    let (channels, side) = (shape.channels, shape.output_side());
    let (input_len, output_len) = (shape.side * shape.side * channels, shape.output_len());
    let scratch = || (Vec::new(), Scratch::default());
    let images = input_gradient.par_chunks_mut(input_len).enumerate();
    images.for_each_init(scratch, |(unassigned, sums), (image, input_gradient)| {
        let input = &input[image * input_len..][..input_len];
        let outputs = output[image * output_len..][..output_len].chunks_exact(channels);
        let gradients = output_gradient[image * output_len..][..output_len].chunks_exact(channels);
        E::with_f32(input_gradient, false, sums, |input_gradient| {
            input_gradient.fill(0.0);
            for (pixel, (output, gradient)) in outputs.zip(gradients).enumerate() {
                unassigned.clear();
                unassigned.extend(gradient.iter().map(|gradient| gradient.widen())); // 0 once assigned
                for position in window(shape, pixel / side, pixel % side) {
                    let pixel = position * channels..(position + 1) * channels;
                    assign_to_max(&input[pixel.clone()], output, unassigned, &mut input_gradient[pixel]);
                }
            }
        });
    });
}

/// Moves the unassigned gradient to one pixel of a window in the channels in which it holds the maximum.
fn assign_to_max<E: Element>(input: &[E], output: &[E], unassigned: &mut [f32], gradient: &mut [f32]) {
    let channels = gradient.len();
    let (input, output, unassigned) = (&input[..channels], &output[..channels], &mut unassigned[..channels]);
    for i in 0..channels {
        let assigned = if input[i].widen() == output[i].widen() { unassigned[i] } else { 0.0 };
        gradient[i] += assigned;
        unassigned[i] -= assigned;
    }
}

/// Returns the pixels of a window inside the image, in row-major order.
fn window(shape: &MaxPool, y: usize, x: usize) -> impl Iterator<Item = usize> {
    let side = shape.side;
    let columns = span(shape, x);
    span(shape, y).flat_map(move |y| columns.clone().map(move |x| y * side + x))
}

fn span(shape: &MaxPool, at: usize) -> Range<usize> {
    let start = at * shape.stride;
    start.saturating_sub(shape.padding)..(start + shape.kernel).saturating_sub(shape.padding).min(shape.side)
}

/// Averages each channel over the pixels of each image.
pub(super) fn average<E: Element>(channels: usize, input: &[E], rows: usize, output: &mut [f32]) {
    let input_len = input.len() / rows;
    let pixels = input_len / channels;
    output.par_chunks_mut(channels).zip(input.par_chunks(input_len)).for_each(|(output, input)| {
        output.fill(0.0);
        for pixel in input.chunks_exact(channels) {
            for (sum, value) in output.iter_mut().zip(pixel) {
                *sum += value.widen();
            }
        }
        for sum in output {
            *sum /= pixels as f32;
        }
    });
}

/// Divides the gradient of each output equally among the pixels of its image.
pub(super) fn average_gradient<E: Element>(
    channels: usize,
    output_gradient: &[f32],
    rows: usize,
    input_gradient: &mut [E],
) {
    let input_len = input_gradient.len() / rows;
    let weight = 1.0 / (input_len / channels) as f32;
    input_gradient.par_chunks_mut(input_len).zip(output_gradient.par_chunks(channels)).for_each(|(inputs, output)| {
        for pixel in inputs.chunks_exact_mut(channels) {
            for (input, output) in pixel.iter_mut().zip(output) {
                *input = E::narrow(output * weight);
            }
        }
    });
}
