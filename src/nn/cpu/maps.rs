//! The operations of the backend, generic over the element type of the maps.

use super::element::Element;
use super::map::Map;
use super::{convolution, convolution_gradient, groups, normalize as norm_passes, pool};
use crate::base::Result;
use crate::nn::{Convolution, GradientSums, MaxPool, Moments, Normalization, RunningUpdate};

type Norm<'a> = Normalization<'a, Vec<f32>>;

pub(super) fn convolution<E: Element>(
    shape: &Convolution,
    input: &Map,
    weights: &[f32],
    bias: Option<&Vec<f32>>,
    output: &mut Map,
) -> Result<()> {
    let output = E::of_mut(output)?;
    convolution::forward(shape, E::of(input)?, weights, output);
    if let Some(bias) = bias {
        convolution::add_bias(bias, output);
    }
    Ok(())
}

pub(super) fn convolution_input_gradient<E: Element>(
    shape: &Convolution,
    weights: &[f32],
    output_gradient: &Map,
    accumulate: bool,
    input_gradient: &mut Map,
) -> Result<()> {
    let (from, to) = (E::of(output_gradient)?, E::of_mut(input_gradient)?);
    convolution_gradient::of_input(shape, weights, from, accumulate, to);
    Ok(())
}

pub(super) fn convolution_weight_gradient<E: Element>(
    shape: &Convolution,
    input: &Map,
    output_gradient: &Map,
    weights: &mut [f32],
    bias: Option<&mut Vec<f32>>,
) -> Result<()> {
    let output_gradient = E::of(output_gradient)?;
    convolution_gradient::of_weights(shape, E::of(input)?, output_gradient, weights);
    if let Some(bias) = bias {
        norm_passes::channel_sums(output_gradient, bias);
    }
    Ok(())
}

pub(super) fn moments<E: Element>(
    groups: usize,
    epsilon: f32,
    input: &Map,
    mean: &mut [f32],
    inv_std: &mut [f32],
    running: Option<RunningUpdate<'_, Vec<f32>>>,
) -> Result<()> {
    groups::moments(groups, epsilon, E::of(input)?, mean, inv_std, running);
    Ok(())
}

pub(super) fn moments_of<E: Element>(groups: usize, channels: usize, input: &Map) -> Result<Vec<Moments>> {
    Ok(groups::moments_of(groups, channels, E::of(input)?))
}

pub(super) fn gradient_sums<E: Element>(
    norm: &Norm<'_>,
    relu_output: Option<&Map>,
    gradient: &mut Map,
    input: &Map,
) -> Result<Vec<GradientSums>> {
    Ok(groups::gradient_sums(norm, relu_output.map(E::of).transpose()?, E::of_mut(gradient)?, E::of(input)?))
}

pub(super) fn norm_input_gradient<E: Element>(
    norm: &Norm<'_>,
    sums: &[GradientSums],
    gradient: &Map,
    input: &mut Map,
) -> Result<()> {
    groups::input_gradient(norm, sums, E::of(gradient)?, E::of_mut(input)?);
    Ok(())
}

pub(super) fn normalize<E: Element>(
    norm: &Norm<'_>,
    input: &Map,
    residual: Option<&Map>,
    relu: bool,
    output: &mut Map,
) -> Result<()> {
    groups::normalize(norm, E::of(input)?, residual.map(E::of).transpose()?, relu, E::of_mut(output)?);
    Ok(())
}

pub(super) fn normalize_gradient<E: Element>(
    norm: &Norm<'_>,
    relu_output: Option<&Map>,
    gradient: &mut Map,
    input: &mut Map,
    parameters: [&mut Vec<f32>; 2],
) -> Result<()> {
    let output = relu_output.map(E::of).transpose()?;
    groups::gradient(norm, output, E::of_mut(gradient)?, E::of_mut(input)?, parameters.map(|p| p.as_mut_slice()));
    Ok(())
}

pub(super) fn max_pool<E: Element>(shape: &MaxPool, input: &Map, output: &mut Map) -> Result<()> {
    pool::max(shape, E::of(input)?, E::of_mut(output)?);
    Ok(())
}

pub(super) fn max_pool_gradient<E: Element>(
    shape: &MaxPool,
    input: &Map,
    output: &Map,
    output_gradient: &Map,
    input_gradient: &mut Map,
) -> Result<()> {
    let (output, output_gradient) = (E::of(output)?, E::of(output_gradient)?);
    pool::max_gradient(shape, E::of(input)?, output, output_gradient, E::of_mut(input_gradient)?);
    Ok(())
}

pub(super) fn average_pool<E: Element>(channels: usize, input: &Map, rows: usize, output: &mut [f32]) -> Result<()> {
    pool::average(channels, E::of(input)?, rows, output);
    Ok(())
}

pub(super) fn average_pool_gradient<E: Element>(
    channels: usize,
    output_gradient: &[f32],
    rows: usize,
    input_gradient: &mut Map,
) -> Result<()> {
    pool::average_gradient(channels, output_gradient, rows, E::of_mut(input_gradient)?);
    Ok(())
}
