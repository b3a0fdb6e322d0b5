//! Batch norm by groups of rows: equal ranges of the rows, each normalized by its own statistics.

use super::element::Element;
use super::normalize;
use crate::nn::{GradientSums, Moments, Normalization, RunningUpdate};

/// Computes the moments of each group, `[groups, channels]`, and updates the running statistics by each in turn.
pub(super) fn moments<E: Element>(
    groups: usize,
    epsilon: f32,
    input: &[E],
    mean: &mut [f32],
    inv_std: &mut [f32],
    mut running: Option<RunningUpdate<'_, Vec<f32>>>,
) {
    let channels = mean.len() / groups;
    let moments = mean.chunks_exact_mut(channels).zip(inv_std.chunks_exact_mut(channels));
    for ((mean, inv_std), input) in moments.zip(input.chunks_exact(input.len() / groups)) {
        let running = running.as_mut().map(|running| RunningUpdate {
            mean: running.mean.as_mut_slice(),
            variance: running.variance.as_mut_slice(),
            momentum: running.momentum,
        });
        normalize::moments(epsilon, input, mean, inv_std, running);
    }
}

/// Computes `output = [relu](scale * (input - mean) * inv_std + shift [+ residual])`.
pub(super) fn normalize<E: Element>(
    norm: &Normalization<'_, Vec<f32>>,
    input: &[E],
    residual: Option<&[E]>,
    relu: bool,
    output: &mut [E],
) {
    let length = input.len() / group_count(norm);
    let maps = input.chunks_exact(length).zip(output.chunks_exact_mut(length));
    for (group, (norm, (input, output))) in per_group(norm).zip(maps).enumerate() {
        let residual = residual.map(|residual| &residual[group * length..][..length]);
        normalize::apply(&norm, input, residual, relu, output);
    }
}

/// Replaces `input` by its gradient and `gradient` by the gradient before the ReLU; the gradients of scale and shift
/// are sums over the groups.
pub(super) fn gradient<E: Element>(
    norm: &Normalization<'_, Vec<f32>>,
    relu_output: Option<&[E]>,
    gradient: &mut [E],
    input: &mut [E],
    [scale_gradient, shift_gradient]: [&mut [f32]; 2],
) {
    let length = input.len() / group_count(norm);
    let maps = gradient.chunks_exact_mut(length).zip(input.chunks_exact_mut(length));
    for (group, (norm, (gradient, input))) in per_group(norm).zip(maps).enumerate() {
        let output = relu_output.map(|output| &output[group * length..][..length]);
        let sums = normalize::gradient_sums(&norm, input, output, gradient);
        let (of_scale, of_shift) = (sums.of_scale(norm.inv_std), sums.of_shift());
        normalize::input_gradient(&norm, sums.pixels, [&of_scale, &of_shift], gradient, input);
        accumulate(group > 0, &of_scale, scale_gradient);
        accumulate(group > 0, &of_shift, shift_gradient);
    }
}

/// Returns the moments of each group.
pub(super) fn moments_of<E: Element>(groups: usize, channels: usize, input: &[E]) -> Vec<Moments> {
    input.chunks_exact(input.len() / groups).map(|input| normalize::moments_of(input, channels)).collect()
}

/// Returns the sums of the backward pass of each group; `gradient` becomes the gradient before the ReLU.
pub(super) fn gradient_sums<E: Element>(
    norm: &Normalization<'_, Vec<f32>>,
    relu_output: Option<&[E]>,
    gradient: &mut [E],
    input: &[E],
) -> Vec<GradientSums> {
    let length = input.len() / group_count(norm);
    let maps = gradient.chunks_exact_mut(length).zip(input.chunks_exact(length));
    let mut all = Vec::new();
    for (group, (norm, (gradient, input))) in per_group(norm).zip(maps).enumerate() {
        let output = relu_output.map(|output| &output[group * length..][..length]);
        all.push(normalize::gradient_sums(&norm, input, output, gradient));
    }
    all
}

/// Replaces `input` by its gradient, given the gradient before the ReLU and the sums of each group.
pub(super) fn input_gradient<E: Element>(
    norm: &Normalization<'_, Vec<f32>>,
    sums: &[GradientSums],
    gradient: &[E],
    input: &mut [E],
) {
    let length = input.len() / group_count(norm);
    let maps = gradient.chunks_exact(length).zip(input.chunks_exact_mut(length));
    for ((norm, sums), (gradient, input)) in per_group(norm).zip(sums).zip(maps) {
        let (of_scale, of_shift) = (sums.of_scale(norm.inv_std), sums.of_shift());
        normalize::input_gradient(&norm, sums.pixels, [&of_scale, &of_shift], gradient, input);
    }
}

/// Adds `values` to `total`, or overwrites it.
fn accumulate(add: bool, values: &[f32], total: &mut [f32]) {
    for (total, value) in total.iter_mut().zip(values) {
        *total = if add { *total + value } else { *value };
    }
}

fn group_count(norm: &Normalization<'_, Vec<f32>>) -> usize {
    norm.mean.len() / norm.scale.len()
}

/// Returns the normalization of each group.
fn per_group<'a>(norm: &Normalization<'a, Vec<f32>>) -> impl Iterator<Item = Normalization<'a, [f32]>> {
    let Normalization { mean, inv_std, scale, shift } = *norm;
    let moments = mean.chunks_exact(scale.len()).zip(inv_std.chunks_exact(scale.len()));
    moments.map(move |(mean, inv_std)| Normalization { mean, inv_std, scale, shift })
}
