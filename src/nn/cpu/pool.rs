//! Max-pooling and global average pooling, an image at a time.

use super::element::Element;
use super::scratch::Scratch;
use crate::nn::MaxPool;
use rayon::prelude::*;
use std::ops::Range;

/// Maximum over the pixels of each window that are inside the image.
pub(super) fn max<E: Element>(shape: &MaxPool, input: &[E], output: &mut [E]) {
    let (channels, side) = (shape.channels, shape.output_side());
    let inputs = input.par_chunks(shape.side * shape.side * channels);
    output.par_chunks_mut(shape.output_len()).zip(inputs).for_each(|(output, input)| {
        for (pixel, output) in output.chunks_exact_mut(channels).enumerate() {
            output.fill(E::narrow(f32::NEG_INFINITY));
            for position in window(shape, pixel / side, pixel % side) {
                for (output, input) in output.iter_mut().zip(&input[position * channels..]) {
                    // A NaN enters and stays, so that a diverged network is noticed.
                    let most = output.wide();
                    *output = if input.wide() <= most || most.is_nan() { *output } else { *input };
                }
            }
        }
    });
}

/// Each output's gradient goes to the first pixel of its window that holds the maximum.
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
    images.for_each_init(scratch, |(open, sums), (image, input_gradient)| {
        let input = &input[image * input_len..][..input_len];
        let outputs = output[image * output_len..][..output_len].chunks_exact(channels);
        let gradients = output_gradient[image * output_len..][..output_len].chunks_exact(channels);
        E::in_full(input_gradient, false, sums, |input_gradient| {
            input_gradient.fill(0.0);
            for (pixel, (output, gradient)) in outputs.zip(gradients).enumerate() {
                open.clear();
                open.extend(gradient.iter().map(|gradient| gradient.wide())); // 0 once it has been given away
                for position in window(shape, pixel / side, pixel % side) {
                    let place = position * channels..(position + 1) * channels;
                    hand_out(&input[place.clone()], output, open, &mut input_gradient[place]);
                }
            }
        });
    });
}

/// One pixel of a window: takes what is still open where it holds the maximum.
fn hand_out<E: Element>(input: &[E], output: &[E], open: &mut [f32], gradient: &mut [f32]) {
    let channels = gradient.len();
    let (input, output, open) = (&input[..channels], &output[..channels], &mut open[..channels]);
    for i in 0..channels {
        let taken = if input[i].wide() == output[i].wide() { open[i] } else { 0.0 };
        gradient[i] += taken;
        open[i] -= taken;
    }
}

/// Pixels of a window inside the image, in reading order.
fn window(shape: &MaxPool, y: usize, x: usize) -> impl Iterator<Item = usize> {
    let side = shape.side;
    let columns = span(shape, x);
    span(shape, y).flat_map(move |y| columns.clone().map(move |x| y * side + x))
}

fn span(shape: &MaxPool, at: usize) -> Range<usize> {
    let start = at * shape.stride;
    start.saturating_sub(shape.padding)..(start + shape.kernel).saturating_sub(shape.padding).min(shape.side)
}

/// Mean of each channel over the pixels of each image.
pub(super) fn average<E: Element>(channels: usize, input: &[E], rows: usize, output: &mut [f32]) {
    let input_len = input.len() / rows;
    let pixels = input_len / channels;
    output.par_chunks_mut(channels).zip(input.par_chunks(input_len)).for_each(|(output, input)| {
        output.fill(0.0);
        for pixel in input.chunks_exact(channels) {
            for (sum, value) in output.iter_mut().zip(pixel) {
                *sum += value.wide();
            }
        }
        for sum in output {
            *sum /= pixels as f32;
        }
    });
}

/// Every pixel gets its part of the gradient.
pub(super) fn average_gradient<E: Element>(
    channels: usize,
    output_gradient: &[f32],
    rows: usize,
    input_gradient: &mut [E],
) {
    let input_len = input_gradient.len() / rows;
    let part = 1.0 / (input_len / channels) as f32;
    input_gradient.par_chunks_mut(input_len).zip(output_gradient.par_chunks(channels)).for_each(|(inputs, output)| {
        for pixel in inputs.chunks_exact_mut(channels) {
            for (input, output) in pixel.iter_mut().zip(output) {
                *input = E::narrow(output * part);
            }
        }
    });
}
